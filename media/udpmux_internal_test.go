package media

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v3"
	"github.com/stretchr/testify/require"
)

// The socket's sharing is tested inside the package, because from outside an ICE agent hides it.

type muxPage struct {
	t    *testing.T
	conn *net.UDPConn
	to   net.Addr
}

func newMuxPage(t *testing.T, m *udpMux) *muxPage {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return &muxPage{t, conn, m.local}
}

func (p *muxPage) addr() netip.AddrPort { return p.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

func (p *muxPage) send(b []byte) {
	p.t.Helper()
	_, err := p.conn.WriteTo(b, p.to)
	require.NoError(p.t, err)
}

func (p *muxPage) request(ufrag string) {
	p.t.Helper()
	message, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewUsername(ufrag+":theirs"))
	require.NoError(p.t, err)
	p.send(message.Raw)
}

func newTestMux(t *testing.T) *udpMux {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	m := newUDPMux(conn, nil)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}

func openLeg(t *testing.T, m *udpMux, ufrag string) *muxConn {
	t.Helper()
	conn, err := m.GetConn(ufrag, m.local)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn.(*muxConn)
}

func requireRead(t *testing.T, c *muxConn, from *muxPage, want string) {
	t.Helper()
	buffer := make([]byte, receiveMTU)
	n, addr, err := c.ReadFromAddrPort(buffer)
	require.NoError(t, err)
	require.Equal(t, from.addr(), addr)
	if want != "" {
		require.Equal(t, want, string(buffer[:n]))
	}
}

// A leg writes to an address that is another one's page: what comes from there stays that one's, until the page itself asks
// for the other leg, as it does after an ICE restart.
func TestAddressBelongsToTheLegThatItsPageAskedFor(t *testing.T) {
	t.Parallel()
	m := newTestMux(t)
	page, stranger := newMuxPage(t, m), newMuxPage(t, m)
	stranger.send([]byte("before anything"))
	stranger.request("nobody")
	owner, thief := openLeg(t, m, "owner"), openLeg(t, m, "thief")
	page.request("owner")
	requireRead(t, owner, page, "")
	_, err := owner.WriteToAddrPort([]byte("answer"), page.addr())
	require.NoError(t, err)
	page.send([]byte("1"))
	requireRead(t, owner, page, "1")

	_, err = thief.WriteToAddrPort([]byte("check"), page.addr())
	require.NoError(t, err)
	page.send([]byte("2"))
	requireRead(t, owner, page, "2")

	page.request("thief")
	requireRead(t, thief, page, "")
	_, err = thief.WriteTo([]byte("answer"), page.conn.LocalAddr())
	require.NoError(t, err)
	page.send([]byte("3"))
	requireRead(t, thief, page, "3")
	require.EqualValues(t, 2, m.strangers.Load())

	// With its last candidate a leg is gone, and so is what it owned.
	second := openLeg(t, m, "thief")
	require.NoError(t, thief.Close())
	require.NoError(t, thief.Close())
	page.send([]byte("4"))
	requireRead(t, second, page, "4")
	require.NoError(t, second.Close())
	_, _, err = second.ReadFromAddrPort(nil)
	require.ErrorIs(t, err, io.EOF)
	page.send([]byte("5"))
	page.request("thief")
	require.Eventually(t, func() bool { return m.strangers.Load() == 4 }, 10*time.Second, time.Millisecond)
}

// Who doesn't read loses what comes; nobody else does, and nothing piles up.
func TestUnreadDatagramsAreDropped(t *testing.T) {
	t.Parallel()
	m := newTestMux(t)
	page, other := newMuxPage(t, m), newMuxPage(t, m)
	slow, quick := openLeg(t, m, "slow"), openLeg(t, m, "quick")
	for _, c := range []struct {
		conn *muxConn
		page *muxPage
	}{{slow, page}, {quick, other}} {
		_, err := c.conn.WriteToAddrPort([]byte("hello"), c.page.addr())
		require.NoError(t, err)
	}
	page.send(make([]byte, receiveMTU+1)) // too long for any of our buffers
	for i := range waiting + 10 {
		page.send([]byte{200, byte(i)})
	}
	require.Eventually(t, func() bool { return m.dropped.Load() == 10 }, 10*time.Second, time.Millisecond)
	other.send([]byte("quick"))
	requireRead(t, quick, other, "quick")
	for i := range waiting {
		requireRead(t, slow, page, string([]byte{200, byte(i)}))
	}
}

func TestMuxEnds(t *testing.T) {
	t.Parallel()
	m := newTestMux(t)
	_, err := m.GetConn("x", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 9), Port: 1})
	require.ErrorIs(t, err, ErrConfig)
	leg := openLeg(t, m, "x")
	_, err = leg.WriteTo(nil, &net.TCPAddr{})
	require.ErrorIs(t, err, ErrConfig)
	m.RemoveConnByUfrag("x")
	m.RemoveConnByUfrag("x")
	page := newMuxPage(t, m)
	_, err = leg.WriteToAddrPort([]byte("the last one"), page.addr())
	require.NoError(t, err)
	page.send([]byte("to nobody"))
	require.Eventually(t, func() bool { return m.strangers.Load() == 1 }, 10*time.Second, time.Millisecond)
	require.NoError(t, m.Close())
	_, err = m.GetConn("x", m.local)
	require.ErrorIs(t, err, io.ErrClosedPipe)
	for _, b := range [][]byte{nil, {0, 1}, {0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 6, 0, 4, 'a', 'b', 'c', 'd'}} {
		require.Nil(t, requestedUfrag(b))
	}
}
