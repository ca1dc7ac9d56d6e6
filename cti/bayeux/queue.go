package bayeux

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// enqueue appends to the queue, and ends the session if that takes it beyond a bound: a client that lost one event
// has lost its place, and a new handshake is how it finds it again.
func (s *Session) enqueue(list []*packet) error {
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return fmt.Errorf("session %s: %w", s.Ref(), ErrClosed)
	}
	if !s.roomLocked(weigh(list)) {
		s.mu.Unlock()
		s.end(ReasonOverflow, false)
		return fmt.Errorf("session %s: %w", s.Ref(), ErrOverflow)
	}
	s.queue = append(s.queue, list...)
	s.wakeLocked()
	s.mu.Unlock()
	return nil
}

// roomLocked takes on that much more if the bounds allow. What was written to a WebSocket makes room: most likely it has
// arrived.
func (s *Session) roomLocked(more load) bool {
	limit := load{s.server.opts.MaxQueue, s.server.opts.MaxQueueBytes}
	if !s.owed.plus(more).within(limit) {
		s.owed = s.owed.minus(s.flight.drop())
	}
	if !s.owed.plus(more).within(limit) {
		return false
	}
	s.owed = s.owed.plus(more)
	return true
}

func (s *Session) wakeLocked() {
	if !s.readyLocked() {
		return
	}
	if s.pushing {
		s.place.signal()
	}
	if s.hold != nil {
		s.hold.signal()
	}
}

// readyLocked reports whether there is something to say now. What was sent and not acknowledged is said again.
func (s *Session) readyLocked() bool {
	return s.state != stateOpen || (s.batches == 0 && len(s.queue)+len(s.unacked) > 0)
}

// hold is one connect under way, from its arrival until its reply is written.
type hold struct {
	// wake is the connect's own, or that of the socket which it came on.
	wake       chan struct{}
	superseded chan struct{}
	// rested is closed when the connect no longer counts for its browser, nil on a socket, where it never does; before is that
	// of the connect which this one has replaced.
	rested, before chan struct{}
	// writing is set once events have been taken for the reply; abandon ends the writing, in case it is stuck. Of long-polling.
	writing bool
	abandon func()
}

// signal wakes the connect; a second signal before it looks changes nothing.
func (h *hold) signal() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// wait returns when there is something to say, when nothing happened for the timeout, or when the connect has
// lost its sense.
func (h *hold) wait(ctx context.Context, timeout time.Duration) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-h.wake:
	case <-timer.C:
	case <-h.superseded:
	case <-ctx.Done():
	}
}

// beginConnect makes this connect the session's newest, which ends the one before. k is the socket that it came on, nil
// for long-polling: events leave where the newest connect is. abandon, which never waits for a client, ends a write of its reply
// that a newer connect finds under way. The first result is nil when the session has ended without
// a farewell. first says that no connect was answered so far.
func (s *Session) beginConnect(k *socket, m *message, abandon func()) (h *hold, first bool) {
	s.mu.Lock()
	if s.state == stateClosed {
		s.mu.Unlock()
		return nil, false
	}
	if !s.recoverLocked(k) {
		s.mu.Unlock()
		s.end(ReasonOverflow, false)
		return nil, false
	}
	defer s.mu.Unlock()
	h = &hold{superseded: make(chan struct{}), abandon: abandon}
	if s.hold != nil {
		close(s.hold.superseded)
		h.before = s.hold.rested
		if s.hold.writing {
			s.hold.abandon()
		}
	}
	if k != nil {
		h.wake = k.wake
	} else {
		h.wake, h.rested = make(chan struct{}, 1), make(chan struct{})
	}
	s.hold = h
	if s.acks {
		s.acknowledgeLocked(m.acknowledged())
	}
	s.deadline = time.Time{}
	s.wakeLocked()
	return h, !s.connected
}

// recoverLocked looks at what a connect tells about the events that left on a WebSocket. On the same one, the client has
// read the reply to its last connect and all before. Elsewhere, what isn't known to have arrived is queued again; false
// means that not all of it is left.
func (s *Session) recoverLocked(k *socket) bool {
	if k != nil && s.place == k {
		s.owed = s.owed.minus(s.flight.arrived(s.flight.replied))
		return true
	}
	if s.place != nil {
		s.place.abandon()
	}
	s.place, s.pushing = k, false
	events, complete := s.flight.all()
	s.queue = slices.Concat(events, s.queue)
	return complete
}

// taken is what leaves the queue for the client.
type taken struct {
	events []*packet
	// batch numbers a connect's reply for the ack extension; 0 without it.
	batch int64
	// reason is that of the session's end, empty while it is open.
	reason CloseReason
}

// take empties the queue for the reply of the connect, unless a newer one has come.
func (s *Session) take(h *hold) (t taken, current bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hold != h {
		return taken{}, false
	}
	h.writing = true
	return s.takeLocked(), true
}

func (s *Session) takeLocked() taken {
	t := taken{reason: s.reason}
	if s.batches > 0 && s.state == stateOpen {
		t.batch = s.arrivedLocked() // the client would acknowledge what this reply doesn't repeat
		return t
	}
	if s.acks {
		t.events = s.nextBatchLocked()
		t.batch = s.batch
		return t
	}
	t.events, s.queue = s.queue, nil
	return t
}

// takeFor takes what may leave on the socket now. With answer it leaves together with the reply of the connect that
// the socket holds, which is due anyway, or because the session has ended, or because events wait that may not be pushed.
func (s *Session) takeFor(k *socket, h *hold, due bool) (t taken, answer bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	push := s.pushing && s.place == k
	answer = h != nil && s.hold == h && (due || s.state != stateOpen || (!push && s.readyLocked()))
	if !answer && (!push || !s.readyLocked()) {
		return taken{}, false
	}
	t = s.takeLocked()
	if !s.acks {
		s.flight.leave(t.events)
	}
	if answer {
		s.flight.replied = s.flight.end
	}
	return t, answer
}

// land follows takeFor, in the same turn: so many of the events were written, and the others go back to the head of the queue, unless
// a connect from elsewhere has put them there.
func (s *Session) land(t taken, written int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == stateClosed || s.acks {
		return
	}
	s.flight.leaving = 0
	if written < len(t.events) {
		s.queue = slices.Concat(s.flight.last(len(t.events)-written), s.queue)
		s.wakeLocked()
	}
}

// written follows take: the events have left, or go back to the head of the queue.
func (s *Session) written(events []*packet, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state == stateClosed || s.acks:
	case err == nil:
		s.owed = s.owed.minus(weigh(events))
	default:
		s.queue = slices.Concat(events, s.queue)
		s.wakeLocked() // a newer connect may be waiting already
	}
}

// endConnect starts the clock of the session after a connect was answered or given up. From the first answer on a socket
// on, events are pushed there. A parting session ends here for good if its client has been told: if the answer was
// taken before the farewell, the next one brings it.
func (s *Session) endConnect(h *hold, k *socket, interval time.Duration, answered, told bool) {
	s.mu.Lock()
	s.connected = s.connected || answered
	if s.hold != h {
		s.mu.Unlock()
		return
	}
	s.hold = nil
	s.interval = interval
	s.deadline = time.Now().Add(interval + s.server.opts.MaxInterval)
	if k != nil && s.place == k && answered && !s.acks && !s.server.opts.ConnectOnly {
		s.pushing = true
		s.wakeLocked()
	}
	s.mu.Unlock()
	if told {
		s.finish()
	}
}

// finish ends a parting session for good: its client knows.
func (s *Session) finish() {
	s.mu.Lock()
	parting := s.state == stateParting
	if parting {
		s.state = stateClosed
	}
	s.mu.Unlock()
	if parting {
		s.server.registry.forget(s)
	}
}

// detach keeps events from a socket that has gone.
func (s *Session) detach(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.place == k {
		s.place, s.pushing = nil, false
	}
}
