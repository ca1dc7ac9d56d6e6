package sip

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
)

// recent is how many datagrams may be under way within sipgo when all ends.
const recent = 256

// socket is the UDP socket with a door that can be shut without sipgo noticing.
type socket struct {
	net.PacketConn
	ready   chan struct{} // closed when it is read for the first time: only then sipgo knows it
	once    sync.Once
	paused  atomic.Bool
	parked  chan struct{} // closed when the reader has handed over all that it read
	parking sync.Once
	closed  chan struct{}

	senders [recent]net.Addr // of the last datagrams; the reader's until it is parked
	read    int
}

func newSocket(conn net.PacketConn) *socket {
	return &socket{PacketConn: conn, ready: make(chan struct{}), parked: make(chan struct{}), closed: make(chan struct{})}
}

func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	s.once.Do(func() { close(s.ready) })
	n, addr, err := s.PacketConn.ReadFrom(b)
	if err == nil {
		s.senders[s.read%recent] = addr
		s.read++
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && s.paused.Load() {
		s.park()
		<-s.closed
		return 0, nil, net.ErrClosed
	}
	return n, addr, err //nolint:wrapcheck // sipgo compares with net.ErrClosed
}

func (s *socket) park() { s.parking.Do(func() { close(s.parked) }) }

// pause stops reading and returns when what was read has been taken over.
func (s *socket) pause() {
	s.paused.Store(true)
	if err := s.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return // closed already
	}
	<-s.parked
}

// bury lets those whose datagrams may be under way find a connection that is none. Where it finds nothing sipgo opens a
// socket to answer, and a process that stands still or is crowded may let it look at any later time.
func (s *socket) bury(pool *sip.ConnectionPool) {
	for _, sender := range s.senders {
		if sender != nil {
			pool.Add(sender.String(), grave{s.LocalAddr()})
		}
	}
}

func (s *socket) Close() error {
	close(s.closed)
	return s.PacketConn.Close() //nolint:wrapcheck // wraps nothing
}

// grave is a connection that was.
type grave struct{ local net.Addr }

func (g grave) LocalAddr() net.Addr      { return g.local }
func (grave) WriteMsg(sip.Message) error { return ErrClosed }
func (grave) Ref(int) int                { return 1 }
func (grave) TryClose() (int, error)     { return 1, nil }
func (grave) Close() error               { return nil }
