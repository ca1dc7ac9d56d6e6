package gateway_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/gateway"
	"sidecar/internal/phone"
)

func requireTalk(t *testing.T, m *microphone, call *phone.Call) {
	t.Helper()
	require.NoError(t, call.WaitTone(patient(t), browserHz), "the phone hears the browser")
	require.NoError(t, m.hears.WaitTone(patient(t), phoneHz), "the browser hears the phone")
}

// inbound brings a call from the phone to a browser up.
func inbound(t *testing.T, w *world, a *agent) (*phone.Call, *leg, *microphone) {
	t.Helper()
	call := w.dial(a.dn, phone.WithCaller("4711", "Customer"), phone.WithHeader(gateway.LegHeader, "n1-4f.a_2"), phone.WithHeader("X-Order", "42"))
	l := a.rung()
	m := newMicrophone(t)
	a.respond(l.invite, 200, "OK", m.answer(l.invite.body))
	require.NoError(t, call.WaitState(patient(t), phone.Established))
	a.until("ACK")
	return call, l, m
}

// outbound brings a call from a browser to the phone up.
func outbound(t *testing.T, w *world, a *agent, headers ...string) (*phone.Call, *leg, *microphone) {
	t.Helper()
	m := newMicrophone(t)
	l := a.call("5002", m.offer(), headers...)
	call, err := w.phone.WaitCall(patient(t))
	require.NoError(t, err)
	l.learn(a.until("SIP/2.0 180"))
	answered := make(chan error, 1)
	go func() { answered <- call.Answer(patient(t)) }()
	m.accept(l.answered().body)
	require.NoError(t, <-answered)
	return call, l, m
}

func TestInboundCallIsHeardBothWays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.agent("5001")
	call, l, m := inbound(t, w, a)
	requireTalk(t, m, call)
	require.Contains(t, l.invite.get("From"), "sip:4711@")
	require.Equal(t, "42", l.invite.get("X-Order"))
	require.Empty(t, l.invite.get(gateway.LegHeader), "the browser does not see it")
	up := w.wait(gateway.Answered)
	require.Equal(t, gateway.Event{Kind: gateway.Answered, Leg: "n1-4f.a_2", DN: "5001", Number: "4711", Inbound: true}, up)

	require.NoError(t, call.Hangup(patient(t)))
	bye := a.until("BYE")
	a.respond(bye, 200, "OK", "")
	require.Equal(t, "n1-4f.a_2", w.wait(gateway.Ended).Leg)
}

func TestOutboundCallIsHeardBothWays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.agent("5001")
	call, l, m := outbound(t, w, a, "Authorization: Digest username=\"5001\", response=\"0\"", gateway.LegHeader+": forged", "X-Order: 43")
	requireTalk(t, m, call)
	require.Equal(t, "5001", call.Remote().Number)
	require.Empty(t, call.Header("Authorization"), "field: the browser's credentials are not the PBX's business")
	require.Equal(t, "43", call.Header("X-Order"))
	up := w.wait(gateway.Answered)
	require.Equal(t, up.Leg, call.Header(gateway.LegHeader))
	require.NotContains(t, up.Leg, "forged")

	require.Equal(t, 200, l.do("BYE", "").status)
	end, err := call.WaitEnd(patient(t))
	require.NoError(t, err)
	require.Equal(t, "BYE", end.Method)
	w.wait(gateway.Ended)
}

func TestEarlyMediaIsHeardBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.phone.Answer = phone.Manual })
	a := w.agent("5001")
	m := newMicrophone(t)
	l := a.call("5002", m.offer())
	call, err := w.phone.WaitCall(patient(t))
	require.NoError(t, err)
	require.NoError(t, call.Progress())
	early := a.until("SIP/2.0 183")
	m.accept(early.body)
	require.NoError(t, m.hears.WaitTone(patient(t), phoneHz))
	answered := make(chan error, 1)
	go func() { answered <- call.Answer(patient(t)) }()
	require.Equal(t, early.body, l.answered().body, "one answer to one offer")
	require.NoError(t, <-answered)
	requireTalk(t, m, call)
}

func TestHoldIsAnsweredHereAndReported(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*testing.T, *world, *agent) (*phone.Call, *leg, *microphone){
		"inbound":  inbound,
		"outbound": func(t *testing.T, w *world, a *agent) (*phone.Call, *leg, *microphone) { return outbound(t, w, a) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			call, l, m := begin(t, w, w.agent("5001"))
			requireTalk(t, m, call)
			w.wait(gateway.Answered)

			offer := m.offer()
			answer := l.reinvite(strings.Replace(offer, "a=sendrecv", "a=sendonly", 1))
			require.Contains(t, answer, "a=recvonly")
			w.wait(gateway.Held)
			require.NoError(t, call.WaitTone(patient(t), soundHz), "music in place of the browser")
			require.NoError(t, m.hears.WaitNoTone(patient(t), phoneHz))
			require.Zero(t, call.Reinvites(), "only the call engine changes media upstream")

			require.Contains(t, l.reinvite(offer), "a=sendrecv")
			w.wait(gateway.Retrieved)
			requireTalk(t, m, call)
		})
	}
}

func TestUpstreamMayHoldAndRetrieve(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	call, _, m := inbound(t, w, w.agent("5001"))
	requireTalk(t, m, call)
	require.NoError(t, call.Hold(patient(t)))
	require.NoError(t, call.WaitNoTone(patient(t), browserHz))
	require.NoError(t, m.hears.WaitNoTone(patient(t), phoneHz))
	require.NoError(t, call.Retrieve(patient(t)))
	requireTalk(t, m, call)
}

func TestDigitsOfAnINFOBecomeRTPEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	call, l, _ := outbound(t, w, w.agent("5001"))
	w.wait(gateway.Answered)
	l.cseq++
	l.request("INFO", l.cseq, randomName(), "Signal=7\r\nDuration=120\r\n", "Content-Type: application/dtmf-relay")
	require.Equal(t, 200, l.finalOf("INFO").status)
	require.NoError(t, call.WaitDTMF(patient(t), "7"))
}

// Who types quickly presses the next digit while the one before is still being sent.
func TestDigitsOfINFOsAreSentOneByOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	call, l, _ := outbound(t, w, w.agent("5001"))
	w.wait(gateway.Answered)
	press := func(digits string) {
		for _, digit := range digits {
			l.cseq++
			l.request("INFO", l.cseq, randomName(), "Signal="+string(digit)+"\r\nDuration=200\r\n", "Content-Type: application/dtmf-relay")
			require.Equal(t, 200, l.finalOf("INFO").status)
		}
		require.NoError(t, call.WaitDTMF(patient(t), digits))
	}
	press("123")
	press("4")
	press("5")
	require.Equal(t, "12345", call.DTMF())
}

func TestBrowserRefuses(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]int{486: 486, 603: 603, 480: 480, 404: 480} {
		w := newWorld(t, nil)
		a := w.agent("5001")
		call := w.dial("5001")
		l := a.rung()
		a.respond(l.invite, status, "No", "")
		a.until("ACK")
		end, err := call.WaitEnd(patient(t))
		require.NoError(t, err)
		require.Equal(t, want, end.Status)
		w.wait(gateway.Ended)
	}
}

func TestUpstreamRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.agent("5001")
	l := a.call("5002", newMicrophone(t).offer())
	call, err := w.phone.WaitCall(patient(t))
	require.NoError(t, err)
	require.NoError(t, call.Busy())
	require.Equal(t, 486, l.finalOf("INVITE").status)
	w.wait(gateway.Ended)
}

func TestCallerGivesUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.agent("5001")
	call := w.dial("5001")
	l := a.rung()
	a.respond(l.invite, 180, "Ringing", "")
	require.NoError(t, call.WaitState(patient(t), phone.Ringing))
	require.NoError(t, call.Hangup(patient(t)))
	cancel := a.until("CANCEL")
	a.respond(cancel, 200, "OK", "")
	a.respond(l.invite, 487, "Request Terminated", "")
	w.wait(gateway.Ended)
}

func TestBrowserCancels(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.agent("5001")
	l := a.call("5002", newMicrophone(t).offer())
	call, err := w.phone.WaitCall(patient(t))
	require.NoError(t, err)
	a.until("SIP/2.0 180")
	l.request("CANCEL", 1, l.branch, "")
	require.Equal(t, 487, l.finalOf("INVITE").status)
	end, err := call.WaitEnd(patient(t))
	require.NoError(t, err)
	require.Equal(t, "CANCEL", end.Method)
	w.wait(gateway.Ended)
}

// Field lesson 9.
func TestRingingWaitsForNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.agent("5001")
	call := w.dial("5001") // the browser never says a word
	require.NoError(t, call.WaitState(patient(t), phone.Ringing))
}

func TestCallsWithoutAPhoneAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.gateway.CallLimit = 1 })
	refused := func(dn string) int {
		end, err := w.dial(dn).WaitEnd(patient(t))
		require.NoError(t, err)
		return end.Status
	}
	require.Equal(t, 480, refused("5001"), "nobody registered")
	require.Equal(t, 404, refused("6001"), "no DN of ours")
	a := w.agent("5001")
	w.dial("5001")
	a.rung()
	require.Equal(t, 486, refused("5001"), "busy by policy")
}

// Field lesson 2.
func TestDNIsRegisteredUpstreamAsLongAsItsBrowserIsThere(t *testing.T) {
	t.Parallel()
	lost, leased := make(chan struct{}), make(chan string, 8)
	w := newWorld(t, func(s *settings) {
		s.gateway.Lease = func(_ context.Context, dn string) error {
			leased <- dn
			return nil
		}
		s.gateway.SIP.Registrar.OnEvent = onFlowLost(lost)
	})
	a := w.agent("5001")
	require.Equal(t, "5001", <-leased)
	a.drop()
	<-lost
	w.registrar.none(t)
	end, err := w.dial("5001").WaitEnd(patient(t))
	require.NoError(t, err)
	require.Equal(t, 480, end.Status, "new calls in the grace period")

	back := w.connect("5001")
	require.Equal(t, 200, back.register(600).status)
	w.registrar.none(t)
	require.Equal(t, 200, back.register(0).status)
	require.Equal(t, "5001 0", w.registrar.wait(t))
	require.Equal(t, 200, back.register(600).status)
	require.Equal(t, "5001 3600", w.registrar.wait(t))
	require.Equal(t, "5001", <-leased)
	w.Close()
	w.registrar.none(t)
}

func TestDNOfAnotherOwnerIsNotRegistered(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 8)
	w := newWorld(t, func(s *settings) {
		s.gateway.Lease = func(context.Context, string) error {
			asked <- struct{}{}
			return errors.New("another process has it")
		}
	})
	require.Equal(t, 200, w.connect("5001").register(600).status)
	<-asked
	<-asked // asked again later, and nothing was sent between
	w.registrar.none(t)
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := gateway.New(gateway.Options{})
	require.ErrorIs(t, err, gateway.ErrOptions)
}

func TestAPhoneThatRunsWildTakesFewPorts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.agent("5001")
	offer := newMicrophone(t).offer()
	for range 8 {
		a.call("5002", offer)
		w.wait(gateway.Ringing)
	}
	require.Equal(t, 486, a.call("5002", offer).finalOf("INVITE").status)
	require.Equal(t, 8, w.Calls())
}

func TestTheEndOfTheGraceEndsCallsAndRegistration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.gateway.SIP.Registrar.Grace = 50 * time.Millisecond })
	a := w.agent("5001")
	call, _, _ := inbound(t, w, a)
	w.wait(gateway.Answered)
	a.drop()
	end, err := call.WaitEnd(patient(t))
	require.NoError(t, err)
	require.Equal(t, "BYE", end.Method)
	require.Contains(t, end.Reason, "browser is gone")
	require.Equal(t, "5001 0", w.registrar.wait(t))
}

func TestLostMediaIsCoveredAndEndsTheCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.gateway.MediaGrace = 2 * time.Second })
	call, _, m := inbound(t, w, w.agent("5001"))
	requireTalk(t, m, call)
	w.wait(gateway.Answered)
	m.close()
	w.wait(gateway.MediaLost)
	require.NoError(t, call.WaitTone(patient(t), soundHz))
	end, err := call.WaitEnd(patient(t))
	require.NoError(t, err)
	require.Contains(t, end.Reason, "media")
}

func TestCloseHangsUpAndLeavesTheBinding(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.agent("5001")
	call, _, _ := inbound(t, w, a)
	w.wait(gateway.Answered)
	closed := make(chan struct{})
	go func() { w.Close(); close(closed) }()
	a.respond(a.until("BYE"), 200, "OK", "")
	<-closed
	end, err := call.WaitEnd(patient(t))
	require.NoError(t, err)
	require.Contains(t, end.Reason, "shutting down")
	w.registrar.none(t)
}

func TestSecondCallWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.agent("5001")
	first, _, m := inbound(t, w, a)
	second := w.dial("5001")
	l := a.rung()
	a.respond(l.invite, 486, "Busy Here", "")
	end, err := second.WaitEnd(patient(t))
	require.NoError(t, err)
	require.Equal(t, 486, end.Status)
	requireTalk(t, m, first)
}
