package sip

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"
)

// handshake is what sipgo's WebSocket server wants to see first on every
// connection. The real upgrade was done by the front; sipgo's answer is dropped.
const handshake = "GET / HTTP/1.1\r\nHost: sidecar\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: c2lkZWNhciBicmlkZ2VzIQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n"

// WebSocket framing as far as sipgo needs it (RFC 6455 section 5.2).
const (
	frameText   = 0x81 // FIN and opcode text
	frameMasked = 0x80
	frameLen16  = 126
	frameLen64  = 127
)

// bridgeConn is the end of a flow that sipgo holds: whole messages go in and
// out as the frames that sipgo expects, without a network in between.
type bridgeConn struct {
	local, remote net.Addr
	in            chan []byte   // messages for sipgo, framed
	done          chan struct{} // closed with the flow
	send          func(msg []byte) error
	closeFlow     func()

	// Owned by sipgo's reading goroutine.
	rest []byte

	writeMu  sync.Mutex
	upgraded bool // the answer to the handshake has been swallowed
	out      bytes.Buffer
}

func newBridgeConn(local, remote net.Addr, queue int, send func([]byte) error, closeFlow func(), done chan struct{}) *bridgeConn {
	return &bridgeConn{
		local: local, remote: remote, in: make(chan []byte, queue), done: done,
		send: send, closeFlow: closeFlow, rest: []byte(handshake),
	}
}

// deliver hands one message to sipgo. It waits while sipgo is busy, which holds up this flow's reader only.
func (c *bridgeConn) deliver(msg []byte) error {
	select {
	case c.in <- frame(msg):
		return nil
	case <-c.done:
		return ErrFlowGone
	}
}

// frame wraps a message as a client does, with a mask of zeros that changes nothing.
func frame(msg []byte) []byte {
	header := make([]byte, 0, 14+len(msg))
	header = append(header, frameText)
	switch n := len(msg); {
	case n < frameLen16:
		header = append(header, frameMasked|byte(n))
	case n <= 0xffff:
		header = append(header, frameMasked|frameLen16)
		header = binary.BigEndian.AppendUint16(header, uint16(n))
	default:
		header = append(header, frameMasked|frameLen64)
		header = binary.BigEndian.AppendUint64(header, uint64(n))
	}
	header = append(header, 0, 0, 0, 0)
	return append(header, msg...)
}

// Read never mixes two messages: sipgo's upgrader drops what it reads beyond the handshake.
func (c *bridgeConn) Read(b []byte) (int, error) {
	if len(c.rest) == 0 {
		select {
		case c.rest = <-c.in:
		case <-c.done:
			return 0, io.EOF
		}
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// Write collects what sipgo writes, a frame's header and its payload apart, and sends every message that is whole.
func (c *bridgeConn) Write(b []byte) (int, error) {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	c.out.Write(b)
	if !c.upgraded {
		end := bytes.Index(c.out.Bytes(), []byte("\r\n\r\n"))
		if end < 0 {
			return len(b), nil
		}
		c.upgraded = true
		c.out.Next(end + 4)
	}
	for {
		payload, size, opcode := unframe(c.out.Bytes())
		if size == 0 {
			return len(b), nil
		}
		if opcode == frameText {
			if err := c.send(bytes.Clone(payload)); err != nil {
				return 0, err
			}
		}
		c.out.Next(size)
	}
}

// unframe finds the first whole frame of a server; size 0 means that more bytes are needed.
func unframe(b []byte) (payload []byte, size int, opcode byte) {
	if len(b) < 2 {
		return nil, 0, 0
	}
	length, head := uint64(b[1]&^frameMasked), 2
	switch length {
	case frameLen16:
		if head = 4; len(b) < head {
			return nil, 0, 0
		}
		length = uint64(binary.BigEndian.Uint16(b[2:]))
	case frameLen64:
		if head = 10; len(b) < head {
			return nil, 0, 0
		}
		length = binary.BigEndian.Uint64(b[2:])
	}
	if uint64(len(b)-head) < length { //nolint:gosec // len(b) is at least head
		return nil, 0, 0
	}
	size = head + int(length) //nolint:gosec // at most len(b)
	return b[head:size], size, b[0]
}

func (c *bridgeConn) Close() error {
	c.closeFlow()
	return nil
}

func (c *bridgeConn) LocalAddr() net.Addr  { return c.local }
func (c *bridgeConn) RemoteAddr() net.Addr { return c.remote }

// The front keeps the deadlines; sipgo sets none unless told.
func (c *bridgeConn) SetDeadline(time.Time) error      { return nil }
func (c *bridgeConn) SetReadDeadline(time.Time) error  { return nil }
func (c *bridgeConn) SetWriteDeadline(time.Time) error { return nil }

// bridgeListener is where sipgo accepts flows.
type bridgeListener struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newBridgeListener(addr net.Addr) *bridgeListener {
	return &bridgeListener{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *bridgeListener) offer(conn net.Conn) error {
	select {
	case l.conns <- conn:
		return nil
	case <-l.done:
		return ErrClosed
	}
}

func (l *bridgeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *bridgeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *bridgeListener) Addr() net.Addr { return l.addr }
