package phone

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/pion/rtp"
)

// dtmfDigits in the order of their event codes (RFC 4733 section 3.2, table 3).
const dtmfDigits = "0123456789*#ABCD"

const (
	digitFrames = 5 // 100 ms of tone
	endFrames   = 3 // the end is sent three times, RFC 4733 section 2.5.1.4
	gapFrames   = 3 // 60 ms between two digits
	dtmfVolume  = 10
	endBit      = 0x80
)

// dtmfFrame is one telephone-event packet, or none when it is not active.
type dtmfFrame struct {
	active      bool
	first       bool
	payloadType uint8
	age         uint32 // samples since the event began: its timestamp is that of its start
	payload     [4]byte
}

// dtmfSender turns queued digits into frames. It is guarded by media.mu.
type dtmfSender struct {
	queue []byte
	frame int           // of the digit in front
	idle  chan struct{} // closed when the queue has been sent
}

// next returns what to send in this packet time.
func (s *dtmfSender) next(payloadType uint8) dtmfFrame {
	if len(s.queue) == 0 || payloadType == 0 {
		return dtmfFrame{}
	}
	frame := s.frame
	s.frame++
	if frame >= digitFrames+endFrames+gapFrames-1 {
		s.frame, s.queue = 0, s.queue[1:]
		if len(s.queue) == 0 && s.idle != nil {
			close(s.idle)
			s.idle = nil
		}
	}
	if frame >= digitFrames+endFrames {
		return dtmfFrame{}
	}
	f := dtmfFrame{active: true, first: frame == 0, payloadType: payloadType, age: uint32(frame) * packetSamples} //nolint:gosec // at most 7
	f.payload[0] = byte(strings.IndexByte(dtmfDigits, s.queue[0]))                                                //nolint:gosec // checked by SendDTMF
	f.payload[1] = dtmfVolume
	if frame >= digitFrames {
		f.payload[1] |= endBit
	}
	binary.BigEndian.PutUint16(f.payload[2:], uint16(min(frame+1, digitFrames)*packetSamples)) //nolint:gosec // at most 800
	return f
}

// SendDTMF sends the digits as RFC 4733 events and returns when they are out.
func (c *Call) SendDTMF(ctx context.Context, digits string) error {
	for _, digit := range digits {
		if !strings.ContainsRune(dtmfDigits, digit) {
			return fmt.Errorf("%w: %q in %q", ErrBadDigit, digit, digits)
		}
	}
	if c.State() != Established {
		return fmt.Errorf("send DTMF: %w: %s", ErrState, c.State())
	}
	if digits == "" {
		return nil
	}
	idle, err := c.media.queueDigits(digits)
	if err != nil {
		return err
	}
	select {
	case <-idle:
		return nil
	case <-c.done:
		return fmt.Errorf("send DTMF: %w %s", ErrEnded, c.EndCause())
	case <-ctx.Done():
		return fmt.Errorf("send DTMF: %w", context.Cause(ctx))
	}
}

// DTMF returns the digits received so far, by RFC 4733 or INFO.
func (c *Call) DTMF() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.digits)
}

// WaitDTMF blocks until the digits received so far contain want.
func (c *Call) WaitDTMF(ctx context.Context, want string) error {
	err := c.await(ctx, "DTMF "+want, func() bool { return strings.Contains(string(c.digits), want) })
	if err != nil {
		return fmt.Errorf("%w; so far %q", err, c.DTMF())
	}
	return nil
}

func (c *Call) addDigit(digit byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.digits = append(c.digits, digit)
	c.bumpLocked()
}

func (m *media) queueDigits(digits string) (<-chan struct{}, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.peer.dtmf == 0 {
		return nil, ErrNoDTMF
	}
	m.digits.queue = append(m.digits.queue, digits...)
	if m.digits.idle == nil {
		m.digits.idle = make(chan struct{})
	}
	return m.digits.idle, nil
}

// takeDigit reports an event once: all its packets carry the timestamp of its start.
func (m *media) takeDigit(packet *rtp.Packet) {
	if len(packet.Payload) < 4 {
		m.strays.Add(1)
		return
	}
	m.idle.Store(0)
	if m.inEvent && packet.Timestamp == m.lastEvent {
		return
	}
	m.inEvent, m.lastEvent = true, packet.Timestamp
	if code := int(packet.Payload[0]); code < len(dtmfDigits) {
		m.onDigit(dtmfDigits[code])
	}
}

// takeInfo reads the digit of an INFO with application/dtmf-relay or application/dtmf.
func takeInfo(contentType, body string) (digit byte, ok bool) {
	mediaType, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	switch strings.TrimSpace(mediaType) {
	case "application/dtmf":
		body = strings.TrimSpace(body)
	case "application/dtmf-relay":
		for line := range strings.Lines(body) {
			if key, value, found := strings.Cut(line, "="); found && strings.EqualFold(strings.TrimSpace(key), "signal") {
				body = strings.TrimSpace(value)
				break
			}
		}
	default:
		return 0, false
	}
	if len(body) != 1 || !strings.Contains(dtmfDigits, strings.ToUpper(body)) {
		return 0, false
	}
	return strings.ToUpper(body)[0], true
}
