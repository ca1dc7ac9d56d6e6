package media

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/pion/rtp"
)

// link is one direction. What it needs per packet is in place when it starts: it allocates nothing.
type link struct {
	to      End
	source  uint64      // upper half of the source key; the lower one is the SSRC
	muted   atomic.Bool // somebody else plays to this end
	dropped atomic.Uint64
	failed  atomic.Uint64

	// Owned by the reader of the other end. lastEvent joins the packets of one digit whose clock must change.
	lastEvent, eventStart uint32
	inEvent               bool
	lastSound             uint32 // timestamp of the last packet of sound
	converter             *converter
	transcoder            *transcoder // while the sound changes its clock; events then go by its numbers
}

func newLink(to End) *link {
	return &link{to: to, source: uint64(rand.Uint32()|1) << 32} //nolint:gosec // tells sources apart, no secret
}

// successor is a link to the same end that begins anew.
func (l *link) successor() *link {
	next := newLink(l.to)
	next.muted.Store(l.muted.Load())
	next.dropped.Store(l.dropped.Load())
	next.failed.Store(l.failed.Load())
	return next
}

// take is the sink of the end that the link comes from.
func (l *link) take(codec Codec, packet *rtp.Packet) {
	if l.muted.Load() {
		return
	}
	if codec.IsEvent() {
		l.takeEvent(codec, packet)
		return
	}
	l.lastSound = packet.Timestamp
	switch {
	case codec != Unknown && l.to.Carries(codec):
		l.transcoder = nil
		l.forward(l.key(packet), codec, &packet.Header, packet.Payload)
	case l.convert(codec, packet):
		l.forward(l.key(packet), l.converter.to, &packet.Header, packet.Payload)
	case l.transcodes(codec):
		l.transcode(packet)
	default:
		l.drop(packet)
	}
}

// key names the stream of a packet that keeps its numbers.
func (l *link) key(packet *rtp.Packet) uint64 { return l.source | uint64(packet.SSRC) }

func (l *link) forward(source uint64, codec Codec, header *rtp.Header, payload []byte) {
	if err := l.to.Forward(source, codec, header, payload); err != nil {
		l.failed.Add(1)
	}
}

func (l *link) drop(packet *rtp.Packet) {
	l.dropped.Add(1)
	if l.transcoder != nil {
		l.transcoder.pass(packet.SequenceNumber)
		return
	}
	l.to.Skip(l.key(packet), packet.SequenceNumber)
}

// convert puts the payload into the codec that the far end prefers, where the clock is the same; it reports false when it
// can't.
func (l *link) convert(codec Codec, packet *rtp.Packet) bool {
	to := l.to.Preferred()
	if !convertible(codec) || !convertible(to) || len(packet.Payload) > receiveMTU {
		return false
	}
	if l.converter == nil || l.converter.from != codec || l.converter.to != to {
		l.converter = newConverter(codec, to)
	}
	l.transcoder = nil
	packet.Payload = l.converter.convert(packet.Payload)
	return true
}

// transcodes makes the transcoder from a codec to the one that the far end prefers; it reports false when there is none.
func (l *link) transcodes(codec Codec) bool {
	to := l.to.Preferred()
	if codec == to || !CanTranscode(codec, to) {
		return false
	}
	if l.transcoder != nil && l.transcoder.from == codec && l.transcoder.to == to {
		return true
	}
	t, err := newTranscoder(codec, to)
	if err != nil {
		return false
	}
	l.transcoder = t
	return true
}

func (l *link) transcode(packet *rtp.Packet) {
	t := l.transcoder
	if len(packet.Payload) > receiveMTU || !t.take(packet) {
		l.dropped.Add(1)
		return
	}
	for header, payload, ok := t.next(); ok; header, payload, ok = t.next() {
		l.forward(t.source, t.to, header, payload)
	}
}

// takeEvent passes a digit on, in the clock that the far end knows.
func (l *link) takeEvent(codec Codec, packet *rtp.Packet) {
	to := codec
	if !l.to.Carries(to) {
		if to = otherEvent(codec); !l.to.Carries(to) {
			l.drop(packet)
			return
		}
		rescale(packet.Payload, codec.ClockRate(), to.ClockRate())
	}
	first := !l.inEvent || packet.Timestamp != l.lastEvent
	l.inEvent, l.lastEvent = true, packet.Timestamp
	if t := l.transcoder; t != nil {
		t.pass(packet.SequenceNumber)
		if first {
			l.eventStart = t.header.Timestamp
		}
		header := t.stamp(0)
		header.Timestamp, header.Marker = l.eventStart, packet.Marker
		l.forward(t.source, to, header, packet.Payload)
		return
	}
	if to != codec {
		// Its own timestamp means nothing in the other clock, so the digit begins where the sound is.
		if first {
			l.eventStart = l.lastSound
		}
		packet.Timestamp = l.eventStart
	}
	l.forward(l.key(packet), to, &packet.Header, packet.Payload)
}

func otherEvent(c Codec) Codec {
	if c == Event8k {
		return Event48k
	}
	return Event8k
}
