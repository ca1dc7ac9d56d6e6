package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/icholy/digest"
	"github.com/stretchr/testify/require"

	"sidecar/config"
)

// window is a browser's SIP side, as far as registering goes.
type window struct {
	t  *testing.T
	ws *websocket.Conn
	n  int
}

func openWindow(t *testing.T, url string, header http.Header) *window {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"sip"}}
	ws, res, err := dialer.DialContext(t.Context(), url, header)
	if res != nil {
		text, _ := io.ReadAll(res.Body)
		require.NoError(t, err, "%s: %s", res.Status, text)
	}
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	t.Cleanup(func() { _ = ws.Close() })
	return &window{t: t, ws: ws}
}

// register sends one REGISTER and returns the status line and the challenge of its answer.
func (w *window) register(dn, authorization string) (status, challenge string) {
	w.t.Helper()
	w.n++
	lines := []string{
		"REGISTER sip:sidecar SIP/2.0", fmt.Sprintf("Via: SIP/2.0/WS w.invalid;branch=z9hG4bK%d", w.n), "Max-Forwards: 70",
		"To: <sip:" + dn + "@sidecar>", "From: <sip:" + dn + "@sidecar>;tag=w", "Call-ID: window-" + dn, fmt.Sprintf("CSeq: %d REGISTER", w.n),
		"Contact: <sip:" + dn + "@w.invalid;transport=ws>;expires=600", "Content-Length: 0",
	}
	if authorization != "" {
		lines = append(lines, "Authorization: "+authorization)
	}
	require.NoError(w.t, w.ws.WriteMessage(websocket.TextMessage, []byte(strings.Join(lines, "\r\n")+"\r\n\r\n")))
	answer := w.until("SIP/2.0") // Asterisk's OPTIONS may overtake it
	for line := range strings.SplitSeq(answer, "\r\n") {
		if value, ok := strings.CutPrefix(line, "WWW-Authenticate: Digest "); ok {
			challenge = "Digest " + value
		}
	}
	status, _, _ = strings.Cut(answer, "\r\n")
	return status, challenge
}

func (w *window) registerDigest(dn, password string) string {
	w.t.Helper()
	_, challenge := w.register(dn, "")
	c, err := digest.ParseChallenge(challenge)
	require.NoError(w.t, err, challenge)
	cred, err := digest.Digest(c, digest.Options{Method: "REGISTER", URI: "sip:sidecar", Username: dn, Password: password, Count: 1})
	require.NoError(w.t, err)
	status, _ := w.register(dn, cred.String())
	return status
}

// until reads messages until one begins with the text.
func (w *window) until(start string) string {
	w.t.Helper()
	require.NoError(w.t, w.ws.SetReadDeadline(time.Now().Add(patience)))
	for {
		_, message, err := w.ws.ReadMessage()
		require.NoError(w.t, err, "waiting for %s", start)
		if strings.HasPrefix(string(message), start) {
			return string(message)
		}
	}
}

// refuse answers an INVITE.
func (w *window) refuse(invite, status string) {
	w.t.Helper()
	lines := []string{"SIP/2.0 " + status}
	for line := range strings.SplitSeq(invite, "\r\n") {
		name, _, _ := strings.Cut(line, ":")
		switch strings.ToLower(name) {
		case "via", "from", "call-id", "cseq":
			lines = append(lines, line)
		case "to":
			lines = append(lines, line+";tag=w")
		}
	}
	require.NoError(w.t, w.ws.WriteMessage(websocket.TextMessage, []byte(strings.Join(append(lines, "Content-Length: 0"), "\r\n")+"\r\n\r\n")))
}

// phonePassword is what the DN's phone shows.
func phonePassword(t *testing.T, cfg *config.Config, dn string) string {
	t.Helper()
	secrets, err := config.OpenSecrets(cfg.DataDir)
	require.NoError(t, err)
	password, err := secrets.Phone(config.DN{Number: dn})
	require.NoError(t, err)
	return password.Reveal()
}
