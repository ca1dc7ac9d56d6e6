package api_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"sidecar/api"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/tap"
)

// switchboard is a call with one leg, and its sound.
type switchboard struct {
	once   sync.Once
	ended  chan struct{}
	frames chan []byte
}

func (b *switchboard) Legs(call string) ([]tap.Leg, <-chan struct{}, bool) {
	select {
	case <-b.ended:
		return nil, nil, false
	default:
		return []tap.Leg{{Channel: "ch", Party: "2", DN: "5001", Number: "5001", Role: "RoleDestination"}}, b.ended, call != "E"
	}
}

func (b *switchboard) end()                                            { b.once.Do(func() { close(b.ended) }) }
func (b *switchboard) Tap(context.Context, string) (tap.Stream, error) { return b, nil }
func (b *switchboard) Frames() <-chan []byte                           { return b.frames }
func (b *switchboard) Close()                                          {}

// ear is the API behind a real server, with a call to listen to.
type ear struct {
	*system
	board *switchboard
	taps  *tap.Taps
	url   string
}

func newEar(t *testing.T) *ear {
	t.Helper()
	e := &ear{board: &switchboard{ended: make(chan struct{}), frames: make(chan []byte)}}
	e.taps = tap.New(tap.Options{Calls: e.board, Source: e.board, Log: slog.New(slog.DiscardHandler), Max: 1})
	e.system = newSystem(t, func(o *api.Options) { o.Sound = api.Sound{Taps: e.taps} })
	e.engine.calls = []bridge.CallView{call("C", bridge.PartyEstablished, "5001"), call("D", bridge.PartyEstablished, "5002")}
	server := httptest.NewServer(e.door)
	t.Cleanup(server.Close)
	t.Cleanup(e.taps.Close) // returns when all listeners have gone
	e.url = "ws" + strings.TrimPrefix(server.URL, "http") + "/api/v1/calls/"
	return e
}

func (e *ear) dial(path, token string, headers ...string) (*websocket.Conn, answer) {
	e.t.Helper()
	h := http.Header{}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	conn, response, err := websocket.DefaultDialer.DialContext(e.t.Context(), e.url+path, h) //nolint:bodyclose // the dialer has read it
	if err == nil {
		e.t.Cleanup(func() { _ = conn.Close() })
		return conn, answer{}
	}
	require.NotNil(e.t, response, err)
	body, _ := io.ReadAll(response.Body)
	return nil, answer{t: e.t, status: response.StatusCode, header: response.Header, body: string(body)}
}

func (e *ear) event(conn *websocket.Conn) string {
	e.t.Helper()
	require.NoError(e.t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	kind, text, err := conn.ReadMessage()
	require.NoError(e.t, err)
	require.Equal(e.t, websocket.TextMessage, kind)
	return strings.TrimSpace(string(text))
}

func TestListenToACall(t *testing.T) {
	t.Parallel()
	e := newEar(t)
	boss := e.user("boss", auth.RoleSupervisor, "")
	conn, refused := e.dial("C/audio", boss)
	require.NotNil(t, conn, refused.body)
	require.JSONEq(t, `{"event": "start", "call": "C", "rate": 16000, "encoding": "slin16",
		"streams": [{"id": 0, "party": "2", "dn": "5001", "number": "5001", "role": "RoleDestination"}]}`, e.event(conn))
	require.Equal(t, []string{`boss listen-to-call C {"format":"slin16","parties":"all","result":"done"}`}, e.notes())

	e.board.frames <- []byte(strings.Repeat("\x01\x02", 320))
	kind, frame, err := conn.ReadMessage()
	require.NoError(t, err)
	require.Equal(t, websocket.BinaryMessage, kind)
	require.EqualValues(t, 0, frame[0])
	require.Equal(t, strings.Repeat("\x01\x02", 320), string(frame[5:]))

	_, refused = e.dial("C/audio", boss)
	refused.problem(http.StatusServiceUnavailable, "too_many_listeners")

	e.board.end()
	require.Contains(t, e.event(conn), `"event":"stop"`)
	require.JSONEq(t, `{"event": "stop", "call": "C", "reason": "call_ended"}`, e.event(conn))
	_, _, err = conn.ReadMessage()
	require.True(t, websocket.IsCloseError(err, websocket.CloseNormalClosure), "%v", err)
	require.Eventually(t, func() bool { return e.taps.Count() == 0 }, time.Minute, time.Millisecond)
}

func TestListenToSome(t *testing.T) {
	t.Parallel()
	e := newEar(t)
	conn, _ := e.dial("C/audio?parties=5002,%2B4930&format=pcmu", e.user("boss", auth.RoleSupervisor, ""))
	require.JSONEq(t, `{"event": "start", "call": "C", "rate": 8000, "encoding": "pcmu", "streams": []}`, e.event(conn))
	require.NoError(t, conn.Close())
	require.Eventually(t, func() bool { return e.taps.Count() == 0 }, time.Minute, time.Millisecond, "who hangs up is not listened for")
}

func TestListeningEndsWithTheDaemon(t *testing.T) {
	t.Parallel()
	e := newEar(t)
	boss := e.user("boss", auth.RoleSupervisor, "")
	conn, _ := e.dial("C/audio", boss)
	e.event(conn)
	e.taps.Close()
	require.Contains(t, e.event(conn), `"event":"stop"`)
	require.JSONEq(t, `{"event": "stop", "call": "C", "reason": "shutdown"}`, e.event(conn))
	_, refused := e.dial("C/audio", boss)
	refused.problem(http.StatusServiceUnavailable, "draining")
}

func TestListeningRefused(t *testing.T) {
	t.Parallel()
	e := newEar(t)
	boss := e.user("boss", auth.RoleSupervisor, "red")
	e.user("5001", auth.RoleAgent, "red", "5001")
	agent := e.login("5001", password)
	refuse := func(path, token string, headers ...string) answer {
		conn, a := e.dial(path, token, headers...)
		require.True(t, conn == nil, path)
		return a
	}
	refuse("C/audio", "").problem(http.StatusUnauthorized, "no_token")
	refuse("C/audio", agent).problem(http.StatusForbidden, "forbidden")
	refuse("D/audio", boss).problem(http.StatusNotFound, "call_not_found")
	refuse("E/audio", boss).problem(http.StatusNotFound, "call_not_found")
	refuse("C/audio", boss, "Origin", "https://evil.example.com").problem(http.StatusForbidden, "foreign_origin")
	for query, field := range map[string]string{"format=mp3": "format", "parties=5001,": "parties", "parties=a%20b": "parties", "rate=1": "rate"} {
		require.Equal(t, field, refuse("C/audio?"+query, boss).problem(http.StatusUnprocessableEntity, "invalid_field").Field, query)
	}
	require.Equal(t, "websocket", e.send("GET", "/api/v1/calls/C/audio", boss, "").header.Get("Upgrade"))
	e.send("GET", "/api/v1/calls/C/audio", boss, "").problem(http.StatusUpgradeRequired, "websocket_expected")
	e.send("GET", "/api/v1/calls/C/audio", boss, "", "Connection", "Upgrade", "Upgrade", "websocket").problem(http.StatusBadRequest, "bad_request")
	require.Zero(t, e.taps.Count())
	require.Empty(t, e.notes())

	// The cookie of a page of ours is enough.
	body, err := json.Marshal(map[string]string{"user": "boss", "password": password})
	require.NoError(t, err)
	in := e.send("POST", "/api/v1/login", "", string(body))
	cookie := (&http.Response{Header: in.header}).Cookies()[0]
	conn, a := e.dial("C/audio", "", "Cookie", cookie.Name+"="+cookie.Value, "Origin", "https://desktop.example.com")
	require.NotNil(t, conn, a.body)
}
