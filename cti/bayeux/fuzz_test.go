package bayeux_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"sidecar/cti/bayeux"
)

// fuzzed are the bounds of a server that is fuzzed: nobody is refused for being quick, or waits for long.
func fuzzed() bayeux.Options {
	return bayeux.Options{Timeout: 20 * time.Millisecond, WebSocket: true, MaxHandshakeRate: -1, MaxMessageRate: -1, MaxSessionsPerPrincipal: 2, MaxStrangersPerAddress: 1 << 20}
}

// FuzzExt: whatever the extensions of a handshake and a connect say, the one opens a session and the other is answered,
// and what waits for the client arrives.
func FuzzExt(f *testing.F) {
	for _, s := range []string{
		`{}`, `null`, `[]`, `"ack"`, `{"ack":true}`, `{"ack":{"enabled":true,"batch":7}}`, `{"ack":{}}`, `{"ack":-1}`, `{"ack":1e99}`, `{"ack":"1"}`,
		`{"timesync":{"tc":1,"l":2,"o":3}}`, `{"timesync":{"tc":1e308,"l":1e308,"o":1e308}}`, `{"timesync":{"tc":-0,"l":0}}`, `{"timesync":[]}`,
		`{"ack":true,"timesync":{"tc":1700000000000,"l":25,"o":-12}}`, `{"cursor":{"/a":"k7:1"},"auth":7}`,
	} {
		f.Add(s, s)
	}
	s := newServer(f, fuzzed())
	f.Fuzz(func(t *testing.T, atHandshake, atConnect string) {
		for _, ext := range []string{atHandshake, atConnect} {
			if !json.Valid([]byte(ext)) || !utf8.ValidString(ext) {
				return // FuzzServe's
			}
		}
		c := newClient(t, s, "anna")
		c.open(t, json.RawMessage(atHandshake))
		require.NoError(t, sessionOf(s, c).Deliver(event(t, "/a", "waits")))
		m := c.connectMsg()
		m["ext"] = json.RawMessage(atConnect)
		events, reply := c.post(m).last()
		require.Equal(t, true, reply["successful"], reply)
		require.Equal(t, []msg{{"channel": "/a", "data": "waits"}}, events)
		requireAdvice(t, reply, "retry")
	})
}

// FuzzRequest: path, method, cookie, origin and content type are a client's to choose. None of them opens a session that
// is another's, or keeps the answer from being one.
func FuzzRequest(f *testing.F) {
	for _, r := range [][5]string{
		{"POST", "/cometd/handshake", "BAYEUX_BROWSER=0123456789abcdef", "", "application/json"},
		{"POST", "/cometd//../connect?x=%00", "BAYEUX_BROWSER=", "https://evil.example", "application/x-www-form-urlencoded"},
		{"OPTIONS", "/cometd", "a=b; BAYEUX_BROWSER=\"x\"", "null", "text/plain"},
		{"GET", "/cometd/", "BAYEUX_BROWSER=" + strings.Repeat("x", 300), "http://example.com", "multipart/form-data; boundary="},
		{"DELETE", "/cometd/%2e%2e/connect", "=;=", "://", ";"},
	} {
		f.Add(r[0], r[1], r[2], r[3], r[4])
	}
	opts := fuzzed()
	opts.BindCookie = true
	s := newServer(f, opts)
	other := connected(f, s, "other")
	f.Fuzz(func(t *testing.T, method, path, cookie, origin, kind string) {
		body := `[{"channel":"/meta/connect","clientId":"` + other.id + `","connectionType":"long-polling","advice":{"timeout":0}}]`
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/cometd", strings.NewReader(body))
		r.Method, r.URL.Path = method, path
		r.Header = http.Header{"Cookie": {cookie}, "Content-Type": {kind}}
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		a := httptest.NewRecorder()
		s.ServeHTTP(a, r)
		switch a.Code {
		case http.StatusOK:
			reply := (&answer{ResponseRecorder: a, t: t, done: closed()}).one()
			require.Equal(t, "402::session_unknown", reply["error"], "who has another cookie has another browser")
		case http.StatusNoContent, http.StatusBadRequest, http.StatusForbidden, http.StatusMethodNotAllowed:
		default:
			t.Fatalf("status %d", a.Code)
		}
		require.Empty(t, sessionOf(s, other).Reason())
	})
}

// FuzzFrames: two frames of any kind and content end in answers or in a close that says why, and the session goes on.
func FuzzFrames(f *testing.F) {
	for _, s := range seeds() {
		f.Add(true, []byte(s), false, []byte(s))
	}
	f.Add(false, []byte("[]"), true, []byte("[]"))
	s := newServer(f, fuzzed())
	f.Fuzz(func(t *testing.T, text1 bool, first []byte, text2 bool, second []byte) {
		c := newClient(t, s, "anna")
		c.handshake()
		conn, _, err := dialPipe(t, s, http.Header{"Authorization": {"Bearer anna"}})
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		for i, frame := range [][]byte{first, second} {
			kind := websocket.BinaryMessage
			if []bool{text1, text2}[i] {
				kind = websocket.TextMessage
			}
			frame = []byte(strings.ReplaceAll(string(frame), "CLIENT", c.id))
			if conn.WriteMessage(kind, frame) != nil {
				break // the first was refused
			}
			_, answer, err := conn.ReadMessage()
			if err != nil {
				require.True(t, websocket.IsCloseError(err, websocket.CloseUnsupportedData, websocket.CloseMessageTooBig, websocket.CloseInternalServerErr), "%q: %v", frame, err)
				break
			}
			var list []msg
			require.NoError(t, json.Unmarshal(answer, &list), "%q", answer)
			require.NotEmpty(t, list)
		}
		if session := sessionOf(s, c); session != nil { // else it has said goodbye
			require.Empty(t, session.Reason())
		}
	})
}
