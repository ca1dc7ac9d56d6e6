package sip

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// silence is how long a TCP connection may say nothing that is SIP before it is closed.
	silence = 32 * time.Second
	// maxSilent bounds such connections of one address, maxStreams all connections.
	maxSilent  = 32
	maxStreams = 1024
)

// door lets TCP connections in. sipgo gives each a goroutine and 32 KB, for as long as the other end likes.
type door struct {
	net.Listener

	mu     sync.Mutex
	conns  map[string]*doorConn // by remote address
	silent map[netip.Addr]int
}

type doorConn struct {
	net.Conn
	door   *door
	source string
	peer   netip.Addr
	silent bool // guarded by door.mu
}

func newDoor(listener net.Listener) *door {
	return &door{Listener: listener, conns: make(map[string]*doorConn), silent: make(map[netip.Addr]int)}
}

// Accept returns the next connection that is within the limits.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err //nolint:wrapcheck // sipgo compares with net.ErrClosed
		}
		if c := d.admit(conn); c != nil {
			return c, nil
		}
		_ = conn.Close() // nothing was written
	}
}

func (d *door) admit(conn net.Conn) *doorConn {
	source := conn.RemoteAddr().String()
	at, err := netip.ParseAddrPort(source)
	if err != nil || conn.SetReadDeadline(time.Now().Add(silence)) != nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	peer := at.Addr().Unmap()
	if len(d.conns) >= maxStreams || d.silent[peer] >= maxSilent {
		return nil
	}
	c := &doorConn{Conn: conn, door: d, source: source, peer: peer, silent: true}
	d.conns[source] = c
	d.silent[peer]++
	return c
}

// heard is told of every message.
func (d *door) heard(source string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.conns[source]; c != nil && c.silent {
		d.speaksLocked(c)
		_ = c.SetReadDeadline(time.Time{}) // fails on closed connections only
	}
}

func (d *door) speaksLocked(c *doorConn) {
	c.silent = false
	if d.silent[c.peer]--; d.silent[c.peer] <= 0 {
		delete(d.silent, c.peer)
	}
}

func (c *doorConn) Close() error {
	c.door.mu.Lock()
	if c.door.conns[c.source] == c {
		delete(c.door.conns, c.source)
		if c.silent {
			c.door.speaksLocked(c)
		}
	}
	c.door.mu.Unlock()
	return c.Conn.Close() //nolint:wrapcheck // wraps nothing
}
