package media

import (
	"math/rand/v2"
	"time"

	"github.com/pion/rtp"
)

// outbound makes one unbroken RTP stream out of whatever feeds it: the other leg, its next SSRC after a transfer, music.
// Within one source the gaps stay as they are, so that the receiver counts what the network lost and nothing else.
type outbound struct {
	source    uint64 // who feeds it; 0 is nobody yet
	seqOffset uint16
	tsOffset  uint32
	lastIn    uint16 // highest number of the source
	floor     uint16 // older numbers of the source are dropped: they would be taken for others
	floored   bool
	resumed   uint16 // the number that would prove that the source began anew
	jumped    bool

	lastSeq uint16
	lastTS  uint32
	lastAt  time.Time
	begun   bool

	packets, octets uint32
}

// frameTicks is 20 ms, the step to the first packet of a new source when no time has passed.
func frameTicks(clock uint32) uint32 { return clock / 50 }

// next rewrites a header of a source for this stream; it reports false for a packet that is too old to have a place, and
// for the first one of a jump. The second one in a row says that the source began anew under its old SSRC: another branch of
// a fork, a peer that was started again. Its numbers mean nothing then.
func (o *outbound) next(source uint64, h *rtp.Header, clock uint32, now time.Time) bool {
	switch {
	case source != o.source || !o.begun:
		o.follow(source, h, clock, now)
		h.Marker = true
	case jumps(h.SequenceNumber - o.lastIn):
		if !o.jumped || h.SequenceNumber != o.resumed {
			o.jumped, o.resumed = true, h.SequenceNumber+1
			return false
		}
		o.follow(source, h, clock, now)
		h.Marker = true
	case int16(h.SequenceNumber-o.lastIn) > 0: //nolint:gosec // serial number arithmetic of RFC 1982
		o.lastIn = h.SequenceNumber
	case o.floored && int16(h.SequenceNumber-o.floor) <= 0: //nolint:gosec // likewise
		return false
	}
	h.SequenceNumber += o.seqOffset
	h.Timestamp += o.tsOffset
	if int16(h.SequenceNumber-o.lastSeq) > 0 || o.packets == 0 { //nolint:gosec // likewise
		o.lastSeq, o.lastTS, o.lastAt = h.SequenceNumber, h.Timestamp, now
	}
	return true
}

// jumps reports whether a step between two numbers is neither loss nor disorder (RFC 3550 appendix A.1).
func jumps(step uint16) bool { return step >= maxDropout && step <= 0xffff-maxMisorder }

// follow joins a new source to the stream: the next number, and a timestamp as much later as time has passed.
func (o *outbound) follow(source uint64, h *rtp.Header, clock uint32, now time.Time) {
	if !o.begun {
		// RFC 3550 section 5.1 wants both to begin at random.
		o.begun, o.lastSeq, o.lastTS, o.lastAt = true, uint16(rand.Uint32()), rand.Uint32(), now //nolint:gosec // unpredictable enough beside SRTP
	}
	step := max(uint32(now.Sub(o.lastAt).Milliseconds())*(clock/1000), frameTicks(clock)) //nolint:gosec // wraps after a day, as timestamps do
	o.source, o.lastIn, o.floor, o.floored, o.jumped = source, h.SequenceNumber, h.SequenceNumber-1, true, false
	o.seqOffset = o.lastSeq + 1 - h.SequenceNumber
	o.tsOffset = o.lastTS + step - h.Timestamp
}

// skip closes the gap that a dropped packet would leave.
func (o *outbound) skip(source uint64, seq uint16) {
	if source == o.source && seq == o.lastIn+1 {
		o.lastIn, o.floor, o.floored = seq, seq, true
		o.seqOffset--
	}
}

// insert makes room for a packet of our own: the header of the next packet in the stream.
func (o *outbound) insert(h *rtp.Header, clock uint32, now time.Time) {
	if !o.begun {
		o.follow(o.source, &rtp.Header{}, clock, now)
	}
	o.lastSeq++
	o.seqOffset++
	h.SequenceNumber = o.lastSeq
}

// sent counts a packet for the sender report.
func (o *outbound) sent(octets int) {
	o.packets++
	o.octets += uint32(octets) //nolint:gosec // wraps as RFC 3550 section 6.4.1 lets it
}
