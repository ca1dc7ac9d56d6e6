//go:build e2e

package bayeux_test

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// network is a TCP proxy that can be cut: nothing passes then, no byte and no end of a connection, and nobody is told.
// What was sent meanwhile arrives when it is mended, as with a network whose senders try again.
type network struct {
	addr   string
	target string
	work   sync.WaitGroup

	mu    sync.Mutex
	open  chan struct{} // closed while the network works
	conns map[net.Conn]struct{}
	done  bool
}

// newNetwork puts a network in front of an address.
func newNetwork(t *testing.T, target string) *network {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	n := &network{addr: l.Addr().String(), target: target, open: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	close(n.open)
	n.work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			n.work.Go(func() { n.forward(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		n.end()
		n.work.Wait()
	})
	return n
}

func (n *network) end() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.done = true
	n.mendLocked()
	for c := range n.conns {
		_ = c.Close()
	}
}

func (n *network) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open = make(chan struct{})
}

func (n *network) mend() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mendLocked()
}

func (n *network) mendLocked() {
	select {
	case <-n.open:
	default:
		close(n.open)
	}
}

// pass waits while the network is cut.
func (n *network) pass() {
	n.mu.Lock()
	open := n.open
	n.mu.Unlock()
	<-open
}

// keep remembers a connection to be closed at the end.
func (n *network) keep(c net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns[c] = struct{}{}
	return !n.done
}

func (n *network) forward(client net.Conn) {
	defer func() { _ = client.Close() }()
	if !n.keep(client) {
		return
	}
	n.pass()
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", n.target)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	if !n.keep(server) {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { n.carry(client, server) })
	n.carry(server, client)
	back.Wait()
}

// carry moves bytes one way, and the end.
func (n *network) carry(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		read, err := from.Read(buffer)
		n.pass()
		if _, failed := to.Write(buffer[:read]); failed != nil || err != nil {
			if err == io.EOF { //nolint:errorlint // never wrapped
				_ = to.(*net.TCPConn).CloseWrite()
			} else {
				_, _ = to.Close(), from.Close()
			}
			return
		}
	}
}
