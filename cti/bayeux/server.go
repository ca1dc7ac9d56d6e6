package bayeux

import (
	"context"
	"fmt"
	"sync"

	"github.com/gorilla/websocket"
)

// Server is a Bayeux server; NewServer makes one, Close ends it. It is an http.Handler.
type Server struct {
	// Constant.
	opts       Options
	registry   *registry
	sweeper    *sweeper
	holds      *browserHolds
	upgrader   *websocket.Upgrader
	handshakes *quotas // by principal
	strangers  *tally  // WebSockets that have spoken for no session yet, by address
	guests     *tally  // the others, by principal
	refusals   refusals

	closed chan struct{} // closed once all sessions have been ended for good

	mu       sync.Mutex
	closing  bool
	inflight int
	sockets  int
	idle     chan struct{} // closed when closing and inflight is zero
}

// NewServer starts a server. It fails if the options make no sense.
func NewServer(opts Options) (*Server, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{
		opts:       opts,
		registry:   newRegistry(),
		handshakes: newQuotas(opts.MaxHandshakeRate, 2*opts.MaxSessionsPerPrincipal),
		strangers:  newTally(),
		refusals:   refusals{logged: newLimiter(loggedPerSecond, loggedBurst)},
		guests:     newTally(),
		sweeper:    newSweeper(),
		holds:      newBrowserHolds(opts.MaxHoldsPerBrowser),
		upgrader:   newUpgrader(),
		closed:     make(chan struct{}),
		idle:       make(chan struct{}),
	}
	s.sweeper.wg.Go(func() { s.sweeper.run(s) })
	return s, nil
}

// Close ends all sessions and waits for the requests and WebSockets under way, at most until the context's end, and for the last
// OnClose. Held connects are answered at once, in a way that makes clients come back to whoever serves the address
// next; so are requests that arrive later. An http.Server around it is shut down after Close, not before: it would wait
// for the held connects.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	first := !s.closing
	if first {
		s.closing = true
		if s.inflight == 0 {
			close(s.idle)
		}
	}
	s.mu.Unlock()
	for _, session := range s.registry.close() {
		session.end(ReasonShutdown, false)
	}
	if first {
		close(s.closed)
	}
	var err error
	select {
	case <-s.idle:
	case <-ctx.Done():
		err = fmt.Errorf("bayeux: waiting for the requests under way: %w", context.Cause(ctx))
	}
	if first {
		close(s.sweeper.stop)
	}
	s.sweeper.wg.Wait()
	return err
}

// enter counts a request in; false when the server is closing.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.inflight++
	return true
}

func (s *Server) exit() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inflight--
	if s.closing && s.inflight == 0 {
		close(s.idle)
	}
}

func (s *Server) countSocket(change int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets += change
}

// Publish queues the events for all the sessions that are subscribed to their channels or to patterns over them, one
// copy each. The events of one call leave together and in order. It never blocks on a client; a session that has no
// room is ended.
func (s *Server) Publish(events ...Event) error {
	list, err := packets(events)
	if err != nil {
		return err
	}
	for i := range events {
		if !ValidChannel(events[i].Channel) {
			return fmt.Errorf("%w: %q can't be subscribed to", ErrChannel, events[i].Channel)
		}
	}
	if len(events) == 1 {
		s.broadcast(s.registry.audience(events[0].Channel), list, nil)
		return nil
	}
	shares := map[*Session][]*packet{}
	for i := range events {
		for _, session := range s.registry.audience(events[i].Channel) {
			shares[session] = append(shares[session], list[i])
		}
	}
	for session, share := range shares {
		s.broadcast([]*Session{session}, share, nil)
	}
	return nil
}

// broadcast ignores the errors of single sessions: they have ended, and OnClose says so.
func (s *Server) broadcast(audience []*Session, list []*packet, except *Session) {
	for _, session := range audience {
		if session != except {
			_ = session.enqueue(list)
		}
	}
}

// Sessions returns the open sessions of a principal, in no order.
func (s *Server) Sessions(principalID string) []*Session { return s.registry.ofPrincipal(principalID) }

// Subscribers returns the open sessions that an event of the channel reaches, in no order.
func (s *Server) Subscribers(channel string) []*Session {
	if !ValidChannel(channel) {
		return nil
	}
	return s.registry.audience(channel)
}

// Stats are the server's present numbers.
type Stats struct {
	// Sessions counts the open sessions and those whose farewell waits for its client.
	Sessions int
	// Requests counts the requests under way, held connects included.
	Requests int
	// Sockets counts the open WebSockets.
	Sockets int
}

// Stats looks at the numbers.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	requests, sockets := s.inflight-s.sockets, s.sockets
	s.mu.Unlock()
	return Stats{Sessions: s.registry.size(), Requests: requests, Sockets: sockets}
}
