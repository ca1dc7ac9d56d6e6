package media

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	// tcpSilence is how long a connection may take to ask for a leg, tcpSilents how many may be at that.
	tcpSilence = 10 * time.Second
	tcpSilents = 256
	// tcpPerLeg: a browser opens one connection for each pair of addresses.
	tcpPerLeg = 8
	// tcpBuffer is what the kernel may hold back for a slow page: two seconds of sound. Beyond it media is dropped.
	tcpBuffer = 16 << 10
	// tcpRetry is the pause after an accept that failed for want of something.
	tcpRetry = 50 * time.Millisecond
)

// tcpMux takes TCP connections of browsers (RFC 6544, framed as RFC 4571 says) into the mux of the UDP socket at the same
// address. To the ICE agents each is one more remote address, from a range in which no datagram has its source: they never
// learn that it is TCP, and a leg whose page has no need of TCP pays nothing for it.
//
// A connection belongs to the leg that its last STUN request asked for. It ends with that leg, and when it says nothing.
type tcpMux struct {
	mux      *udpMux
	listener *net.TCPListener
	prefix   netip.Prefix // of the addresses that stand for connections
	closed   chan struct{}
	routines sync.WaitGroup

	// Guarded by the mux.
	last    uint32
	streams map[netip.AddrPort]*tcpStream
	silent  map[*tcpStream]struct{}
}

// tcpStream is one connection.
type tcpStream struct {
	tcp  *tcpMux
	conn *net.TCPConn
	raw  syscall.RawConn
	addr netip.AddrPort // that stands for it
	leg  *muxLeg        // whose it is, guarded by the mux

	since time.Time

	wmu   sync.Mutex
	frame [2 + receiveMTU]byte
	rest  []byte // of the frame, that the kernel had no room for
}

// newTCPMux chooses the addresses by the family of the listener's, as ICE pairs only equals: reserved ones (RFC 1112
// section 4) or ones that no router lets through (RFC 6666).
func newTCPMux(mux *udpMux, listener *net.TCPListener) *tcpMux {
	prefix := netip.MustParsePrefix("240.0.0.0/5")
	if mux.local.IP.To4() == nil {
		prefix = netip.MustParsePrefix("100::/64")
	}
	return &tcpMux{
		mux: mux, listener: listener, prefix: prefix, closed: make(chan struct{}),
		streams: map[netip.AddrPort]*tcpStream{}, silent: map[*tcpStream]struct{}{},
	}
}

// stands reports whether an address is a connection's.
func (t *tcpMux) stands(addr netip.AddrPort) bool { return t != nil && t.prefix.Contains(addr.Addr()) }

func (t *tcpMux) accept() {
	for {
		conn, err := t.listener.AcceptTCP()
		switch {
		case err == nil:
			t.open(conn)
		case errors.Is(err, net.ErrClosed):
			return
		default: // too many files: it may pass
			timer := time.NewTimer(tcpRetry)
			select {
			case <-t.closed:
			case <-timer.C:
			}
			timer.Stop()
		}
	}
}

// open begins to read a connection. Where too many are silent the oldest ends: those of real pages speak at once.
func (t *tcpMux) open(conn *net.TCPConn) {
	raw, err := conn.SyscallConn()
	if err == nil {
		err = conn.SetWriteBuffer(tcpBuffer)
	}
	s := &tcpStream{tcp: t, conn: conn, raw: raw}
	t.mux.mu.Lock()
	defer t.mux.mu.Unlock()
	if err != nil || t.mux.closed {
		_ = conn.Close()
		return
	}
	if len(t.silent) == tcpSilents {
		t.forgetLocked(t.oldestLocked())
	}
	s.since = time.Now()
	s.addr = t.freeAddrLocked()
	t.streams[s.addr], t.silent[s] = s, struct{}{}
	t.routines.Go(s.read)
}

func (t *tcpMux) oldestLocked() *tcpStream {
	return slices.MinFunc(slices.Collect(maps.Keys(t.silent)), func(a, b *tcpStream) int { return a.since.Compare(b.since) })
}

// freeAddrLocked counts the lower octets up. There are far more addresses than there may be connections.
func (t *tcpMux) freeAddrLocked() netip.AddrPort {
	base := t.prefix.Addr().AsSlice()
	prefix := binary.BigEndian.Uint32(base[len(base)-4:])
	for {
		t.last = (t.last + 1) & (1<<27 - 1)
		binary.BigEndian.PutUint32(base[len(base)-4:], prefix|t.last)
		addr, _ := netip.AddrFromSlice(base)
		place := netip.AddrPortFrom(addr, 9) // the port that RFC 6544 gives who has none
		if t.streams[place] == nil {
			return place
		}
	}
}

// forgetLocked ends a connection; its reader goes by itself.
func (t *tcpMux) forgetLocked(s *tcpStream) {
	if s.leg != nil {
		delete(s.leg.streams, s)
		s.leg = nil
	}
	delete(t.streams, s.addr)
	delete(t.silent, s)
	_ = s.conn.Close()
}

func (t *tcpMux) close() error {
	close(t.closed)
	err := t.listener.Close()
	t.mux.mu.Lock()
	for _, s := range t.streams {
		t.forgetLocked(s)
	}
	t.mux.mu.Unlock()
	t.routines.Wait()
	return err
}

// write sends what a leg has for the address of one of its connections.
func (t *tcpMux) write(leg *muxLeg, b []byte, addr netip.AddrPort) (int, error) {
	t.mux.mu.RLock()
	s := t.streams[addr]
	owned := s != nil && s.leg == leg
	t.mux.mu.RUnlock()
	if !owned { // as lost as a datagram to nobody
		return len(b), nil
	}
	return len(b), s.write(b)
}

// read hands on what comes until the connection ends, says nonsense, or has no leg.
func (s *tcpStream) read() {
	m := s.tcp.mux
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		s.tcp.forgetLocked(s)
	}()
	reader := bufio.NewReaderSize(s.conn, 2+receiveMTU)
	patience := tcpSilence
	for {
		d, _ := m.buffers.Get().(*datagram)
		if s.conn.SetReadDeadline(time.Now().Add(patience)) != nil || !readFrame(reader, d) {
			m.buffers.Put(d)
			return
		}
		d.from = s.addr
		leg := s.owner(d.octets[:d.size])
		if leg == nil {
			m.strangers.Add(1)
			m.buffers.Put(d)
			return
		}
		m.deliver(leg, d)
		patience = iceFailed // consent is asked for more often than that
	}
}

// readFrame reads one message of RFC 4571; none of ours is longer than a datagram may be.
func readFrame(reader *bufio.Reader, d *datagram) bool {
	var head [2]byte
	if _, err := io.ReadFull(reader, head[:]); err != nil {
		return false
	}
	d.size = int(binary.BigEndian.Uint16(head[:]))
	if d.size == 0 || d.size > receiveMTU {
		return false
	}
	_, err := io.ReadFull(reader, d.octets[:d.size])
	return err == nil
}

// owner gives the connection to the leg that a request asks for, and returns whose it is.
func (s *tcpStream) owner(b []byte) *muxLeg {
	m := s.tcp.mux
	ufrag := requestedUfrag(b)
	if ufrag == nil {
		m.mu.RLock()
		defer m.mu.RUnlock()
		return s.leg
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	leg := m.byUfrag[string(ufrag)]
	if leg == nil || leg == s.leg {
		return leg
	}
	if len(leg.streams) >= tcpPerLeg || s.tcp.streams[s.addr] != s {
		return nil
	}
	if s.leg != nil {
		delete(s.leg.streams, s)
	}
	if leg.streams == nil {
		leg.streams = map[*tcpStream]struct{}{}
	}
	leg.streams[s], s.leg = struct{}{}, leg
	delete(s.tcp.silent, s)
	return leg
}

// write never waits, for it runs in the reader of another leg. What a slow page has no room for is dropped, but for the
// rest of a frame that has begun.
func (s *tcpStream) write(b []byte) error {
	s.wmu.Lock()
	defer s.wmu.Unlock()
	if len(b) > receiveMTU {
		return fmt.Errorf("write to a TCP candidate: %w", ErrTooLong)
	}
	if err := s.flush(); err != nil {
		return err
	}
	if len(s.rest) > 0 {
		s.tcp.mux.dropped.Add(1)
		return nil
	}
	binary.BigEndian.PutUint16(s.frame[:], uint16(len(b))) //nolint:gosec // bounded above
	s.rest = s.frame[:2+copy(s.frame[2:], b)]
	return s.flush()
}

func (s *tcpStream) flush() error {
	if len(s.rest) == 0 {
		return nil
	}
	var failed error
	err := s.raw.Write(func(fd uintptr) bool {
		n, errno := syscall.Write(int(fd), s.rest)
		switch {
		case n > 0:
			s.rest = s.rest[n:]
		case errno != nil && !errors.Is(errno, syscall.EAGAIN) && !errors.Is(errno, syscall.EINTR):
			failed = errno
		}
		return true // once, and not again when there is room
	})
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("write to a TCP candidate: %w", err)
	}
	return nil
}
