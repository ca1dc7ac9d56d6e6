package bayeux

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// idleSlack is how much longer than a hold and the time to come back a WebSocket may be silent.
	idleSlack = 10 * time.Second
	// closeGrace is how long the other end has to answer a close.
	closeGrace = time.Second
	// socketBuffer is small because frames are: what doesn't fit into the one for writing goes past it.
	socketBuffer = 1024
	// maxCloseReason is the room that a close frame has for words (RFC 6455, 5.5), less than the 123 bytes for good measure.
	maxCloseReason = 120
)

// serveWebSocket makes the request a WebSocket and returns: what net/http keeps for a request is not needed any longer.
// The origin has been checked.
func (s *Server) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	if s.opts.AcceptSocket != nil && !s.opts.AcceptSocket(r) {
		http.Error(w, "credentials are needed to open a WebSocket", http.StatusUnauthorized)
		return
	}
	if !s.enter() {
		http.Error(w, "the server is closing", http.StatusServiceUnavailable)
		return
	}
	k := &socket{
		server: s, r: r.WithContext(context.WithoutCancel(r.Context())), browser: browserOf(r),
		in: make(chan *outcome), pongs: make(chan int64, 1), wake: make(chan struct{}, 1), gone: make(chan struct{}), done: make(chan struct{}),
	}
	var header http.Header
	if k.browser == "" {
		k.browser = newID()
		header = http.Header{"Set-Cookie": {s.browserCookie(r, k.browser).String()}}
	}
	conn, err := s.upgrader.Upgrade(hijacker{w}, r, header)
	if err != nil { // answered by the upgrader
		s.exit()
		return
	}
	k.conn = conn
	s.countSocket(1)
	//nolint:contextcheck // the socket outlives its request
	go k.serve() // joined by Close: exit counts it out
}

// newUpgrader shares buffers for writing between sockets, which are idle most of the time.
func newUpgrader() *websocket.Upgrader {
	return &websocket.Upgrader{
		ReadBufferSize:  socketBuffer,
		WriteBufferSize: socketBuffer,
		WriteBufferPool: &sync.Pool{},
		CheckOrigin:     func(*http.Request) bool { return true }, // ServeHTTP did
	}
}

// hijacker finds the connection below middleware that offers Unwrap alone, which the upgrader doesn't look for.
type hijacker struct{ http.ResponseWriter }

func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(h.ResponseWriter).Hijack() //nolint:wrapcheck // an adapter
}

// socket is a WebSocket. Two goroutines belong to it: the reader handles what the client sends, and the writer alone sends,
// so that everything leaves in one order.
type socket struct {
	// Constant.
	server  *Server
	r       *http.Request // the upgrade's
	browser string
	conn    *websocket.Conn
	in      chan *outcome // from reader to writer: a client that doesn't read is not read from
	pongs   chan int64    // cap 1, from reader to writer
	wake    chan struct{} // the writer shall look at the session
	gone    chan struct{} // closed when the reader has ended
	done    chan struct{} // closed when the writer has ended

	// Of the reader.
	handshaken string // the session that this socket opened

	// Of the writer.
	session *Session     // whose connect came last
	held    *heldConnect // nil if none is under way
	timer   *time.Timer  // ends the hold
	pinger  pinger
	frame   []byte
}

// signal never blocks, so that sessions can call it under their locks.
func (k *socket) signal() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *socket) serve() {
	defer k.server.exit()
	defer k.server.countSocket(-1)
	var writer sync.WaitGroup
	writer.Go(k.write)
	why := k.read()
	if why != nil {
		k.sendClose(why)
	}
	close(k.gone)
	writer.Wait()
	if why != nil {
		k.linger()
	}
	_ = k.conn.Close()
}

// read handles frames until the socket fails (nil) or has to be closed.
func (k *socket) read() *websocket.CloseError {
	opts := &k.server.opts
	k.conn.SetReadLimit(int64(opts.MaxMessageSize))
	k.conn.SetPongHandler(k.onPong)
	for {
		_ = k.conn.SetReadDeadline(time.Now().Add(opts.Timeout + opts.Interval + opts.MaxInterval + idleSlack))
		kind, body, err := k.conn.ReadMessage()
		switch {
		case errors.Is(err, websocket.ErrReadLimit):
			return &websocket.CloseError{Code: websocket.CloseMessageTooBig, Text: errTooLarge.Error()}
		case err != nil:
			return nil //nolint:nilerr // the other end has gone, which is how sockets end
		case kind != websocket.TextMessage:
			return &websocket.CloseError{Code: websocket.CloseUnsupportedData, Text: "Bayeux messages are text"}
		}
		messages, err := decode(body)
		if err != nil {
			return &websocket.CloseError{Code: websocket.CloseInternalServerErr, Text: err.Error()}
		}
		select {
		case k.in <- k.handle(messages):
		case <-k.done:
			return nil
		}
	}
}

func (k *socket) handle(messages []message) *outcome {
	x := &exchange{server: k.server, r: k.r, transport: typeWebSocket, browser: k.browser}
	if k.server.opts.HandshakePerSocket {
		x.refused = func(clientID string) bool { return clientID != k.handshaken }
	}
	out := x.handle(k.r.Context(), messages)
	if out.opened != nil {
		k.handshaken = out.opened.id
	}
	return &out
}

// sendClose says why the socket is closed. It may come between two frames of the writer.
func (k *socket) sendClose(why *websocket.CloseError) {
	text := why.Text[:min(len(why.Text), maxCloseReason)]
	_ = k.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(why.Code, text), time.Now().Add(closeGrace))
}

// linger reads until the other end has closed: bytes left unread would make the connection's end a reset, and
// the reset can overtake the close frame.
func (k *socket) linger() {
	raw := k.conn.NetConn()
	_ = raw.SetReadDeadline(time.Now().Add(closeGrace))
	for {
		if _, _, err := k.conn.NextReader(); err != nil {
			if _, closed := errors.AsType[*websocket.CloseError](err); !closed {
				_, _ = io.Copy(io.Discard, raw)
			}
			return
		}
	}
}
