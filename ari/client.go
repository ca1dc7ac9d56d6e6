package ari

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sidecar/internal/backoff"
)

// Client is the connection to one Asterisk. All methods may be called from any
// goroutine.
type Client struct {
	// constant
	cfg    Config
	log    *slog.Logger
	rest   transport
	http   *httpTransport   // nil without a URL
	sock   *socketTransport // requests in flight over the event socket
	source source
	cancel context.CancelFunc
	done   chan struct{}
	resume chan struct{}
	events chan Event

	malformed atomic.Uint64

	// owned by run
	startedAt   time.Time // of the Asterisk process last seen
	lastSession time.Duration

	mu      sync.Mutex
	status  Status
	changed chan struct{} // closed and replaced at each change of status
	watches map[*Watch]struct{}
}

// Connect starts a client. It returns as soon as the configuration is known to
// be usable; whether Asterisk is there shows in Ready, Status and Events. The
// client keeps trying until Close or the end of ctx.
func Connect(ctx context.Context, cfg Config) (*Client, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	ctx, cancel := context.WithCancel(ctx)
	c := &Client{
		cfg: cfg, log: cfg.Logger.With("component", "ari", "server", string(cfg.Server), "app", cfg.App),
		sock: newSocketTransport(), cancel: cancel,
		done: make(chan struct{}), resume: make(chan struct{}, 1),
		events: make(chan Event, cfg.QueueSize), changed: make(chan struct{}),
		status: Status{Since: time.Now()}, watches: map[*Watch]struct{}{},
	}
	if cfg.URL != "" {
		c.http = newHTTPTransport(cfg)
	}
	c.rest = c.http
	if cfg.RESTOver == OverSocket {
		c.rest = c.sock
	}
	c.source = dialer{cfg: cfg}
	if cfg.Acceptor != nil {
		c.source = cfg.Acceptor
	}
	go c.run(ctx) // joined by Close
	return c, nil
}

// Close ends the connection and returns when nothing of the client runs any
// more. Channels and bridges stay as they are in Asterisk.
func (c *Client) Close() {
	c.cancel()
	<-c.done
}

// Server names the Asterisk.
func (c *Client) Server() ServerID { return c.cfg.Server }

// App names the Stasis application.
func (c *Client) App() string { return c.cfg.App }

// Events is the one stream of everything that happens, in Asterisk's order. It
// is closed by Close. Nothing is dropped silently: when the consumer lets
// QueueSize events pile up, the connection is given up with a Disconnected
// (ErrQueueFull), made again, and the consumer takes a Snapshot as after every
// gap.
func (c *Client) Events() <-chan Event { return c.events }

// Malformed counts frames that were no events.
func (c *Client) Malformed() uint64 { return c.malformed.Load() }

// Resume ends a stand-by: the client takes the application back.
func (c *Client) Resume() {
	select {
	case c.resume <- struct{}{}:
	default:
	}
}

// run is the client's one goroutine: connect, serve, pause, again.
func (c *Client) run(ctx context.Context) {
	defer close(c.done)
	defer c.cancel()
	defer c.shut()
	pause := backoff.New(c.cfg.Backoff)
	for ctx.Err() == nil {
		err := c.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if c.lastSession > c.cfg.Backoff.Max {
			pause.Reset()
		}
		if c.recover(ctx, err, pause) != nil {
			return
		}
	}
}

// session is one connection from its beginning to its end.
func (c *Client) session(ctx context.Context) error {
	c.lastSession = 0
	conn, err := c.source.next(ctx)
	if err != nil {
		return err
	}
	return c.serve(ctx, conn)
}

// recover records why there is no connection and waits for the right moment to
// try again. Its error is the context's.
func (c *Client) recover(ctx context.Context, err error, pause *backoff.Backoff) error {
	switch {
	case errors.Is(err, ErrReplaced):
		c.setState(StateStandBy, err)
		c.log.Error("another connection took over the application, standing by")
		select {
		case <-c.resume:
		case <-ctx.Done():
			return ctx.Err() //nolint:wrapcheck // only tells run to end
		}
		pause.Reset()
		c.setState(StateConnecting, err)
		c.log.Info("resumed from stand-by")
		return nil
	case errors.Is(err, ErrUnauthorized):
		c.setState(StateUnauthorized, err)
		c.log.Error("asterisk refuses user or password", "err", err, "retry_in", c.cfg.SlowRetry)
		return backoff.Sleep(ctx, c.cfg.SlowRetry)
	case errors.Is(err, ErrUnsupportedVersion):
		c.setState(StateWrongVersion, err)
		c.log.Error("asterisk has an unsupported version", "err", err, "retry_in", c.cfg.SlowRetry)
		return backoff.Sleep(ctx, c.cfg.SlowRetry)
	}
	c.setState(StateConnecting, err)
	d := pause.Next()
	c.log.Warn("not connected to asterisk", "err", err, "attempt", pause.Failures(), "retry_in", d)
	return backoff.Sleep(ctx, d)
}

// shut is the end of run.
func (c *Client) shut() {
	c.setState(StateClosed, ErrClosed)
	c.source.close()
	c.closeWatches(ErrClosed)
	if c.http != nil {
		c.http.close()
	}
	close(c.events)
}

// emit delivers one of the client's own events, waiting for room: these are the
// ones a consumer can't do without.
func (c *Client) emit(ctx context.Context, e Event) error {
	if err := ctx.Err(); err != nil {
		return err //nolint:wrapcheck // only tells run to end
	}
	e.setServer(c.cfg.Server)
	c.offerWatches(e)
	select {
	case c.events <- e:
		return nil
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // only tells run to end
	}
}
