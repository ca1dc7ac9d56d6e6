package media

import (
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// Limits of RFC 3550 appendix A.1.
const (
	maxDropout  = 3000
	maxMisorder = 100
)

// inbound counts what arrives in one direction, as RFC 3550 section 6.4 and appendix A say.
type inbound struct {
	ssrc     uint32
	started  bool
	clock    uint32
	base     uint16
	highest  uint16
	cycles   uint32
	badNext  uint32 // the number that would prove that the sender has jumped
	received uint32 // since base

	expectedPrior, receivedPrior uint32 // at the last report

	transit   int64
	jitter    float64 // in clock ticks
	lastSR    uint32  // middle bits of the NTP time
	lastSRAt  time.Time
	lostSoFar uint32 // of streams before this one
	allSoFar  uint64
}

// take counts a packet that arrived now.
func (in *inbound) take(h *rtp.Header, clock uint32, now time.Time) {
	switch {
	case !in.started || h.SSRC != in.ssrc:
		in.restart(h)
	default:
		switch delta := h.SequenceNumber - in.highest; {
		case delta < maxDropout:
			if h.SequenceNumber < in.highest {
				in.cycles += 1 << 16
			}
			in.highest = h.SequenceNumber
		case delta <= 0xffff-maxMisorder:
			// A jump: two packets in a row say that the sender began anew.
			if uint32(h.SequenceNumber) != in.badNext {
				in.badNext = uint32(h.SequenceNumber + 1)
				return
			}
			in.restart(h)
		}
	}
	in.received++
	in.allSoFar++
	in.measure(h, clock, now)
}

func (in *inbound) restart(h *rtp.Header) {
	if in.started {
		in.lostSoFar += in.lostNow()
	}
	keepSR, keepAt := in.lastSR, in.lastSRAt
	if h.SSRC != in.ssrc {
		keepSR, keepAt = 0, time.Time{}
	}
	*in = inbound{
		ssrc: h.SSRC, started: true, base: h.SequenceNumber, highest: h.SequenceNumber, badNext: 1 << 16,
		lostSoFar: in.lostSoFar, allSoFar: in.allSoFar, jitter: in.jitter, lastSR: keepSR, lastSRAt: keepAt,
	}
}

// measure follows the jitter, RFC 3550 appendix A.8. Events carry the timestamp of their start and don't count; neither
// does the first packet in a new clock.
func (in *inbound) measure(h *rtp.Header, clock uint32, now time.Time) {
	if clock == 0 {
		return
	}
	arrival := int64(now.UnixMicro()) * int64(clock) / 1e6
	transit := int64(int32(uint32(arrival) - h.Timestamp)) //nolint:gosec // arithmetic modulo 2^32 is meant
	if in.clock == clock {
		d := int64(int32(transit - in.transit)) //nolint:gosec // likewise
		in.jitter += (float64(max(d, -d)) - in.jitter) / 16
	}
	in.clock, in.transit = clock, transit
}

func (in *inbound) extended() uint32 { return in.cycles + uint32(in.highest) }

func (in *inbound) expected() uint32 {
	if !in.started {
		return 0
	}
	return in.extended() - uint32(in.base) + 1
}

func (in *inbound) lostNow() uint32 {
	if expected := in.expected(); expected > in.received {
		return expected - in.received
	}
	return 0 // duplicates may make it negative
}

// report writes the reception report about this stream and begins the next interval.
func (in *inbound) report(now time.Time) rtcp.ReceptionReport {
	expected := in.expected()
	interval, got := expected-in.expectedPrior, in.received-in.receivedPrior
	in.expectedPrior, in.receivedPrior = expected, in.received
	var fraction uint8
	if interval > got {
		fraction = uint8(min((interval-got)<<8/interval, 255))
	}
	r := rtcp.ReceptionReport{
		SSRC: in.ssrc, FractionLost: fraction, TotalLost: min(in.lostSoFar+in.lostNow(), 1<<23-1),
		LastSequenceNumber: in.extended(), Jitter: uint32(in.jitter), LastSenderReport: in.lastSR,
	}
	if !in.lastSRAt.IsZero() {
		r.Delay = uint32(now.Sub(in.lastSRAt).Seconds() * 65536)
	}
	return r
}
