package bayeux

import (
	"encoding/json"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// CloseReason says why a session ended.
type CloseReason string

// The ends of a session.
const (
	// ReasonDisconnect: the client said goodbye.
	ReasonDisconnect CloseReason = "disconnect"
	// ReasonExpired: no connect came in time.
	ReasonExpired CloseReason = "expired"
	// ReasonOverflow: the client didn't fetch its events, and the queue reached one of its bounds.
	ReasonOverflow CloseReason = "overflow"
	// ReasonSlow: the client's WebSocket took nothing for the write timeout.
	ReasonSlow CloseReason = "slow"
	// ReasonReplaced: the same principal opened more sessions than it may have, and this was the longest idle.
	ReasonReplaced CloseReason = "replaced"
	// ReasonShutdown: the server closed.
	ReasonShutdown CloseReason = "shutdown"
)

// sessionState moves to the right only:
//
//	open --> parting --> closed
//	   \_________________^
//
// A parting session takes no more events; it stays known until its client has been told, or expires.
type sessionState int

const (
	stateOpen sessionState = iota
	stateParting
	stateClosed
)

// Session is one client's conversation with the server. Its methods may be called from any goroutine.
type Session struct {
	// Constant.
	id        string
	browser   string
	server    *Server
	principal Principal
	ext       json.RawMessage
	created   time.Time
	acks      bool // the client acknowledges what it gets
	done      chan struct{}
	// turn is held by whoever takes events from the queue, until they are written.
	turn chan struct{}

	mu        sync.Mutex
	state     sessionState
	reason    CloseReason
	queue     []*packet
	owed      load // of all that waits, is being written, or isn't known to have arrived
	batches   int
	connected bool      // a connect has been answered
	hold      *hold     // the newest connect under way
	place     *socket   // where the newest connect came from, nil for long-polling
	pushing   bool      // place takes events without a connect
	batch     int64     // number of the last connect reply, with acks
	unacked   []sent    // written, and not yet acknowledged
	flight    flight    // written to a WebSocket, and not known to have arrived
	deadline  time.Time // when the session expires; zero while a connect is under way
	interval  time.Duration
	announced bool          // OnSession has returned
	said      *rate.Limiter // what the client has sent of late
}

// ID is the client id: whoever knows it and is authenticated as the session's principal speaks for the session. Keep
// it out of logs.
func (s *Session) ID() string { return s.id }

// Ref is a short part of the id that names the session in logs.
func (s *Session) Ref() string { return s.id[:8] }

// Principal is what the policy returned at the handshake.
func (s *Session) Principal() Principal { return s.principal }

// HandshakeExt is the ext of the handshake as the client sent it; nil if there was none.
func (s *Session) HandshakeExt() json.RawMessage { return s.ext }

// Done is closed when the session ends.
func (s *Session) Done() <-chan struct{} { return s.done }

// Reason is why the session ended, empty until then.
func (s *Session) Reason() CloseReason {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason
}

// Subscribed reports whether an event published to the channel reaches the session.
func (s *Session) Subscribed(channel string) bool { return s.server.registry.subscribed(s, channel) }

// Alive reports whether a connect is under way, or anything else was heard of the client within the time. A client whose browser
// window was closed is a session for a while yet, but there is nobody.
func (s *Session) Alive(within time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateOpen || s.deadline.IsZero() {
		return s.state == stateOpen
	}
	heard := s.deadline.Add(-s.interval - s.server.opts.MaxInterval)
	return time.Since(heard) <= s.interval+within
}

// Deliver queues the events for this session alone, all or none, whether or not it is subscribed. They leave
// together and in order, at once if a connect is held.
func (s *Session) Deliver(events ...Event) error {
	list, err := packets(events)
	if err != nil {
		return err
	}
	return s.enqueue(list)
}

// Batch runs fn and holds back until it returns what is delivered meanwhile, from whichever goroutine. Batches nest.
func (s *Session) Batch(fn func()) {
	s.mu.Lock()
	s.batches++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.batches--
		s.wakeLocked()
		s.mu.Unlock()
	}()
	fn()
}

// Close ends the session and tells the client not to come back: after the events already queued it gets a
// disconnect of the server's.
func (s *Session) Close(reason CloseReason) { s.end(reason, true) }

// Drop ends the session so that its client comes back: it finds the session unknown and shakes hands anew.
func (s *Session) Drop(reason CloseReason) { s.end(reason, false) }

// end moves an open session to its end; only the first call does anything. With a farewell the session stays known
// until its client has heard of it.
func (s *Session) end(reason CloseReason, farewell bool) {
	s.endIf(reason, farewell, func() bool { return true })
}

// endIf is end under a condition, which is looked at under the session's lock.
func (s *Session) endIf(reason CloseReason, farewell bool, condition func() bool) bool {
	s.mu.Lock()
	if s.state != stateOpen || !condition() {
		s.mu.Unlock()
		return false
	}
	s.reason = reason
	s.state = stateClosed
	switch {
	case farewell:
		s.state = stateParting
		s.queue = append(s.queue, farewellMessage())
	case reason != ReasonShutdown:
		s.queue, s.unacked, s.flight = nil, nil, flight{}
	}
	s.wakeLocked()
	announced := s.announced
	close(s.done)
	s.mu.Unlock()

	s.server.registry.leave(s, !farewell)
	if announced {
		s.server.sweeper.report(s)
	}
	return true
}

// farewellMessage is a disconnect that no client asked for, hence without an id.
func farewellMessage() *packet {
	return &packet{data: json.RawMessage(`{"channel":"` + metaDisconnect + `","successful":true}`)}
}

// announce marks the moment from which OnClose may run.
func (s *Session) announce() {
	s.mu.Lock()
	s.announced = true
	ended := s.state != stateOpen
	s.mu.Unlock()
	if ended {
		s.server.sweeper.report(s)
	}
}

// heard pushes a running deadline back to its full length: the client is alive. False means that it sends more than it may.
func (s *Session) heard(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == stateOpen && !s.deadline.IsZero() {
		s.deadline = now.Add(s.interval + s.server.opts.MaxInterval)
	}
	return s.said.AllowN(now, 1)
}

// expire ends the session if the time to come back has run out. A parting one is forgotten instead.
func (s *Session) expire(now time.Time) {
	due := func() bool { return !s.deadline.IsZero() && !now.Before(s.deadline) }
	if s.endIf(ReasonExpired, false, due) {
		return
	}
	s.mu.Lock()
	gone := s.state == stateParting && due()
	s.mu.Unlock()
	if gone {
		s.finish()
	}
}

// replace ends the session unless a connect is under way.
func (s *Session) replace() {
	s.endIf(ReasonReplaced, false, func() bool { return s.hold == nil })
}

// idleSince orders the sessions of a principal by how long nobody has come for them; ok is false while
// a connect is under way.
func (s *Session) idleSince() (deadline time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deadline, s.hold == nil
}
