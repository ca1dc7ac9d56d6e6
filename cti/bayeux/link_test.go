package bayeux_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"sidecar/cti/bayeux"
)

// rig is a server whose clients of the test come by WebSocket or by long-polling.
type rig struct {
	*bayeux.Server
	socket bool
}

// eachTransport runs a test of what both transports have in common. Over WebSocket, events travel on connect replies, as they
// do over long-polling; what is pushed has tests of its own.
func eachTransport(t *testing.T, opts bayeux.Options, test func(t *testing.T, s *rig)) {
	t.Helper()
	t.Parallel()
	t.Run("long-polling", func(t *testing.T) { test(t, &rig{Server: newServer(t, opts)}) })
	opts.WebSocket, opts.ConnectOnly = true, true
	t.Run("websocket", func(t *testing.T) { test(t, &rig{Server: newServer(t, opts), socket: true}) })
}

// inBubbles is eachTransport in virtual time.
func inBubbles(t *testing.T, opts bayeux.Options, test func(t *testing.T, s *rig)) {
	t.Helper()
	t.Parallel()
	t.Run("long-polling", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, &rig{Server: newServer(t, opts)}) })
	})
	opts.WebSocket, opts.ConnectOnly = true, true
	t.Run("websocket", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, &rig{Server: newServer(t, opts), socket: true}) })
	})
}

// pushing runs a test with clients that events are pushed to, in virtual time.
func pushing(t *testing.T, opts bayeux.Options, test func(t *testing.T, s *rig)) {
	t.Helper()
	opts.WebSocket = true
	inBubble(t, opts, func(t *testing.T, s *bayeux.Server) { test(t, &rig{Server: s, socket: true}) })
}

// piped is the answer to a request that came through a pipe, which the server may take over.
type piped struct {
	*httptest.ResponseRecorder
	conn net.Conn
	in   *bufio.Reader
}

func (p *piped) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return p.conn, bufio.NewReadWriter(p.in, bufio.NewWriter(p.conn)), nil
}

// dialPipe opens a WebSocket without a network.
func dialPipe(t testing.TB, server http.Handler, header http.Header) (*websocket.Conn, dialed, error) {
	t.Helper()
	near, far := net.Pipe()
	var accept sync.WaitGroup
	accept.Go(func() {
		in := bufio.NewReader(far)
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		w := &piped{httptest.NewRecorder(), far, in}
		server.ServeHTTP(w, r)
		if w.Code != http.StatusOK { // not taken over
			_ = w.Result().Write(far)
			_ = far.Close()
		}
	})
	dialer := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) { return near, nil }}
	conn, response, err := dialer.DialContext(t.Context(), "ws://example.com/cometd", header)
	accept.Wait()
	if err == nil {
		t.Cleanup(func() { _ = conn.Close() })
	}
	require.NotNil(t, response, err)
	_ = response.Body.Close() // the rest of a refusal has been read
	return conn, dialed{response.StatusCode, response.Cookies()}, err
}

// dialed is what the server said to an upgrade.
type dialed struct {
	status  int
	cookies []*http.Cookie
}

// link is a client's WebSocket. What arrives belongs to the answer of the oldest request that still misses a reply of its
// kind; events wait for the next answer.
type link struct {
	conn    *websocket.Conn
	reading sync.WaitGroup

	mu      sync.Mutex
	inbox   []json.RawMessage
	pending []*expected
	frames  [][]json.RawMessage // all that arrived
	closed  *websocket.CloseError
	lost    bool          // what the server sends gets lost
	arrived chan struct{} // cap 1
}

// expected is an answer over WebSocket that isn't complete.
type expected struct {
	*answer
	connects, others int
}

// dial opens the client's socket, once.
func (c *client) dial() *link {
	c.t.Helper()
	if c.link != nil {
		return c.link
	}
	header := c.request(c.t.Context(), "").Header
	header.Del("Content-Type")
	conn, _, err := dialPipe(c.t, c.server, header)
	require.NoError(c.t, err)
	l := &link{conn: conn, arrived: make(chan struct{}, 1)}
	conn.SetPingHandler(l.onPing)
	l.reading.Go(l.read)
	c.t.Cleanup(func() { l.close() })
	c.link = l
	return l
}

// close cuts the connection without a word.
func (l *link) close() {
	_ = l.conn.Close()
	l.reading.Wait()
}

func (l *link) read() {
	for {
		_, body, err := l.conn.ReadMessage()
		if err != nil {
			l.end(err)
			return
		}
		var list []json.RawMessage
		if json.Unmarshal(body, &list) != nil {
			list = []json.RawMessage{body} // the test will stumble over it
		}
		l.take(list)
	}
}

func (l *link) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := err.(*websocket.CloseError); ok { //nolint:errorlint // never wrapped
		l.closed = e
	}
	for _, e := range l.pending {
		e.Code = 0
		close(e.done)
	}
	l.pending = nil
}

// lose cuts the way from the server to the client.
func (l *link) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = true
}

// onPing answers as every implementation does, if the ping arrives.
func (l *link) onPing(data string) error {
	l.mu.Lock()
	lost := l.lost
	l.mu.Unlock()
	if !lost {
		_ = l.conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(waitLimit)) // else the socket is closing
	}
	return nil
}

func (l *link) take(list []json.RawMessage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost {
		return
	}
	l.frames = append(l.frames, list)
	for _, raw := range list {
		l.inbox = append(l.inbox, raw)
		l.credit(raw)
	}
	select {
	case l.arrived <- struct{}{}:
	default:
	}
}

// credit counts a reply for the oldest answer that it can belong to.
func (l *link) credit(raw json.RawMessage) {
	var m struct {
		Channel    string
		Successful *bool
	}
	if json.Unmarshal(raw, &m) != nil || m.Successful == nil {
		return
	}
	for i, e := range l.pending {
		missing := &e.others
		if m.Channel == "/meta/connect" {
			missing = &e.connects
		}
		if *missing == 0 {
			continue
		}
		if *missing--; e.connects+e.others == 0 {
			body, _ := json.Marshal(l.inbox) //nolint:errchkjson // raw JSON
			e.Body.Write(body)
			l.inbox = nil
			l.pending = append(l.pending[:i:i], l.pending[i+1:]...)
			close(e.done)
		}
		return
	}
}

// send writes a frame; its answer is complete when all replies have come.
func (l *link) send(t testing.TB, body string) *answer {
	t.Helper()
	a := &answer{ResponseRecorder: httptest.NewRecorder(), t: t, done: make(chan struct{})}
	e := &expected{answer: a}
	var list []struct{ Channel string }
	if json.Unmarshal([]byte(body), &list) != nil {
		list = make([]struct{ Channel string }, 1)
	}
	for _, m := range list {
		switch m.Channel {
		case "/meta/handshake":
			e.connects, e.others = 0, 1
		case "/meta/connect":
			e.connects++
		default:
			e.others++
		}
		if m.Channel == "/meta/handshake" {
			break // the rest is ignored
		}
	}
	l.mu.Lock()
	l.pending = append(l.pending, e)
	l.mu.Unlock()
	if err := l.conn.WriteMessage(websocket.TextMessage, []byte(body)); err != nil {
		l.reading.Wait() // which ends the answer
	}
	return a
}

// events takes what was pushed so far.
func (l *link) events(t testing.TB) []msg {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]msg, len(l.inbox))
	for i, raw := range l.inbox {
		require.NoError(t, json.Unmarshal(raw, &list[i]))
	}
	l.inbox = nil
	return list
}

// fresh returns all that arrived since it was called last, whatever answer it belonged to.
func (l *link) fresh(t testing.TB) (list []msg) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, frame := range l.frames {
		for _, raw := range frame {
			var m msg
			require.NoError(t, json.Unmarshal(raw, &m))
			list = append(list, m)
		}
	}
	l.frames = nil
	return list
}

// awaitClose waits until the server has closed the socket, and returns the code and reason, zero if it was cut.
func (l *link) awaitClose(t testing.TB) (code int, reason string) {
	t.Helper()
	l.reading.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed == nil {
		return 0, ""
	}
	return l.closed.Code, l.closed.Text
}
