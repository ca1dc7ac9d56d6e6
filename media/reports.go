package media

import (
	"sync"
	"time"

	"github.com/pion/rtcp"
)

// DefaultReportInterval is the shortest mean interval of RFC 3550 section 6.2.
const DefaultReportInterval = 5 * time.Second

// ntpEpoch is 1900-01-01 in seconds before 1970.
const ntpEpoch = 2208988800

func ntpTime(t time.Time) uint64 {
	nano := uint64(t.UnixNano())
	return (nano/1e9+ntpEpoch)<<32 | (nano%1e9)<<32/uint64(1e9) // 32.32 fixed point
}

// middle are the 32 bits in the middle of an NTP time, in which reports speak of each other.
func middle(ntp uint64) uint32 { return uint32(ntp >> 16) } //nolint:gosec // cut on purpose

// report writes our RTCP: a sender report when we have sent, a receiver report otherwise, and our name.
func (s *stream) report(now time.Time) []rtcp.Packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	var received []rtcp.ReceptionReport
	if s.in.started {
		received = []rtcp.ReceptionReport{s.in.report(now)}
	}
	var first rtcp.Packet = &rtcp.ReceiverReport{SSRC: s.ssrc, Reports: received}
	if s.out.packets > 0 {
		first = &rtcp.SenderReport{
			SSRC: s.ssrc, NTPTime: ntpTime(now), RTPTime: s.nowTimestampLocked(s.clockLocked(), now),
			PacketCount: s.out.packets, OctetCount: s.out.octets, Reports: received,
		}
	}
	name := rtcp.SourceDescriptionItem{Type: rtcp.SDESCNAME, Text: "sidecar"}
	return []rtcp.Packet{first, &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: s.ssrc, Items: []rtcp.SourceDescriptionItem{name}}}}}
}

// takeReports reads the other side's RTCP.
func (s *stream) takeReports(packets []rtcp.Packet, now time.Time) {
	s.lastHeard.Store(now.UnixNano())
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, packet := range packets {
		switch p := packet.(type) {
		case *rtcp.SenderReport:
			if s.in.started && p.SSRC == s.in.ssrc {
				s.in.lastSR, s.in.lastSRAt = middle(p.NTPTime), now
			}
			s.takeReceptionLocked(p.Reports, now)
		case *rtcp.ReceiverReport:
			s.takeReceptionLocked(p.Reports, now)
		}
	}
}

func (s *stream) takeReceptionLocked(reports []rtcp.ReceptionReport, now time.Time) {
	for _, r := range reports {
		if r.SSRC != s.ssrc {
			continue
		}
		s.far = r
		s.reports++
		if r.LastSenderReport == 0 {
			continue
		}
		// RFC 3550 section 6.4.1: A - LSR - DLSR, in 1/65536 s. A clock that was set in between makes nonsense of it.
		if trip := int32(middle(ntpTime(now)) - r.LastSenderReport - r.Delay); trip >= 0 { //nolint:gosec // modulo 2^32 is meant
			s.rtt = time.Duration(trip) * time.Second / 65536
		}
	}
}

// reporter calls a function at intervals without a goroutine of its own in between.
type reporter struct {
	mu     sync.Mutex
	timer  *time.Timer
	closed bool
}

// start begins the calls; a second start changes nothing.
func (r *reporter) start(every time.Duration, fn func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.timer != nil {
		return
	}
	r.timer = time.AfterFunc(every, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.closed {
			return
		}
		fn()
		r.timer.Reset(every)
	})
}

// close ends the calls and waits for one that is running.
func (r *reporter) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
	}
}
