package sip_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/sip"
)

// The SIP Server presses Answer by NOTIFY in the early dialog, then asks for an offer at once. The order and the headers
// are those of its trace.
func TestFieldLesson01_NotifyTalkInTheEarlyDialogIsAnsweredAtOnce(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		start := time.Now()
		l := b.call2("5002", offer, "X-Genesys-CallUUID: U1", "Session-Expires: 1800;refresher=uac", "Min-SE: 90", "Supported: uui,100rel,timer",
			"Allow: ACK, BYE, CANCEL, INFO, INVITE, MESSAGE, NOTIFY, OPTIONS, PRACK, REFER, UPDATE")
		d := <-c
		require.NoError(t, d.Ring(t.Context(), 180, "Ringing", sip.Body{}, nil))
		ringing := b.until("SIP/2.0 180")
		require.Empty(t, ringing.get("RSeq"), "no PRACK unless required")
		for _, event := range []string{"talk", "hold"} {
			require.Contains(t, ringing.get("Allow-Events"), event)
		}
		l.learn(ringing)
		require.Equal(t, 200, l.do("NOTIFY", "", "Event: talk", "Subscription-State: active", "X-Genesys-CallUUID: U1").status)
		n := next[sip.Notify](t, d.Dialog)
		require.Equal(t, "talk", n.Event)
		require.Equal(t, "U1", n.Headers.Get("X-Genesys-CallUUID"))
		require.Equal(t, sip.Early, d.State())
		answered := async(func() (sip.Message, error) { return d.Answer(t.Context(), sip.SDP([]byte(reply)), nil) })
		res := l.final("INVITE")
		require.Equal(t, 200, res.status)
		require.Equal(t, "1800;refresher=uac", res.get("Session-Expires"))
		l.b.send(l.text("ACK", 1, "ack1", ""))
		require.NoError(t, (<-answered).err)
		l.send("INVITE", "")
		o := next[*sip.Offer](t, d.Dialog)
		require.True(t, o.Body.Empty())
		accepted := async(func() (sip.Message, error) { return o.Accept(t.Context(), sip.SDP([]byte(offer)), nil) })
		require.Equal(t, offer, l.final("INVITE").body)
		l.ack(reply)
		require.Equal(t, reply, string((<-accepted).m.Body.Data))
		for _, event := range []string{"hold", "talk"} {
			require.Equal(t, 200, l.do("NOTIFY", "", "o: "+event+";id=1", "Subscription-State: active").status)
			require.Equal(t, event, next[sip.Notify](t, d.Dialog).Event)
		}
		require.Zero(t, time.Since(start), "nothing of this waited")
	})
}

// Over UDP the NOTIFY may come twice: it is answered twice, and happened once.
func TestFieldLesson01_ARepeatedNotifyIsOne(t *testing.T) {
	t.Parallel()
	w, c := upstreamWorld(t)
	peer := newDatagrams(t, "127.0.0.1:0")
	send := func(method, branch, to string, headers ...string) {
		headers = append([]string{
			"Via: SIP/2.0/UDP " + peer.LocalAddr().String() + ";branch=z9hG4bK" + branch, "From: <sip:4711@pbx>;tag=1", "To: " + to,
			"Call-ID: lesson1", "Contact: <sip:4711@" + peer.LocalAddr().String() + ">", "Content-Length: 0",
		}, headers...)
		_, err := peer.WriteTo([]byte(crlf(request(method, "sip:5001@"+w.AddrUDP().String(), "", headers...))), w.AddrUDP())
		require.NoError(t, err)
	}
	send("INVITE", "invite", "<sip:5001@pbx>", "CSeq: 1 INVITE")
	d := <-c
	require.NoError(t, d.Ring(t.Context(), 180, "Ringing", sip.Body{}, nil))
	ringing, _ := peer.receive()
	for range 2 {
		send("NOTIFY", "notify", ringing.get("To"), "CSeq: 2 NOTIFY", "Event: talk", "Subscription-State: active")
		answer, _ := peer.receive()
		require.Equal(t, 200, answer.status)
		require.Equal(t, "2 NOTIFY", answer.get("CSeq"))
	}
	send("NOTIFY", "second", ringing.get("To"), "CSeq: 3 NOTIFY", "Event: hold", "Subscription-State: active")
	require.Equal(t, "talk", next[sip.Notify](t, d.Dialog).Event)
	require.Equal(t, "hold", next[sip.Notify](t, d.Dialog).Event)
	require.NoError(t, d.Reject(486, "Busy Here", nil))
}

// A restart replaces the binding of the process before it: no REGISTER with Expires 0 at its end or at the start.
func TestFieldLesson02_ARestartNeverUnregisters(t *testing.T) {
	inUpstream(t, granted(600), func(t *testing.T, w *world, u *upstreams) {
		for range 3 {
			process := newWorld(t, nil)
			process.AnswerRegisters(u.serve)
			up := make(chan sip.UpstreamState, 4)
			_, err := process.RegisterUpstream(sip.Upstream{DN: "5001", Registrar: "192.0.2.5:5060", OnState: func(s sip.UpstreamState) { up <- s }})
			require.NoError(t, err)
			require.True(t, (<-up).Registered)
			process.Close()
		}
		require.Equal(t, 3, u.count())
		for _, req := range u.asked {
			require.Equal(t, "3600", req.get("Expires"))
			require.Len(t, req.all("Contact"), 1)
		}
	})
}

func TestFieldLesson09_RingingIsSentAtOnce(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		start := time.Now()
		b.call2("5002", offer)
		d := <-c
		require.NoError(t, d.Ring(t.Context(), 180, "Ringing", sip.Body{}, nil))
		ringing := b.next()
		require.Equal(t, 180, ringing.status, "the first response of all")
		require.Equal(t, d.LocalTag(), tagOf(ringing.get("To")))
		require.NotEmpty(t, ringing.get("Contact"))
		require.Zero(t, time.Since(start))
	})
}

// The digest covers the request as the phone wrote it, and nothing here reads another one.
func TestFieldLesson10_TheDigestCoversWhatThePhoneSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser("5001")
	challenge := b.register(600).last("WWW-Authenticate")
	contact := fmt.Sprintf("Contact: \"Agent 1\" <sip:x7f3@%s;transport=WS;ob>;+sip.ice;reg-id=1;q=0.5", b.host)
	res := b.register(600, credentials(t, challenge, "5001", "secret-5001", "sip:desk.example.com;transport=ws", 1), contact)
	require.Equal(t, 200, res.status, res.raw)
	require.Contains(t, res.get("Contact"), "<sip:x7f3@"+b.host+";transport=WS;ob>", "the Contact comes back as it was")
	require.Contains(t, res.get("Contact"), "reg-id=1")
	at, err := w.Locate("5001")
	require.NoError(t, err)
	require.Contains(t, at.Contact, "sip:x7f3@"+b.host)
}

func TestFieldLesson11_TheDNIsFoundWithoutAUserInTheRequestURI(t *testing.T) {
	t.Parallel()
	w, c := upstreamWorld(t)
	peer := newDatagrams(t, "127.0.0.1:0")
	invite := func(to string) {
		msg := request("INVITE", "sip:"+w.AddrUDP().String(), "", "Via: SIP/2.0/UDP "+peer.LocalAddr().String()+";branch=z9hG4bK"+randomHost(),
			"To: "+to, "Call-ID: "+randomHost(), "Contact: <sip:4711@"+peer.LocalAddr().String()+">", "Content-Length: 0")
		_, err := peer.WriteTo([]byte(crlf(msg)), w.AddrUDP())
		require.NoError(t, err)
	}
	invite("<sip:5001@pbx.example.com>")
	d := <-c
	require.Equal(t, "5001", d.call.To)
	require.NoError(t, d.Ring(t.Context(), 180, "Ringing", sip.Body{}, nil))
	ringing, _ := peer.receive()
	require.Equal(t, 180, ringing.status)
	require.Contains(t, ringing.get("Contact"), "sip:5001@", "and what follows finds it in the Request-URI")
	require.NoError(t, d.Reject(486, "Busy Here", nil))
	refused, _ := peer.receive()
	require.Equal(t, 486, refused.status)
	invite("<sip:pbx.example.com>")
	for refused.status != 404 {
		refused, _ = peer.receive()
		require.NotEqual(t, 484, refused.status)
	}
	require.Contains(t, refused.start, "Neither Request-URI Nor To Names a DN")
}

// Third-party call control: every re-INVITE at any time, with or without an offer, with another address each time.
func TestFieldLesson13_AnyReinviteAtAnyTime(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		l, d := w.inbound(b, c)
		for i := range 6 {
			theirs := ""
			if i%2 == 0 {
				theirs = fmt.Sprintf("v=0 o=%d c=192.0.2.%d", i, i)
			}
			moved := fmt.Sprintf("Contact: <sip:moved%d@%s;transport=ws>", i, b.host)
			msg := l.text("INVITE", i+2, fmt.Sprint("re", i), theirs)
			b.send(strings.Replace(msg, msg[strings.Index(msg, "Contact:"):strings.Index(msg, ";transport=ws>")+len(";transport=ws>")], moved, 1))
			o := next[*sip.Offer](t, d)
			require.Equal(t, theirs, string(o.Body.Data))
			accepted := async(func() (sip.Message, error) {
				return o.Accept(t.Context(), sip.SDP(fmt.Appendf(nil, "v=0 ours %d", i)), nil)
			})
			require.Equal(t, fmt.Sprintf("v=0 ours %d", i), l.final("INVITE").body)
			time.Sleep(20 * time.Second) // the ACK is late, the 200 is repeated
			l.cseq = i + 2
			l.ack(reply)
			require.NoError(t, (<-accepted).err)
			synctest.Wait()
			for len(b.in) > 0 {
				require.Equal(t, 200, b.next().status)
			}
			info := async(func() (sip.Message, error) { return sip.Message{}, d.Info(t.Context(), sip.Body{}, nil) })
			req := b.until("INFO")
			require.Contains(t, req.start, fmt.Sprintf("sip:moved%d@", i), "the target is the Contact of the last")
			b.answer(req, 200, "OK", "")
			require.NoError(t, (<-info).err)
		}
	})
}
