package gateway_test

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/gateway"
)

// pbx is an upstream that does what phones don't: INVITEs without an offer, media that moves.
type pbx struct {
	t       testing.TB
	conn    net.PacketConn
	gateway net.Addr
	dn      string // that it calls
	tag     string // of the gateway
	uuid    string // its X-Genesys-CallUUID
	seq     int
}

func newPBX(t testing.TB, dn, uuid string) *pbx {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	return &pbx{t: t, conn: conn, dn: dn, uuid: uuid}
}

// pbx is a PBX that calls a DN.
func (w *world) pbx(dn, uuid string) *pbx {
	w.t.Helper()
	p := newPBX(w.t, dn, uuid)
	w.join(p)
	return p
}

// join lets a PBX answer what the gateway says at its end.
func (w *world) join(p *pbx) {
	p.gateway = w.AddrUDP()
	var wg sync.WaitGroup
	w.t.Cleanup(func() { wg.Go(p.farewell) })
	w.after = append(w.after, func() {
		_ = p.conn.Close()
		wg.Wait()
	})
}

func (p *pbx) farewell() {
	buffer := make([]byte, 8192)
	_ = p.conn.SetReadDeadline(time.Time{})
	for {
		n, _, err := p.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		switch m := parseText(string(buffer[:n])); {
		case strings.HasPrefix(m.start, "BYE"):
			p.respond(m, 200, "OK", "")
		case strings.HasPrefix(m.start, "CANCEL"):
			p.respond(m, 200, "OK", "")
			m.headers[slices.Index(m.headers, "CSeq: "+m.get("CSeq"))] = strings.Replace("CSeq: "+m.get("CSeq"), "CANCEL", "INVITE", 1)
			p.respond(m, 487, "Request Terminated", "")
		}
	}
}

func listenUDP(t testing.TB) net.PacketConn {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (p *pbx) send(method, body string, headers ...string) {
	p.t.Helper()
	p.sendAs(p.seq, method, body, headers...)
}

// ackOf acknowledges the answer to the request with a number.
func (p *pbx) ackOf(seq int, body string) {
	p.t.Helper()
	p.sendAs(seq, "ACK", body)
}

// do sends the next request and returns its final response.
func (p *pbx) do(method, body string, headers ...string) *text {
	p.t.Helper()
	p.seq++
	p.send(method, body, headers...)
	for {
		if m := p.until("SIP/2.0"); m.status >= 200 && m.get("CSeq") == fmt.Sprintf("%d %s", p.seq, method) {
			return m
		}
	}
}

// until skips messages until one starts as asked.
func (p *pbx) until(start string) *text {
	p.t.Helper()
	for {
		if m := p.receive(); strings.HasPrefix(m.start, start) {
			return m
		}
	}
}

func (p *pbx) sendAs(seq int, method, body string, headers ...string) {
	p.t.Helper()
	if p.uuid != "" {
		headers = append(headers, "X-Genesys-CallUUID: "+p.uuid)
	}
	to := "To: <sip:" + p.dn + "@pbx.example.com>"
	if p.tag != "" {
		to += ";tag=" + p.tag
	}
	here := p.conn.LocalAddr().String()
	lines := []string{
		method + " sip:" + p.dn + "@" + p.gateway.String() + " SIP/2.0", "Via: SIP/2.0/UDP " + here + ";branch=z9hG4bK" + randomName(), "Max-Forwards: 70",
		"From: <sip:4711@pbx.example.com>;tag=pbx", to, "Call-ID: pbx-" + here, fmt.Sprintf("CSeq: %d %s", seq, method),
		"Contact: <sip:4711@" + here + ">",
	}
	if !strings.Contains(strings.Join(headers, "\n"), "Content-Type") {
		headers = append(headers, "Content-Type: application/sdp")
	}
	lines = append(append(lines, headers...), fmt.Sprintf("Content-Length: %d", len(body)), "", body)
	_, err := p.conn.WriteTo([]byte(strings.Join(lines, "\r\n")), p.gateway)
	require.NoError(p.t, err)
}

// invite sends an INVITE, runs ring when there is something to do before the answer, and returns the 200.
func (p *pbx) invite(body string, ring func()) *text {
	p.t.Helper()
	p.seq++
	p.send("INVITE", body)
	if ring != nil {
		ring()
	}
	for {
		m := p.receive()
		if m.status < 200 || !strings.HasPrefix(m.get("CSeq"), fmt.Sprintf("%d ", p.seq)) {
			continue
		}
		require.Equal(p.t, 200, m.status, m.start)
		p.tag = tagOf(m.get("To"))
		return m
	}
}

func (p *pbx) receive() *text {
	p.t.Helper()
	buffer := make([]byte, 8192)
	require.NoError(p.t, p.conn.SetReadDeadline(time.Now().Add(patience)))
	n, _, err := p.conn.ReadFrom(buffer)
	require.NoError(p.t, err)
	return parseText(string(buffer[:n]))
}

// withPBX is a world whose calls go to a PBX of this kind.
func withPBX(t *testing.T, change func(*settings)) (*world, *pbx) {
	t.Helper()
	p := newPBX(t, "5001", "")
	w := newWorld(t, func(s *settings) {
		inner := s.gateway.Upstream
		s.gateway.Upstream = func(dn string) (gateway.Upstream, bool) {
			up, ok := inner(dn)
			up.Proxy = p.conn.LocalAddr().String()
			return up, ok
		}
		if change != nil {
			change(s)
		}
	})
	w.join(p)
	return w, p
}

// taken is the INVITE of a call that comes.
func (p *pbx) taken() *text {
	p.t.Helper()
	return p.until("INVITE")
}

// respond answers a request of the gateway.
func (p *pbx) respond(req *text, status int, reason, body string, headers ...string) {
	p.t.Helper()
	to := req.get("To")
	if !strings.Contains(to, ";tag=") {
		to += ";tag=pbx"
	}
	lines := append([]string{
		fmt.Sprintf("SIP/2.0 %d %s", status, reason), "Via: " + req.get("Via"), "From: " + req.get("From"), "To: " + to, "Call-ID: " + req.get("Call-ID"),
		"CSeq: " + req.get("CSeq"), "Contact: <sip:5002@" + p.conn.LocalAddr().String() + ">",
	}, headers...)
	if body != "" {
		lines = append(lines, "Content-Type: application/sdp")
	}
	lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)), "", body)
	_, err := p.conn.WriteTo([]byte(strings.Join(lines, "\r\n")), p.gateway)
	require.NoError(p.t, err)
}

// sdpOffering is a description with the payload types of a desk phone.
func sdpOffering(conn net.PacketConn, version int, types string) string {
	return strings.Replace(sdpAt(conn, version), "RTP/AVP 0\r\n", "RTP/AVP "+types+"\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:9 G722/8000\r\n"+
		"a=rtpmap:18 G729/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n", 1)
}

func sdpAt(conn net.PacketConn, version int) string {
	port := netip.MustParseAddrPort(conn.LocalAddr().String()).Port()
	return fmt.Sprintf("v=0\r\no=- 1 %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n", version, port)
}

func requirePacket(t testing.TB, conn net.PacketConn) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	n, _, err := conn.ReadFrom(make([]byte, 1500))
	require.NoError(t, err)
	require.Equal(t, 172, n, "20 ms of PCMU")
}

// Field lesson 13.
func TestOfferInThe200AndMediaThatMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.agent("5001")
	p := w.pbx("5001", "")
	first, second, third := listenUDP(t), listenUDP(t), listenUDP(t)
	m := newMicrophone(t)
	res := p.invite("", func() {
		l := a.rung()
		a.respond(l.invite, 200, "OK", m.answer(l.invite.body))
	})
	require.Contains(t, res.body, "RTP/AVP 0", "our offer, PCMU first")
	p.send("ACK", sdpAt(first, 1))
	w.wait(gateway.Answered)
	requirePacket(t, first)

	res = p.invite(sdpAt(second, 2), nil)
	require.Contains(t, res.body, "m=audio ")
	p.send("ACK", "")
	requirePacket(t, second)

	res = p.invite("", nil)
	require.Contains(t, res.body, "m=audio ")
	p.send("ACK", sdpAt(third, 3))
	requirePacket(t, third)

	p.seq++
	p.send("BYE", "")
	a.respond(a.until("BYE"), 200, "OK", "")
	w.wait(gateway.Ended)
}

// An INVITE with all codecs, credentials and what a page adds is longer than a datagram on the wire, and still one for UDP.
func TestALongINVITEReachesThePBX(t *testing.T) {
	t.Parallel()
	w, p := withPBX(t, nil)
	note := strings.Repeat("0123456789", 150)
	w.agent("5001").call("5002", newMicrophone(t).offer(), "X-Note: "+note)
	invite := p.taken()
	require.Equal(t, note, invite.get("X-Note"))
	p.respond(invite, 486, "Busy Here", "", "X-Note: "+note)
	w.wait(gateway.Ended)
}

func TestOnlyThePBXMayCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) {
		inner := s.gateway.Upstream
		s.gateway.Upstream = func(dn string) (gateway.Upstream, bool) {
			up, ok := inner(dn)
			up.Sources = []netip.Addr{netip.MustParseAddr("192.0.2.81")}
			return up, ok
		}
	})
	w.agent("5001")
	end, err := w.dial("5001").WaitEnd(patient(t))
	require.NoError(t, err)
	require.Equal(t, 403, end.Status)
}

func TestDescriptionsThatCannotBeMetAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.agent("5001")
	require.Equal(t, 488, a.call("5002", "v=0\r\nno description\r\n").finalOf("INVITE").status)
	w.wait(gateway.Ended)
	require.Empty(t, w.phone.Calls())
}

func TestLegsAreNamedBetweenUsAndOurPBXOnly(t *testing.T) {
	t.Parallel()
	for name, ours := range map[string]bool{"": true, gateway.Asterisk: true, "genesys_sip_server": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, p := withPBX(t, func(s *settings) {
				inner := s.gateway.Upstream
				s.gateway.Upstream = func(dn string) (gateway.Upstream, bool) {
					up, ok := inner(dn)
					up.Name = name
					return up, ok
				}
			})
			a := w.agent("5001")
			a.call("5002", newMicrophone(t).offer())
			invite := p.taken()
			out := w.wait(gateway.Ringing)
			require.Equal(t, name, out.Upstream)
			require.Equal(t, map[bool]string{true: out.Leg, false: ""}[ours], invite.get(gateway.LegHeader))
			p.respond(invite, 180, "Ringing", "", "X-Genesys-CallUUID: 02CAFE")
			a.until("SIP/2.0 180")
			p.respond(invite, 486, "Busy Here", "")
			end := w.wait(gateway.Ended)
			require.Equal(t, "02CAFE", end.CallUUID, "the switch's name of a call that it didn't make")

			s := w.pbx("5001", "")
			s.seq++
			s.send("INVITE", sdpAt(listenUDP(t), 1), gateway.LegHeader+": n1-7")
			in := w.wait(gateway.Ringing)
			require.Equal(t, ours, in.Leg == "n1-7", in.Leg)
			again := w.pbx("5001", "")
			again.seq++
			again.send("INVITE", sdpAt(listenUDP(t), 1), gateway.LegHeader+": n1-7")
			require.NotEqual(t, in.Leg, w.wait(gateway.Ringing).Leg, "a name is one call's")
		})
	}
}
