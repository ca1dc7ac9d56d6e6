package media

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// Sink takes the packets of a leg that stand for a codec both sides agreed on. The packet is valid until it returns.
type Sink func(codec Codec, packet *rtp.Packet)

// comfortNoise is the static payload type of RFC 3389, which many peers send without having negotiated it.
const comfortNoise = 13

// stream is what the two kinds of legs share: numbers, counters, reports. It knows no socket.
type stream struct {
	formats atomic.Pointer[formatTable]
	sink    atomic.Pointer[Sink]
	tap     atomic.Pointer[Sink] // hears everything that the sink hears; nil costs one load
	digits  atomic.Pointer[func(Digit)]

	unknown, noise, strangers, malformed, unsent atomic.Uint64
	lastHeard                                    atomic.Int64 // UnixNano of the last packet, RTP or RTCP

	negotiated atomic.Int64 // UnixNano of the last description

	mu      sync.Mutex
	in      inbound
	out     outbound
	ssrc    uint32 // of what we send
	rtt     time.Duration
	far     rtcp.ReceptionReport
	reports uint64
	event   eventState
	turns   turns
}

// formatTable answers both questions about a payload type without a search.
type formatTable struct {
	codecs   [128]Codec
	payloads [codecCount]uint8
	has      [codecCount]bool
	list     []Format
}

func (s *stream) setFormats(formats []Format) {
	t := &formatTable{list: formats}
	for _, f := range formats {
		t.codecs[f.PayloadType&0x7f] = f.Codec
		if !t.has[f.Codec] {
			t.payloads[f.Codec], t.has[f.Codec] = f.PayloadType, true
		}
	}
	s.formats.Store(t)
}

func (s *stream) setSSRC(ssrc uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ssrc = ssrc
}

func (s *stream) codecOf(payloadType uint8) Codec {
	if t := s.formats.Load(); t != nil {
		return t.codecs[payloadType&0x7f]
	}
	return Unknown
}

// receive counts a packet and hands it on.
func (s *stream) receive(packet *rtp.Packet, now time.Time) {
	s.lastHeard.Store(now.UnixNano())
	codec := s.codecOf(packet.PayloadType)
	clock := codec.ClockRate()
	if codec.IsEvent() {
		clock = 0
	}
	s.mu.Lock()
	s.in.take(&packet.Header, clock, now)
	var digit Digit
	var pressed bool
	if codec.IsEvent() {
		digit, pressed = s.event.take(packet, codec)
	}
	s.mu.Unlock()
	if codec == Unknown {
		s.unknown.Add(1)
		if packet.PayloadType == comfortNoise {
			s.noise.Add(1)
		}
	}
	if pressed {
		if fn := s.digits.Load(); fn != nil {
			(*fn)(digit)
		}
	}
	if tap := s.tap.Load(); tap != nil && codec != Unknown {
		(*tap)(codec, packet)
	}
	// The sink sees unknown packets too: whoever feeds another stream must close the gap.
	if sink := s.sink.Load(); sink != nil {
		(*sink)(codec, packet)
	}
}

// stamp turns the header of a source's packet into the next one of our stream.
func (s *stream) stamp(source uint64, h *rtp.Header, codec Codec, payload []byte, now time.Time) bool {
	table := s.formats.Load()
	if table == nil || !table.has[codec] {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// Our own digits replace the sound, as a telephone's do: a receiver ends a digit when the sound gets ahead of it (Asterisk
	// by 150 ms) and takes its next packet for another digit.
	digit := event{source, h.Timestamp}
	if codec.IsEvent() && !s.turns.admit(digit, payload, now) || !codec.IsEvent() && s.turns.sending {
		s.out.skip(source, h.SequenceNumber)
		return false
	}
	if !s.out.next(source, h, codec.ClockRate(), now) {
		return false
	}
	if codec.IsEvent() {
		s.turns.place(digit, h, payload, codec.ClockRate())
	}
	h.PayloadType, h.SSRC = table.payloads[codec], s.ssrc
	// Extensions, contributors and padding belong to the leg that they came from.
	h.Extension, h.Padding, h.PaddingSize = false, false, 0
	h.Extensions, h.CSRC = h.Extensions[:0], h.CSRC[:0]
	s.out.sent(len(payload))
	return true
}

func (s *stream) skip(source uint64, seq uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.skip(source, seq)
}

// stampOwn is stamp for a packet of a digit that we put between those of the source.
func (s *stream) stampOwn(h *rtp.Header, codec Codec, payload []byte, now time.Time) bool {
	table := s.formats.Load()
	if table == nil || !table.has[codec] {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.insert(h, codec.ClockRate(), now)
	h.PayloadType, h.SSRC = table.payloads[codec], s.ssrc
	s.out.sent(len(payload))
	s.turns.ends(h, payload)
	return true
}

// digitTimestamp is the RTP time of a digit that begins at this moment in our stream.
func (s *stream) digitTimestamp(clock uint32, now time.Time) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.turns.notBefore(s.nowTimestampLocked(clock, now), clock)
}

func (s *stream) nowTimestampLocked(clock uint32, now time.Time) uint32 {
	if !s.out.begun {
		s.out.follow(s.out.source, &rtp.Header{}, clock, now)
	}
	return s.out.lastTS + uint32(now.Sub(s.out.lastAt).Milliseconds())*(clock/1000) //nolint:gosec // wraps as timestamps do
}

// Quality returns the figures of the leg up to now.
func (s *stream) Quality() Quality {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := Quality{
		Received: s.in.allSoFar, Lost: s.in.lostSoFar + s.in.lostNow(), RTT: s.rtt, Sent: s.out.packets,
		FarLost: s.far.TotalLost, FarLoss: float64(s.far.FractionLost) / 256, FarReports: s.reports,
		UnknownPayload: s.unknown.Load(), ComfortNoise: s.noise.Load(), Strangers: s.strangers.Load(), Malformed: s.malformed.Load(), Unsent: s.unsent.Load(),
	}
	if all := q.Received + uint64(q.Lost); all > 0 {
		q.Loss = float64(q.Lost) / float64(all)
	}
	if s.in.clock > 0 {
		q.Jitter = ticks(s.in.jitter, s.in.clock)
	}
	if clock := s.clockLocked(); clock > 0 {
		q.FarJitter = ticks(float64(s.far.Jitter), clock)
	}
	if q.Received > 0 {
		q.MOS = MOS(q.Loss, q.Jitter, q.RTT)
	}
	return q
}

func (s *stream) clockLocked() uint32 {
	if table := s.formats.Load(); table != nil && len(table.list) > 0 {
		return table.list[0].Codec.ClockRate()
	}
	return 0
}

func ticks(n float64, clock uint32) time.Duration {
	return time.Duration(n / float64(clock) * float64(time.Second))
}

// OnDigit sets who is told of the other side's DTMF digits.
func (s *stream) OnDigit(fn func(Digit)) { s.digits.Store(&fn) }

// LastHeard is when the last packet of the other side came, RTP or RTCP; zero for never.
func (s *stream) LastHeard() time.Time {
	if nano := s.lastHeard.Load(); nano != 0 {
		return time.Unix(0, nano)
	}
	return time.Time{}
}

func (s *stream) heardWithin(now time.Time, limit time.Duration) bool {
	last := max(s.lastHeard.Load(), s.negotiated.Load())
	return last != 0 && now.Sub(time.Unix(0, last)) < limit
}

// Carries reports whether both sides agreed on the codec.
func (s *stream) Carries(c Codec) bool {
	table := s.formats.Load()
	return table != nil && table.has[c]
}

// Preferred is the first codec that both sides agreed on, Unknown before they did.
func (s *stream) Preferred() Codec {
	if table := s.formats.Load(); table != nil && len(table.list) > 0 {
		return table.list[0].Codec
	}
	return Unknown
}
