package ari

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// maxFrame bounds one frame: the answer to GET /channels over the socket with
// some ten thousand channels.
const maxFrame = 32 << 20

// source provides event sockets, one after the other.
type source interface {
	next(ctx context.Context) (*websocket.Conn, error)
	close()
}

// dialer is the usual source: we connect to Asterisk.
type dialer struct{ cfg Config }

func (dialer) close() {}

func (d dialer) next(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Timeout)
	defer cancel()
	// Without a Proxy function the dialer connects directly: what the
	// environment says of proxies is not about the PBX.
	wd := websocket.Dialer{HandshakeTimeout: d.cfg.Timeout}
	header := http.Header{}
	header.Set("Authorization", basicAuth(d.cfg.User, d.cfg.Password))
	conn, resp, err := wd.DialContext(ctx, d.cfg.socketURL(), header)
	if resp != nil && resp.Body != nil {
		defer resp.Body.Close()
	}
	if err == nil {
		return conn, nil
	}
	if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, &Error{
			Op: "events.eventWebsocket", Method: http.MethodGet, Path: "/events",
			Status: resp.StatusCode, Message: http.StatusText(resp.StatusCode),
		}
	}
	return nil, fmt.Errorf("ari: event socket: %w", err)
}

// link is one event socket in service.
type link struct {
	conn  *websocket.Conn
	limit time.Duration // of silence
	alive atomic.Int64  // when the peer last proved to be there, Unix ns
	wmu   sync.Mutex    // one writer at a time
}

func newLink(conn *websocket.Conn, cfg Config) (*link, error) {
	l := &link{conn: conn, limit: cfg.PingInterval + cfg.PongTimeout}
	conn.SetReadLimit(maxFrame)
	conn.SetPongHandler(func(string) error { return l.touch() })
	return l, l.touch()
}

// touch notes a sign of life.
func (l *link) touch() error {
	now := time.Now()
	l.alive.Store(now.UnixNano())
	return l.conn.SetReadDeadline(now.Add(l.limit)) //nolint:wrapcheck // named by the reader
}

func (l *link) lastAlive() time.Time { return time.Unix(0, l.alive.Load()) }

func (l *link) read() ([]byte, error) {
	_, frame, err := l.conn.ReadMessage()
	if err != nil {
		var ne net.Error
		if errors.As(err, &ne) && ne.Timeout() {
			return nil, fmt.Errorf("%w for %v", ErrHalfOpen, l.limit)
		}
		return nil, fmt.Errorf("event socket: %w", err)
	}
	return frame, l.touch()
}

func (l *link) write(frame []byte, deadline time.Time) error {
	l.wmu.Lock()
	defer l.wmu.Unlock()
	if err := l.conn.SetWriteDeadline(deadline); err != nil {
		return fmt.Errorf("event socket: %w", err)
	}
	if err := l.conn.WriteMessage(websocket.TextMessage, frame); err != nil {
		return fmt.Errorf("event socket: %w", err)
	}
	return nil
}

// ping asks for signs of life until ctx ends. A failed write needs no action:
// the reader will run into the silence.
func (l *link) ping(ctx context.Context, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			_ = l.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(every))
		case <-ctx.Done():
			return
		}
	}
}

// bye closes politely but without waiting for the peer's answer.
func (l *link) bye() {
	msg := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	_ = l.conn.WriteControl(websocket.CloseMessage, msg, time.Now().Add(time.Second))
	_ = l.conn.Close()
}

// serve runs one event socket until it ends and says why it did.
func (c *Client) serve(ctx context.Context, conn *websocket.Conn) error {
	l, err := newLink(conn, c.cfg)
	if err != nil {
		_ = conn.Close()
		return fmt.Errorf("event socket: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A reader can only be interrupted by closing what it reads from.
	stop := context.AfterFunc(ctx, l.bye)
	defer stop()

	var pinger sync.WaitGroup
	pinger.Go(func() { l.ping(ctx, c.cfg.PingInterval) })
	defer pinger.Wait()
	defer cancel()

	hello, early, err := c.greet(ctx, l)
	if err != nil {
		l.bye()
		return err
	}
	begun := time.Now()
	if err = c.open(l, hello); err != nil {
		l.bye()
		return err
	}
	c.log.Info("connected to asterisk", "version", hello.Version, "restarted", hello.Restarted)
	err = c.receive(l, early)
	c.sock.detach(fmt.Errorf("%w: %w", ErrConnectionLost, err))
	l.bye()
	c.lastSession = time.Since(begun)
	c.setState(StateConnecting, err)
	return c.farewell(ctx, l, err)
}

// open lets requests through and announces the connection, in this order: who
// hears of the connection may use it. A consumer that has no room for the news
// is not waited for, because it may itself wait for an answer that only receive
// can read.
func (c *Client) open(l *link, hello *Connected) error {
	if len(c.events) == cap(c.events) { // only this goroutine adds to it
		return fmt.Errorf("%w: its consumer has not caught up since the last gap", ErrQueueFull)
	}
	c.sock.attach(l)
	c.setState(StateConnected, nil)
	hello.setServer(c.cfg.Server)
	c.offerWatches(hello)
	c.events <- hello
	return nil
}

// farewell tells the consumer of the gap and returns its cause.
func (c *Client) farewell(ctx context.Context, l *link, cause error) error {
	now := Time{time.Now()}
	gap := &Disconnected{Header: Header{Application: c.cfg.App, Timestamp: now}, Since: l.lastAlive(), Err: cause}
	if err := c.emit(ctx, gap); err != nil {
		return err
	}
	if errors.Is(cause, ErrReplaced) {
		if err := c.emit(ctx, &Replaced{Header{Application: c.cfg.App, Timestamp: now}}); err != nil {
			return err
		}
	}
	return cause
}

// receive reads until the connection ends; its error is never nil.
func (c *Client) receive(l *link, early [][]byte) error {
	for _, frame := range early {
		if err := c.frame(frame); err != nil {
			return err
		}
	}
	for {
		frame, err := l.read()
		if err != nil {
			return err
		}
		if err := c.frame(frame); err != nil {
			return err
		}
	}
}

// frame handles one frame. It never waits for the consumer of events, so that
// a consumer may wait for an answer that comes over the same socket.
func (c *Client) frame(frame []byte) error {
	e, err := DecodeEvent(frame)
	if err != nil {
		c.malformed.Add(1)
		c.log.Warn("ignored a malformed frame", "err", err, "bytes", len(frame))
		return nil
	}
	e.setServer(c.cfg.Server)
	switch e := e.(type) {
	case *RESTResponse:
		c.sock.deliver(e)
		return nil
	case *UnknownEvent:
		c.log.Warn("unknown event", "type", string(e.Name), "err", e.Err)
	}
	c.offerWatches(e)
	select {
	case c.events <- e:
	default:
		return fmt.Errorf("%w: %d events wait", ErrQueueFull, cap(c.events))
	}
	if replaced, ok := e.(*ApplicationReplaced); ok && replaced.Application == c.cfg.App {
		return ErrReplaced
	}
	return nil
}
