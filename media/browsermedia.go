package media

import (
	"context"
	"errors"
	"time"

	"github.com/pion/rtp"
)

// OnState sets who is told of the transport's state. It runs in the Peer's goroutine and must not block.
func (l *BrowserLeg) OnState(fn func(PeerState)) { l.onState.Store(&fn) }

// State is how the browser's transport is.
func (l *BrowserLeg) State() PeerState { return PeerState(l.state.Load()) } //nolint:gosec // set by takeState only

func (l *BrowserLeg) takeState(state PeerState) {
	l.state.Store(uint32(state))
	if fn := l.onState.Load(); fn != nil {
		(*fn)(state)
	}
}

// SetSink sets who takes what arrives; nil is nobody.
func (l *BrowserLeg) SetSink(sink Sink) { setSink(&l.sink, sink) }

// SetTap sets who listens in on what arrives; nil is nobody, and costs nothing.
func (l *BrowserLeg) SetTap(tap Sink) { setSink(&l.tap, tap) }

// Forward sends a packet of a source as the next one of our stream. It changes the header; the payload is left alone.
// What the direction forbids, and what comes before the transport is up, is not sent and not an error.
func (l *BrowserLeg) Forward(source uint64, codec Codec, header *rtp.Header, payload []byte) error {
	if !l.sends.Load() {
		return nil
	}
	if !l.stamp(source, header, codec, payload, time.Now()) {
		l.unsent.Add(1)
		return nil
	}
	return l.write(header, payload)
}

// Alive reports whether media of the browser may still come: not when RTP, RTCP and ICE consent are all gone for as long
// as limit. A muted or held browser keeps its consent.
func (l *BrowserLeg) Alive(now time.Time, limit time.Duration) bool {
	state := l.State()
	return state == PeerConnected || state != PeerClosed && l.heardWithin(now, limit)
}

// Skip tells the stream that a packet of the source is left out on purpose.
func (l *BrowserLeg) Skip(source uint64, seq uint16) { l.skip(source, seq) }

// SendDigits sends DTMF digits as RFC 4733 events, each of the given length, and returns when they are out.
func (l *BrowserLeg) SendDigits(ctx context.Context, digits string, length time.Duration) error {
	return l.sendDigits(ctx, digits, length, l.write)
}

func (l *BrowserLeg) write(header *rtp.Header, payload []byte) error {
	err := l.peer.WriteRTP(Audio, header, payload)
	if err == nil {
		return nil
	}
	l.unsent.Add(1)
	if errors.Is(err, ErrNotNegotiated) {
		return nil
	}
	return err
}

// sendReport is called by the reporter. A report that can't be sent is followed by the next one.
func (l *BrowserLeg) sendReport() {
	if l.State() == PeerConnected {
		_ = l.peer.WriteRTCP(Audio, l.report(time.Now()))
	}
}
