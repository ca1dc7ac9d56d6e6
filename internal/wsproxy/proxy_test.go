package wsproxy_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sidecar/internal/wsproxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a server that says every message again, behind a proxy.
type world struct {
	proxy *wsproxy.Proxy
	door  *httptest.Server
	seen  chan *http.Request // what the server behind was asked
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{seen: make(chan *http.Request, 8)}
	behind := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.seen <- r
		ws, err := (&websocket.Upgrader{Subprotocols: []string{"sip"}}).Upgrade(out, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = ws.Close() }()
		for {
			kind, text, err := ws.ReadMessage()
			if err != nil || ws.WriteMessage(kind, text) != nil {
				return
			}
		}
	}))
	t.Cleanup(behind.Close)
	target, err := url.Parse(behind.URL + "/ws")
	require.NoError(t, err)
	w.proxy = wsproxy.New(target, []string{"https://desk.example.com"}, slog.New(slog.DiscardHandler))
	w.door = httptest.NewServer(w.proxy)
	t.Cleanup(func() { w.proxy.Close(); w.door.Close() })
	return w
}

func (w *world) dial(t *testing.T, protocol string, header http.Header) (*websocket.Conn, int) {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{protocol}}
	ws, res, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(w.door.URL, "http")+"/asterisk-ws?token=x", header)
	require.NotNil(t, res, "%v", err)
	_ = res.Body.Close()
	if err == nil {
		t.Cleanup(func() { _ = ws.Close() })
	}
	return ws, res.StatusCode
}

func TestMessagesPassBothWaysAndNothingElseDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, status := w.dial(t, "sip", http.Header{"Origin": {"https://desk.example.com"}, "Cookie": {"SIDECAR_SESSION=x"}, "Authorization": {"Bearer x"}})
	require.Equal(t, http.StatusSwitchingProtocols, status)
	require.Equal(t, "sip", ws.Subprotocol())
	require.NoError(t, ws.WriteMessage(websocket.TextMessage, []byte("OPTIONS")))
	_, text, err := ws.ReadMessage()
	require.NoError(t, err)
	require.Equal(t, "OPTIONS", string(text))
	r := <-w.seen
	require.Equal(t, "/ws", r.URL.String(), "neither path nor query of the browser")
	for _, name := range []string{"Cookie", "Authorization", "Origin"} {
		require.Empty(t, r.Header.Get(name), name)
	}
}

func TestWhoMayNotIsToldWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, status := w.dial(t, "sip", http.Header{"Origin": {"https://evil.example.com"}})
	require.Equal(t, http.StatusForbidden, status)
	_, status = w.dial(t, "chat", nil)
	require.Equal(t, http.StatusBadRequest, status)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.door.URL, nil)
	require.NoError(t, err)
	res, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusUpgradeRequired, res.StatusCode)
	require.Empty(t, w.seen, "the server behind was asked")
	http.DefaultTransport.(*http.Transport).CloseIdleConnections() //nolint:forcetypeassert // it is one
}

func TestCloseEndsWhatIsPassedOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, _ := w.dial(t, "sip", http.Header{"Origin": {w.door.URL}})
	<-w.seen
	w.proxy.Close()
	require.NoError(t, ws.SetReadDeadline(time.Now().Add(20*time.Second)))
	_, _, err := ws.ReadMessage()
	require.Error(t, err)
	require.NotContains(t, err.Error(), "timeout")
	_, status := w.dial(t, "sip", nil)
	require.Equal(t, http.StatusServiceUnavailable, status)
}

func TestAServerThatIsAwayIsABadGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gone := httptest.NewServer(nil)
	target, err := url.Parse(gone.URL + "/ws")
	require.NoError(t, err)
	gone.Close()
	p := wsproxy.New(target, nil, slog.New(slog.DiscardHandler))
	w.door.Config.Handler = p
	_, status := w.dial(t, "sip", nil)
	require.Equal(t, http.StatusBadGateway, status)
	p.Close()
}
