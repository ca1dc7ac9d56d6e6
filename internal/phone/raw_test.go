package phone_test

import (
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

// rawPeer talks SIP by hand, to send what no well-behaved peer would.
type rawPeer struct {
	t    *testing.T
	conn *net.UDPConn
	to   *phone.Phone
	tag  string // the phone's
	n    int
}

func newRawPeer(t *testing.T, to *phone.Phone) *rawPeer {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to.Addr()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &rawPeer{t: t, conn: conn, to: to}
}

func (r *rawPeer) send(method string, cseq int, headers, body string) {
	r.t.Helper()
	r.n++
	tag := ""
	if r.tag != "" {
		tag = ";tag=" + r.tag
	}
	local := r.conn.LocalAddr()
	_, err := fmt.Fprintf(r.conn, "%s sip:%s@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKraw%d\r\nFrom: <sip:raw@%s>;tag=raw\r\nTo: <sip:%s@%s>%s\r\n"+
		"Call-ID: raw-%s\r\nCSeq: %d %s\r\nContact: <sip:raw@%s>\r\nMax-Forwards: 70\r\n%sContent-Length: %d\r\n\r\n%s",
		method, r.to.User(), r.to.Addr(), local, r.n, local, r.to.User(), r.to.Addr(), tag, r.t.Name(), cseq, method, local, headers, len(body), body)
	require.NoError(r.t, err)
}

// final reads until the final response to the sequence number and learns the phone's tag.
func (r *rawPeer) final(cseq int) (status, message string) {
	r.t.Helper()
	buffer := make([]byte, 4096)
	require.NoError(r.t, r.conn.SetReadDeadline(time.Now().Add(patience)))
	for {
		n, err := r.conn.Read(buffer)
		require.NoError(r.t, err)
		message = string(buffer[:n])
		if !strings.HasPrefix(message, "SIP/2.0 ") || strings.HasPrefix(message, "SIP/2.0 1") || !strings.Contains(message, fmt.Sprintf("CSeq: %d ", cseq)) {
			continue
		}
		if match := regexp.MustCompile(`To: .*;tag=([^\r;]+)`).FindStringSubmatch(message); match != nil && r.tag == "" {
			r.tag = match[1]
		}
		return message[8:11], message
	}
}

// An INVITE without a description gets the offer, and its ACK carries the answer.
// A lost ACK makes the phone repeat its 200.
func TestLateOfferAndOutOfOrder(t *testing.T) {
	t.Parallel()
	bob := start(t, phone.Options{User: "bob", Answer: phone.AutoAnswer, Tone: 1010})
	raw := newRawPeer(t, bob)
	ctx := soon(t)
	raw.send("INVITE", 5, "", "")
	status, message := raw.final(5)
	require.Equal(t, "200", status)
	require.Contains(t, message, "a=rtpmap:0 PCMU/8000")
	status, _ = raw.final(5)
	require.Equal(t, "200", status, "the 200 is repeated until the ACK comes")

	media, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = media.Close() })
	answer := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 8\r\n", media.LocalAddr().(*net.UDPAddr).Port)
	sdp := "Content-Type: application/sdp\r\n"
	raw.send("ACK", 5, sdp, answer)
	require.NoError(t, media.SetReadDeadline(time.Now().Add(patience)))
	packet := make([]byte, 2000)
	n, err := media.Read(packet)
	require.NoError(t, err)
	require.Equal(t, 172, n, "20 ms of G.711")
	require.Equal(t, byte(8), packet[1]&0x7f)

	call, err := bob.WaitCall(ctx)
	require.NoError(t, err)
	for _, c := range []struct {
		method        string
		cseq          int
		headers, body string
		want          string
	}{
		{"OPTIONS", 6, "", "", "200"},
		{"INFO", 7, "Content-Type: application/dtmf-relay\r\n", "Signal=7\r\nDuration=100\r\n", "200"},
		{"NOTIFY", 8, "Event: message-summary\r\n", "", "200"},
		{"UPDATE", 20, sdp, answer + "a=sendonly\r\n", "200"},
		{"UPDATE", 19, sdp, answer, "500"},
		{"UPDATE", 21, sdp, "nonsense", "488"},
		{"UPDATE", 22, "P-Asserted-Identity: \"Desk\" <sip:4711@pbx.example>\r\n", "", "200"},
		{"REFER", 23, "Refer-To: <sip:1@192.0.2.1>\r\n", "", "603"},
		{"NOTIFY", 24, "Event: refer\r\n", "nonsense", "400"},
		{"NOTIFY", 31, "Event: refer\r\n", "SIP/2.0 200 OK\r\n", "200"},
		{"NOTIFY", 30, "Event: refer\r\n", "SIP/2.0 180 Ringing\r\n", "200"}, // overtaken
		{"PRACK", 25, "", "", "405"},
		{"CANCEL", 26, "", "", "481"},
		{"BYE", 27, "Reason: Q.850;cause=31;text=\"Normal, unspecified\"\r\n", "", "200"},
		{"BYE", 28, "", "", "481"},
	} {
		raw.send(c.method, c.cseq, c.headers, c.body)
		got, _ := raw.final(c.cseq)
		require.Equal(t, c.want, got, "%s %d", c.method, c.cseq)
		if c.cseq == 27 { // the phone answers a BYE before it ends the call
			require.NoError(t, call.WaitState(ctx, phone.Ended))
		}
	}
	result, err := call.WaitReferResult(ctx)
	require.NoError(t, err)
	require.Equal(t, 200, result)
	require.Equal(t, []int{180, 200}, call.ReferResults())
	require.Equal(t, "7", call.DTMF())
	require.Equal(t, phone.Identity{Number: "4711", Name: "Desk"}, call.Remote())
	require.Equal(t, 1, call.Reinvites())
	require.Equal(t, phone.EndCause{Method: "BYE", Q850: 31, Reason: "Normal, unspecified"}, call.EndCause())
}

func TestGarbageIsSurvived(t *testing.T) {
	t.Parallel()
	bob := start(t, phone.Options{User: "bob"})
	raw := newRawPeer(t, bob)
	for _, datagram := range []string{"", "\r\n\r\n", "nonsense", "INVITE sip:bob SIP/2.0\r\n\r\n", strings.Repeat("x", 60000)} {
		_, err := raw.conn.Write([]byte(datagram))
		require.NoError(t, err)
	}
	raw.send("OPTIONS", 1, "", "")
	status, message := raw.final(1)
	require.Equal(t, "200", status)
	require.Contains(t, message, "Allow: INVITE")
}
