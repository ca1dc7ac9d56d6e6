package media

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/pion/rtp"
)

const (
	// eventQuiet is how long nothing must come of a digit that passes through before the next one: its end may be lost,
	// and its last packets come again after it.
	eventQuiet = 5 * eventStep
	// mostDigits bounds the digits that wait for their turn, and whoever waits to send some.
	mostDigits = 32
	// mostLag is the seconds that the clock of a source may have stood still; what is further back has another clock.
	mostLag = 10
)

// turns lets the digits of one outgoing stream go one after the other, those that pass through and those of our own. A
// receiver knows a digit by its timestamp: where two alternate it counts one at each packet.
type turns struct {
	queue   []*string // who sends digits or waits to; the first one has the turn once sending
	sending bool

	passing event     // that went through last
	last    time.Time // when a packet of it went through
	over    event     // the one that passed before ours began: what still comes of it is dropped
	held    event     // the one that came last while ours went out, likewise
	waiting []byte    // digits that came then: ours to send

	free   uint32 // timestamp of the stream at which the last digit ended
	placed event  // the last one that place has seen, and how far it was moved
	shift  uint32
}

// notBefore is the timestamp at which a digit begins, which is never before the end of the last one: a receiver takes what
// is not newer for the late packets of what it knows already, and the digit would be lost. Our own digits begin by the wall
// clock, and a source that was held up goes on where its clock stood still.
func (t *turns) notBefore(timestamp, clock uint32) uint32 {
	if lag := t.free - timestamp; lag < mostLag*clock {
		return t.free
	}
	return timestamp
}

// place moves a digit that passes through behind the last one, all its packets alike.
func (t *turns) place(e event, h *rtp.Header, payload []byte, clock uint32) {
	switch {
	case len(payload) < eventOctets:
		return
	case e == t.placed:
	case e.source == t.placed.source && int32(e.timestamp-t.placed.timestamp) < 0: //nolint:gosec // serial number arithmetic
		return // late packets of an older digit: by their own time the receiver knows them
	default:
		t.placed, t.shift = e, t.notBefore(h.Timestamp, clock)-h.Timestamp
	}
	h.Timestamp += t.shift
	t.ends(h, payload)
}

// ends keeps when a digit is over as far as its packet tells.
func (t *turns) ends(h *rtp.Header, payload []byte) {
	t.free = h.Timestamp + uint32(binary.BigEndian.Uint16(payload[2:]))
}

// event names a digit that passes through.
type event struct {
	source    uint64
	timestamp uint32
}

// admit reports whether a packet of a digit may pass now. One that begins in between is sent by us, when ours are out.
func (t *turns) admit(e event, payload []byte, now time.Time) bool {
	switch {
	case len(payload) < eventOctets:
		return true
	case e == t.held || e == t.over:
		return false
	case t.sending:
		t.held = e
		if code := int(payload[0]); code < len(dtmfDigits) && len(t.waiting) < mostDigits {
			t.waiting = append(t.waiting, dtmfDigits[code])
		}
		return false
	}
	t.passing, t.last = e, now
	return true
}

// takeTurn waits until whoever came before is done and no digit passes through.
func (s *stream) takeTurn(ctx context.Context, digits *string, tick <-chan time.Time) error {
	s.mu.Lock()
	if len(s.turns.queue) >= mostDigits {
		s.mu.Unlock()
		return fmt.Errorf("%w: %d others wait", ErrTooManyDigits, mostDigits)
	}
	s.turns.queue = append(s.turns.queue, digits)
	s.mu.Unlock()
	for !s.myTurn(digits, time.Now()) {
		select {
		case <-ctx.Done():
			s.leaveTurn(digits)
			return context.Cause(ctx)
		case <-tick:
		}
	}
	return nil
}

func (s *stream) myTurn(digits *string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.turns
	if t.queue[0] != digits {
		return false
	}
	if !t.sending && now.Sub(t.last) >= eventQuiet {
		// What passed through may have been quiet because we stood still: after ours its rest would be a second digit.
		t.sending, t.over = true, t.passing
	}
	return t.sending
}

// nextWaiting takes a digit that came in between; without one the turn is over.
func (s *stream) nextWaiting(digits *string) (byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.turns.waiting) == 0 {
		s.leaveTurnLocked(digits)
		return 0, false
	}
	digit := s.turns.waiting[0]
	s.turns.waiting = s.turns.waiting[1:]
	return digit, true
}

func (s *stream) leaveTurn(digits *string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaveTurnLocked(digits)
}

func (s *stream) leaveTurnLocked(digits *string) {
	t := &s.turns
	i := slices.Index(t.queue, digits)
	if i == 0 && t.sending {
		t.sending, t.waiting = false, nil
	}
	if i >= 0 {
		t.queue = slices.Delete(t.queue, i, i+1)
	}
}
