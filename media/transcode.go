package media

import (
	"fmt"
	"math/rand/v2"

	"github.com/pion/rtp"

	"sidecar/internal/g722"
	"sidecar/internal/opus"
)

// CanTranscode reports whether this program can make sound of one codec into sound of the other, both ways. What is the
// same on both sides needs no conversion and always can. Opus depends on the library that this program was built with.
func CanTranscode(a, b Codec) bool {
	return audible(a) && (a == b || audible(b) && (opus.Built || a != Opus && b != Opus))
}

func audible(c Codec) bool { return c == PCMU || c == PCMA || c == G722 || c == Opus }

// noTranscoder says why there is no way from one codec to the other.
func noTranscoder(a, b Codec) error {
	if !opus.Built && (a == Opus || b == Opus) {
		return fmt.Errorf("%w between %s and %s: %w", ErrNoTranscoder, a, b, opus.ErrNotBuilt)
	}
	return fmt.Errorf("%w between %s and %s", ErrNoTranscoder, a, b)
}

const (
	// concealed is how much lost sound is made up, in milliseconds; what is longer than that is a pause.
	concealed = 100
	// mostMillis is the longest sound that a packet of receiveMTU octets can stand for, in any of our codecs.
	mostMillis = receiveMTU / 8
)

// transcoder turns packets of one codec into those of another with another clock: opus on one side. Unlike a converter it
// cuts its own frames of 20 ms and numbers them itself, because one packet in may be several out, or none.
//
// It has no jitter buffer: a packet that comes after its successor is left out, for its place has been filled already.
// It belongs to one goroutine and allocates nothing per packet.
type transcoder struct {
	from, to Codec
	source   uint64 // the key of its stream at the End that it leads to
	rate     int    // samples a second between the two codecs
	frame    int    // samples of 20 ms

	decode  decoder
	conceal func(samples []int16, n int, after []byte) []int16 // nil leaves a gap, which the far end fills as it does any loss
	encode  encoder

	begun   bool
	ssrc    uint32
	lastSeq uint16     // of what came
	nextTS  uint32     // of what should come
	header  rtp.Header // of the next packet out
	out     rtp.Header // of the last one
	samples []int16    // decoded, whole frames and a remainder
	taken   int        // of samples, by next
	payload []byte
}

// newTranscoder makes one for two codecs of which CanTranscode is true.
func newTranscoder(from, to Codec) (*transcoder, error) {
	t := &transcoder{from: from, to: to, rate: 8000}
	if from == G722 || to == G722 {
		t.rate = 16000
	}
	t.frame = t.rate / 50
	t.samples = make([]int16, 0, t.rate/1000*(concealed+mostMillis+opus.MaxMillis))
	t.payload = make([]byte, 0, receiveMTU)
	t.renew()
	if err := t.openDecoder(); err != nil {
		return nil, err
	}
	var err error
	t.encode, err = encoderAt(to, t.rate)
	return t, err
}

func (t *transcoder) openDecoder() error {
	switch t.from {
	case PCMU:
		t.decode = decodeULaw
	case PCMA:
		t.decode = decodeALaw
	case G722:
		t.decode = g722.NewDecoder().Decode
	case Opus:
		lib, err := opus.NewDecoder(t.rate)
		if err != nil {
			return fmt.Errorf("%w from opus: %w", ErrNoTranscoder, err)
		}
		t.decode = func(samples []int16, payload []byte) []int16 {
			samples, _ = lib.Decode(samples, payload)
			return samples
		}
		t.conceal = func(samples []int16, n int, after []byte) []int16 {
			samples, _ = lib.Conceal(samples, n, after)
			return samples
		}
	case Unknown, Event8k, Event48k, codecCount:
		return noTranscoder(t.from, t.to)
	}
	return nil
}

// renew begins a new stream towards the far end.
func (t *transcoder) renew() {
	t.source, t.begun = rand.Uint64()|1, false //nolint:gosec // tells sources apart, no secret
	t.header = rtp.Header{Version: 2}
}

// take decodes a packet; next then yields what came of it. It reports false for a packet that has no place any more.
func (t *transcoder) take(packet *rtp.Packet) bool {
	if t.begun && (packet.SSRC != t.ssrc || jumps(packet.SequenceNumber-t.lastSeq)) {
		t.renew()
	}
	if !t.begun {
		t.begun, t.ssrc, t.lastSeq, t.nextTS = true, packet.SSRC, packet.SequenceNumber-1, packet.Timestamp
		t.samples, t.taken = t.samples[:0], 0
	}
	t.compact()
	steps := int16(packet.SequenceNumber - t.lastSeq) //nolint:gosec // serial number arithmetic of RFC 1982
	if steps <= 0 {
		return false
	}
	t.fill(packet, int(steps)-1)
	before := len(t.samples)
	t.samples = t.decode(t.samples, packet.Payload)
	t.lastSeq, t.nextTS = packet.SequenceNumber, packet.Timestamp+t.ticks(len(t.samples)-before, t.from)
	if len(t.samples) == before {
		t.lastSeq-- // what can't be decoded is as good as lost
	}
	return true
}

// fill deals with the time between the last packet and this one: loss is concealed, a pause stays one.
func (t *transcoder) fill(packet *rtp.Packet, lost int) {
	clock := t.from.ClockRate()
	gap := packet.Timestamp - t.nextTS
	if gap == 0 {
		return
	}
	// The sender's clock may have been set anew, backwards even; that is a pause of unknown length.
	short := gap <= concealed*clock/1000
	if missing := int(gap) * t.rate / int(clock); short && lost > 0 && t.conceal != nil {
		for missing > t.frame {
			t.samples = t.conceal(t.samples, t.frame, nil)
			missing -= t.frame
		}
		if missing > 0 {
			t.samples = t.conceal(t.samples, missing, packet.Payload)
		}
		return
	}
	// A remainder of the sound before the gap is too short to be heard alone.
	t.header.Timestamp += t.ticks(len(t.samples), t.to)
	t.samples = t.samples[:0]
	if int32(gap) > 0 { //nolint:gosec // serial number arithmetic
		t.header.Timestamp += uint32(uint64(gap) * uint64(t.to.ClockRate()) / uint64(clock)) //nolint:gosec // wraps as timestamps do
	}
	if short && lost > 0 {
		t.header.SequenceNumber += uint16(min(lost, concealed/20))
	} else {
		t.header.Marker = true
	}
}

// pass notes a packet that is none of the sound's, so that its number isn't taken for a loss.
func (t *transcoder) pass(seq uint16) {
	if t.begun && int16(seq-t.lastSeq) > 0 { //nolint:gosec // serial number arithmetic
		t.lastSeq = seq
	}
}

// next encodes the next frame into header and payload, which are good until the next call. It reports false when there is
// no whole frame left.
func (t *transcoder) next() (header *rtp.Header, payload []byte, ok bool) {
	if len(t.samples)-t.taken < t.frame {
		return nil, nil, false
	}
	t.payload = t.encode(t.payload[:0], t.samples[t.taken:t.taken+t.frame])
	t.taken += t.frame
	return t.stamp(frameTicks(t.to.ClockRate())), t.payload, true
}

// stamp is the header of the next packet of this stream, which lasts for some ticks of its clock.
func (t *transcoder) stamp(length uint32) *rtp.Header {
	t.out = t.header
	t.header.SequenceNumber++
	t.header.Timestamp += length
	t.header.Marker = false
	return &t.out
}

func (t *transcoder) compact() {
	t.samples = t.samples[:copy(t.samples, t.samples[t.taken:])]
	t.taken = 0
}

// ticks is how far a number of samples moves a codec's clock.
func (t *transcoder) ticks(samples int, c Codec) uint32 {
	return uint32(samples) * c.ClockRate() / uint32(t.rate) //nolint:gosec // bounded by a packet's length
}
