package sip_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/sip"
)

type outcome struct {
	m   sip.Message
	err error
}

func async(f func() (sip.Message, error)) chan outcome {
	done := make(chan outcome, 1)
	go func() { m, err := f(); done <- outcome{m, err} }()
	return done
}

func TestReinviteAndUpdateOfThePeer(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		l, d := w.inbound(b, c)
		l.send("INVITE", "v=0 hold")
		o := next[*sip.Offer](t, d)
		require.Equal(t, "v=0 hold", string(o.Body.Data))
		done := async(func() (sip.Message, error) { return o.Accept(t.Context(), sip.SDP([]byte("v=0 held")), nil) })
		require.Equal(t, "v=0 held", l.final("INVITE").body)
		l.ack("")
		require.NoError(t, (<-done).err)
		require.ErrorIs(t, o.Reject(488, "Late"), sip.ErrState)

		l.send("INVITE", "") // delayed offer
		o = next[*sip.Offer](t, d)
		require.True(t, o.Body.Empty())
		done = async(func() (sip.Message, error) { return o.Accept(t.Context(), sip.SDP([]byte(offer)), nil) })
		require.Equal(t, offer, l.final("INVITE").body)
		l.ack(reply)
		require.Equal(t, reply, string((<-done).m.Body.Data))

		l.send("UPDATE", "v=0 update")
		o = next[*sip.Offer](t, d)
		require.Equal(t, "UPDATE", o.Method)
		_, err := o.Accept(t.Context(), sip.SDP([]byte("v=0 updated")), nil)
		require.NoError(t, err)
		require.Equal(t, "v=0 updated", l.final("UPDATE").body)

		l.send("INVITE", "v=0 bad")
		require.NoError(t, next[*sip.Offer](t, d).Reject(488, "Not Acceptable Here"))
		require.Equal(t, 488, l.final("INVITE").status)
		l.ack("")

		l.send("UPDATE", "v=0 one")
		open := next[*sip.Offer](t, d)
		require.Equal(t, 500, l.do("UPDATE", "v=0 two").status, "one offer at a time")
		l.send("BYE", "")
		next[sip.Ended](t, d)
		statuses := map[string]int{}
		for range 2 {
			m := b.next()
			statuses[strings.Fields(m.get("CSeq"))[1]] = m.status
		}
		require.Equal(t, map[string]int{"BYE": 200, "UPDATE": 487}, statuses)
		_, err = open.Accept(t.Context(), sip.Body{}, nil)
		require.ErrorIs(t, err, sip.ErrState)
	})
}

func TestReinviteAndUpdateOfOurs(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		l, d := w.outbound(b)
		done := async(func() (sip.Message, error) {
			return d.Reinvite(t.Context(), sip.SDP([]byte("v=0 new")), nil, nil)
		})
		re := b.until("INVITE")
		require.Equal(t, "v=0 new", re.body)
		require.Equal(t, l.callID, re.get("Call-ID"))
		b.answer(re, 200, "OK", reply)
		b.until("ACK")
		r := <-done
		require.NoError(t, r.err)
		require.Equal(t, reply, string(r.m.Body.Data))
		b.answer(re, 200, "OK", reply)
		require.Equal(t, re.get("CSeq")[:1], b.until("ACK").get("CSeq")[:1])

		done = async(func() (sip.Message, error) {
			return d.Reinvite(t.Context(), sip.Body{}, nil, func(m sip.Message) sip.Body { return sip.SDP(append(m.Body.Data, " taken"...)) })
		})
		b.answer(b.until("INVITE"), 200, "OK", offer)
		require.Equal(t, offer+" taken", b.until("ACK").body)
		require.NoError(t, (<-done).err)

		done = async(func() (sip.Message, error) { return d.Update(t.Context(), sip.SDP([]byte("v=0 u")), nil) })
		b.answer(b.until("UPDATE"), 488, "No", "")
		var status *sip.StatusError
		require.ErrorAs(t, (<-done).err, &status)
		require.Equal(t, 488, status.Status)
		require.Equal(t, sip.Confirmed, d.State(), "the call goes on as it was")

		done = async(func() (sip.Message, error) { return d.Update(t.Context(), sip.SDP([]byte("v=0 u")), nil) })
		b.answer(b.until("UPDATE"), 481, "Gone", "")
		require.Error(t, (<-done).err)
		b.answer(b.until("BYE"), 481, "Gone", "")
		next[sip.Ended](t, d)
	})
}

func TestGlareIsRetried(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		l, d := w.outbound(b)
		done := async(func() (sip.Message, error) {
			return d.Reinvite(t.Context(), sip.SDP([]byte("v=0 ours")), nil, nil)
		})
		ours := b.until("INVITE")
		l.send("INVITE", "v=0 theirs")
		refused := l.final("INVITE")
		require.Equal(t, 491, refused.status)
		l.ack("")
		start := time.Now()
		b.answer(ours, 491, "Request Pending", "")
		b.until("ACK")
		again := b.until("INVITE")
		require.GreaterOrEqual(t, time.Since(start), 2100*time.Millisecond, "the owner of the Call-ID waits longer")
		require.LessOrEqual(t, time.Since(start), 4*time.Second)
		require.Equal(t, "v=0 ours", again.body)
		require.NotEqual(t, ours.get("CSeq"), again.get("CSeq"))
		b.answer(again, 200, "OK", reply)
		b.until("ACK")
		require.NoError(t, (<-done).err)
	})
}

func TestReliableProvisionalResponses(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		l := b.call2("5002", offer, "Require: 100rel", "Supported: 100rel")
		d := <-c
		start := time.Now()
		require.NoError(t, d.Ring(t.Context(), 183, "Progress", sip.SDP([]byte("v=0 early")), nil))
		first := b.until("SIP/2.0 183")
		require.Equal(t, "1", first.get("RSeq"))
		require.Contains(t, first.all("Require"), "100rel")
		b.until("SIP/2.0 183")
		require.Equal(t, 500*time.Millisecond, time.Since(start))
		l.learn(first)
		done := async(func() (sip.Message, error) { return d.Answer(t.Context(), sip.SDP([]byte(reply)), nil) })
		synctest.Wait()
		require.Equal(t, 481, l.do("PRACK", "", "RAck: 7 1 INVITE").status)
		require.Equal(t, 200, l.do("PRACK", "v=0 more", "RAck: 1 1 INVITE").status)
		require.Equal(t, "v=0 more", string(next[sip.Pracked](t, d.Dialog).Body.Data))
		l.cseq = 1
		require.Equal(t, 200, l.final("INVITE").status, "the answer waited for the PRACK")
		l.ack("")
		require.NoError(t, (<-done).err)

		silent := b.call2("5002", offer, "Require: 100rel")
		d = <-c
		require.NoError(t, d.Ring(t.Context(), 180, "Ringing", sip.Body{}, nil))
		require.Equal(t, 504, silent.final("INVITE").status)
	})
}

func TestWePrackWhatThePeerSendsReliably(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		d, err := w.Invite(t.Context(), sip.Invite{DN: "5001", FromUser: "1", Body: sip.SDP([]byte(offer))})
		require.NoError(t, err)
		invite := b.until("INVITE")
		b.answer(invite, 183, "Progress", reply, "Require: 100rel", "RSeq: 12")
		prack := b.until("PRACK")
		require.Equal(t, "12 1 INVITE", prack.get("RAck"))
		b.answer(prack, 200, "OK", "")
		b.answer(invite, 183, "Progress", reply, "Require: 100rel", "RSeq: 12")
		b.answer(b.until("PRACK"), 200, "OK", "")
		require.Equal(t, 183, next[sip.Progress](t, d).Status)
		b.answer(invite, 200, "OK", "")
		next[sip.Answered](t, d) // and no second Progress
	})
}

func TestSessionTimerOfTheCaller(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		l := b.call2("5002", offer, "Supported: timer", "Session-Expires: 60")
		brief := l.final("INVITE")
		require.Equal(t, 422, brief.status)
		require.Equal(t, "90", brief.get("Min-SE"))
		l = b.call2("5002", offer, "Supported: timer", "Session-Expires: 120;refresher=uac")
		d := <-c
		done := async(func() (sip.Message, error) { return d.Answer(t.Context(), sip.SDP([]byte(reply)), nil) })
		res := l.final("INVITE")
		require.Equal(t, "120;refresher=uac", res.get("Session-Expires"))
		require.Equal(t, "timer", res.get("Require"))
		l.learn(res)
		l.ack("")
		require.NoError(t, (<-done).err)
		time.Sleep(80 * time.Second)
		refresh := l.do("UPDATE", "", "Supported: timer", "Session-Expires: 120;refresher=uac")
		require.Equal(t, 200, refresh.status)
		require.Equal(t, "120;refresher=uac", refresh.get("Session-Expires"))
		start := time.Now()
		bye := b.until("BYE")
		require.Equal(t, 88*time.Second, time.Since(start), "120 - min(32, 40) s after the last refresh")
		require.Contains(t, bye.get("Reason"), "session timer")
		b.answer(bye, 200, "OK", "")
		next[sip.Ended](t, d.Dialog)
	})
}

func TestSessionTimerOfOurs(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		for _, method := range []string{"UPDATE", "INVITE"} {
			allow := "Allow: INVITE, ACK, BYE"
			if method == "UPDATE" {
				allow += ", UPDATE"
			}
			require.Equal(t, 200, b.login(600).status)
			d, err := w.Invite(t.Context(), sip.Invite{DN: "5001", FromUser: "1", Body: sip.SDP([]byte(offer))})
			require.NoError(t, err)
			invite := b.until("INVITE")
			b.answer(invite, 422, "Too Small", "", "Min-SE: 2400")
			b.until("ACK")
			invite = b.until("INVITE")
			require.Equal(t, "2400", invite.get("Session-Expires"))
			require.Equal(t, "2400", invite.get("Min-SE"))
			b.answer(invite, 200, "OK", reply, "Session-Expires: 2400;refresher=uac", "Require: timer", allow)
			next[sip.Answered](t, d)
			b.until("ACK")
			for range 2 {
				start := time.Now()
				refresh := waitFor(b, method)
				require.Equal(t, 20*time.Minute, time.Since(start))
				require.Equal(t, "2400;refresher=uac", refresh.get("Session-Expires"))
				if method == "INVITE" {
					require.Equal(t, offer, refresh.body)
				}
				b.answer(refresh, 200, "OK", "", "Session-Expires: 2400;refresher=uac", allow)
				if method == "INVITE" {
					b.until("ACK")
				}
			}
			done := hangup(t, d)
			b.answer(b.until("BYE"), 200, "OK", "")
			require.NoError(t, <-done)
			require.True(t, next[sip.Ended](t, d).Local)
		}
	})
}

// waitFor waits for a request while the browser registers anew as it must.
func waitFor(b *browser, method string) *text {
	b.t.Helper()
	for {
		select {
		case m := <-b.in:
			if strings.HasPrefix(m.start, method) {
				return m
			}
		case <-time.After(30 * time.Minute):
			b.t.Fatalf("no %s", method)
		}
	}
}

func TestReferOfThePeer(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		l, d := w.inbound(b, c)
		consult, cd := w.inbound(b, c)
		l.send("REFER", "", "Refer-To: <sip:5003@desk.example.com?Replaces="+consult.callID+"%3Bto-tag%3D"+consult.remote+"%3Bfrom-tag%3D"+consult.local+">", "Referred-By: <sip:5001@desk.example.com>")
		r := next[*sip.Refer](t, d)
		require.Equal(t, "5003", r.User)
		require.Equal(t, "sip:5003@desk.example.com", r.To)
		require.NotNil(t, r.Replaces)
		replaced, ok := w.Replaced(*r.Replaces)
		require.True(t, ok)
		require.Same(t, cd, replaced)
		_, ok = w.Replaced(sip.Replaces{CallID: consult.callID, ToTag: consult.remote, FromTag: "guess"})
		require.False(t, ok)

		done := async(func() (sip.Message, error) { return sip.Message{}, r.Accept(t.Context()) })
		require.Equal(t, 202, l.final("REFER").status)
		report := b.until("NOTIFY")
		require.Equal(t, "SIP/2.0 100 Trying\r\n", report.body)
		require.True(t, strings.HasPrefix(report.get("Event"), "refer"))
		b.answer(report, 200, "OK", "")
		require.NoError(t, (<-done).err)
		done = async(func() (sip.Message, error) { return sip.Message{}, r.Report(t.Context(), 200, "OK") })
		report = b.until("NOTIFY")
		require.Contains(t, report.get("Subscription-State"), "terminated")
		b.answer(report, 200, "OK", "")
		require.NoError(t, (<-done).err)

		require.Equal(t, 400, l.do("REFER", "").status)
		l.send("REFER", "", "Refer-To: <sip:5004@desk.example.com>")
		require.NoError(t, next[*sip.Refer](t, d).Reject(603, "Decline"))
		require.Equal(t, 603, l.final("REFER").status)
	})
}

func TestReferInfoAndNotifyOfOurs(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		l, d := w.outbound(b)
		for method, f := range map[string]func(context.Context) error{
			"REFER": func(ctx context.Context) error { return d.Refer(ctx, "sip:5005@desk.example.com", nil) },
			"INFO": func(ctx context.Context) error {
				return d.Info(ctx, sip.Body{Type: "application/dtmf-relay", Data: []byte("Signal=1")}, nil)
			},
			"NOTIFY": func(ctx context.Context) error { return d.Notify(ctx, "talk", sip.Body{}, nil) },
		} {
			done := async(func() (sip.Message, error) { return sip.Message{}, f(t.Context()) })
			req := b.until(method)
			switch method {
			case "REFER":
				require.Equal(t, "<sip:5005@desk.example.com>", req.get("Refer-To"))
			case "INFO":
				require.Equal(t, "application/dtmf-relay", req.get("Content-Type"))
			case "NOTIFY":
				require.Equal(t, "talk", req.get("Event"))
			}
			b.answer(req, 202, "Accepted", "")
			require.NoError(t, (<-done).err, method)
		}
		require.Equal(t, 200, l.do("NOTIFY", "SIP/2.0 200 OK\n", "Event: refer", "Subscription-State: terminated", "Content-Type: message/sipfrag").status)
		require.Equal(t, 200, next[sip.ReferProgress](t, d).Status)
		require.Equal(t, 400, l.do("NOTIFY", "nonsense", "Event: refer", "Content-Type: message/sipfrag").status)
		require.Equal(t, 200, l.do("OPTIONS", "").status)
		require.Equal(t, 405, l.do("MESSAGE", "hello").status)
	})
}

func TestADialogThatNobodyListensToIsHungUp(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		l, d := w.inbound(b, c)
		for range 65 {
			require.Equal(t, 200, l.do("INFO", "x").status)
			time.Sleep(time.Second / 10)
		}
		b.answer(b.until("BYE"), 200, "OK", "")
		<-d.Done()
	})
}

func TestRecordRouteIsRespected(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		d, err := w.Invite(t.Context(), sip.Invite{DN: "5001", FromUser: "1", Body: sip.SDP([]byte(offer))})
		require.NoError(t, err)
		b.answer(b.until("INVITE"), 200, "OK", reply, "Record-Route: <sip:p2.example.com;lr>", "Record-Route: <sip:p1.example.com;lr>")
		next[sip.Answered](t, d)
		require.Equal(t, []string{"<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"}, b.until("ACK").all("Route"))
		l := b.call2("5002", offer, "Record-Route: <sip:p1.example.com;lr>", "Record-Route: <sip:p2.example.com;lr>")
		in := <-c
		done := async(func() (sip.Message, error) { return in.Answer(t.Context(), sip.SDP([]byte(reply)), nil) })
		res := l.final("INVITE")
		require.Len(t, res.all("Record-Route"), 2)
		l.learn(res)
		l.ack("")
		require.NoError(t, (<-done).err)
		bye := hangup(t, in.Dialog)
		req := b.until("BYE")
		require.Equal(t, []string{"<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"}, req.all("Route"))
		b.answer(req, 200, "OK", "")
		require.NoError(t, <-bye)
	})
}
