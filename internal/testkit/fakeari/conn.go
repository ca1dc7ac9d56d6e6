package fakeari

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
)

// Conn is one event socket.
type Conn struct {
	s  *Server
	ws *websocket.Conn
	// Query is what the client asked for: app, subscribeAll.
	Query url.Values

	wmu   sync.Mutex
	mu    sync.Mutex
	muted bool
	pings int
	gone  chan struct{}
}

func (s *Server) upgrade(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	refuse := s.refuse
	s.mu.Unlock()
	if refuse != 0 {
		write(w, Response{refuse, `{"message":"refused by the test"}`})
		return
	}
	ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	s.attach(ws, r.URL.Query())
}

func (s *Server) attach(ws *websocket.Conn, query url.Values) *Conn {
	c := &Conn{s: s, ws: ws, Query: query, gone: make(chan struct{})}
	ws.SetPingHandler(c.ping)
	s.mu.Lock()
	if s.closed { // httptest does not wait for handlers whose connection was taken over
		s.mu.Unlock()
		c.Drop()
		return c
	}
	s.open = append(s.open, c)
	s.wg.Go(c.read)
	s.mu.Unlock()
	s.conns <- c
	return c
}

// DialOut connects to a client that accepts Asterisk's outbound websocket.
func (s *Server) DialOut(target, user, password string) (*Conn, int, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, 0, fmt.Errorf("target: %w", err)
	}
	u.Scheme = "ws"
	header := http.Header{}
	req := http.Request{Header: header}
	req.SetBasicAuth(user, password)
	d := websocket.Dialer{Subprotocols: []string{"ari"}, HandshakeTimeout: patience}
	ws, resp, err := d.DialContext(s.t.Context(), u.String(), header)
	status := 0
	if resp != nil {
		status = resp.StatusCode
		_ = resp.Body.Close()
	}
	if err != nil {
		return nil, status, fmt.Errorf("dial out: %w", err)
	}
	return s.attach(ws, nil), status, nil
}

// Accept waits for the next event socket.
func (s *Server) Accept() *Conn {
	s.t.Helper()
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case c := <-s.conns:
		return c
	case <-t.C:
		require.FailNow(s.t, "no client connected")
		return nil
	}
}

// Send sends one text frame, whatever it is.
func (c *Conn) Send(frame string) {
	c.s.t.Helper()
	require.NoError(c.s.t, c.TrySend(frame))
}

// TrySend is Send for connections that may be gone.
func (c *Conn) TrySend(frame string) error {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	return c.ws.WriteMessage(websocket.TextMessage, []byte(frame)) //nolint:wrapcheck // a test's own wire
}

// Mute keeps the connection open but ignores whatever comes, pings included:
// what a half-open TCP connection looks like from the other end.
func (c *Conn) Mute() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.muted = true
}

// Drop ends the connection without a close frame.
func (c *Conn) Drop() { _ = c.ws.UnderlyingConn().Close() }

// Gone closes when the connection has ended.
func (c *Conn) Gone() <-chan struct{} { return c.gone }

func (c *Conn) isMuted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.muted
}

// Pings counts what the client has sent of them.
func (c *Conn) Pings() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pings
}

func (c *Conn) ping(data string) error {
	c.mu.Lock()
	c.pings++
	c.mu.Unlock()
	if c.isMuted() {
		return nil
	}
	return c.ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second)) //nolint:wrapcheck // a test's own wire
}

// read serves REST requests that come inside the socket.
func (c *Conn) read() {
	defer close(c.gone)
	defer c.ws.Close()
	for {
		_, frame, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		if c.isMuted() {
			continue
		}
		// Answers may come out of order, so each request has its own goroutine.
		c.s.wg.Go(func() { c.rest(frame) })
	}
}

func (c *Conn) rest(frame []byte) {
	var in struct {
		Type          string `json:"type"`
		TransactionID string `json:"transaction_id"`
		RequestID     string `json:"request_id"`
		Method        string `json:"method"`
		URI           string `json:"uri"`
		MessageBody   string `json:"message_body"`
	}
	if err := json.Unmarshal(frame, &in); err != nil || in.Type != "RESTRequest" || in.RequestID == "" || strings.HasPrefix(in.URI, "/") {
		c.s.t.Errorf("fakeari: not a RESTRequest: %s", frame)
		return
	}
	path, rawQuery, _ := strings.Cut(in.URI, "?")
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		c.s.t.Errorf("fakeari: query of %s: %v", in.URI, err)
		return
	}
	resp := c.s.answer(Request{Method: in.Method, Path: "/" + path, Query: query, Body: in.MessageBody, OverSocket: true})
	out, err := json.Marshal(map[string]any{
		"type": "RESTResponse", "transaction_id": in.TransactionID, "request_id": in.RequestID,
		"status_code": resp.Status, "reason_phrase": http.StatusText(resp.Status), "uri": in.URI,
		"content_type": "application/json", "message_body": resp.Body, "application": "app", "timestamp": stamp(time.Now()),
	})
	if err != nil {
		c.s.t.Errorf("fakeari: %v", err)
		return
	}
	_ = c.TrySend(string(out))
}
