package bayeux

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

func encodeAll(events []Event) ([]json.RawMessage, error) {
	encoded := make([]json.RawMessage, len(events))
	for i, e := range events {
		raw, err := e.encode()
		if err != nil {
			return nil, err
		}
		encoded[i] = raw
	}
	return encoded, nil
}

// enqueue appends to the queue, and ends the session if that takes it beyond its bound: a client that lost one event
// has lost its place, and a new handshake is how it finds it again.
func (s *Session) enqueue(encoded []json.RawMessage) error {
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return fmt.Errorf("session %s: %w", s.Ref(), ErrClosed)
	}
	if len(s.queue)+len(encoded) > s.server.opts.MaxQueue {
		s.mu.Unlock()
		s.end(ReasonOverflow, false)
		return fmt.Errorf("session %s: %w", s.Ref(), ErrOverflow)
	}
	s.queue = append(s.queue, encoded...)
	s.wakeLocked()
	s.mu.Unlock()
	return nil
}

func (s *Session) wakeLocked() {
	if s.hold != nil && s.readyLocked() {
		s.hold.signal()
	}
}

// readyLocked reports whether a connect has something to say now.
func (s *Session) readyLocked() bool {
	return s.state != stateOpen || (len(s.queue) > 0 && s.batches == 0)
}

// hold is one connect under way, from its arrival until its reply is written.
type hold struct {
	wake       chan struct{}
	superseded chan struct{}
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

// beginConnect makes this connect the session's newest, which ends the one before. The first result is nil when
// the session has ended without a farewell. first says that no connect was answered so far.
func (s *Session) beginConnect() (h *hold, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == stateClosed {
		return nil, false
	}
	if s.hold != nil {
		close(s.hold.superseded)
	}
	s.hold = &hold{wake: make(chan struct{}, 1), superseded: make(chan struct{})}
	s.deadline = time.Time{}
	s.wakeLocked()
	return s.hold, !s.connected
}

// take empties the queue for the reply of the connect, unless a newer one has come. The reason is that of the
// session's end, empty while it is open.
func (s *Session) take(h *hold) (events []json.RawMessage, reason CloseReason, current bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hold != h {
		return nil, "", false
	}
	events, s.queue = s.queue, nil
	return events, s.reason, true
}

// putBack returns what could not be written to the head of the queue.
func (s *Session) putBack(events []json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateClosed {
		s.queue = slices.Concat(events, s.queue)
	}
}

// endConnect starts the clock of the session after a connect was answered or given up. A parting session ends here for
// good if its client has been told: if the answer was taken before the farewell, the next one brings it.
func (s *Session) endConnect(h *hold, interval time.Duration, answered, told bool) {
	s.mu.Lock()
	s.connected = s.connected || answered
	if s.hold != h {
		s.mu.Unlock()
		return
	}
	s.hold = nil
	s.interval = interval
	s.deadline = time.Now().Add(interval + s.server.opts.MaxInterval)
	told = told && s.state == stateParting
	if told {
		s.state = stateClosed
	}
	s.mu.Unlock()
	if told {
		s.server.registry.forget(s)
	}
}
