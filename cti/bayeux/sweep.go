package bayeux

import (
	"sync"
	"time"
)

// sweepPeriod is off the round second on purpose, as in the reference servers, so that it doesn't beat with timers
// of whole seconds.
const sweepPeriod = 997 * time.Millisecond

// sweeper is the one goroutine behind all sessions: it ends those whose time has run out, and reports ends to the
// application.
type sweeper struct {
	kick chan struct{}
	stop chan struct{}
	wg   sync.WaitGroup

	mu    sync.Mutex
	ended []*Session
}

func newSweeper() *sweeper {
	return &sweeper{kick: make(chan struct{}, 1), stop: make(chan struct{})}
}

// report hands over an ended session; it never blocks and runs no hook itself, so that it can be called from within
// the application's own locks.
func (w *sweeper) report(s *Session) {
	w.mu.Lock()
	w.ended = append(w.ended, s)
	w.mu.Unlock()
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

func (w *sweeper) run(server *Server) {
	ticker := time.NewTicker(sweepPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			server.expire(time.Now())
		case <-w.kick:
		case <-w.stop:
			w.drain(server)
			return
		}
		w.drain(server)
	}
}

func (w *sweeper) drain(server *Server) {
	w.mu.Lock()
	ended := w.ended
	w.ended = nil
	w.mu.Unlock()
	for _, s := range ended {
		server.opts.Logger.Info("bayeux session ended", "session", s.Ref(), "principal", s.principal.ID(),
			"reason", string(s.Reason()), "lived", time.Since(s.created).Round(time.Millisecond))
		if server.opts.Hooks.OnClose != nil {
			server.opts.Hooks.OnClose(s, s.Reason())
		}
	}
}

// expire ends the sessions whose deadline has passed, and forgets who has been quiet.
func (s *Server) expire(now time.Time) {
	s.handshakes.forget(now)
	s.logUnlogged()
	for _, session := range s.registry.all() {
		session.expire(now)
	}
}
