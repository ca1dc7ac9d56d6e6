package media

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/pion/stun/v3"
	"github.com/stretchr/testify/require"
)

func newTCPTestMux(t *testing.T, host string) *udpMux {
	t.Helper()
	// The port that UDP gets may be somebody else's by TCP.
	for range 20 {
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)})
		require.NoError(t, err)
		listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(host), Port: conn.LocalAddr().(*net.UDPAddr).Port})
		if err != nil {
			require.NoError(t, conn.Close())
			continue
		}
		m := newUDPMux(conn, listener)
		t.Cleanup(func() { require.NoError(t, m.Close()) })
		return m
	}
	require.Fail(t, "no port that is free by UDP and by TCP")
	return nil
}

// tcpPage is a browser's end of a connection.
type tcpPage struct {
	t    *testing.T
	conn *net.TCPConn
}

func newTCPPage(t *testing.T, m *udpMux) *tcpPage {
	t.Helper()
	conn, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: m.local.IP, Port: m.local.Port})
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	t.Cleanup(func() { _ = conn.Close() })
	return &tcpPage{t, conn}
}

func (p *tcpPage) send(b []byte) {
	p.t.Helper()
	_, err := p.conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
	require.NoError(p.t, err)
}

func (p *tcpPage) request(ufrag string) {
	p.t.Helper()
	message, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewUsername(ufrag+":theirs"))
	require.NoError(p.t, err)
	p.send(message.Raw)
}

func (p *tcpPage) read() []byte {
	p.t.Helper()
	var head [2]byte
	_, err := io.ReadFull(p.conn, head[:])
	require.NoError(p.t, err)
	b := make([]byte, binary.BigEndian.Uint16(head[:]))
	_, err = io.ReadFull(p.conn, b)
	require.NoError(p.t, err)
	return b
}

func (p *tcpPage) requireEnd() {
	p.t.Helper()
	_, err := p.conn.Read(make([]byte, 1))
	require.Error(p.t, err)
	require.NotErrorIs(p.t, err, os.ErrDeadlineExceeded, "it is still open")
}

func readLeg(t *testing.T, c *muxConn) (text string, from netip.AddrPort) {
	t.Helper()
	buffer := make([]byte, receiveMTU)
	overdue := time.AfterFunc(20*time.Second, func() { _ = c.Close() })
	defer overdue.Stop()
	n, from, err := c.ReadFromAddrPort(buffer)
	require.NoError(t, err)
	return string(buffer[:n]), from
}

// A connection is its leg's, both ways and in both families, under an address in which no datagram can claim to come.
func TestTCPConnectionIsOneMoreAddress(t *testing.T) {
	t.Parallel()
	for host, prefix := range map[string]string{"127.0.0.1": "240.0.0.0/5", "::1": "100::/64"} {
		m := newTCPTestMux(t, host)
		leg := openLeg(t, m, "ours")
		page, second := newTCPPage(t, m), newTCPPage(t, m)
		page.request("ours")
		_, from := readLeg(t, leg)
		require.True(t, netip.MustParsePrefix(prefix).Contains(from.Addr()), "%s", from)
		second.request("ours")
		_, other := readLeg(t, leg)
		require.NotEqual(t, from, other)
		page.send([]byte("1"))
		text, again := readLeg(t, leg)
		require.Equal(t, "1", text)
		require.Equal(t, from, again)
		n, err := leg.WriteToAddrPort([]byte("hello"), from)
		require.NoError(t, err)
		require.Equal(t, 5, n)
		_, err = leg.WriteTo([]byte("there"), net.UDPAddrFromAddrPort(other))
		require.NoError(t, err)
		require.Equal(t, "hello", string(page.read()))
		require.Equal(t, "there", string(second.read()))
		_, err = leg.WriteToAddrPort(make([]byte, receiveMTU+1), from)
		require.ErrorIs(t, err, ErrTooLong)
		require.NoError(t, leg.Close())
		page.requireEnd()
		second.requireEnd()
	}
}

// Nobody takes a connection: only its own page says whose it is.
func TestTCPConnectionBelongsToTheLegThatItsPageAskedFor(t *testing.T) {
	t.Parallel()
	m := newTCPTestMux(t, "127.0.0.1")
	owner, thief := openLeg(t, m, "owner"), openLeg(t, m, "thief")
	// A page that guesses the next address gets nothing by naming it.
	_, err := thief.WriteToAddrPort([]byte("early"), netip.MustParseAddrPort("240.0.0.1:9"))
	require.NoError(t, err)
	page := newTCPPage(t, m)
	page.request("owner")
	_, from := readLeg(t, owner)
	require.Equal(t, "240.0.0.1:9", from.String())
	_, err = thief.WriteToAddrPort([]byte("check"), from)
	require.NoError(t, err)
	_, err = owner.WriteToAddrPort([]byte("answer"), from)
	require.NoError(t, err)
	require.Equal(t, "answer", string(page.read()), "what the thief wrote is lost")
	page.send([]byte("1"))
	text, _ := readLeg(t, owner)
	require.Equal(t, "1", text)

	// The page itself may change, as after an ICE restart; the old leg has no claim left then.
	page.request("thief")
	_, again := readLeg(t, thief)
	require.Equal(t, from, again)
	require.NoError(t, owner.Close())
	page.send([]byte("2"))
	text, _ = readLeg(t, thief)
	require.Equal(t, "2", text)
	m.RemoveConnByUfrag("thief")
	page.requireEnd()
}

func TestTCPConnectionsThatSayNoSenseEnd(t *testing.T) {
	t.Parallel()
	m := newTCPTestMux(t, "127.0.0.1")
	leg := openLeg(t, m, "ours")
	for name, say := range map[string]func(*tcpPage){
		"no request":      func(p *tcpPage) { p.send([]byte("hello")) },
		"nobody's leg":    func(p *tcpPage) { p.request("nobody") },
		"an empty frame":  func(p *tcpPage) { p.send(nil) },
		"too long":        func(p *tcpPage) { p.send(make([]byte, receiveMTU+1)) },
		"the page closes": func(p *tcpPage) { require.NoError(p.t, p.conn.CloseWrite()) },
	} {
		t.Log(name)
		page := newTCPPage(t, m)
		say(page)
		page.requireEnd()
	}
	pages := make([]*tcpPage, tcpPerLeg)
	for i := range pages {
		pages[i] = newTCPPage(t, m)
		pages[i].request("ours")
		readLeg(t, leg)
	}
	page := newTCPPage(t, m)
	page.request("ours")
	page.requireEnd()
	for range tcpSilents {
		page = newTCPPage(t, m)
	}
	silent := func() int {
		m.mu.RLock()
		defer m.mu.RUnlock()
		return len(m.tcp.silent)
	}
	require.Eventually(t, func() bool { return silent() == tcpSilents }, 10*time.Second, time.Millisecond)
	for range 10 {
		page = newTCPPage(t, m)
	}
	require.NoError(t, pages[0].conn.Close())
	require.Eventually(t, func() bool {
		m.mu.RLock()
		defer m.mu.RUnlock()
		return len(leg.leg.streams) == tcpPerLeg-1 && m.tcp.last == 5+tcpPerLeg+1+tcpSilents+10
	}, 10*time.Second, time.Millisecond)
	require.Equal(t, tcpSilents, silent(), "the new ones took the place of others")
	page.request("ours")
	readLeg(t, leg)
	pages[1].send([]byte("still there"))
	text, _ := readLeg(t, leg)
	require.Equal(t, "still there", text)
}

// A page that doesn't read loses what comes; what arrives when it reads again is whole frames, and nobody waited.
func TestSlowTCPPageLosesWholeFrames(t *testing.T) {
	t.Parallel()
	m := newTCPTestMux(t, "127.0.0.1")
	leg := openLeg(t, m, "ours")
	page := newTCPPage(t, m)
	page.request("ours")
	_, from := readLeg(t, leg)
	frame := make([]byte, 1000)
	var sent uint32
	for m.dropped.Load() < 10 {
		sent++
		binary.BigEndian.PutUint32(frame, sent)
		_, err := leg.WriteToAddrPort(frame, from)
		require.NoError(t, err)
	}
	var last uint32
	take := func() {
		t.Helper()
		b := page.read()
		require.Len(t, b, len(frame))
		require.Greater(t, binary.BigEndian.Uint32(b), last)
		last = binary.BigEndian.Uint32(b)
	}
	for range sent - 11 { // the rest of the last one goes with the next
		take()
	}
	binary.BigEndian.PutUint32(frame, sent+1)
	require.Eventually(t, func() bool {
		before := m.dropped.Load()
		_, err := leg.WriteToAddrPort(frame, from)
		return err == nil && m.dropped.Load() == before
	}, 10*time.Second, time.Millisecond)
	for last <= sent {
		take()
	}
}
