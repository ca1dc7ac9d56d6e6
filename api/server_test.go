package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sidecar/api"
	"sidecar/auth"
	"sidecar/bridge"
)

// deadlineRecorder notes the time limit for reading that a connection has.
type deadlineRecorder struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
}

func (d *deadlineRecorder) SetReadDeadline(t time.Time) error {
	d.deadlines = append(d.deadlines, t)
	return nil
}

// A command may take longer than a client may take to send its body.
func TestCommandOutlivesTheBodyTimeout(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	token := s.user("5001", auth.RoleAgent, "", "5001")
	w := &deadlineRecorder{ResponseRecorder: httptest.NewRecorder()}
	var during []time.Time
	s.engine.makeCall = func(bridge.MakeCall) (bridge.CallView, error) {
		during = append(during, w.deadlines...)
		return call("NEW", bridge.PartyInitiated, "5001"), nil
	}
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/calls", strings.NewReader(`{"from": "5001", "to": "5002"}`))
	r.Header.Set("Authorization", "Bearer "+token)
	s.door.ServeHTTP(w, r)
	require.Equal(t, http.StatusCreated, w.Code)
	require.Len(t, during, 2)
	require.False(t, during[0].IsZero(), "the body must come in time")
	require.True(t, during[1].IsZero(), "then there is no limit")
}

// What others serve through the same door (WebSockets) works through everything that the door adds.
func TestWebSocketThroughTheDoor(t *testing.T) {
	t.Parallel()
	s := newSystem(t, func(o *api.Options) {
		o.Extra = map[string]http.Handler{"/cometd": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			kind, text, err := conn.ReadMessage()
			if err == nil {
				_ = conn.WriteMessage(kind, text)
			}
		})}
	})
	server := httptest.NewServer(s.door)
	defer server.Close()
	conn, response, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http")+"/cometd", nil)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.NoError(t, conn.WriteMessage(websocket.TextMessage, []byte("ping")))
	_, text, err := conn.ReadMessage()
	require.NoError(t, err)
	require.Equal(t, "ping", string(text))
	require.NoError(t, conn.Close())
}

func TestReadinessLeavesNothingRunning(t *testing.T) {
	s := newSystem(t, func(o *api.Options) {
		o.Checks = []api.Check{{Name: "a", Probe: func(ctx context.Context) error { return ctx.Err() }}}
	})
	here := goleak.IgnoreCurrent()
	s.send("GET", "/readyz", "", "")
	goleak.VerifyNone(t, here)
}

// At level info a log tells what somebody did, and not that desktops are there.
func TestCommandsAreLoggedAndPollsAreNot(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	for path, level := range map[string]string{
		"/api/v1/calls": "INFO", "/workspace/v3/voice/ready": "INFO", "/api/v2/notifications": "DEBUG", "/workspace/v3/notifications/connect": "DEBUG", "/cometd": "DEBUG",
	} {
		s.send("POST", path, "", "{}")
		require.Contains(t, s.log.String(), "level="+level+" msg=request method=POST path="+path+" ")
	}
}
