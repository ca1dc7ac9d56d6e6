package sip_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/sip"
)

// inTime runs a test in virtual time with an agent that has registered.
func inTime(t *testing.T, f func(t *testing.T, w *world, b *browser, c calls)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := make(calls, 8)
		w := newWorld(t, c.option)
		f(t, w, w.agent("5001"), c)
	})
}

func TestBrowserCallsAndHangsUp(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		l := b.call2("5002", offer, "X-Ticket: 42", "User-to-User: 00")
		d := <-c
		require.Equal(t, "5001", d.call.From)
		require.Equal(t, "5002", d.call.To)
		require.Equal(t, offer, string(d.call.Body.Data))
		require.Equal(t, "42", d.call.Headers.Get("x-ticket"))
		require.Empty(t, d.call.Headers.Get("Via"))
		require.Equal(t, "5001", d.DN())
		require.NoError(t, d.Ring(t.Context(), 183, "Session Progress", sip.SDP([]byte("v=0 early")), sip.Headers{{Name: "X-Queue", Value: "sales"}}))
		early := b.until("SIP/2.0 183")
		require.Equal(t, "v=0 early", early.body)
		require.Equal(t, "sales", early.get("X-Queue"))
		require.NotContains(t, early.raw, "X-Sidecar-New-Call")
		answered := make(chan error, 1)
		go func() { _, err := d.Answer(t.Context(), sip.SDP([]byte(reply)), nil); answered <- err }()
		res := l.final("INVITE")
		l.learn(res)
		require.Equal(t, tagOf(early.get("To")), l.remote)
		require.Equal(t, d.LocalTag(), l.remote)
		require.Contains(t, res.get("Allow-Events"), "talk")
		l.ack("")
		require.NoError(t, <-answered)
		require.Equal(t, sip.Confirmed, d.State())
		_, err := d.Answer(t.Context(), sip.Body{}, nil)
		require.ErrorIs(t, err, sip.ErrState)

		require.Equal(t, 200, l.do("BYE", "", "Reason: Q.850;cause=16", "X-Bye: yes").status)
		ended := next[sip.Ended](t, d.Dialog)
		require.False(t, ended.Local)
		require.Equal(t, "BYE", ended.Method)
		require.Equal(t, "Q.850;cause=16", ended.Headers.Get("Reason"))
		require.Equal(t, "yes", ended.Headers.Get("X-Bye"))
		_, open := <-d.Events()
		require.False(t, open)
		require.Zero(t, w.Dialogs())
		require.Equal(t, 481, l.do("INFO", "").status)
	})
}

func TestCallsThatAreNotLetIn(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		forged := b.call2("5002", offer)
		<-c
		l := &leg{b: b, callID: "f1", local: "x", peer: "5002", target: "sip:5002@desk.example.com"}
		b.send(strings.Replace(l.text("INVITE", 1, "f1", offer), "From: <sip:5001@", "From: <sip:5002@", 1))
		require.Equal(t, 403, l.final("INVITE").status, "From is not the DN of the flow")
		l.callID, l.target = "f2", "sip:desk.example.com"
		b.send(l.text("INVITE", 1, "f2", offer))
		require.Equal(t, "5002", (<-c).call.To, "the DN of To, when the Request-URI has none")
		l.callID, l.peer = "f3", ""
		b.send(strings.Replace(l.text("INVITE", 1, "f3", offer), "sip:@", "sip:", 1))
		require.Equal(t, 404, l.final("INVITE").status)
		l.callID, l.peer = "f4", "5002"
		b.send(strings.Replace(l.text("INVITE", 1, "f4", offer), "Contact: ", "X-Contact: ", 1))
		require.Equal(t, 400, l.final("INVITE").status)
		_ = forged
	})
}

func TestFieldLesson03_RequestsGoByTheFlowWhateverTheContactsHost(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		d, err := w.Invite(t.Context(), sip.Invite{
			DN: "5001", FromUser: "4711", FromName: "Caller", Body: sip.SDP([]byte(offer)),
			Headers: sip.Headers{{Name: "X-Genesys-CallUUID", Value: "U1"}, {Name: "Alert-Info", Value: "<x>;info=alert-autoanswer"}},
		})
		require.NoError(t, err)
		invite := b.until("INVITE")
		require.Contains(t, invite.start, b.host, "the Request-URI is the Contact, as JsSIP wants it")
		require.Equal(t, "U1", invite.get("X-Genesys-CallUUID"))
		require.Equal(t, "1800", invite.get("Session-Expires"))
		b.answer(invite, 100, "Trying", "")
		b.answer(invite, 180, "Ringing", "", "X-Ring: 1")
		require.Equal(t, "1", next[sip.Progress](t, d).Headers.Get("X-Ring"))
		require.Equal(t, sip.Early, d.State())
		b.answer(invite, 200, "OK", reply)
		require.Equal(t, reply, string(next[sip.Answered](t, d).Body.Data))
		ack := b.until("ACK")
		require.Contains(t, ack.start, b.host)
		require.Equal(t, "browser", tagOf(ack.get("To")))
		b.answer(invite, 200, "OK", reply)
		require.Equal(t, ack.get("CSeq"), b.until("ACK").get("CSeq"), "a repeated 200 is acknowledged again")

		done := hangup(t, d)
		bye := b.until("BYE")
		require.Equal(t, "Q.850;cause=16", bye.get("Reason"))
		b.answer(bye, 200, "OK", "")
		require.NoError(t, <-done)
		require.True(t, next[sip.Ended](t, d).Local)
		require.NoError(t, d.Hangup(t.Context(), nil), "hanging up twice is no error")
	})
}

func TestBrowserRefusesAndUnknownDNs(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		d, err := w.Invite(t.Context(), sip.Invite{DN: "5001", FromUser: "1", Body: sip.SDP([]byte(offer))})
		require.NoError(t, err)
		b.answer(b.until("INVITE"), 486, "Busy Here", "", "Reason: Q.850;cause=17")
		b.until("ACK")
		ended := next[sip.Ended](t, d)
		require.Equal(t, 486, ended.Status)
		require.Equal(t, "Q.850;cause=17", ended.Headers.Get("Reason"))
		_, err = w.Invite(t.Context(), sip.Invite{DN: "5009", FromUser: "1"})
		require.ErrorIs(t, err, sip.ErrNotRegistered)
		_, err = w.Invite(t.Context(), sip.Invite{DN: "5001", FromUser: "1", Headers: sip.Headers{{Name: "X-Evil", Value: "a\r\nVia: b"}}})
		require.ErrorIs(t, err, sip.ErrBadMessage)
		_, err = w.Invite(t.Context(), sip.Invite{DN: "5001", FromUser: "1", Headers: sip.Headers{{Name: "Via", Value: "b"}}})
		require.ErrorIs(t, err, sip.ErrBadMessage)
		b.close()
		w.events.wait(t, 1)
		_, err = w.Invite(t.Context(), sip.Invite{DN: "5001", FromUser: "1"})
		require.ErrorIs(t, err, sip.ErrFlowGone)
	})
}

func TestFieldLesson13_TheAnswerIsRepeatedUntilALateAck(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		l := b.call2("5002", "")
		d := <-c
		require.True(t, d.call.Body.Empty())
		type result struct {
			ack sip.Message
			err error
		}
		done := make(chan result, 1)
		start := time.Now()
		go func() { ack, err := d.Answer(t.Context(), sip.SDP([]byte(offer)), nil); done <- result{ack, err} }()
		l.learn(l.final("INVITE"))
		var at []time.Duration
		for range 5 {
			require.Equal(t, offer, l.final("INVITE").body)
			at = append(at, time.Since(start))
		}
		require.Equal(t, []time.Duration{500 * time.Millisecond, 1500 * time.Millisecond, 3500 * time.Millisecond, 7500 * time.Millisecond, 11500 * time.Millisecond}, at)
		l.ack(reply)
		r := <-done
		require.NoError(t, r.err)
		require.Equal(t, reply, string(r.ack.Body.Data))
		time.Sleep(time.Minute)
		require.Equal(t, sip.Confirmed, d.State())
	})
}

func TestACallWithoutAckIsHungUp(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		l := b.call2("5002", offer)
		d := <-c
		done := make(chan error, 1)
		start := time.Now()
		go func() { _, err := d.Answer(t.Context(), sip.SDP([]byte(reply)), nil); done <- err }()
		bye := b.until("BYE")
		require.Equal(t, 32*time.Second, time.Since(start))
		b.answer(bye, 200, "OK", "")
		require.ErrorIs(t, <-done, sip.ErrNoAck)
		_ = l
	})
}

// A caller that gives up while the answer is on its way sends ACK and BYE at once, and either may be first here: that is a
// hang-up, and no missing ACK.
func TestAHangupBeforeTheAckIsNoMissingAck(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		l := b.call2("5002", offer)
		d := <-c
		done := make(chan error, 1)
		go func() { _, err := d.Answer(t.Context(), sip.SDP([]byte(reply)), nil); done <- err }()
		l.learn(l.final("INVITE"))
		require.Equal(t, 200, l.do("BYE", "").status)
		err := <-done
		require.ErrorIs(t, err, sip.ErrEnded)
		require.NotErrorIs(t, err, sip.ErrNoAck)
		require.Equal(t, "BYE", next[sip.Ended](t, d.Dialog).Method)
	})
}

func TestDelayedOfferToABrowser(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		d, err := w.Invite(t.Context(), sip.Invite{DN: "5001", FromUser: "1"})
		require.NoError(t, err)
		invite := b.until("INVITE")
		require.Empty(t, invite.body)
		b.answer(invite, 200, "OK", offer)
		require.Equal(t, offer, string(next[sip.Answered](t, d).Body.Data))
		time.Sleep(3 * time.Second)
		require.Empty(t, b.in, "no ACK before there is an answer")
		require.NoError(t, d.Ack(sip.SDP([]byte(reply))))
		require.Equal(t, reply, b.until("ACK").body)
		require.ErrorIs(t, d.Ack(sip.SDP(nil)), sip.ErrState)
	})
}

func TestCancelBothWays(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		l := b.call2("5002", offer)
		d := <-c
		require.NoError(t, d.Ring(t.Context(), 180, "Ringing", sip.Body{}, nil))
		tag := tagOf(b.until("SIP/2.0 180").get("To"))
		b.send(l.text("CANCEL", 1, l.branch, "", "Reason: SIP;cause=200"))
		require.Equal(t, 200, l.final("CANCEL").status)
		res := l.final("INVITE")
		require.Equal(t, 487, res.status)
		require.Equal(t, tag, tagOf(res.get("To")), "one tag for all responses")
		ended := next[sip.Ended](t, d.Dialog)
		require.Equal(t, "CANCEL", ended.Method)
		require.Equal(t, "SIP;cause=200", ended.Headers.Get("Reason"))
		_, err := d.Answer(t.Context(), sip.SDP([]byte(reply)), nil)
		require.ErrorIs(t, err, sip.ErrEnded)

		out, err := w.Invite(t.Context(), sip.Invite{DN: "5001", FromUser: "1", Body: sip.SDP([]byte(offer))})
		require.NoError(t, err)
		invite := b.until("INVITE")
		done := hangup(t, out)
		synctest.Wait()
		require.Empty(t, b.in, "no CANCEL before a provisional response")
		b.answer(invite, 180, "Ringing", "")
		cancel := b.until("CANCEL")
		require.Equal(t, invite.get("Via"), cancel.get("Via"))
		require.Equal(t, "Q.850;cause=16", cancel.get("Reason"), "also when the CANCEL had to wait")
		b.answer(cancel, 200, "OK", "")
		b.answer(invite, 487, "Request Terminated", "")
		require.NoError(t, <-done)
	})
}

func TestAnAnswerThatCrossesTheCancelIsHungUp(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		d, err := w.Invite(t.Context(), sip.Invite{DN: "5001", FromUser: "1", Body: sip.SDP([]byte(offer))})
		require.NoError(t, err)
		invite := b.until("INVITE")
		b.answer(invite, 180, "Ringing", "")
		next[sip.Progress](t, d)
		done := hangup(t, d)
		cancel := b.until("CANCEL")
		b.answer(invite, 200, "OK", reply)
		b.answer(cancel, 481, "Too Late", "")
		b.until("ACK")
		b.answer(b.until("BYE"), 200, "OK", "")
		require.NoError(t, <-done)
		require.True(t, next[sip.Ended](t, d).Local)
	})
}

// A phone that wakes up after its call was given up must not wait for an ACK, nor for the end of what nobody knows.
func TestAnAnswerAfterTheCallWasGivenUpIsHungUp(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		d, err := w.Invite(t.Context(), sip.Invite{DN: "5001", FromUser: "1", Body: sip.SDP([]byte(offer))})
		require.NoError(t, err)
		invite := b.until("INVITE")
		b.answer(invite, 180, "Ringing", "")
		next[sip.Progress](t, d)
		done := hangup(t, d)
		b.answer(b.until("CANCEL"), 200, "OK", "")
		require.NoError(t, <-done)
		require.Equal(t, sip.Over, d.State())
		b.answer(invite, 200, "OK", reply)
		b.until("ACK")
		b.answer(b.until("BYE"), 200, "OK", "")
	})
}

// CANCEL and our 200 meet: the caller sees one final response, and this side the call that belongs to it.
func TestACancelMeetsTheAnswer(t *testing.T) {
	t.Parallel()
	c := make(calls, 8)
	w := newWorld(t, func(o *sip.Options) {
		c.option(o)
		o.WebSocket.Rate = 1000
	})
	b := w.agent("5001")
	seen := map[int]int{}
	for i := range 60 {
		l := b.call2("5002", offer)
		d := <-c
		require.NoError(t, d.Ring(t.Context(), 180, "Ringing", sip.Body{}, nil))
		l.learn(b.until("SIP/2.0 180"))
		answered := async(func() (sip.Message, error) {
			for range i % 8 * 50 {
				runtime.Gosched()
			}
			return d.Answer(t.Context(), sip.SDP([]byte(reply)), nil)
		})
		b.send(strings.Replace(l.text("CANCEL", 1, l.branch, ""), ";tag="+l.remote, "", 1))
		res := l.final("INVITE")
		seen[res.status]++
		if res.status == 200 {
			l.ack("")
			require.NoError(t, (<-answered).err)
			require.Equal(t, sip.Confirmed, d.State())
			require.Equal(t, 200, l.do("BYE", "").status)
		} else {
			require.Equal(t, 487, res.status)
			require.ErrorIs(t, (<-answered).err, sip.ErrEnded)
			require.Equal(t, "CANCEL", next[sip.Ended](t, d.Dialog).Method)
			l.ack("")
		}
		<-d.Done()
	}
	require.Equal(t, 60, seen[200]+seen[487], seen)
}

func TestACancelThatOvertakesItsInvite(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		l := &leg{b: b, callID: "c1", local: "x", peer: "5002", target: "sip:5002@desk.example.com"}
		b.send(l.text("CANCEL", 1, "c1", ""))
		synctest.Wait()
		b.send(l.text("INVITE", 1, "c1", offer))
		first, second := b.next(), b.next()
		statuses := map[string]int{first.get("CSeq"): first.status, second.get("CSeq"): second.status}
		require.Equal(t, map[string]int{"1 CANCEL": 200, "1 INVITE": 487}, statuses)
		require.Empty(t, c)
		b.send(l.text("CANCEL", 2, "c2", ""))
		require.Equal(t, 481, l.final("CANCEL").status)
	})
}

func TestRequestsAreTakenInOrder(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		l, d := w.inbound(b, c)
		l.cseq = 3
		l.send("INFO", "second")
		synctest.Wait()
		l.cseq = 2
		l.send("INFO", "first")
		l.cseq = 1
		l.send("INFO", "third before second")
		for _, want := range []string{"third before second", "first", "second"} {
			require.Equal(t, want, string(next[sip.Info](t, d).Body.Data))
		}
		for range 3 {
			require.Equal(t, 200, b.next().status)
		}
		l.cseq = 9
		require.Equal(t, 200, l.do("INFO", "after a gap").status)
		l.cseq = 1
		l.b.send(l.text("INFO", 2, "replay", "old"))
		require.Equal(t, 500, l.final("INFO").status)
	})
}

// All that a phone sent while this process stood still is there at once, and is handled in any order. The first of it may have
// any CSeq.
func TestWhatIsHereIsWaitedFor(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		l, d := w.outbound(b)
		l.cseq = 701
		require.NoError(t, w.Read(crlf(l.text("INFO", 701, "first", "first"))))
		l.send("INFO", "second")
		l.send("INFO", "third")
		time.Sleep(time.Second) // of virtual time
		require.Empty(t, d.Events(), "nothing is taken before the first")
		l.cseq = 700
		l.send("INFO", "first")
		for _, want := range []string{"first", "second", "third"} {
			require.Equal(t, want, string(next[sip.Info](t, d).Body.Data))
			require.Equal(t, 200, b.next().status)
		}
		b.send(strings.Replace(l.text("INFO", 704, "refused", ""), "Content-Length", "Require: nothing-we-know\nContent-Length", 1))
		require.Equal(t, 420, b.next().status)
		l.cseq = 704
		began := time.Now()
		require.Equal(t, 200, l.do("INFO", "after one that was refused").status)
		require.Less(t, time.Since(began), time.Second, "nobody waits for what was refused")
		require.NoError(t, w.Read(crlf(l.text("INFO", 706, "lost", ""))))
		l.cseq = 706
		require.Equal(t, 200, l.do("INFO", "after one that never comes").status)
	})
}

func TestOnlyThePeerMaySpeakInADialog(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		l, d := w.inbound(b, c)
		stranger := w.agent("5002")
		thief := *l
		thief.b = stranger
		require.Equal(t, 481, thief.do("BYE", "").status)
		wrongTag := *l
		wrongTag.local = "other"
		require.Equal(t, 481, wrongTag.do("BYE", "").status)
		require.Equal(t, sip.Confirmed, d.State())

		// The page's network broke: the same DN comes back on another flow and goes on in its dialog.
		b.close()
		w.events.wait(t, 2)
		start := time.Now()
		require.ErrorIs(t, d.Info(t.Context(), sip.Body{}, nil), sip.ErrFlowGone)
		require.Zero(t, time.Since(start), "nothing dials the browser's old address, nothing asks a name server for its Contact")
		back := w.agent("5001")
		l.b = back
		require.Equal(t, 200, l.do("INFO", "here again").status)
		next[sip.Info](t, d)
		done := hangup(t, d)
		back.answer(back.until("BYE"), 200, "OK", "")
		require.NoError(t, <-done)
	})
}

func TestAForkedCallKeepsOneAnswer(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		d, err := w.Invite(t.Context(), sip.Invite{DN: "5001", FromUser: "1", Body: sip.SDP([]byte(offer))})
		require.NoError(t, err)
		invite := b.until("INVITE")
		b.answer(invite, 200, "OK", reply)
		next[sip.Answered](t, d)
		b.until("ACK")
		b.send(strings.ReplaceAll(fmt.Sprintf("SIP/2.0 200 OK\nVia: %s\nFrom: %s\nTo: %s;tag=fork\nCall-ID: %s\nCSeq: %s\nContact: <sip:fork@x.invalid>\nContent-Length: 0\n\n",
			invite.get("Via"), invite.get("From"), invite.get("To"), invite.get("Call-ID"), invite.get("CSeq")), "\r", ""))
		require.Equal(t, "fork", tagOf(b.until("ACK").get("To")))
		bye := b.until("BYE")
		require.Equal(t, "fork", tagOf(bye.get("To")))
		b.answer(bye, 200, "OK", "")
		require.Equal(t, sip.Confirmed, d.State())
	})
}

func TestACallWhoseFlowBreaksBeforeItIsAnswered(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		b.call2("5002", offer)
		d := <-c
		b.close()
		require.Equal(t, "", next[sip.Ended](t, d.Dialog).Method)
	})
}
