package gws

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"sidecar/access"
	"sidecar/auth"
	"sidecar/cti"
	"sidecar/cti/bayeux"
)

// Options set up the Sessions of a dialect. Zero values stand for the defaults; Feed, Snapshot and Auth have none.
type Options struct {
	Feed     *cti.Feed
	Snapshot cti.Snapshotter
	Auth     Authenticator
	Logins   *access.Logins // of clients that send name and password; nil: a token is needed
	Cookie   string         // whose value is the token, auth.CookieName
	Logger   *slog.Logger
	// Client tells where a request comes from, and whether by TLS; nil: the connection's other end.
	Client func(r *http.Request) (address string, secure bool)

	Origins       []string      // exact origins of pages on other hosts that may use the channels
	SecureCookies bool          // TLS ends before us
	HoldTime      time.Duration // how long a connect is held, 30 s
	SessionLife   time.Duration // how long a session lives without a connect, 60 s
	QueueSize     int           // messages that may wait for a client, 32768: must hold a whole snapshot
	QueueBytes    int           // their bytes, 4 MiB, likewise
	Buffer        int           // events that may wait between the feed and a channel of a session, the feed's default
	Recheck       time.Duration // how often the tokens of the sessions are looked at, 10 s
}

const (
	defaultQueue   = 1 << 15
	defaultRecheck = 10 * time.Second
)

// ReasonToken ends the session of a client whose token has expired or was revoked.
const ReasonToken bayeux.CloseReason = "token"

// ReasonStalled ends all sessions while the event log does not answer: their clients come back and get what they have missed.
const ReasonStalled bayeux.CloseReason = "stalled"

// Sessions are the CometD sessions of one dialect's clients: a Bayeux server that is fed from a cti.Feed.
//
// A handshake carries a token in the Authorization header, in ext.auth.token or in the session cookie. It may
// name in ext.cursor the last cursor that the client has seen, as a string or for each channel: then the first
// subscription to a channel gives the events after it in place of a snapshot, or, when they are no longer kept,
// a Reset and a snapshot.
type Sessions struct {
	// Constant.
	opts    Options
	dialect Dialect
	policy  *policy
	server  *bayeux.Server
	holds   *holds
	stop    context.CancelFunc
	ended   <-chan struct{} // closed by stop
	work    sync.WaitGroup

	mu      sync.Mutex
	clients map[*bayeux.Session]*client
}

// NewSessions starts a dialect; Close ends it. Mount it on its path, and on the same with a slash.
func NewSessions(o Options, d Dialect) (*Sessions, error) {
	if o.Feed == nil || o.Snapshot == nil || o.Auth == nil {
		return nil, fmt.Errorf("%w: Feed, Snapshot and Auth are needed", ErrOptions)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.QueueSize <= 0 {
		o.QueueSize = defaultQueue
	}
	if o.QueueBytes <= 0 {
		o.QueueBytes = bayeux.DefaultMaxQueueBytes
	}
	if o.Recheck <= 0 {
		o.Recheck = defaultRecheck
	}
	if o.Cookie == "" {
		o.Cookie = auth.CookieName
	}
	var address func(r *http.Request) string
	if o.Client != nil {
		address = func(r *http.Request) string { a, _ := o.Client(r); return a }
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Sessions{
		opts: o, dialect: d, policy: &policy{auth: o.Auth, logins: o.Logins, cookie: o.Cookie, dialect: d, log: o.Logger},
		holds: newHolds(), stop: stop, ended: ctx.Done(), clients: map[*bayeux.Session]*client{},
	}
	server, err := bayeux.NewServer(bayeux.Options{
		Policy:         s.policy,
		Hooks:          bayeux.Hooks{OnSession: s.onSession, OnSubscribe: s.onSubscribe, OnUnsubscribe: s.onUnsubscribe, OnMessage: d.OnMessage, OnClose: s.onClose},
		Logger:         o.Logger,
		WebSocket:      true,
		AcceptSocket:   s.policy.mayUpgrade,
		Timeout:        o.HoldTime,
		MaxInterval:    o.SessionLife,
		MaxQueue:       o.QueueSize,
		MaxQueueBytes:  o.QueueBytes,
		ClientAddress:  address,
		AllowedOrigins: o.Origins,
		SecureCookies:  o.SecureCookies,
	})
	if err != nil {
		stop()
		return nil, fmt.Errorf("%s: %w", d.Name, err)
	}
	s.server = server
	s.work.Go(func() { s.watchTokens(ctx) })
	return s, nil
}

// ServeHTTP answers Bayeux requests.
func (s *Sessions) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.server.ServeHTTP(w, r) }

// Close ends all sessions and waits, at most until ctx ends, for the requests under way. It comes before the
// http.Server's shutdown, which would wait for the held connects.
func (s *Sessions) Close(ctx context.Context) error {
	s.stop()
	err := s.server.Close(ctx)
	s.work.Wait()
	if err != nil {
		return fmt.Errorf("%s: %w", s.dialect.Name, err)
	}
	return nil
}

// Count is how many clients there are.
func (s *Sessions) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.clients)
}

// Present reports whether a client is there whose own DN this is.
func (s *Sessions) Present(dn string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clients {
		if c.member.Owns(dn) {
			return true
		}
	}
	return false
}

// Deliver tells the sessions of a login something of their own, on a channel that they are subscribed to. One that does not keep up is
// ended by the Bayeux server.
func (s *Sessions) Deliver(token, channel string, values ...any) error {
	events := make([]bayeux.Event, 0, len(values))
	for _, value := range values {
		event, err := bayeux.NewEvent(channel, value)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", s.dialect.Name, channel, err)
		}
		events = append(events, event)
	}
	for _, c := range s.all() {
		if c.member.Token() == token && c.session.Subscribed(channel) {
			_ = c.session.Deliver(events...) // it ends then, and comes back
		}
	}
	return nil
}

// EndLogin ends the sessions of a login that is over.
func (s *Sessions) EndLogin(token string) {
	for _, c := range s.all() {
		if c.member.Token() == token {
			c.session.Close(ReasonToken)
		}
	}
}

// RenewLogin looks anew at what the sessions of a login may see, for a change that must not wait for their next request or look at the token.
func (s *Sessions) RenewLogin(ctx context.Context, token string) {
	for _, c := range s.all() {
		if c.member.Token() == token {
			_ = s.policy.check(ctx, c.member, token) // a token that is not good is found by watchTokens
		}
	}
}

// watchTokens looks at the sessions that are quiet: a held connect asks nobody.
func (s *Sessions) watchTokens(ctx context.Context) {
	ticker := time.NewTicker(s.opts.Recheck)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.RecheckTokens(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// RecheckTokens ends the sessions whose token is no longer good, keeps those of which that can't be said, and renews what the others may see. It runs every
// so often by itself; call it when somebody has logged out or was disabled.
func (s *Sessions) RecheckTokens(ctx context.Context) {
	for _, c := range s.all() {
		err := s.policy.check(ctx, c.member, c.member.Token())
		if ctx.Err() != nil {
			return
		}
		switch {
		case err == nil:
		case !ends(err):
			s.opts.Logger.Warn("token_unchecked", "session", c.session.Ref(), "principal", c.member.id, "error", err)
		default:
			s.opts.Logger.Info("session ends with its token", "session", c.session.Ref(), "principal", c.member.id, "error", err)
			c.session.Close(ReasonToken)
		}
	}
}

func (s *Sessions) all() []*client {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*client, 0, len(s.clients))
	for _, c := range s.clients {
		all = append(all, c)
	}
	return all
}

func (s *Sessions) onSession(session *bayeux.Session) {
	m, ok := session.Principal().(*Member)
	if !ok {
		return // our policy makes nothing else
	}
	c := newClient(s, session, m)
	s.mu.Lock()
	s.clients[session] = c
	s.mu.Unlock()
}

func (s *Sessions) onSubscribe(session *bayeux.Session, channel string) {
	c := s.client(session)
	if c == nil {
		return
	}
	if s.dialect.OnSubscribe != nil {
		s.dialect.OnSubscribe(session, c.member, channel)
	}
	for _, name := range s.dialect.covered(channel) {
		err := c.subscribe(name, s.dialect.Streams[name])
		if err != nil && !errors.Is(err, bayeux.ErrClosed) {
			s.opts.Logger.Warn("subscription can't be served", "session", session.Ref(), "channel", name, "error", err)
		}
	}
}

// onUnsubscribe leaves alone what another subscription of the session covers too.
func (s *Sessions) onUnsubscribe(session *bayeux.Session, channel string) {
	c := s.client(session)
	if c == nil {
		return
	}
	for _, name := range s.dialect.covered(channel) {
		if !session.Subscribed(name) {
			c.unsubscribe(name)
		}
	}
}

func (s *Sessions) onClose(session *bayeux.Session, _ bayeux.CloseReason) {
	c := s.client(session)
	s.mu.Lock()
	delete(s.clients, session)
	s.mu.Unlock()
	if c != nil {
		c.close()
	}
}

func (s *Sessions) client(session *bayeux.Session) *client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clients[session]
}
