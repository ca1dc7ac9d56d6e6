package media

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/pion/rtp"
)

// probation is how many packets in a row a source must send before it counts, when it isn't the very address that the
// description names. One stray packet of an old call must not turn a new call's sound away.
const probation = 3

// gate decides whose packets belong to the call, and where ours go: symmetric RTP (RFC 4961) with a lock on it.
//
//	described --packet from the described address--> latched on it
//	described --3 packets in a row from another port of that host (any host if behind NAT)--> latched on that
//	latched   --3 packets in a row of the same SSRC from another port of that host--> latched on that
//	any       --new address in a description--> described
type gate struct {
	behindNAT bool
	open      atomic.Pointer[netip.AddrPort] // latched source, nil before
	described atomic.Pointer[addresses]

	mu        sync.Mutex
	ssrc      uint32 // of the latched source
	candidate netip.AddrPort
	header    rtp.Header // last of the candidate: SSRC and number
	run       int
}

type addresses struct{ rtp, rtcp netip.AddrPort }

// describe takes the address out of a description. The same address again changes nothing.
func (g *gate) describe(rtpAddr, rtcpAddr netip.AddrPort) {
	if !rtcpAddr.IsValid() && rtpAddr.Port() < 65535 {
		rtcpAddr = netip.AddrPortFrom(rtpAddr.Addr(), rtpAddr.Port()+1)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if old := g.described.Load(); old != nil && *old == (addresses{rtpAddr, rtcpAddr}) {
		return
	}
	g.described.Store(&addresses{rtpAddr, rtcpAddr})
	g.open.Store(nil)
	g.run = 0
}

// admit reports whether a packet belongs to the call. known says that its payload type was negotiated.
func (g *gate) admit(from netip.AddrPort, h *rtp.Header, known bool) bool {
	open := g.open.Load()
	if open != nil && *open == from {
		return true
	}
	described := g.described.Load()
	if described == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case open == nil && from == described.rtp:
		g.latchLocked(from, h)
		return true
	case !known:
		return false
	case open != nil && (from.Addr() != open.Addr() || h.SSRC != g.ssrc):
		return false
	case open == nil && from.Addr() != described.rtp.Addr() && !g.behindNAT:
		return false
	}
	if from == g.candidate && g.run > 0 && h.SSRC == g.header.SSRC && h.SequenceNumber == g.header.SequenceNumber+1 {
		g.run++
	} else {
		g.candidate, g.run = from, 1
	}
	g.header.SSRC, g.header.SequenceNumber = h.SSRC, h.SequenceNumber
	if g.run < probation {
		return false
	}
	g.latchLocked(from, h)
	return true
}

func (g *gate) latchLocked(from netip.AddrPort, h *rtp.Header) {
	g.ssrc, g.run = h.SSRC, 0
	g.open.Store(&from)
}

// knows reports whether RTCP from a host is the call's.
func (g *gate) knows(host netip.Addr) bool {
	if open := g.open.Load(); open != nil && open.Addr() == host {
		return true
	}
	described := g.described.Load()
	return described != nil && (described.rtp.Addr() == host || described.rtcp.Addr() == host)
}

// target is where RTP goes.
func (g *gate) target() netip.AddrPort {
	described := g.described.Load()
	if described == nil {
		return netip.AddrPort{}
	}
	// 0.0.0.0 is the old way to say "send nothing" (RFC 3264 section 8.4).
	if open := g.open.Load(); open != nil && !described.rtp.Addr().IsUnspecified() {
		return *open
	}
	return described.rtp
}

// reportTarget is where RTCP goes: the described place, on the host where RTP really comes from.
func (g *gate) reportTarget() netip.AddrPort {
	described := g.described.Load()
	if described == nil {
		return netip.AddrPort{}
	}
	if open := g.open.Load(); open != nil && open.Addr() != described.rtp.Addr() && open.Port() < 65535 {
		return netip.AddrPortFrom(open.Addr(), open.Port()+1)
	}
	return described.rtcp
}
