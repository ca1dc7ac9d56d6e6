package gateway_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/gateway"
	"sidecar/internal/phone"
)

const pageID = "0123456789abcdef0123456789abcdef"

// order is what a page was told.
type order struct {
	page, verb, callID string
	done               chan error // what the page says to it
}

// pages is a feed on which one page listens.
type pages struct{ orders chan order }

func (p pages) Present(page string) bool { return page == pageID }

func (p pages) Do(ctx context.Context, page, verb, callID string) error {
	o := order{page, verb, callID, make(chan error, 1)}
	p.orders <- o
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p pages) next(t testing.TB) order {
	t.Helper()
	select {
	case o := <-p.orders:
		return o
	case <-patient(t).Done():
		t.Fatal("the page was told nothing")
	}
	return order{}
}

// paged is a world in which our page listens.
func paged(t *testing.T) (*world, *agent, pages) {
	t.Helper()
	p := pages{make(chan order, 8)}
	w := newWorld(t, func(s *settings) { s.gateway.Pages = p })
	return w, w.agent("5001", "X-Sidecar-Page: "+pageID), p
}

// begin runs a command and says what it returned.
func begin(t *testing.T, command func(context.Context, string) error, leg string) chan error {
	t.Helper()
	done := make(chan error, 1)
	ctx := patient(t)
	go func() { done <- command(ctx, leg) }()
	return done
}

func TestThePageAnswersOnRequest(t *testing.T) {
	t.Parallel()
	w, a, p := paged(t)
	call := w.dial("5001")
	l := a.rung()
	leg := w.wait(gateway.Ringing).Leg
	require.Equal(t, gateway.Abilities{Answer: true, Hold: true}, w.Abilities(leg))
	first, second := begin(t, w.Answer, leg), begin(t, w.Answer, leg)
	a.respond(l.invite, 180, "Ringing", "")
	o := p.next(t)
	require.Equal(t, [3]string{pageID, "answer", l.callID}, [3]string{o.page, o.verb, o.callID})
	m := newMicrophone(t)
	a.respond(l.invite, 200, "OK", m.answer(l.invite.body))
	o.done <- nil
	require.NoError(t, <-first)
	require.NoError(t, <-second)
	requireTalk(t, m, call)
	require.NoError(t, w.Answer(patient(t), leg), "it is answered")
	require.Empty(t, p.orders)

	held := begin(t, w.Hold, leg)
	o = p.next(t)
	require.Equal(t, "hold", o.verb)
	offer := m.offer()
	l.reinvite(strings.Replace(offer, "a=sendrecv", "a=sendonly", 1))
	o.done <- nil
	require.NoError(t, <-held)
	w.wait(gateway.Held)
	require.NoError(t, w.Hold(patient(t), leg), "it is held")
	retrieved := begin(t, w.Retrieve, leg)
	o = p.next(t)
	require.Equal(t, "retrieve", o.verb)
	l.reinvite(offer)
	o.done <- nil
	require.NoError(t, <-retrieved)
	w.wait(gateway.Retrieved)
	require.NoError(t, w.Retrieve(patient(t), leg), "it is retrieved")

	require.NoError(t, w.Hangup(patient(t), leg))
	a.respond(a.until("BYE"), 200, "OK", "")
	end, err := call.WaitEnd(patient(t))
	require.NoError(t, err)
	require.Equal(t, "BYE", end.Method)
	w.wait(gateway.Ended)
	require.NoError(t, w.Hangup(patient(t), leg), "it is over")
	require.ErrorIs(t, w.Answer(patient(t), leg), gateway.ErrNoLeg)
	require.Equal(t, gateway.Abilities{}, w.Abilities(leg))
}

func TestAbilitiesAreKnownWhenTheCallRings(t *testing.T) {
	t.Parallel()
	p := pages{make(chan order, 8)}
	var w atomic.Pointer[world]
	seen := make(chan gateway.Abilities, 1)
	w.Store(newWorld(t, func(s *settings) {
		s.gateway.Pages = p
		s.gateway.OnEvent = func(e gateway.Event) {
			if e.Kind == gateway.Ringing {
				seen <- w.Load().Abilities(e.Leg)
			}
		}
	}))
	w.Load().agent("5001", "X-Sidecar-Page: "+pageID)
	w.Load().dial("5001")
	require.Equal(t, gateway.Abilities{Answer: true, Hold: true}, <-seen)
}

var errNoMicrophone = errors.New("no microphone")

func TestAPageMaySayNo(t *testing.T) {
	t.Parallel()
	w, a, p := paged(t)
	w.dial("5001")
	l := a.rung()
	a.respond(l.invite, 180, "Ringing", "")
	leg := w.wait(gateway.Ringing).Leg
	answered := begin(t, w.Answer, leg)
	p.next(t).done <- errNoMicrophone
	require.ErrorIs(t, <-answered, errNoMicrophone)

	ctx, cancel := context.WithCancel(t.Context())
	go func() { p.next(t); cancel() }()
	require.ErrorIs(t, w.Answer(ctx, leg), context.Canceled, "a page that says nothing keeps nobody waiting")
	require.ErrorIs(t, w.Hold(patient(t), leg), gateway.ErrState)
}

func TestTheEndOfACallEndsWhatWasAskedOfIt(t *testing.T) {
	t.Parallel()
	w, a, p := paged(t)
	call := w.dial("5001")
	l := a.rung()
	a.respond(l.invite, 180, "Ringing", "")
	leg := w.wait(gateway.Ringing).Leg
	answered := begin(t, w.Answer, leg)
	p.next(t)
	require.NoError(t, call.WaitState(patient(t), phone.Ringing))
	require.NoError(t, call.Hangup(patient(t)))
	require.ErrorIs(t, <-answered, gateway.ErrNoLeg)
}

func TestPhonesWithAllowEventsAreTold(t *testing.T) {
	t.Parallel()
	for name, where := range map[string][2]string{"in its REGISTER": {"Allow-Events: talk, hold", "X-None: 0"}, "in the dialog": {"X-None: 0", "Allow-Events: talk,hold"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			a := w.agent("5001", where[0])
			call := w.dial("5001")
			l := a.rung()
			leg := w.wait(gateway.Ringing).Leg
			answered := begin(t, w.Answer, leg)
			a.respond(l.invite, 180, "Ringing", "", where[1])
			talk := a.until("NOTIFY")
			require.Equal(t, "talk", talk.get("Event"))
			require.Equal(t, gateway.Abilities{Answer: true, Hold: true}, w.Abilities(leg))
			a.respond(talk, 200, "OK", "")
			require.NoError(t, <-answered)
			m := newMicrophone(t)
			a.respond(l.invite, 200, "OK", m.answer(l.invite.body))
			requireTalk(t, m, call)
			w.wait(gateway.Answered)

			held := begin(t, w.Hold, leg)
			hold := a.until("NOTIFY")
			require.Equal(t, "hold", hold.get("Event"))
			require.Equal(t, l.callID, hold.get("Call-ID"))
			a.respond(hold, 200, "OK", "")
			require.NoError(t, <-held)
			l.reinvite(strings.Replace(m.offer(), "a=sendrecv", "a=sendonly", 1))
			w.wait(gateway.Held)
			retrieved := begin(t, w.Retrieve, leg)
			talk = a.until("NOTIFY")
			require.Equal(t, "talk", talk.get("Event"))
			a.respond(talk, 489, "Bad Event", "")
			require.Error(t, <-retrieved)
		})
	}
}

func TestOtherPhonesCannotBeTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.agent("5001")
	w.dial("5001")
	l := a.rung()
	a.respond(l.invite, 180, "Ringing", "")
	leg := w.wait(gateway.Ringing).Leg
	require.ErrorIs(t, w.Answer(patient(t), leg), gateway.ErrNoAbility)
	require.Equal(t, gateway.Abilities{}, w.Abilities(leg))
	require.NoError(t, w.Hangup(patient(t), leg))
	a.until("CANCEL")
}

func TestAPhoneCannotAnswerItsOwnCall(t *testing.T) {
	t.Parallel()
	w, a, _ := paged(t)
	a.call("5002", newMicrophone(t).offer())
	leg := w.wait(gateway.Ringing).Leg
	require.Equal(t, gateway.Abilities{Answer: true, Hold: true}, w.Abilities(leg))
	require.ErrorIs(t, w.Answer(patient(t), leg), gateway.ErrState)
	require.NoError(t, w.Hangup(patient(t), leg))
	require.Equal(t, 603, a.finalOf("INVITE").status)
}

// genesys is an upstream as a SIP Server is: it controls the call by NOTIFY.
func genesys(t *testing.T, w *world) *pbx {
	t.Helper()
	return w.pbx("5001", "01ABCDEF")
}

func TestFieldLesson01_NotifyTalkInTheEarlyDialogAnswers(t *testing.T) {
	t.Parallel()
	w, a, p := paged(t)
	s := genesys(t, w)
	media := listenUDP(t)
	s.seq++
	s.send("INVITE", sdpOffering(media, 1, "0 8 9 18 101"))
	ringing := s.until("SIP/2.0 180")
	s.tag = tagOf(ringing.get("To"))
	require.Contains(t, ringing.get("Allow-Events"), "talk, hold")
	require.NotEmpty(t, ringing.get("Contact"))
	l := a.rung()
	begun := w.wait(gateway.Ringing)
	require.Equal(t, "01ABCDEF", begun.CallUUID)
	leg := begun.Leg
	require.Equal(t, 200, s.do("NOTIFY", "", "Event: talk", "Subscription-State: active").status, "at once, the phone doesn't even ring yet")
	for range 10 { // the call has seen the NOTIFY by then
		require.ErrorIs(t, w.Hold(patient(t), leg), gateway.ErrState)
	}
	require.Empty(t, p.orders, "a page that has not rung may not know the call yet")
	a.respond(l.invite, 180, "Ringing", "")
	o := p.next(t)
	require.Equal(t, "answer", o.verb)
	m := newMicrophone(t)
	a.respond(l.invite, 200, "OK", m.answer(l.invite.body))
	o.done <- nil
	ok := s.until("SIP/2.0 200")
	require.Equal(t, "1 INVITE", ok.get("CSeq"))
	require.Contains(t, ok.get("Allow-Events"), "talk, hold")
	require.Equal(t, 1, strings.Count(ok.body, "m=audio"))
	require.Regexp(t, `m=audio \d+ RTP/AVP 0 101\r\n`, ok.body, "one codec and the digits")
	s.ackOf(1, "")
	requirePacket(t, media)
	w.wait(gateway.Answered)

	require.Equal(t, 200, s.do("NOTIFY", "", "Event: talk", "Subscription-State: active").status, "pressed twice")
	require.Equal(t, 200, s.do("NOTIFY", "", "Event: hold", "Subscription-State: active").status)
	o = p.next(t)
	require.Equal(t, "hold", o.verb)
	l.reinvite(strings.Replace(m.offer(), "a=sendrecv", "a=sendonly", 1))
	o.done <- nil
	w.wait(gateway.Held)
	require.Equal(t, 200, s.do("NOTIFY", "", "Event: talk", "Subscription-State: active").status)
	require.Equal(t, "retrieve", p.next(t).verb)
	require.Equal(t, 200, s.do("NOTIFY", "", "Event: beep", "Subscription-State: active").status)
	require.Empty(t, p.orders)
}

func TestFieldLesson01_NotifyTalkIsAnsweredWhateverThePhoneIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.agent("5001")
	s := genesys(t, w)
	s.seq++
	s.send("INVITE", sdpAt(listenUDP(t), 1))
	s.tag = tagOf(s.until("SIP/2.0 180").get("To"))
	l := a.rung()
	a.respond(l.invite, 180, "Ringing", "")
	require.Equal(t, 200, s.do("NOTIFY", "", "Event: talk", "Subscription-State: active").status)
	a.respond(l.invite, 200, "OK", newMicrophone(t).answer(l.invite.body))
	require.Equal(t, "1 INVITE", s.until("SIP/2.0 200").get("CSeq"), "the agent answers by hand")
}

func TestFieldLesson14_TwoAnswersAreOne(t *testing.T) {
	t.Parallel()
	w, a, p := paged(t)
	s := genesys(t, w)
	s.seq++
	s.send("INVITE", sdpAt(listenUDP(t), 1))
	s.tag = tagOf(s.until("SIP/2.0 180").get("To"))
	l := a.rung()
	a.respond(l.invite, 180, "Ringing", "")
	leg := w.wait(gateway.Ringing).Leg
	answered := begin(t, w.Answer, leg)
	o := p.next(t)
	require.Equal(t, 200, s.do("NOTIFY", "", "Event: talk", "Subscription-State: active").status)
	a.respond(l.invite, 200, "OK", newMicrophone(t).answer(l.invite.body))
	s.until("SIP/2.0 200 OK")
	s.ackOf(1, "")
	w.wait(gateway.Answered)
	o.done <- errNoMicrophone // it had been answered by hand, which the page says in its way
	require.NoError(t, <-answered)
	require.NoError(t, w.Answer(patient(t), leg))
	require.Empty(t, p.orders)
}
