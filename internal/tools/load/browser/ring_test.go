package browser_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"sidecar/internal/tools/load/browser"
	"sidecar/internal/tools/load/meter"
	"sidecar/internal/tools/load/siptext"
)

const patience = 20 * time.Second

// server is the far end of a phone's WebSocket.
type server struct {
	t  *testing.T
	ws *websocket.Conn
}

func connect(t *testing.T) (*browser.Phone, *server) {
	t.Helper()
	conns := make(chan *websocket.Conn, 1)
	up := websocket.Upgrader{Subprotocols: []string{"sip"}}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ws, err := up.Upgrade(w, r, nil); err == nil {
			conns <- ws
		}
	}))
	t.Cleanup(web.Close)
	phone, err := browser.Connect(t.Context(), browser.Line{URL: "ws" + strings.TrimPrefix(web.URL, "http"), Origin: web.URL, DN: "5001"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, phone.Close()) })
	s := &server{t: t, ws: <-conns}
	t.Cleanup(func() { _ = s.ws.Close() })
	return phone, s
}

func (s *server) send(method, call, headers, body string) {
	s.t.Helper()
	text := method + " sip:5001@x.invalid SIP/2.0\r\nVia: SIP/2.0/WS h;branch=z9hG4bK1\r\nFrom: <sip:1@h>;tag=a\r\nTo: <sip:5001@h>" + headers +
		"\r\nCall-ID: " + call + "\r\nCSeq: 1 " + method + "\r\n\r\n" + body
	require.NoError(s.t, s.ws.WriteMessage(websocket.TextMessage, []byte(text)))
}

func (s *server) wants(status int, method, call string) *siptext.Message {
	s.t.Helper()
	require.NoError(s.t, s.ws.SetReadDeadline(time.Now().Add(patience)))
	_, data, err := s.ws.ReadMessage()
	require.NoError(s.t, err)
	m := siptext.Parse(string(data))
	require.Equal(s.t, []any{status, method, call}, []any{m.Status(), m.Method(), m.Get("Call-ID")}, "%s", data)
	require.Contains(s.t, m.Get("To"), ";tag=")
	return m
}

func TestACallRingsUntilThePhoneIsToldToAnswer(t *testing.T) {
	t.Parallel()
	phone, s := connect(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	s.send("INVITE", "one", "", "the offer")
	ringing := s.wants(180, "INVITE", "one")
	require.Equal(t, "talk", ringing.Get("Allow-Events"))
	require.Contains(t, ringing.Get("Contact"), "sip:5001@")
	ring, err := phone.Wait(ctx)
	require.NoError(t, err)
	require.Equal(t, "the offer", ring.Offer())

	s.send("NOTIFY", "other", ";tag=b\r\nEvent: talk", "")
	s.wants(200, "NOTIFY", "other")
	s.send("NOTIFY", "one", ";tag=b\r\nEvent: hold", "")
	s.wants(200, "NOTIFY", "one")
	past, stop := context.WithCancel(ctx)
	stop()
	_, err = ring.Told(past)
	require.ErrorIs(t, err, context.Canceled, "neither was meant to answer this call")
	before := time.Now()
	for range 2 {
		s.send("NOTIFY", "one", ";tag=b\r\nEvent: talk", "")
		s.wants(200, "NOTIFY", "one")
	}
	at, err := ring.Told(ctx)
	require.NoError(t, err)
	require.False(t, at.Before(before))
	require.NoError(t, ring.Accept("the answer"))
	answered := s.wants(200, "INVITE", "one")
	require.Equal(t, "the answer", answered.Body)
	require.Equal(t, ringing.Get("To"), answered.Get("To"))

	s.send("ACK", "one", ";tag=b", "")
	s.send("INVITE", "two", "", "")
	s.wants(180, "INVITE", "two")
	s.send("INVITE", "three", "", "")
	s.wants(486, "INVITE", "three")
	s.send("CANCEL", "two", "", "")
	s.wants(200, "CANCEL", "two")
	s.wants(487, "INVITE", "two")
}

func TestWaitingEndsWithTheWebSocket(t *testing.T) {
	t.Parallel()
	phone, s := connect(t)
	s.send("INVITE", "one", "", "")
	ring, err := phone.Wait(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.ws.Close())
	_, err = ring.Told(t.Context())
	require.ErrorIs(t, err, browser.ErrClosed)
	_, err = phone.Wait(t.Context())
	require.ErrorIs(t, err, browser.ErrClosed)
}

func TestAnswerBringsThePathUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	factory, err := browser.NewFactory()
	require.NoError(t, err)
	caller, err := factory.NewMedia(meter.NewTraffic(1), 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, caller.Close()) })
	called, err := factory.NewMedia(meter.NewTraffic(1), 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, called.Close()) })
	offer, err := caller.Offer(ctx)
	require.NoError(t, err)
	_, err = called.Answer(ctx, "no description")
	require.Error(t, err)
	answer, err := called.Answer(ctx, offer)
	require.NoError(t, err)
	require.NoError(t, caller.Accept(answer))
	require.NoError(t, caller.Wait(ctx))
	require.NoError(t, called.Wait(ctx))
}
