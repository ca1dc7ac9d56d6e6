package media

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/pion/rtp"
)

// dtmfDigits in the order of their event codes (RFC 4733 section 3.2, table 3).
const dtmfDigits = "0123456789*#ABCD"

const (
	eventOctets = 4
	eventEnd    = 0x80
	eventVolume = 10 // dBm0 below zero
	// endPackets is how often the end is sent, for the case of loss (RFC 4733 section 2.5.1.4).
	endPackets = 3
	eventStep  = 20 * time.Millisecond
)

// Digit is a DTMF digit that the other side pressed.
type Digit struct {
	Digit    byte
	Duration time.Duration // as known when it was reported
}

// eventState finds the digits among telephone-event packets: all packets of one digit carry the timestamp of its start.
type eventState struct {
	seen      bool
	timestamp uint32
}

// take reports a digit once, at its first packet that arrives.
func (e *eventState) take(packet *rtp.Packet, codec Codec) (Digit, bool) {
	if len(packet.Payload) < eventOctets || e.seen && e.timestamp == packet.Timestamp {
		return Digit{}, false
	}
	e.seen, e.timestamp = true, packet.Timestamp
	code := int(packet.Payload[0])
	if code >= len(dtmfDigits) {
		return Digit{}, false
	}
	duration := binary.BigEndian.Uint16(packet.Payload[2:])
	return Digit{Digit: dtmfDigits[code], Duration: ticks(float64(duration), codec.ClockRate())}, true
}

// rescale changes the duration in an event's payload from one clock to another, in place.
func rescale(payload []byte, from, to uint32) {
	if len(payload) < eventOctets {
		return
	}
	duration := uint64(binary.BigEndian.Uint16(payload[2:])) * uint64(to) / uint64(from)
	binary.BigEndian.PutUint16(payload[2:], uint16(min(duration, 0xffff)))
}

// sendDigits sends digits as RFC 4733 events between the packets of the sound and returns when they are out. They wait
// until no other digit is on its way.
func (s *stream) sendDigits(ctx context.Context, digits string, length time.Duration, write func(*rtp.Header, []byte) error) error {
	for _, digit := range digits {
		if !strings.ContainsRune(dtmfDigits, digit) {
			return fmt.Errorf("%w: %q in %q, right are %s", ErrBadDigit, digit, digits, dtmfDigits)
		}
	}
	table := s.formats.Load()
	if table == nil || len(table.list) == 0 {
		return fmt.Errorf("send DTMF: %w", ErrNotNegotiated)
	}
	event := table.list[0].Codec.event()
	if !table.has[event] {
		event = Event8k
	}
	if !table.has[event] {
		return fmt.Errorf("send DTMF: %w", ErrNoDTMF)
	}
	ticker := time.NewTicker(eventStep)
	defer ticker.Stop()
	if err := s.takeTurn(ctx, &digits, ticker.C); err != nil {
		return fmt.Errorf("send DTMF: %w", err)
	}
	defer s.leaveTurn(&digits)
	for i := range len(digits) {
		if err := s.sendDigit(ctx, digits[i], event, length, ticker.C, write); err != nil {
			return fmt.Errorf("send DTMF: %w", err)
		}
	}
	for digit, ok := s.nextWaiting(&digits); ok; digit, ok = s.nextWaiting(&digits) {
		if err := s.sendDigit(ctx, digit, event, length, ticker.C, write); err != nil {
			return fmt.Errorf("send DTMF that came in between: %w", err)
		}
	}
	return nil
}

func (s *stream) sendDigit(ctx context.Context, digit byte, event Codec, length time.Duration, tick <-chan time.Time, write func(*rtp.Header, []byte) error) error {
	steps := max(int(length/eventStep), 2)
	start := s.digitTimestamp(event.ClockRate(), time.Now())
	var payload [eventOctets]byte
	payload[0] = byte(strings.IndexByte(dtmfDigits, digit)) //nolint:gosec // checked by the caller
	// After the end come three steps of silence, so that two equal digits are told apart.
	for step := range steps + endPackets + 3 {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick:
		}
		if step >= steps+endPackets {
			continue
		}
		payload[1] = eventVolume
		if step >= steps {
			payload[1] |= eventEnd
		}
		duration := min(step+1, steps) * int(frameTicks(event.ClockRate()))
		binary.BigEndian.PutUint16(payload[2:], uint16(min(duration, 0xffff))) //nolint:gosec // bounded
		header := rtp.Header{Version: 2, Marker: step == 0, Timestamp: start}
		if !s.stampOwn(&header, event, payload[:], time.Now()) {
			return ErrNoDTMF
		}
		if err := write(&header, payload[:]); err != nil {
			return err
		}
	}
	return nil
}
