package media

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// DefaultDrain is how long a port rests between two calls. A peer that missed the BYE goes on sending for some seconds,
// and what it sends must not end up in somebody else's call.
const DefaultDrain = 10 * time.Second

// PortPool hands out pairs of UDP ports, the even one for RTP and the next one for RTCP (RFC 3550 section 11).
type PortPool struct {
	ip       netip.Addr
	min, max uint16 // even ports of the first and the last pair
	drain    time.Duration

	mu    sync.Mutex
	next  uint16
	inUse map[uint16]bool
	rests map[uint16]time.Time // until when
}

// portPair are the two sockets of one session.
type portPair struct {
	rtp, rtcp *net.UDPConn
	port      uint16
}

// NewPortPool takes the ports from low to high at one local address; drain is how long a port rests after use.
func NewPortPool(ip netip.Addr, low, high uint16, drain time.Duration) (*PortPool, error) {
	first, last := low+low%2, (high-1)&^1
	if low == 0 || high == 0 || high <= low || first > last {
		return nil, fmt.Errorf("%w: RTP ports %d-%d hold no pair that begins with an even port", ErrConfig, low, high)
	}
	return &PortPool{ip: ip, min: first, max: last, drain: drain, next: first, inUse: map[uint16]bool{}, rests: map[uint16]time.Time{}}, nil
}

// acquire opens the next pair that is neither in use nor at rest. A port that another program holds is passed over.
func (p *PortPool) acquire(ctx context.Context) (*portPair, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var last error
	now := time.Now()
	for range int(p.max-p.min)/2 + 1 {
		port := p.next
		p.next += 2
		if p.next > p.max || p.next < p.min {
			p.next = p.min
		}
		if p.inUse[port] || now.Before(p.rests[port]) {
			continue
		}
		pair, err := p.open(ctx, port)
		if err != nil {
			last = err
			continue
		}
		delete(p.rests, port)
		p.inUse[port] = true
		return pair, nil
	}
	return nil, errors.Join(fmt.Errorf("%w in %d-%d on %s: %d pairs are in use, the others rest or belong to other programs",
		ErrNoPort, p.min, p.max+1, p.ip, len(p.inUse)), last)
}

func (p *PortPool) open(ctx context.Context, port uint16) (*portPair, error) {
	var lc net.ListenConfig
	var conns [2]*net.UDPConn
	for i := range conns {
		addr := netip.AddrPortFrom(p.ip, port+uint16(i))
		conn, err := lc.ListenPacket(ctx, "udp", addr.String())
		if err != nil {
			if i > 0 {
				err = errors.Join(err, conns[0].Close())
			}
			return nil, fmt.Errorf("open RTP port %s: %w", addr, err)
		}
		conns[i] = conn.(*net.UDPConn)
	}
	return &portPair{rtp: conns[0], rtcp: conns[1], port: port}, nil
}

// release closes the sockets and lets the ports rest.
func (p *PortPool) release(pair *portPair) error {
	err := errors.Join(pair.rtp.Close(), pair.rtcp.Close())
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.inUse, pair.port)
	p.rests[pair.port] = time.Now().Add(p.drain)
	return err
}

// InUse is the number of pairs in use.
func (p *PortPool) InUse() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.inUse)
}
