package media

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/stun/v3"
)

// waiting bounds the datagrams that one leg may have unread: a second of sound and what goes with it. Beyond it they are
// dropped, as the network would.
const waiting = 64

// udpMux shares one UDP socket among all browsers; it implements Pion's ice.UDPMux. The one of Pion queues without end in
// buffers of 8 KiB, has a goroutine more for each leg, and lets a page that names another one's address among its candidates
// take over what comes from there.
//
// A STUN request goes to the leg that its user name stands for; anything else goes to the leg that owns the address. A leg
// gets an address by writing to it when nobody has it yet, or when a request for that very leg came from there.
type udpMux struct {
	conn    *net.UDPConn
	local   *net.UDPAddr
	tcp     *tcpMux // connections at the same address; nil without
	reader  sync.WaitGroup
	buffers sync.Pool // of *datagram

	dropped   atomic.Uint64 // for legs that did not read in time
	strangers atomic.Uint64 // datagrams that belong to no leg

	mu      sync.RWMutex
	closed  bool
	byUfrag map[string]*muxLeg
	byAddr  map[netip.AddrPort]*muxLeg
}

type datagram struct {
	octets [receiveMTU + 1]byte // one more than may come, to tell what was cut off
	size   int
	from   netip.AddrPort
}

// muxLeg is what belongs to one user fragment. Pion opens it once for each of our candidates at this socket.
type muxLeg struct {
	ufrag string
	queue chan *datagram
	opens int // guarded by the mux

	addrs   []netip.AddrPort        // that it owns, guarded by the mux
	claimed netip.AddrPort          // where the last request for it came from, guarded by the mux
	streams map[*tcpStream]struct{} // guarded by the mux
	last    atomic.Pointer[netip.AddrPort]
}

// newUDPMux takes the socket, and the listener of connections to the same address if there is one.
func newUDPMux(conn *net.UDPConn, listener *net.TCPListener) *udpMux {
	m := &udpMux{conn: conn, local: conn.LocalAddr().(*net.UDPAddr), byUfrag: map[string]*muxLeg{}, byAddr: map[netip.AddrPort]*muxLeg{}}
	m.buffers.New = func() any { return new(datagram) }
	if listener != nil {
		m.tcp = newTCPMux(m, listener)
		m.tcp.routines.Go(m.tcp.accept)
	}
	m.reader.Go(m.read)
	return m
}

func (m *udpMux) read() {
	d := new(datagram)
	for {
		size, from, err := m.conn.ReadFromUDPAddrPort(d.octets[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || size > receiveMTU { // ICMP errors of earlier packets come back here
			continue
		}
		d.size, d.from = size, netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		var leg *muxLeg
		if !m.tcp.stands(d.from) {
			leg = m.owner(d)
		}
		if leg == nil {
			m.strangers.Add(1)
			continue
		}
		m.deliver(leg, d)
		d, _ = m.buffers.Get().(*datagram)
	}
}

// deliver puts a datagram among those that a leg has to read; it is the leg's from then on.
func (m *udpMux) deliver(leg *muxLeg, d *datagram) {
	select {
	case leg.queue <- d:
	default:
		m.dropped.Add(1)
		m.buffers.Put(d)
	}
}

func (m *udpMux) owner(d *datagram) *muxLeg {
	if ufrag := requestedUfrag(d.octets[:d.size]); ufrag != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		if leg := m.byUfrag[string(ufrag)]; leg != nil {
			leg.claimed = d.from
			return leg
		}
		return nil
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.byAddr[d.from]
}

// requestedUfrag is our user fragment in a STUN Binding request: the part of USERNAME before the colon (RFC 8445 section
// 7.2.2). Whether the sender knows the password is for the ICE agent to check. It is nil for anything else.
func requestedUfrag(b []byte) []byte {
	if !stun.IsMessage(b) || b[0] != 0 || b[1] != 1 {
		return nil
	}
	message := stun.Message{Raw: b}
	if message.Decode() != nil {
		return nil
	}
	name, err := message.Get(stun.AttrUsername)
	if err != nil {
		return nil
	}
	ufrag, _, ok := bytes.Cut(name, []byte{':'})
	if !ok {
		return nil
	}
	return ufrag
}

// GetConn implements ice.UDPMux.
func (m *udpMux) GetConn(ufrag string, addr net.Addr) (net.PacketConn, error) {
	if addr.String() != m.local.String() {
		return nil, fmt.Errorf("%w: this socket is %s, not %s", ErrConfig, m.local, addr)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, io.ErrClosedPipe
	}
	leg := m.byUfrag[ufrag]
	if leg == nil {
		leg = &muxLeg{ufrag: ufrag, queue: make(chan *datagram, waiting)}
		m.byUfrag[ufrag] = leg
	}
	leg.opens++
	return &muxConn{mux: m, leg: leg, closed: make(chan struct{})}, nil
}

// RemoveConnByUfrag implements ice.UDPMux. Who reads is ended by its own Close.
func (m *udpMux) RemoveConnByUfrag(ufrag string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if leg := m.byUfrag[ufrag]; leg != nil {
		m.forgetLocked(leg)
	}
}

func (m *udpMux) forgetLocked(leg *muxLeg) {
	if m.byUfrag[leg.ufrag] == leg {
		delete(m.byUfrag, leg.ufrag)
	}
	for _, addr := range leg.addrs {
		if m.byAddr[addr] == leg {
			delete(m.byAddr, addr)
		}
	}
	leg.addrs = nil
	for s := range leg.streams {
		m.tcp.forgetLocked(s)
	}
}

// GetListenAddresses implements ice.UDPMux.
func (m *udpMux) GetListenAddresses() []net.Addr { return []net.Addr{m.local} }

// Close implements ice.UDPMux; it returns when the readers are gone.
func (m *udpMux) Close() error {
	m.mu.Lock()
	was := m.closed
	m.closed = true
	m.mu.Unlock()
	if was {
		return nil
	}
	err := m.conn.Close()
	m.reader.Wait()
	if m.tcp != nil {
		err = errors.Join(err, m.tcp.close())
	}
	return err
}

// own gives a leg the address that it is about to write to, if it may have it.
func (m *udpMux) own(leg *muxLeg, addr netip.AddrPort) {
	if last := leg.last.Load(); last != nil && *last == addr {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.byAddr[addr]
	if before != leg {
		if before != nil && leg.claimed != addr || m.byUfrag[leg.ufrag] != leg {
			return
		}
		m.byAddr[addr] = leg
		leg.addrs = append(leg.addrs, addr)
		if before != nil {
			before.last.Store(nil)
		}
	}
	leg.last.Store(&addr)
}

// muxConn is one candidate's view of its leg.
type muxConn struct {
	mux    *udpMux
	leg    *muxLeg
	once   sync.Once
	closed chan struct{}
}

// ReadFromAddrPort implements ice.AddrPortReaderWriter.
func (c *muxConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	select {
	case d := <-c.leg.queue:
		n, from := copy(b, d.octets[:d.size]), d.from
		c.mux.buffers.Put(d)
		return n, from, nil
	case <-c.closed:
		return 0, netip.AddrPort{}, io.EOF
	}
}

// WriteToAddrPort implements ice.AddrPortReaderWriter.
func (c *muxConn) WriteToAddrPort(b []byte, addr netip.AddrPort) (int, error) {
	plain := netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	if c.mux.tcp.stands(plain) {
		return c.mux.tcp.write(c.leg, b, plain)
	}
	c.mux.own(c.leg, plain)
	return c.mux.conn.WriteToUDPAddrPort(b, addr)
}

// ReadFrom implements [net.PacketConn].
func (c *muxConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteTo implements [net.PacketConn].
func (c *muxConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	udp, ok := addr.(*net.UDPAddr)
	if !ok {
		return 0, fmt.Errorf("%w: %s is no UDP address", ErrConfig, addr)
	}
	return c.WriteToAddrPort(b, udp.AddrPort())
}

// Close implements [net.PacketConn]; the leg is forgotten with its last candidate.
func (c *muxConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.mux.mu.Lock()
		defer c.mux.mu.Unlock()
		if c.leg.opens--; c.leg.opens == 0 {
			c.mux.forgetLocked(c.leg)
		}
	})
	return nil
}

// LocalAddr implements [net.PacketConn].
func (c *muxConn) LocalAddr() net.Addr { return c.mux.local }

// SetDeadline and the others implement [net.PacketConn]; the socket is everybody's, and Pion closes what it wants to end.
func (c *muxConn) SetDeadline(time.Time) error      { return nil }
func (c *muxConn) SetReadDeadline(time.Time) error  { return nil }
func (c *muxConn) SetWriteDeadline(time.Time) error { return nil }
