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
	// socketsPerSession: a client that comes back by a new WebSocket leaves the old one open for a while.
	socketsPerSession = 2
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
	address := s.opts.ClientAddress(r)
	if !s.strangers.add(address, s.opts.MaxStrangersPerAddress) {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many WebSockets of this address wait for a session", http.StatusTooManyRequests)
		return
	}
	if !s.enter() {
		s.strangers.remove(address)
		http.Error(w, "the server is closing", http.StatusServiceUnavailable)
		return
	}
	k := &socket{
		server: s, r: r.WithContext(context.WithoutCancel(r.Context())), browser: browserOf(r), address: address, opened: time.Now(),
		in: make(chan *outcome), pongs: make(chan int64, 1), wake: make(chan struct{}, 1), gone: make(chan struct{}), done: make(chan struct{}),
	}
	var header http.Header
	if k.browser == "" {
		k.browser = newID()
		header = http.Header{"Set-Cookie": {s.browserCookie(r, k.browser).String()}}
	}
	conn, err := s.upgrader.Upgrade(hijacker{w}, r, header)
	if err != nil { // answered by the upgrader
		s.strangers.remove(address)
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
	address string
	opened  time.Time
	conn    *websocket.Conn
	in      chan *outcome // from reader to writer: a client that doesn't read is not read from
	pongs   chan int64    // cap 1, from reader to writer
	wake    chan struct{} // the writer shall look at the session
	gone    chan struct{} // closed when the reader has ended
	done    chan struct{} // closed when the writer has ended

	// Of the reader.
	handshaken string    // the session that this socket opened
	guest      Principal // for whose session it has spoken first, nil for a stranger

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
	defer k.uncount()
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
		_ = k.conn.SetReadDeadline(k.patience())
		kind, body, err := k.conn.ReadMessage()
		switch {
		case k.guest == nil && isTimeout(err):
			return &websocket.CloseError{Code: websocket.ClosePolicyViolation, Text: "no session was opened in time"}
		case errors.Is(err, websocket.ErrReadLimit):
			return &websocket.CloseError{Code: websocket.CloseMessageTooBig, Text: errTooLarge.Error()}
		case err != nil:
			return nil //nolint:nilerr // the other end has gone, which is how sockets end
		case kind != websocket.TextMessage:
			return &websocket.CloseError{Code: websocket.CloseUnsupportedData, Text: "Bayeux messages are text"}
		}
		messages, err := decode(body, opts.MaxBatch)
		switch {
		case errors.Is(err, errTooLarge):
			return &websocket.CloseError{Code: websocket.CloseMessageTooBig, Text: err.Error()}
		case err != nil:
			return &websocket.CloseError{Code: websocket.CloseInternalServerErr, Text: err.Error()}
		}
		out, welcome := k.handle(messages)
		if !welcome {
			return &websocket.CloseError{Code: websocket.ClosePolicyViolation, Text: "too many WebSockets"}
		}
		select {
		case k.in <- out:
		case <-k.done:
			return nil
		}
	}
}

// patience is until when the socket may be silent. A stranger's time doesn't begin anew with what it sends.
func (k *socket) patience() time.Time {
	opts := &k.server.opts
	if k.guest == nil {
		return k.opened.Add(opts.WriteTimeout + opts.RehandshakeSpread)
	}
	return time.Now().Add(opts.Timeout + opts.Interval + opts.MaxInterval + idleSlack)
}

// introduce counts the socket for a principal, from the first message on that is in order; false if that one has too many.
func (k *socket) introduce(p Principal) bool {
	if k.guest != nil {
		return true
	}
	if !k.server.guests.add(p.ID(), socketsPerSession*k.server.opts.MaxSessionsPerPrincipal) {
		return false
	}
	k.guest = p
	k.server.strangers.remove(k.address)
	return true
}

func (k *socket) uncount() {
	if k.guest != nil {
		k.server.guests.remove(k.guest.ID())
		return
	}
	k.server.strangers.remove(k.address)
}

// handle answers messages. The socket is not welcome if its principal has too many.
func (k *socket) handle(messages []message) (out *outcome, welcome bool) {
	x := &exchange{server: k.server, r: k.r, transport: typeWebSocket, browser: k.browser}
	if k.server.opts.HandshakePerSocket {
		x.refused = func(clientID string) bool { return clientID != k.handshaken }
	}
	done := x.handle(k.r.Context(), messages)
	if done.opened != nil {
		k.handshaken = done.opened.id
		return &done, k.introduce(done.opened.principal)
	}
	for s, wireError := range x.authorized {
		if wireError == "" {
			return &done, k.introduce(s.principal)
		}
	}
	return &done, true
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
