//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/icholy/digest"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"sidecar/internal/g711"
	"sidecar/internal/phone"
	"sidecar/internal/tone"
)

// evilTone is what strangers send; nobody may hear it.
const evilTone = 1330

// siege is a system with a call that goes on, whatever happens at the doors.
type siege struct {
	*system
	desk   *phone.Phone
	page   *webCall
	phone  *phone.Call
	origin string
}

// Bad input at every door that browsers and upstreams have, while a browser talks: nothing crashes, nobody gets in, and the
// call is heard through all of it. The daemon was built with the race detector, and must end cleanly.
func TestBadInputAtTheGateway(t *testing.T) {
	t.Parallel()
	s := newDesks(t, "", "SIDECAR_GATEWAY_TAKE_OVER=refuse")
	g := &siege{system: s, desk: s.agentPhone("5011", phone.RingOnly), origin: windows.ready(t).origin}
	anna := s.browser("5001", 0)
	s.inService("5001", "5011")
	g.page = anna.dial("5011")
	g.phone = incoming(t, g.desk, agentTone)
	webTalk(t, g.phone, agentTone, g.page, browserTone)
	for _, attack := range []struct {
		name string
		run  func(*siege)
	}{
		{"malformed SIP over WebSocket", (*siege).malformedWebSocket},
		{"malformed SDP", (*siege).malformedSDP},
		{"malformed SIP over UDP", (*siege).malformedUDP},
		{"calls of strangers", (*siege).strangersCall},
		{"RTP of strangers", (*siege).strangersTalk},
		{"oversized frame", (*siege).oversizedFrame},
		{"wrong origin", (*siege).wrongOrigin},
		{"wrong passwords", (*siege).wrongPasswords},
		{"another phone for the DN", (*siege).secondPhone},
		{"another DN", (*siege).anotherDN},
		{"forged Contact", (*siege).forgedContact},
		{"flood of the media port", (*siege).flood},
	} {
		t.Run(attack.name, func(t *testing.T) {
			inner := *g
			inner.system, inner.page = s.in(t), &webCall{window: g.page.window.on(t), index: g.page.index}
			attack.run(&inner)
			webTalk(t, g.phone, agentTone, inner.page, browserTone)
		})
	}
	require.Equal(t, http.StatusOK, s.readyStatus())
	require.Equal(t, phone.Established, g.phone.State())
	g.page.hangup()
	require.Equal(t, "BYE", ended(t, g.phone).Method)
	s.requireNoLeftovers()
}

// rubbish is what no parser may stumble over; {dn} is a DN.
func rubbish() []string {
	const head = "Via: SIP/2.0/WS a.invalid;branch=z9hG4bKbad\r\nFrom: <sip:5001@a>;tag=1\r\nTo: <sip:5001@a>\r\nCall-ID: bad\r\n"
	return []string{
		"", "\r\n", "\x00\xff\xfe\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "INVITE", "INVITE sip:5001@a SIP/2.0", "INVITE sip:5001@a SIP/9.9\r\n\r\n",
		"SIP/2.0 200 OK\r\n\r\n", "SIP/2.0 99999 Odd\r\n" + head + "CSeq: 1 INVITE\r\n\r\n", "SIP/2.0 200 OK\r\n" + head + "CSeq: 1 REGISTER\r\n\r\n",
		"INVITE sip:5001@a SIP/2.0\r\n" + head + "\r\n", "INVITE sip:5001@a SIP/2.0\r\n" + head + "CSeq: 99999999999999 INVITE\r\nContent-Length: 0\r\n\r\n",
		"INVITE sip:5001@a SIP/2.0\r\n" + head + "CSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
		"OPTIONS sip:5001@a SIP/2.0\r\n" + head + "CSeq: 1 OPTIONS\r\nContent-Length: -5\r\n\r\n",
		"OPTIONS sip:5001@a SIP/2.0\r\n" + head + "CSeq: 1 OPTIONS\r\nContent-Length: 4000\r\n\r\nshort",
		"OPTIONS sip:5001@a SIP/2.0\r\n" + head + "CSeq: 1 OPTIONS\r\nX: " + strings.Repeat("a", 16000) + "\r\n\r\n",
		"REGISTER sip:a SIP/2.0\r\n" + head + "CSeq: 1 REGISTER\r\nContact: <sip:\r\nAuthorization: Digest username=\"\r\n\r\n",
		"REGISTER sip:a SIP/2.0\r\n" + head + "CSeq: 1 REGISTER\r\nContact: *\r\nExpires: 0\r\n\r\n",
		"BYE sip:5001@a SIP/2.0\r\n" + head + "CSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n",
		"CANCEL sip:5001@a SIP/2.0\r\n" + head + "CSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n",
		"ACK sip:5001@a SIP/2.0\r\n" + head + "CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
		"NOTIFY sip:5001@a SIP/2.0\r\n" + head + "CSeq: 1 NOTIFY\r\nEvent: talk\r\nContent-Length: 0\r\n\r\n",
		"REFER sip:5001@a SIP/2.0\r\n" + head + "CSeq: 1 REFER\r\nRefer-To: <sip:5011@a?Replaces=bad>\r\nContent-Length: 0\r\n\r\n",
		strings.Repeat("INVITE sip:5001@a SIP/2.0\r\n", 300),
	}
}

func (g *siege) malformedWebSocket() {
	for _, text := range rubbish() {
		for _, kind := range []int{websocket.TextMessage, websocket.BinaryMessage} {
			r := g.raw("5002")
			require.NoError(g.t, r.ws.WriteMessage(kind, []byte(text)))
			require.NoError(g.t, g.refusals(r, text))
			r.drop()
		}
	}
	r := g.raw("5002")
	require.Equal(g.t, 200, r.login("5002").status)
	for _, text := range rubbish() {
		if r.ws.WriteMessage(websocket.TextMessage, []byte(text)) != nil {
			break // the flow may be closed for it
		}
	}
	r.drop()
}

// refusals reads the answers to a text until the flow is closed or an OPTIONS after it is answered.
func (g *siege) refusals(r *rawPhone, text string) error {
	ping := r.send("OPTIONS", "sip:127.0.0.1", token(), "5001", "")
	for {
		m := r.next(patience)
		if m == nil || m.header("CSeq") == ping {
			return nil
		}
		if m.status < 400 && !strings.HasSuffix(m.header("CSeq"), " OPTIONS") { // anybody may ask whether we are there
			return fmt.Errorf("%.200q got %s", text, m.start)
		}
	}
}

func (g *siege) malformedSDP() {
	r := g.raw("5003")
	require.Equal(g.t, 200, r.login("5003").status)
	const head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
	for _, body := range []string{
		"nonsense", "v=0", head, head + "m=audio 0 RTP/AVP 0\r\n", head + "m=audio 99999 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 127.0.0.1\r\n",
		head + "c=IN IP4 999.1.1.1\r\nm=audio 4000 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n",
		head + "c=IN IP4 127.0.0.1\r\nm=audio 4000 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=ice-ufrag:x\r\na=fingerprint:sha-256 zz\r\na=setup:odd\r\n",
		head + "c=IN IP4 127.0.0.1\r\n" + strings.Repeat("m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\n", 200),
		head + "c=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:xx\r\n",
		strings.Repeat("a", 20000),
	} {
		status := r.invite("5011", body)
		require.Contains(g.t, []int{400, 415, 488, 500, 513, 606}, status, "%q", body)
		require.NotEqual(g.t, 500, status, "%q", body)
	}
	require.Empty(g.t, g.ringing(g.desk), "nothing of it reaches a phone")
	r.drop()
}

func (g *siege) malformedUDP() {
	conn := g.stranger()
	for _, text := range rubbish() {
		text = strings.ReplaceAll(text, "SIP/2.0/WS a.invalid", "SIP/2.0/UDP "+conn.LocalAddr().String())
		_, err := conn.Write([]byte(text))
		require.NoError(g.t, err)
	}
	junk := make([]byte, 1200)
	for range 200 {
		_, _ = rand.Read(junk)
		_, err := conn.Write(junk)
		require.NoError(g.t, err)
	}
	for _, answer := range g.answers(conn) {
		harmless := strings.Contains(answer, " OPTIONS\r\n") || strings.Contains(answer, " NOTIFY\r\n") // answered and ignored
		require.False(g.t, !harmless && regexp.MustCompile(`^SIP/2.0 (18|2)`).MatchString(answer), answer)
	}
}

// strangersCall: an INVITE from an address that is no upstream's is refused, and the page does not ring.
func (g *siege) strangersCall() {
	conn := g.stranger()
	for i, method := range []string{"INVITE", "REGISTER", "OPTIONS", "MESSAGE", "SUBSCRIBE"} {
		_, err := fmt.Fprintf(conn, "%[1]s sip:5001@127.0.0.1:%[2]d SIP/2.0\r\nVia: SIP/2.0/UDP %[3]s;branch=z9hG4bKevil%[4]d\r\nMax-Forwards: 70\r\n"+
			"From: <sip:5011@127.0.0.1>;tag=evil\r\nTo: <sip:5001@127.0.0.1>\r\nCall-ID: evil%[4]d\r\nCSeq: 1 %[1]s\r\nContact: <sip:evil@%[3]s>\r\n"+
			"X-Sidecar-Leg: forged\r\nContent-Length: 0\r\n\r\n", method, g.gateway.sip, conn.LocalAddr(), i)
		require.NoError(g.t, err)
	}
	for _, answer := range g.answers(conn) {
		if !strings.Contains(answer, " OPTIONS\r\n") {
			require.NotRegexp(g.t, `^SIP/2.0 (18|2)`, answer)
		}
	}
	var count int
	g.page.do("count", &count)
	require.Equal(g.t, 1, count, "the page has its one call")
}

// strangersTalk: RTP to every port of ours, and to the browsers' port, from another host and from another port of Asterisk's.
func (g *siege) strangersTalk() {
	ctx, cancel := context.WithCancel(g.t.Context())
	var sending sync.WaitGroup
	var strangers []*net.UDPConn
	for i, host := range []net.IP{net.IPv4(127, 0, 0, 9), net.IPv4(127, 0, 0, 1)} {
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: host})
		require.NoError(g.t, err)
		strangers = append(strangers, conn)
		sending.Go(func() { g.shout(ctx, conn, uint32(666+i)) })
	}
	g.page.hears(agentTone)
	g.page.hearsNot(evilTone)
	require.NoError(g.t, g.phone.WaitNoTone(soon(g.t), evilTone))
	require.NoError(g.t, g.phone.WaitTone(soon(g.t), browserTone))
	cancel()
	sending.Wait()
	for _, conn := range strangers {
		require.NoError(g.t, conn.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
		n, _, _ := conn.ReadFromUDP(make([]byte, 1500))
		require.Zero(g.t, n, "a stranger hears nothing")
		require.NoError(g.t, conn.Close())
	}
}

// shout sends a tone in PCMU to all ports of ours until the context ends.
func (g *siege) shout(ctx context.Context, conn *net.UDPConn, ssrc uint32) {
	var generator tone.Generator
	samples := make([]int16, 160)
	packet := rtp.Packet{Header: rtp.Header{Version: 2, SSRC: ssrc}}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for ctx.Err() == nil {
		<-ticker.C
		generator.Fill(samples, evilTone)
		packet.Payload = packet.Payload[:0]
		for _, sample := range samples {
			packet.Payload = append(packet.Payload, g711.EncodeULaw(sample))
		}
		packet.SequenceNumber++
		packet.Timestamp += 160
		raw, err := packet.Marshal()
		if err != nil {
			return
		}
		for port := g.gateway.rtp; port < g.gateway.rtp+44; port++ {
			_, _ = conn.WriteToUDP(raw, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		}
		_, _ = conn.WriteToUDP(raw, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: g.gateway.ice})
	}
}

func (g *siege) oversizedFrame() {
	r := g.raw("5002")
	_ = r.ws.WriteMessage(websocket.TextMessage, bytes.Repeat([]byte("a"), 1<<20)) // it may be cut off while it writes
	require.Nil(g.t, r.next(patience))
	r.drop()
	require.Error(g.t, r.err)
	require.NotErrorIs(g.t, r.err, net.ErrClosed, "the daemon ended it")
}

func (g *siege) wrongOrigin() {
	for _, origin := range []string{"http://evil.example", "null", g.origin + ".evil.example", "https://127.0.0.1"} {
		_, res, err := websocket.DefaultDialer.DialContext(soon(g.t), "ws://"+g.http+"/ws", http.Header{"Origin": {origin}, "Sec-WebSocket-Protocol": {"sip"}})
		require.Error(g.t, err, origin)
		require.Equal(g.t, http.StatusForbidden, res.StatusCode, origin)
		_ = res.Body.Close()
	}
}

// wrongPasswords: who guesses has to wait, even if the next password is right. Nobody else has to.
func (g *siege) wrongPasswords() {
	r := g.raw("5004")
	pause, late := time.NewTicker(100*time.Millisecond), soon(g.t)
	defer pause.Stop()
	for slowed := false; !slowed; {
		select {
		case <-pause.C:
		case <-late.Done():
			require.FailNow(g.t, "guesses are not slowed down")
		}
		asked := time.Now()
		guess := r.answer("not-the-password")
		require.NotEqual(g.t, 200, guess.status)
		wait, _ := strconv.Atoi(guess.header("Retry-After")) // rounded up
		if wait < 2 {
			continue
		}
		right := r.login("5004")
		if slowed = time.Since(asked) < time.Duration(wait-1)*time.Second; slowed { // else the machine was, and it says nothing
			require.NotEmpty(g.t, right.header("Retry-After"), right.start)
		} else if right.status == 200 { // who is in may err as often as he likes
			r.drop()
			r = g.raw("5004")
		}
	}
	r.drop()
	with := g.webAccount("5007", 0)
	other := g.window(with)
	require.Equal(g.t, "registered", other.start())
	require.NotContains(g.t, g.log.String(), "not-the-password")
}

// secondPhone: with take_over refuse the DN's phone stays the one that it is.
func (g *siege) secondPhone() {
	r := g.raw("5001")
	require.Equal(g.t, http.StatusForbidden, r.login("5001").status)
	r.drop()
	g.inService("5001")
}

// anotherDN: who has 5002's password can neither register nor call as 5001.
func (g *siege) anotherDN() {
	r := g.raw("5002")
	r.user = "5002"
	r.dn = "5001"
	require.NotEqual(g.t, 200, r.login("5002").status)
	r.dn = "5002"
	require.Equal(g.t, 200, r.login("5002").status)
	g.inService("5002")
	r.from = "5001"
	r.ring("5011")
	if call := g.ringing(g.desk); call != nil {
		require.Equal(g.t, "5002", call.Remote().Number, "the caller is who registered")
		require.NoError(g.t, call.Reject(486, "Busy Here"))
	}
	r.drop()
}

// forgedContact: calls go to the WebSocket that registered, never to the address that its Contact names.
func (g *siege) forgedContact() {
	trap, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(g.t, err)
	defer func() { _ = trap.Close() }()
	r := g.raw("5008")
	r.contact = "sip:5001@" + trap.LocalAddr().String()
	require.Equal(g.t, 200, r.login("5008").status)
	g.inService("5008")
	call, err := g.desk.Dial(soon(g.t), "5008")
	require.NoError(g.t, err)
	for m := r.next(patience); ; m = r.next(patience) {
		require.NotNil(g.t, m, "the INVITE comes by the WebSocket")
		if strings.HasPrefix(m.start, "INVITE ") {
			break
		}
	}
	require.NoError(g.t, trap.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
	n, _, _ := trap.ReadFrom(make([]byte, 1500))
	require.Zero(g.t, n)
	require.NoError(g.t, call.Hangup(soon(g.t)))
	r.drop()
}

// flood: STUN, DTLS and nonsense at the port of all browsers, from many addresses, as fast as one sender can.
func (g *siege) flood() {
	ctx, cancel := context.WithCancel(g.t.Context())
	var sending sync.WaitGroup
	for i := range 4 {
		conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, byte(20+i))}, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: g.gateway.ice})
		require.NoError(g.t, err)
		sending.Go(func() {
			defer func() { _ = conn.Close() }()
			stun := append([]byte{0, 1, 0, 28, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 40)...)
			copy(stun[20:], []byte{0, 6, 0, 16}) // USERNAME of a stranger
			dtls := append([]byte{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 1, 0, 0, 88}, make([]byte, 96)...)
			junk := make([]byte, 200)
			// As many as a 20 ms packet stream of 400 calls, in bursts.
			ticker := time.NewTicker(2 * time.Millisecond)
			defer ticker.Stop()
			for ctx.Err() == nil {
				<-ticker.C
				for range 3 {
					_, _ = rand.Read(stun[8:20])
					_, _ = rand.Read(stun[24:40])
					_, _ = rand.Read(dtls[20:])
					_, _ = rand.Read(junk)
					for _, packet := range [][]byte{stun, dtls, junk} {
						_, _ = conn.Write(packet)
					}
				}
			}
		})
	}
	for range 3 {
		webTalk(g.t, g.phone, agentTone, g.page, browserTone)
	}
	late := g.browser("5009", otherTone) // who comes now is served too
	g.inService("5009")
	call, err := g.desk.Dial(soon(g.t), "5009")
	require.NoError(g.t, err)
	call.SendTone(secondTone)
	l := late.incoming().answer()
	l.hears(secondTone)
	l.hangup()
	ended(g.t, call)
	cancel()
	sending.Wait()
}

// stranger is a UDP socket at an address that is no upstream's.
func (g *siege) stranger() *net.UDPConn {
	g.t.Helper()
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 9)}, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: g.gateway.sip})
	require.NoError(g.t, err)
	g.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// answers are what comes within a moment.
func (g *siege) answers(conn *net.UDPConn) []string {
	g.t.Helper()
	require.NoError(g.t, conn.SetReadDeadline(time.Now().Add(500*time.Millisecond)))
	var list []string
	buffer := make([]byte, 65536)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return list
		}
		list = append(list, string(buffer[:n]))
	}
}

// ringing is a call that came to a phone by now, or nil.
func (g *siege) ringing(p *phone.Phone) *phone.Call {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 300*time.Millisecond)
	defer cancel()
	call, err := p.WaitCall(ctx)
	if err != nil {
		return nil
	}
	return call
}

// rawPhone writes SIP by hand over a WebSocket.
type rawPhone struct {
	g                       *siege
	ws                      *websocket.Conn
	dn, user, from, contact string
	host, registerID        string
	seq                     int
	in                      chan *rawMessage
	err                     error // why the connection ended; to be read after in is closed
	reading                 sync.WaitGroup
}

type rawMessage struct {
	start, text string
	status      int
}

func (m *rawMessage) header(name string) string {
	last := ""
	for line := range strings.SplitSeq(m.text, "\r\n") {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(key, name) {
			last = strings.TrimSpace(value)
		}
	}
	return last
}

func (g *siege) raw(dn string) *rawPhone {
	g.t.Helper()
	ws, res, err := websocket.DefaultDialer.DialContext(soon(g.t), "ws://"+g.http+"/ws", http.Header{"Origin": {g.origin}, "Sec-WebSocket-Protocol": {"sip"}})
	require.NoError(g.t, err)
	_ = res.Body.Close()
	host := token() + ".invalid"
	r := &rawPhone{g: g, ws: ws, dn: dn, user: dn, from: dn, host: host, contact: "sip:" + dn + "@" + host + ";transport=ws", registerID: token(), in: make(chan *rawMessage, 4096)}
	r.reading.Go(func() {
		defer close(r.in)
		for {
			_, data, err := ws.ReadMessage()
			if err != nil {
				r.err = err
				return
			}
			m := &rawMessage{text: string(data)}
			m.start, _, _ = strings.Cut(m.text, "\r\n")
			_, _ = fmt.Sscanf(m.start, "SIP/2.0 %d", &m.status)
			r.in <- m
		}
	})
	g.t.Cleanup(r.drop)
	return r
}

func (r *rawPhone) drop() {
	_ = r.ws.Close()
	r.reading.Wait()
}

// next is the next message, nil when none comes in time or the connection has ended.
func (r *rawPhone) next(limit time.Duration) *rawMessage {
	select {
	case m := <-r.in:
		return m
	case <-time.After(limit):
		return nil
	}
}

// final is the final response to a request, given by its CSeq.
func (r *rawPhone) final(cseq string) *rawMessage {
	r.g.t.Helper()
	for {
		m := r.next(patience)
		require.NotNil(r.g.t, m, "no answer to %s", cseq)
		if m.status >= 200 && m.header("CSeq") == cseq {
			return m
		}
	}
}

func (r *rawPhone) send(method, uri, callID, to, body string, headers ...string) string {
	r.g.t.Helper()
	r.seq++
	cseq := fmt.Sprintf("%d %s", r.seq, method)
	lines := append([]string{
		method + " " + uri + " SIP/2.0", "Via: SIP/2.0/WS " + r.host + ";branch=z9hG4bK" + token(), "Max-Forwards: 69", "Call-ID: " + callID,
		"From: <sip:" + r.from + "@127.0.0.1>;tag=" + callID, "To: <sip:" + to + "@127.0.0.1>", "CSeq: " + cseq, "Contact: <" + r.contact + ">;expires=300",
		fmt.Sprintf("Content-Length: %d", len(body)),
	}, headers...)
	_ = r.ws.WriteMessage(websocket.TextMessage, []byte(strings.Join(lines, "\r\n")+"\r\n\r\n"+body)) // who waits for the answer sees it fail
	return cseq
}

// login registers r.dn with the password of a DN.
func (r *rawPhone) login(passwordOf string) *rawMessage {
	r.g.t.Helper()
	return r.answer(r.g.phonePassword(passwordOf))
}

func (r *rawPhone) answer(password string) *rawMessage {
	r.g.t.Helper()
	const uri = "sip:127.0.0.1"
	r.from = r.dn
	res := r.final(r.send("REGISTER", uri, r.registerID, r.dn, ""))
	if res.status != http.StatusUnauthorized {
		return res
	}
	challenge, err := digest.ParseChallenge(res.header("WWW-Authenticate"))
	require.NoError(r.g.t, err, res.text)
	credentials, err := digest.Digest(challenge, digest.Options{Method: "REGISTER", URI: uri, Username: r.user, Password: password, Count: 1})
	require.NoError(r.g.t, err)
	return r.final(r.send("REGISTER", uri, r.registerID, r.dn, "", "Authorization: "+credentials.String()))
}

// invite calls and returns the final status.
func (r *rawPhone) invite(to, body string) int {
	r.g.t.Helper()
	return r.final(r.send("INVITE", "sip:"+to+"@127.0.0.1", token(), to, body, "Content-Type: application/sdp")).status
}

// ring calls with a description that a browser could have sent, and waits for nothing.
func (r *rawPhone) ring(to string) {
	r.g.t.Helper()
	r.send("INVITE", "sip:"+to+"@127.0.0.1", token(), to, browserOffer, "Content-Type: application/sdp")
}

// browserOffer is well-formed; nobody is behind it.
var browserOffer = strings.Join([]string{
	"v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0", "m=audio 9 UDP/TLS/RTP/SAVPF 0 8 126", "c=IN IP4 0.0.0.0", "a=rtcp-mux",
	"a=ice-ufrag:abcd", "a=ice-pwd:0123456789012345678901", "a=setup:actpass", "a=mid:0", "a=sendrecv",
	"a=fingerprint:sha-256 " + strings.TrimSuffix(strings.Repeat("AB:", 32), ":"), "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000",
	"a=rtpmap:126 telephone-event/8000", "a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host", "",
}, "\r\n")

func token() string {
	raw := make([]byte, 8)
	_, _ = rand.Read(raw)
	return hex.EncodeToString(raw)
}
