package sip_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
	"sidecar/sip"
)

func sdp(direction string) sip.Body {
	return sip.SDP([]byte(crlf("v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 45678 RTP/AVP 0\na=rtpmap:0 PCMU/8000\na=" + direction + "\n")))
}

func upstreamWorld(t *testing.T) (*world, calls) {
	t.Helper()
	c := make(calls, 64)
	w := newWorld(t, func(o *sip.Options) {
		c.option(o)
		o.ListenUDP, o.ListenTCP = "127.0.0.1:0", "127.0.0.1:0"
	})
	return w, c
}

func newPhone(t *testing.T, w *world, change func(*phone.Options)) *phone.Phone {
	t.Helper()
	opts := phone.Options{Server: w.AddrUDP().String(), User: "4711"}
	if change != nil {
		change(&opts)
	}
	p, err := phone.New(t.Context(), opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

func TestAPhoneCallsOverUDP(t *testing.T) {
	t.Parallel()
	w, c := upstreamWorld(t)
	p := newPhone(t, w, nil)
	call, err := p.Dial(t.Context(), "5001", phone.WithHeader("X-Genesys-CallUUID", "U7"))
	require.NoError(t, err)
	d := <-c
	require.Equal(t, "5001", d.call.To)
	require.Equal(t, "4711", d.call.From)
	require.Equal(t, "U7", d.call.Headers.Get("X-Genesys-CallUUID"))
	require.Zero(t, d.call.Flow)
	require.NoError(t, d.Ring(t.Context(), 180, "Ringing", sip.Body{}, nil))
	require.NoError(t, call.WaitState(t.Context(), phone.Ringing))
	_, err = d.Answer(t.Context(), sdp("sendrecv"), nil)
	require.NoError(t, err)
	require.NoError(t, call.WaitState(t.Context(), phone.Established))

	held := async(func() (sip.Message, error) { return sip.Message{}, call.Hold(t.Context()) })
	o := next[*sip.Offer](t, d.Dialog)
	require.Contains(t, string(o.Body.Data), "sendonly")
	_, err = o.Accept(t.Context(), sdp("recvonly"), nil)
	require.NoError(t, err)
	require.NoError(t, (<-held).err)
	_, err = d.Reinvite(t.Context(), sdp("sendrecv"), nil, nil)
	require.NoError(t, err)
	_, err = d.Update(t.Context(), sdp("inactive"), nil)
	require.NoError(t, err)
	require.NoError(t, d.Info(t.Context(), sip.Body{Type: "application/dtmf-relay", Data: []byte("Signal=5\r\nDuration=100\r\n")}, nil))
	require.NoError(t, call.WaitDTMF(t.Context(), "5"))

	referred := async(func() (sip.Message, error) { return sip.Message{}, call.Refer(t.Context(), "5002") })
	r := next[*sip.Refer](t, d.Dialog)
	require.Equal(t, "5002", r.User)
	require.NoError(t, r.Accept(t.Context()))
	require.NoError(t, (<-referred).err)
	require.NoError(t, r.Report(t.Context(), 200, "OK"))
	status, err := call.WaitReferResult(t.Context())
	require.NoError(t, err)
	require.Equal(t, 200, status)

	require.NoError(t, d.Hangup(t.Context(), sip.Headers{{Name: "Reason", Value: `Q.850;cause=16;text="done"`}}))
	cause, err := call.WaitEnd(t.Context())
	require.NoError(t, err)
	require.Equal(t, 16, cause.Q850)
}

func TestWeCallAPhoneOverUDP(t *testing.T) {
	t.Parallel()
	w, _ := upstreamWorld(t)
	p := newPhone(t, w, nil)
	d, err := w.Invite(t.Context(), sip.Invite{URI: "sip:4711@" + p.Addr().String(), FromUser: "5001", FromName: "Agent", Body: sdp("sendrecv")})
	require.NoError(t, err)
	call, err := p.WaitCall(t.Context())
	require.NoError(t, err)
	require.Equal(t, 180, next[sip.Progress](t, d).Status)
	require.NoError(t, call.Answer(t.Context()))
	require.Contains(t, string(next[sip.Answered](t, d).Body.Data), "m=audio")
	require.NoError(t, call.Hangup(t.Context()))
	require.Equal(t, "BYE", next[sip.Ended](t, d).Method)

	d, err = w.Invite(t.Context(), sip.Invite{URI: "sip:4711@" + p.Addr().String(), FromUser: "5001", Body: sdp("sendrecv")})
	require.NoError(t, err)
	call, err = p.WaitCall(t.Context())
	require.NoError(t, err)
	require.NoError(t, d.Hangup(t.Context(), nil))
	cause, err := call.WaitEnd(t.Context())
	require.NoError(t, err)
	require.Equal(t, "CANCEL", cause.Method)

	d, err = w.Invite(t.Context(), sip.Invite{URI: "sip:4711@" + p.Addr().String(), FromUser: "5001"})
	require.NoError(t, err)
	call, err = p.WaitCall(t.Context())
	require.NoError(t, err)
	require.Equal(t, 180, next[sip.Progress](t, d).Status)
	answered := async(func() (sip.Message, error) { return sip.Message{}, call.Answer(t.Context()) })
	require.Contains(t, string(next[sip.Answered](t, d).Body.Data), "m=audio", "the phone offers")
	require.NoError(t, d.Ack(sdp("sendrecv")))
	require.NoError(t, (<-answered).err)
	require.NoError(t, d.Hangup(t.Context(), nil))
}

func TestUpstreamOverTCP(t *testing.T) {
	t.Parallel()
	w, c := upstreamWorld(t)
	// Two endpoints are each other's upstream.
	d, err := w.Invite(t.Context(), sip.Invite{URI: "sip:5001@" + w.AddrTCP().String() + ";transport=tcp", FromUser: "4711", Body: sdp("sendrecv"), Headers: sip.Headers{{Name: "X-Long", Value: strings.Repeat("x", 3000)}}})
	require.NoError(t, err)
	in := <-c
	require.Len(t, in.call.Headers.Get("X-Long"), 3000)
	_, err = in.Answer(t.Context(), sdp("sendrecv"), nil)
	require.NoError(t, err)
	next[sip.Answered](t, d)
	require.NoError(t, in.Hangup(t.Context(), nil))
	next[sip.Ended](t, d)

	_, err = w.Invite(t.Context(), sip.Invite{URI: "sip:5001@" + w.AddrUDP().String(), FromUser: "4711", Body: sip.SDP([]byte(strings.Repeat("x", 5000)))})
	require.ErrorContains(t, err, "use TCP")
}

func TestDatagramsOfStrangers(t *testing.T) {
	t.Parallel()
	w, _ := upstreamWorld(t)
	conn, err := net.Dial("udp", w.AddrUDP().String())
	require.NoError(t, err)
	defer conn.Close()
	for _, msg := range tortureMessages() {
		_, err = conn.Write([]byte(crlf(strings.ReplaceAll(msg, "SIP/2.0/WS x.invalid", "SIP/2.0/UDP "+conn.LocalAddr().String()))))
		require.NoError(t, err)
	}
	_, err = conn.Write([]byte(crlf(fmt.Sprintf("OPTIONS sip:x@%s SIP/2.0\nVia: SIP/2.0/UDP %s;branch=z9hG4bKlast;rport\nTo: <sip:x@y>\nFrom: <sip:x@y>;tag=1\nCall-ID: last\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n", w.AddrUDP(), conn.LocalAddr()))))
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	buf := make([]byte, 65536)
	for {
		n, err := conn.Read(buf)
		require.NoError(t, err)
		if m := parseText(string(buf[:n])); m.get("Call-ID") == "last" {
			require.Equal(t, 200, m.status)
			break
		} else if m.get("CSeq") == "9 REGISTER" {
			require.Equal(t, 403, m.status, "DNs register over WebSocket")
		}
	}
}

// The requests of a dialog leave for the first hop of its route set, whatever the Contact says; without one for the Contact.
func TestTheRouteSetLeadsTheWay(t *testing.T) {
	t.Parallel()
	w, c := upstreamWorld(t)
	proxy, phone := newDatagrams(t, "127.0.0.1:0"), newDatagrams(t, "127.0.0.1:0")
	hop := func(d *datagrams) string { return "<sip:" + d.LocalAddr().String() + ";lr>" }
	contact := "Contact: <sip:4711@" + phone.LocalAddr().String() + ">"

	d, err := w.Invite(t.Context(), sip.Invite{URI: "sip:4711@pbx.example.com", Next: proxy.LocalAddr().String(), FromUser: "5001", Body: sdp("sendrecv")})
	require.NoError(t, err)
	invite, from := proxy.receive()
	require.Equal(t, "INVITE sip:4711@pbx.example.com SIP/2.0", invite.start)
	proxy.respond(invite, from, "200 OK", "", contact, "Record-Route: <sip:inner.example.com;lr>, "+hop(proxy))
	next[sip.Answered](t, d)
	for _, method := range []string{"ACK", "BYE"} {
		if method == "BYE" {
			hangup(t, d)
		}
		req, back := proxy.receive()
		require.Equal(t, method+" sip:4711@"+phone.LocalAddr().String()+" SIP/2.0", req.start)
		require.Equal(t, []string{hop(proxy), "<sip:inner.example.com;lr>"}, req.all("Route"))
		if method == "BYE" {
			proxy.respond(req, back, "200 OK", "")
		}
	}
	next[sip.Ended](t, d)

	in := request("INVITE", "sip:5001@"+w.AddrUDP().String(), "", "Via: SIP/2.0/UDP "+proxy.LocalAddr().String()+";branch=z9hG4bKin", "Call-ID: in",
		contact, "Content-Length: 0", "Record-Route: "+hop(proxy)+"\nRecord-Route: <sip:inner.example.com;lr>")
	_, err = proxy.WriteTo([]byte(crlf(in)), w.AddrUDP())
	require.NoError(t, err)
	incoming := <-c
	require.NoError(t, incoming.Ring(t.Context(), 180, "Ringing", sip.Body{}, nil))
	ringing, _ := proxy.receive()
	require.Equal(t, []string{hop(proxy), "<sip:inner.example.com;lr>"}, ringing.all("Record-Route"))
	asked := async(func() (sip.Message, error) { return sip.Message{}, incoming.Info(t.Context(), sip.Body{}, nil) })
	info, back := proxy.receive()
	require.Equal(t, []string{hop(proxy), "<sip:inner.example.com;lr>"}, info.all("Route"))
	proxy.respond(info, back, "200 OK", "")
	require.NoError(t, (<-asked).err)
	require.NoError(t, incoming.Reject(486, "Busy Here", nil))
}
