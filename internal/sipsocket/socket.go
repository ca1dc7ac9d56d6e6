// Package sipsocket is a UDP socket for sipgo that can be ended without leaving anything behind.
//
// sipgo opens a socket of its own for every message, in or out, that finds the listening one gone, and nothing ever closes those.
// So the end has an order: Pause, then send nothing more, then Bury, then Close.
package sipsocket

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

// Socket has a door that can be shut without sipgo noticing.
type Socket struct {
	net.PacketConn
	ready   chan struct{}
	once    sync.Once
	paused  atomic.Bool
	parked  chan struct{} // closed when the reader has handed over all that it read
	parking sync.Once
	closed  chan struct{}

	senders [recent]net.Addr // of the last datagrams; the reader's until it is parked
	read    int
}

// New takes the connection over.
func New(conn net.PacketConn) *Socket {
	return &Socket{PacketConn: conn, ready: make(chan struct{}), parked: make(chan struct{}), closed: make(chan struct{})}
}

// Ready is closed when the socket is read for the first time: only then sipgo knows it.
func (s *Socket) Ready() <-chan struct{} { return s.ready }

// ReadFrom implements net.PacketConn for sipgo's reader.
func (s *Socket) ReadFrom(b []byte) (int, net.Addr, error) {
	s.once.Do(func() { close(s.ready) })
	n, addr, err := s.PacketConn.ReadFrom(b)
	if err == nil {
		s.senders[s.read%recent] = addr
		s.read++
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && s.paused.Load() {
		s.Park()
		<-s.closed
		return 0, nil, net.ErrClosed
	}
	return n, addr, err //nolint:wrapcheck // sipgo compares with net.ErrClosed
}

// Park says that sipgo reads no more. It is called when its reader has ended by itself.
func (s *Socket) Park() { s.parking.Do(func() { close(s.parked) }) }

// Pause stops reading and returns when what was read has been taken over.
func (s *Socket) Pause() {
	s.paused.Store(true)
	if err := s.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return // closed already
	}
	<-s.parked
}

// Bury lets those whose datagrams may be under way find a connection that is none, whose writes fail with ended. sipgo's goroutines
// that carry what was read can't be waited for, and a process that stands still or is crowded may let them look at any later time.
func (s *Socket) Bury(pool *sip.ConnectionPool, ended error) {
	for _, sender := range s.senders {
		if sender != nil {
			pool.Add(sender.String(), grave{s.LocalAddr(), ended})
		}
	}
}

// Close implements net.PacketConn. It is called once.
func (s *Socket) Close() error {
	close(s.closed)
	return s.PacketConn.Close() //nolint:wrapcheck // wraps nothing
}

// grave is a connection that was.
type grave struct {
	local net.Addr
	ended error
}

func (g grave) LocalAddr() net.Addr        { return g.local }
func (g grave) WriteMsg(sip.Message) error { return g.ended }
func (grave) Ref(int) int                  { return 1 }
func (grave) TryClose() (int, error)       { return 1, nil }
func (grave) Close() error                 { return nil }
