package sip

import (
	"bytes"
	"net"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/gorilla/websocket"
)

// bridge is the socket from which sipgo reads what browsers send: one for all of
// them, in memory only. sipgo's own WebSocket connections keep a buffer of 32 KB and
// a goroutine each, for phones that say something every few minutes.
type bridge struct {
	addr *net.UDPAddr // where sipgo believes that messages of browsers come from, until adopt says better
	in   chan []byte
	done chan struct{}
	once sync.Once
}

// bridgeQueue is how many messages of all browsers may wait for sipgo, which only parses them and hands them on.
const bridgeQueue = 256

func newBridge() *bridge {
	return &bridge{addr: &net.UDPAddr{IP: FlowID(0).addr().IP, Port: syntheticPort}, in: make(chan []byte, bridgeQueue), done: make(chan struct{})}
}

// flowHeader names the flow of a message between the bridge and adopt; it never leaves the process.
const flowHeader = "X-Sidecar-Flow"

// deliver hands one message to sipgo. It waits while sipgo is busy, which holds up the flow's reader.
func (b *bridge) deliver(flow *Flow, msg []byte) error {
	line := bytes.IndexByte(msg, '\n') + 1
	marked := make([]byte, 0, len(msg)+len(flowHeader)+64)
	marked = append(marked, msg[:line]...)
	marked = append(marked, flowHeader+": "+flow.source+"\r\n"...)
	marked = append(marked, msg[line:]...)
	select {
	case b.in <- marked:
		return nil
	case <-flow.done:
		return ErrFlowGone
	case <-b.done:
		return ErrClosed
	}
}

// adopt gives a message that came over the bridge its flow as source. The name means nothing in what others send.
func (b *bridge) adopt(msg sip.Message) {
	m, ok := msg.(message)
	if !ok {
		return
	}
	source := headerValue(m, flowHeader) // ours is the first
	for m.RemoveHeader(flowHeader) {
	}
	if msg.Source() == b.addr.String() {
		msg.SetTransport(transportWS)
		msg.SetSource(source)
	}
}

func (b *bridge) ReadFrom(buf []byte) (int, net.Addr, error) {
	select {
	case msg := <-b.in:
		return copy(buf, msg), b.addr, nil
	case <-b.done:
		return 0, nil, net.ErrClosed
	}
}

func (b *bridge) WriteTo([]byte, net.Addr) (int, error) { return 0, ErrFlowGone }

func (b *bridge) Close() error {
	b.once.Do(func() { close(b.done) })
	return nil
}

func (b *bridge) LocalAddr() net.Addr              { return b.addr }
func (b *bridge) SetDeadline(time.Time) error      { return nil }
func (b *bridge) SetReadDeadline(time.Time) error  { return nil }
func (b *bridge) SetWriteDeadline(time.Time) error { return nil }

// flowConn is a flow as sipgo writes to it. It lives as long as the flow, whatever sipgo counts.
type flowConn struct{ flow *Flow }

func (c *flowConn) WriteMsg(msg sip.Message) error {
	return c.flow.send(c.flow.unmark([]byte(msg.String())))
}

func (c *flowConn) LocalAddr() net.Addr    { return c.flow.bridge.addr }
func (c *flowConn) Ref(int) int            { return 1 }
func (c *flowConn) TryClose() (int, error) { return 1, nil }

func (c *flowConn) Close() error {
	c.flow.close(websocket.CloseGoingAway, ErrClosed)
	return nil
}
