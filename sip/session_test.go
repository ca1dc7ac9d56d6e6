package sip_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/sip"
)

func TestOurOffersGoOnAfterThePeersUpdate(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		l, d := w.inbound(b, c)
		l.send("UPDATE", "v=0 update")
		_, err := next[*sip.Offer](t, d).Accept(t.Context(), sip.SDP([]byte(reply)), nil)
		require.NoError(t, err)
		require.Equal(t, 200, l.final("UPDATE").status)
		done := async(func() (sip.Message, error) { return d.Reinvite(t.Context(), sip.SDP([]byte("v=0 new")), nil, nil) })
		b.answer(b.until("INVITE"), 200, "OK", reply)
		b.until("ACK")
		require.NoError(t, (<-done).err)
	})
}

// Some phones acknowledge a 2xx with the INVITE's branch.
func TestOurOffersGoOnAfterAnAckOfTheTransaction(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		l := b.call2("5002", offer)
		d := <-c
		answered := async(func() (sip.Message, error) { return d.Answer(t.Context(), sip.SDP([]byte(reply)), nil) })
		l.learn(l.final("INVITE"))
		b.send(l.text("ACK", 1, l.branch, ""))
		require.NoError(t, (<-answered).err)
		done := async(func() (sip.Message, error) { return d.Update(t.Context(), sip.SDP([]byte("v=0 new")), nil) })
		b.answer(b.until("UPDATE"), 200, "OK", reply)
		require.NoError(t, (<-done).err)
	})
}

func TestGlareOfOffers(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		// An UPDATE meets ours.
		l, d := w.inbound(b, c)
		done := async(func() (sip.Message, error) { return d.Update(t.Context(), sip.SDP([]byte("v=0 ours")), nil) })
		ours := b.until("UPDATE")
		require.Equal(t, 491, l.do("UPDATE", "v=0 theirs").status)
		start := time.Now()
		b.answer(ours, 491, "Request Pending", "")
		again := b.until("UPDATE")
		require.LessOrEqual(t, time.Since(start), 2*time.Second, "who did not make the Call-ID waits shorter")
		b.answer(again, 200, "OK", reply)
		require.NoError(t, (<-done).err)

		// Our offer is in a 200 whose ACK, with the answer, is not here yet.
		l.send("INVITE", "")
		offered := next[*sip.Offer](t, d)
		accepted := async(func() (sip.Message, error) { return offered.Accept(t.Context(), sip.SDP([]byte(offer)), nil) })
		require.Equal(t, offer, l.final("INVITE").body)
		seq := l.cseq
		require.Equal(t, 491, l.do("UPDATE", "v=0 theirs").status)
		l.b.send(l.text("ACK", seq, "late-ack", reply))
		require.Equal(t, reply, string((<-accepted).m.Body.Data))

		// A second INVITE while the first is not answered (RFC 3261 section 14.2).
		early := b.call2("5003", offer)
		e := <-c
		require.NoError(t, e.Ring(t.Context(), 180, "Ringing", sip.Body{}, nil))
		early.learn(b.until("SIP/2.0 180"))
		res := early.do("INVITE", offer)
		require.Equal(t, 500, res.status)
		require.NotEmpty(t, res.get("Retry-After"))
	})
}

func TestAByeWaitsForTheAck(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		for _, late := range []bool{false, true} {
			l := b.call2("5002", offer)
			d := <-c
			answered := async(func() (sip.Message, error) { return d.Answer(t.Context(), sip.SDP([]byte(reply)), nil) })
			l.learn(l.final("INVITE"))
			start := time.Now()
			done := hangup(t, d.Dialog)
			synctest.Wait()
			require.Empty(t, b.in, "no BYE before the ACK")
			if !late {
				l.ack("")
			}
			bye := b.until("BYE")
			if late {
				require.Equal(t, 2*time.Second, time.Since(start), "but nobody waits 32 s to hang up")
			} else {
				require.Zero(t, time.Since(start))
			}
			b.answer(bye, 200, "OK", "")
			require.NoError(t, <-done)
			<-answered
		}
	})
}

func TestByesThatCross(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		l, d := w.inbound(b, c)
		start := time.Now()
		done := hangup(t, d)
		b.until("BYE") // and the peer, which hangs up, has no answer for it
		require.Equal(t, 200, l.do("BYE", "").status)
		require.NoError(t, <-done)
		require.Zero(t, time.Since(start))
	})
}

// answeredBy is a call of ours whose session we refresh.
func (w *world) answeredBy(b *browser, expires string, headers ...string) *sip.Dialog {
	w.t.Helper()
	d, err := w.Invite(w.t.Context(), sip.Invite{DN: b.dn, FromUser: "1", Body: sip.SDP([]byte(offer))})
	require.NoError(w.t, err)
	b.answer(b.until("INVITE"), 200, "OK", reply, append([]string{"Session-Expires: " + expires + ";refresher=uac", "Require: timer"}, headers...)...)
	next[sip.Answered](w.t, d)
	b.until("ACK")
	return d
}

func TestARefusedRefreshIsTriedAgain(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		d := w.answeredBy(b, "300", "Allow: UPDATE")
		refresh := waitFor(b, "UPDATE")
		for range 3 {
			start := time.Now()
			b.answer(refresh, 500, "Offer Before Is Open", "")
			refresh = waitFor(b, "UPDATE")
			require.Equal(t, 10*time.Second, time.Since(start))
		}
		b.answer(refresh, 422, "Session Interval Too Small", "", "Min-SE: 400")
		refresh = waitFor(b, "UPDATE")
		require.Equal(t, "400;refresher=uac", refresh.get("Session-Expires"))
		require.Equal(t, "400", refresh.get("Min-SE"))
		b.answer(refresh, 200, "OK", "", "Session-Expires: 400;refresher=uac")
		start := time.Now()
		refresh = waitFor(b, "UPDATE")
		require.Equal(t, 200*time.Second, time.Since(start))
		for strings.HasPrefix(refresh.start, "UPDATE") { // refused until the session is over
			b.answer(refresh, 503, "Busy", "")
			refresh = waitFor(b, "")
		}
		require.True(t, strings.HasPrefix(refresh.start, "BYE"), refresh.start)
		require.InDelta(t, 400-32, time.Since(start).Seconds(), 10)
		b.answer(refresh, 200, "OK", "")
		next[sip.Ended](t, d)

		d = w.answeredBy(b, "300", "Allow: UPDATE")
		b.answer(waitFor(b, "UPDATE"), 481, "No Such Call", "")
		b.answer(b.until("BYE"), 481, "No Such Call", "")
		next[sip.Ended](t, d)
	})
}

func TestSessionIntervalsOfTheCaller(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		for _, row := range []struct {
			headers []string
			want    string // Session-Expires of the 200
		}{
			{[]string{"Supported: timer"}, "1800;refresher=uas"},
			{[]string{"k: timer"}, "1800;refresher=uas"},
			{[]string{"Supported: timer", "Min-SE: 2400"}, "2400;refresher=uas"},
			{[]string{"Supported: timer", "Session-Expires: 1800;refresher=uac", "Min-SE: 90"}, "1800;refresher=uac"}, // as the Genesys SIP Server asks
			{[]string{"Supported: timer", "x: 1800"}, "1800;refresher=uac"},
			{[]string{"Supported: timer", "Session-Expires: 90;refresher=uas"}, "90;refresher=uas"},
			{[]string{"Session-Expires: 1800"}, "1800;refresher=uas"}, // put in by a proxy: the caller knows no timers
			{nil, ""},
		} {
			l := b.call2("5002", offer, row.headers...)
			d := <-c
			done := async(func() (sip.Message, error) { return d.Answer(t.Context(), sip.SDP([]byte(reply)), nil) })
			res := l.final("INVITE")
			require.Equal(t, row.want, res.get("Session-Expires"), row.headers)
			l.learn(res)
			l.ack("")
			require.NoError(t, (<-done).err)
			require.Equal(t, 200, l.do("BYE", "").status)
		}
	})
}

func TestBodiesThatAreNoSessionDescription(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		mixed := strings.ReplaceAll("--b1\nContent-Type: text/plain\n\nhello\n--b1\nContent-Type: application/SDP\nContent-Disposition: session\n\nv=0 part\n--b1--\n", "\n", "\r\n")
		l := b.call2("5002", mixed, `Content-Type: multipart/mixed;boundary="b1"`)
		d := <-c
		require.Equal(t, sip.Body{Type: "application/sdp", Data: []byte("v=0 part")}, d.call.Body)
		require.NoError(t, d.Reject(486, "Busy", nil))
		require.Equal(t, 486, l.final("INVITE").status)
		for _, headers := range [][]string{
			{"Content-Type: application/unknown"},
			{"Content-Type: multipart/mixed;boundary=other"},
			{"Content-Type: application/sdp", "Content-Encoding: gzip"},
			{"Content-Type: ///"},
		} {
			l = b.call2("5002", "v=0", headers...)
			res := l.final("INVITE")
			require.Equal(t, 415, res.status, headers)
			require.Equal(t, "application/sdp", res.get("Accept"))
			l.ack("")
		}
		l, dialog := w.inbound(b, c)
		require.Equal(t, 415, l.do("UPDATE", "v=0", "Content-Type: text/plain").status)
		require.Equal(t, 489, l.do("SUBSCRIBE", "", "Event: x").status)
		require.Equal(t, sip.Confirmed, dialog.State())
		require.Equal(t, 200, l.do("INFO", "anything", "Content-Type: application/unknown").status, "what INFO carries is for the layers above")
	})
}
