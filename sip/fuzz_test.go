package sip_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"sidecar/sip"
)

// FuzzWebSocketMessage sends anything over a flow: a stranger's, then that of a phone that has registered. The endpoint answers afterwards.
func FuzzWebSocketMessage(f *testing.F) {
	for _, seed := range tortureMessages() {
		f.Add(crlf(seed))
	}
	f.Fuzz(func(t *testing.T, msg string) {
		w := newWorld(t, func(o *sip.Options) {
			o.Registrar.MaxFailures = 1 << 20
			o.OnCall = func(d *sip.Dialog, _ sip.Call) {
				_ = d.Ring(t.Context(), 183, "Session Progress", sip.SDP([]byte("v=0")), nil)
				_ = d.Reject(486, "Busy Here", nil)
			}
		})
		for _, loggedIn := range []bool{false, true} {
			b := w.browser("5001")
			if loggedIn {
				require.Equal(t, 200, b.login(600).status)
			}
			_ = b.ws.WriteMessage(websocket.TextMessage, []byte(msg))
			_ = b.ws.WriteMessage(websocket.TextMessage, []byte(crlf(options(b, 424242))))
		}
		after := w.browser("5002")
		after.send(options(after, 1))
		require.Equal(t, 200, after.next().status)
		_, res, err := w.upgrade(dialOptions{from: "192.0.2.77:1", origin: "https://evil.example", protocols: []string{"sip"}})
		require.Error(t, err)
		require.Equal(t, http.StatusForbidden, res.StatusCode)
		_ = res.Body.Close()
	})
}

// tortureMessages are texts of the kinds that RFC 4475 describes.
func tortureMessages() []string {
	register := "REGISTER sip:desk.example.com SIP/2.0\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bKreg\nMax-Forwards: 70\n" +
		"To: <sip:5001@desk.example.com>\nFrom: <sip:5001@desk.example.com>;tag=1\nCall-ID: reg\nCSeq: 9 REGISTER\nContact: <sip:5001@x.invalid>\nContent-Length: 0\n\n"
	invite := "INVITE sip:5002@desk.example.com SIP/2.0\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bKinv\nMax-Forwards: 70\n" +
		"To: <sip:5002@desk.example.com>\nFrom: <sip:5001@desk.example.com>;tag=2\nCall-ID: inv\nCSeq: 1 INVITE\nContact: <sip:5001@x.invalid>\n" +
		"Content-Type: application/sdp\nContent-Length: 5\n\nv=0\n"
	return []string{
		register, invite, "", "\n\n", "\x00",
		// legal, but unusual: folding, odd spacing, case, compact names, escapes, unknown headers
		strings.Replace(invite, "CSeq: 1 INVITE", "cseq:\t0000001\n INVITE", 1),
		strings.NewReplacer("Via:", "v  :", "To:", "t :", "From:", "f:", "Call-ID:", "i:", "Contact:", "m:").Replace(invite),
		strings.Replace(invite, "<sip:5002@desk.example.com>", `"quoted \" \\ <sip:x>" <sip:%35002@desk.example.com;unknown;p="a;b">;odd="\;"`, 1),
		strings.Replace(invite, "Max-Forwards", "NewFangledHeader: newfangled value;;,,\"\"\nMax-Forwards", 1),
		strings.Replace(invite, "INVITE sip:5002@desk", "!interesting-Method0123456789_*+`.%indeed'~ sip:5002@desk", 1),
		strings.Replace(invite, "sip:5002@desk.example.com SIP", "sip:5002;par=u%40example.net@desk.example.com SIP", 1),
		strings.Replace(invite, "tag=2", strings.Repeat("longparameter=value;", 200)+"tag=2", 1),
		strings.Replace(invite, "Max-Forwards", strings.Repeat("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\n", 100)+"Max-Forwards", 1),
		strings.Replace(invite, "branch=z9hG4bKinv", "branch=z9hG4bK", 1),
		// broken: unterminated quotes, negative and huge numbers, wrong lengths, missing and doubled headers
		strings.Replace(invite, "<sip:5002@desk.example.com>", `"Mr. unterminated <sip:5002@desk.example.com>`, 1),
		strings.Replace(invite, "Contact: <sip:5001@x.invalid>", "Contact: <sip:5001@x.invalid", 1),
		strings.Replace(invite, "Contact: <sip:5001@x.invalid>", "Contact: sip:5001@x.invalid?Route=%3Csip:evil%3E", 1),
		strings.Replace(invite, "Content-Length: 5", "Content-Length: -5", 1),
		strings.Replace(invite, "Content-Length: 5", "Content-Length: 99999", 1),
		strings.Replace(invite, "Content-Length: 5", "Content-Length: 5\nContent-Length: 7", 1),
		strings.Replace(invite, "CSeq: 1 INVITE", "CSeq: 36893488147419103232 INVITE", 1),
		strings.Replace(invite, "CSeq: 1 INVITE", "CSeq: 1 BYE", 1),
		strings.Replace(invite, "Max-Forwards: 70", "Max-Forwards: 300", 1),
		strings.Replace(invite, "Max-Forwards: 70", "Max-Forwards: 0", 1),
		strings.Replace(invite, "SIP/2.0\n", "SIP/7.0\n", 1),
		strings.Replace(invite, "sip:5002@desk.example.com SIP", "<sip:5002@desk.example.com> SIP", 1),
		strings.Replace(invite, "sip:5002@desk.example.com SIP", "sip:5002@desk.example.com  SIP", 1),
		strings.Replace(invite, "sip:5002@desk.example.com SIP", "sip:5002@desk.example.com; lr SIP", 1),
		strings.Replace(invite, "sip:5002@desk.example.com SIP", "nobodyKnowsThisScheme:totallyopaquecontent SIP", 1),
		strings.Replace(invite, "x.invalid;branch", "x.invalid;rport;received=;branch", 1),
		strings.Replace(invite, "To: <sip:5002@desk.example.com>", "To: <sip:5002@desk.example.com>;tag=unknown", 1),
		strings.Replace(invite, "Max-Forwards", "Require: nothingSupportsThis, nothingSupportsThisEither\nMax-Forwards", 1),
		strings.Replace(invite, "application/sdp", "multipart/mixed;boundary=7a9cbec02ceef655", 1),
		strings.Replace(invite, "v=0\n", "\x00\xff\xfe\x80", 1),
		strings.Replace(register, "Contact: <sip:5001@x.invalid>", "Contact: *\nContact: <sip:5001@x.invalid>", 1),
		strings.Replace(register, "Contact: <sip:5001@x.invalid>", "Contact: <sip:5001@x.invalid>;expires=4294967297", 1),
		strings.Replace(register, "Contact:", "Authorization: Digest username=\"5001\", nc=ffffffffff, uri=\"\x00\"\nContact:", 1),
		strings.Replace(register, "Contact:", "Authorization: NoOneKnowsThisScheme opaque-data=here\nContact:", 1),
		strings.Replace(register, "Contact:", "Date: Fri, 01 Jan 2010 16:00:00 EST\nContact:", 1),
		// responses out of nowhere
		"SIP/2.0 200 OK\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bKnone\nTo: <sip:a@b>;tag=1\nFrom: <sip:a@b>;tag=2\nCall-ID: x\nCSeq: 1 INVITE\nContent-Length: 0\n\n",
		"SIP/2.0 4294967301 better not break the receiver\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bKnone\nTo: <sip:a@b>;tag=1\nFrom: <sip:a@b>;tag=2\nCall-ID: x\nCSeq: 1 INVITE\nContent-Length: 0\n\n",
		"SIP/2.0 100\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bKnone\nCSeq: 1 INVITE\n\n",
	}
}

// FuzzDatagram sends anything to the UDP port.
func FuzzDatagram(f *testing.F) {
	for n, seed := range allTorture() {
		f.Add(seed.wire(n, "SIP/2.0/UDP 127.0.0.1:9"))
	}
	w := newWorld(f, func(o *sip.Options) {
		busy(o)
		o.ListenUDP = "127.0.0.1:0"
	})
	n := 0
	f.Fuzz(func(t *testing.T, msg []byte) {
		if len(msg) > 60000 {
			return
		}
		conn, err := net.Dial("udp", w.AddrUDP().String())
		require.NoError(t, err)
		defer conn.Close()
		_, err = conn.Write(msg)
		require.NoError(t, err)
		buf := make([]byte, 65536)
		n++
		_, err = conn.Write(mark(n, "SIP/2.0/UDP "+conn.LocalAddr().String()))
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
		for {
			size, err := conn.Read(buf)
			require.NoError(t, err)
			if m := parseText(string(buf[:size])); m.get("Call-ID") == fmt.Sprintf("mark%d", n) && m.status == 200 {
				return
			}
		}
	})
}

// FuzzStream sends anything over TCP, in two pieces. Another connection is served.
func FuzzStream(f *testing.F) {
	for n, seed := range allTorture() {
		f.Add(seed.wire(n, "SIP/2.0/TCP 127.0.0.1:9"), 20)
	}
	w := newWorld(f, func(o *sip.Options) {
		busy(o)
		o.ListenTCP = "127.0.0.1:0"
	})
	good, err := net.Dial("tcp", w.AddrTCP().String())
	require.NoError(f, err)
	f.Cleanup(func() { _ = good.Close() })
	n := 0
	f.Fuzz(func(t *testing.T, msg []byte, cut int) {
		conn, err := net.Dial("tcp", w.AddrTCP().String())
		require.NoError(t, err)
		defer conn.Close()
		cut = max(0, min(cut, len(msg)))
		_, _ = conn.Write(msg[:cut])
		_, _ = conn.Write(msg[cut:]) // the endpoint may have closed it
		n++
		_, err = good.Write(mark(n, "SIP/2.0/TCP "+good.LocalAddr().String()))
		require.NoError(t, err)
		require.NoError(t, good.SetReadDeadline(time.Now().Add(20*time.Second)))
		s := &stream{t, good, bufio.NewReader(good)}
		require.Equal(t, 200, s.receive().status)
	})
}

// FuzzInDialog sends a request with anything in it within a call. The call can be hung up afterwards, or is over.
func FuzzInDialog(f *testing.F) {
	for _, seed := range [][3]string{
		{"INFO", "Content-Type: application/dtmf-relay", "Signal=1"},
		{"INVITE", "Session-Expires: 90;refresher=uas", "v=0"},
		{"UPDATE", "Min-SE: 99999", ""},
		{"REFER", "Refer-To: <sip:5003@x?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>", ""},
		{"NOTIFY", "Event: refer", "SIP/2.0 200 OK"},
		{"NOTIFY", "Event: talk;id=1", ""},
		{"PRACK", "RAck: 1 1 INVITE", "v=0"},
		{"INVITE", "Content-Type: multipart/mixed;boundary=x", "--x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--x--"},
		{"BYE", "Reason: Q.850;cause=16", ""},
		{"ACK", "", ""},
		{"CANCEL", "", ""},
		{"MESSAGE", "Require: timer, 100rel", "hi"},
		{"SUBSCRIBE", "Event: x", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, method, header, body string) {
		if strings.ContainsAny(method, " \t\r\n\x00") || method == "" || strings.ContainsAny(header, "\r\n") || strings.HasPrefix(strings.ToLower(header), "content-length") {
			return
		}
		c := make(calls, 8)
		w := newWorld(t, func(o *sip.Options) {
			c.option(o)
			o.Registrar.MaxFailures = 1 << 20
		})
		b := w.agent("5001")
		l, d := w.inbound(b, c)
		var wg sync.WaitGroup
		wg.Go(func() {
			for e := range d.Events() {
				switch e := e.(type) {
				case *sip.Offer:
					_ = e.Reject(488, "Not Acceptable Here")
				case *sip.Refer:
					_ = e.Reject(603, "Decline")
				}
			}
		})
		defer wg.Wait()
		l.cseq++
		head, _, _ := strings.Cut(l.text(method, l.cseq, "fuzz", "", header), "\nContent-Length")
		_ = b.ws.WriteMessage(websocket.TextMessage, []byte(crlf(head)+fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n", len(body))+body))
		_ = b.ws.WriteMessage(websocket.TextMessage, []byte(crlf(options(b, 4242))))
		select {
		case <-d.Done(): // a BYE
		default:
			go func() {
				for { // what we ask is answered
					select {
					case m := <-b.in:
						if m.status == 0 && !strings.HasPrefix(m.start, "ACK") {
							_ = b.ws.WriteMessage(websocket.TextMessage, []byte("SIP/2.0 200 OK\r\nVia: "+m.get("Via")+"\r\nFrom: "+m.get("From")+"\r\nTo: "+m.get("To")+
								"\r\nCall-ID: "+m.get("Call-ID")+"\r\nCSeq: "+m.get("CSeq")+"\r\nContent-Length: 0\r\n\r\n"))
						}
					case <-d.Done():
						return
					}
				}
			}()
			require.NoError(t, d.Hangup(t.Context(), nil))
		}
		<-d.Done()
	})
}

// FuzzOwnParsers reads what sipgo leaves to us.
func FuzzOwnParsers(f *testing.F) {
	f.Add("a;to-tag=b;from-tag=c", "SIP/2.0 200 OK", "1800;refresher=uac", "multipart/mixed;boundary=x", []byte("--x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--x--"))
	f.Add("%3B;;to-tag;from-tag==", "SIP/2.0 999", "36893488147419103232;;", "multipart/;boundary=", []byte{0})
	f.Fuzz(func(t *testing.T, replaces, frag, expires, contentType string, body []byte) {
		if r := sip.ParseReplaces(replaces); r != nil {
			require.NotEmpty(t, r.CallID)
			require.NotEmpty(t, r.ToTag)
			require.NotEmpty(t, r.FromTag)
		}
		if status, _, ok := sip.ParseSipfrag(frag); ok {
			require.GreaterOrEqual(t, status, 100)
			require.LessOrEqual(t, status, 699)
		}
		interval, floor, description := sip.ParseSession(expires, expires, contentType, body)
		require.GreaterOrEqual(t, interval, time.Duration(0))
		require.GreaterOrEqual(t, floor, time.Duration(0))
		require.LessOrEqual(t, len(description.Data), len(body))
	})
}
