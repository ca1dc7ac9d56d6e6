package gws

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"sidecar/cti"
	"sidecar/cti/bayeux"
)

// Options set up a Guide. Zero values stand for the defaults; Feed, Snapshot and Auth have none.
type Options struct {
	Feed     *cti.Feed
	Snapshot cti.Snapshotter
	Auth     Authenticator
	Logger   *slog.Logger

	Origins       []string      // exact origins of pages on other hosts that may use the channels
	SecureCookies bool          // TLS ends before us
	HoldTime      time.Duration // how long a connect is held, 30 s
	SessionLife   time.Duration // how long a session lives without a connect, 60 s
	QueueSize     int           // messages that may wait for a client, 32768: must hold a whole snapshot
	Buffer        int           // events that may wait between the feed and a channel of a session, the feed's default
	Recheck       time.Duration // how often the tokens of the sessions are looked at, 10 s
}

const (
	defaultQueue   = 1 << 15
	defaultRecheck = 10 * time.Second
)

// ReasonToken ends the session of a client whose token has expired or was revoked.
const ReasonToken bayeux.CloseReason = "token"

// Guide is the integration guide's dialect: a Bayeux server with the channels /user/agent/events and /call/state. Besides, it takes
// commands to our own agent pages, see Command.
//
// A handshake carries a token in the Authorization header, in ext.auth.token or in the session cookie. It may
// name in ext.cursor the last cursor that the client has seen, as a string or for each channel: then the first
// subscription to a channel gives the events after it in place of a snapshot, or, when they are no longer kept,
// a Reset and a snapshot.
type Guide struct {
	// Constant.
	opts   Options
	policy *policy
	server *bayeux.Server
	pages  *pages
	stop   context.CancelFunc
	ended  <-chan struct{} // closed by stop
	work   sync.WaitGroup

	mu      sync.Mutex
	clients map[*bayeux.Session]*client
}

// NewGuide starts the dialect; Close ends it. Mount it on /cometd and /cometd/.
func NewGuide(o Options) (*Guide, error) {
	if o.Feed == nil || o.Snapshot == nil || o.Auth == nil {
		return nil, fmt.Errorf("%w: Feed, Snapshot and Auth are needed", ErrOptions)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.QueueSize <= 0 {
		o.QueueSize = defaultQueue
	}
	if o.Recheck <= 0 {
		o.Recheck = defaultRecheck
	}
	ctx, stop := context.WithCancel(context.Background())
	g := &Guide{
		opts: o, policy: &policy{auth: o.Auth, log: o.Logger}, pages: newPages(), stop: stop, ended: ctx.Done(),
		clients: map[*bayeux.Session]*client{},
	}
	server, err := bayeux.NewServer(bayeux.Options{
		Policy:         g.policy,
		Hooks:          bayeux.Hooks{OnSession: g.onSession, OnSubscribe: g.onSubscribe, OnMessage: g.onMessage, OnClose: g.onClose},
		Logger:         o.Logger,
		WebSocket:      true,
		Timeout:        o.HoldTime,
		MaxInterval:    o.SessionLife,
		MaxQueue:       o.QueueSize,
		AllowedOrigins: o.Origins,
		SecureCookies:  o.SecureCookies,
	})
	if err != nil {
		stop()
		return nil, fmt.Errorf("guide dialect: %w", err)
	}
	g.server = server
	g.work.Go(func() { g.watchTokens(ctx) })
	return g, nil
}

// ServeHTTP answers Bayeux requests.
func (g *Guide) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.server.ServeHTTP(w, r) }

// Close ends all sessions and waits, at most until ctx ends, for the requests under way. It comes before the
// http.Server's shutdown, which would wait for the held connects.
func (g *Guide) Close(ctx context.Context) error {
	g.stop()
	err := g.server.Close(ctx)
	g.work.Wait()
	if err != nil {
		return fmt.Errorf("guide dialect: %w", err)
	}
	return nil
}

// Sessions counts the clients.
func (g *Guide) Sessions() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.clients)
}

// Present reports whether a client is there whose own DN this is.
func (g *Guide) Present(dn string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.clients {
		if c.member.owns(dn) {
			return true
		}
	}
	return false
}

// watchTokens looks at the sessions that are quiet: a held connect asks nobody.
func (g *Guide) watchTokens(ctx context.Context) {
	ticker := time.NewTicker(g.opts.Recheck)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			g.RecheckTokens(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// RecheckTokens ends the sessions whose token is no longer good, keeps those of which that can't be said, and renews what the others may see. It runs every
// so often by itself; call it when somebody has logged out or was disabled.
func (g *Guide) RecheckTokens(ctx context.Context) {
	for _, c := range g.all() {
		err := g.policy.check(ctx, c.member, c.member.credential())
		if ctx.Err() != nil {
			return
		}
		switch {
		case err == nil:
		case !ends(err):
			g.opts.Logger.Warn("token_unchecked", "session", c.session.Ref(), "principal", c.member.id, "error", err)
		default:
			g.opts.Logger.Info("session ends with its token", "session", c.session.Ref(), "principal", c.member.id, "error", err)
			c.session.Close(ReasonToken)
		}
	}
}

func (g *Guide) all() []*client {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]*client, 0, len(g.clients))
	for _, c := range g.clients {
		all = append(all, c)
	}
	return all
}

func (g *Guide) onSession(s *bayeux.Session) {
	m, ok := s.Principal().(*member)
	if !ok {
		return // our policy makes nothing else
	}
	c := newClient(g, s, m)
	g.mu.Lock()
	g.clients[s] = c
	g.mu.Unlock()
}

func (g *Guide) onSubscribe(s *bayeux.Session, channel string) {
	c := g.client(s)
	topic, ok := topicOf(channel)
	if c == nil || !ok {
		return
	}
	err := c.subscribe(channel, topic)
	if err != nil && !errors.Is(err, bayeux.ErrClosed) {
		g.opts.Logger.Warn("subscription can't be served", "session", s.Ref(), "channel", channel, "error", err)
	}
}

func (g *Guide) onClose(s *bayeux.Session, _ bayeux.CloseReason) {
	c := g.client(s)
	g.mu.Lock()
	delete(g.clients, s)
	g.mu.Unlock()
	if c != nil {
		c.close()
	}
}

func (g *Guide) client(s *bayeux.Session) *client {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.clients[s]
}
