package gateway_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/gateway"
	"sidecar/internal/phone"
)

// begins are the two ways of a call.
func begins() map[string]func(*testing.T, *world, *agent) (*phone.Call, *leg, *microphone) {
	return map[string]func(*testing.T, *world, *agent) (*phone.Call, *leg, *microphone){
		"inbound":  inbound,
		"outbound": func(t *testing.T, w *world, a *agent) (*phone.Call, *leg, *microphone) { return outbound(t, w, a) },
	}
}

// resumed takes the INVITE by which the call comes back.
func resumed(t *testing.T, a *agent, before *leg) (*leg, *microphone) {
	t.Helper()
	l := a.rung()
	require.Equal(t, before.callID, l.invite.get(gateway.ResumeHeader))
	require.Contains(t, l.invite.get("Call-Info"), "answer-after=0")
	m := newMicrophone(t)
	a.respond(l.invite, 200, "OK", m.answer(l.invite.body))
	a.until("ACK")
	return l, m
}

func TestFieldLesson15_AReloadedPageGetsItsCallBack(t *testing.T) {
	t.Parallel()
	for name, begin := range begins() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			a := w.agent("5001")
			call, l, m := begin(t, w, a)
			requireTalk(t, m, call)
			leg := w.wait(gateway.Answered).Leg
			a.drop()
			m.close()
			require.Equal(t, leg, w.wait(gateway.MediaLost).Leg)
			require.NoError(t, call.WaitTone(patient(t), soundHz), "music until the page is back")

			back := w.again("5001", "")
			l2, m2 := resumed(t, back, l)
			require.Contains(t, l2.invite.get("From"), "sip:"+map[bool]string{true: "4711", false: "5002"}[name == "inbound"]+"@")
			requireTalk(t, m2, call)
			require.Equal(t, gateway.MediaBack, w.next().Kind, "nothing rings and nothing is answered a second time")
			require.Zero(t, call.Reinvites(), "the upstream has noticed nothing")

			require.Contains(t, l2.reinvite(strings.Replace(m2.offer(), "a=sendrecv", "a=sendonly", 1)), "a=recvonly")
			w.wait(gateway.Held)
			require.NoError(t, call.Hangup(patient(t)))
			bye := back.until("BYE")
			require.Equal(t, l2.callID, bye.get("Call-ID"))
			back.respond(bye, 200, "OK", "")
			w.wait(gateway.Ended)
		})
	}
}

func TestAHeldCallComesBackRetrieved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.agent("5001")
	call, l, m := inbound(t, w, a)
	requireTalk(t, m, call)
	l.reinvite(strings.Replace(m.offer(), "a=sendrecv", "a=sendonly", 1))
	w.wait(gateway.Held)
	a.drop()
	m.close()
	_, m2 := resumed(t, w.again("5001", ""), l)
	w.wait(gateway.Retrieved)
	requireTalk(t, m2, call)
}

func TestFieldLesson15_ReloadBeforeTheOldFlowsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.agent("5001")
	call, l, _ := inbound(t, w, a)
	w.wait(gateway.Answered)
	back := w.again("5001", "") // takes over
	a.drop()
	_, m2 := resumed(t, back, l)
	w.wait(gateway.MediaLost)
	w.wait(gateway.MediaBack)
	requireTalk(t, m2, call)
}

func TestTheSamePageGoesOnOnANewWebSocket(t *testing.T) {
	t.Parallel()
	for name, drop := range map[string]func(*agent){"after the end of the old one": (*agent).drop, "before": func(*agent) {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			a := w.agent("5001")
			call, l, m := inbound(t, w, a)
			w.wait(gateway.Answered)
			drop(a)
			back := w.again("5001", a.host)
			l.agent = back
			requireTalk(t, m, call)
			l.reinvite(strings.Replace(m.offer(), "a=sendrecv", "a=sendonly", 1))
			require.Equal(t, gateway.Held, w.next().Kind, "the media was never away")
			require.NoError(t, call.Hangup(patient(t)))
			bye := back.nextRequest()
			require.True(t, strings.HasPrefix(bye.start, "BYE"), "no new call: %s", bye.start)
			require.Equal(t, l.callID, bye.get("Call-ID"))
			back.respond(bye, 200, "OK", "")
			w.wait(gateway.Ended)
		})
	}
}

func TestThePageMayRestartICE(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	call, l, m := inbound(t, w, w.agent("5001"))
	requireTalk(t, m, call)
	before := m.pc.RemoteDescription().SDP
	m.accept(l.reinvite(m.restart()))
	require.NotEqual(t, ufrag(before), ufrag(m.pc.RemoteDescription().SDP))
	requireTalk(t, m, call)
}

func ufrag(sdp string) string {
	_, rest, _ := strings.Cut(sdp, "a=ice-ufrag:")
	return strings.Split(rest, "\r\n")[0]
}

func TestARefusedResumeEndsTheCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.agent("5001")
	call, _, m := inbound(t, w, a)
	w.wait(gateway.Answered)
	a.drop()
	m.close()
	back := w.again("5001", "")
	l := back.rung()
	back.respond(l.invite, 486, "Busy Here", "")
	end, err := call.WaitEnd(patient(t))
	require.NoError(t, err)
	require.Equal(t, "BYE", end.Method)
	require.Contains(t, end.Reason, "not taken up again")
	w.wait(gateway.Ended)
}

func TestAPageThatIsReloadedTwiceGetsItsCallBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.agent("5001")
	call, l, m := inbound(t, w, a)
	w.wait(gateway.Answered)
	a.drop()
	m.close()
	second := w.again("5001", "")
	second.rung()
	second.drop()
	_, m3 := resumed(t, w.again("5001", ""), l)
	requireTalk(t, m3, call)
}

func TestOneSuccessorIsAskedAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.agent("5001")
	call, l, m := inbound(t, w, a)
	w.wait(gateway.Answered)
	a.drop()
	m.close()
	second := w.again("5001", "")
	ring := second.rung()
	third := w.again("5001", "")
	m2 := newMicrophone(t)
	second.respond(ring.invite, 200, "OK", m2.answer(ring.invite.body))
	requireTalk(t, m2, call)
	second.drop()
	m2.close()
	_, m3 := resumed(t, third, &leg{callID: ring.callID})
	requireTalk(t, m3, call)
	require.NotEqual(t, l.callID, ring.callID)
}

func TestABrowserThatStaysAwayEndsItsCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.gateway.MediaGrace = 100 * time.Millisecond })
	a := w.agent("5001")
	call, _, m := inbound(t, w, a)
	w.wait(gateway.Answered)
	a.drop()
	m.close()
	w.dialRefused("5001", 480, "new calls don't wait for a browser")
	end, err := call.WaitEnd(patient(t))
	require.NoError(t, err)
	require.Equal(t, "BYE", end.Method)
	require.Contains(t, end.Reason, "browser is gone")
	w.wait(gateway.Ended)
	w.registrar.none(t)
}

func TestARingingCallRingsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.agent("5001")
	call := w.dial("5001")
	l := a.rung()
	a.respond(l.invite, 180, "Ringing", "")
	require.NoError(t, call.WaitState(patient(t), phone.Ringing))
	a.drop()
	back := w.again("5001", "")
	l = back.rung()
	require.Empty(t, l.invite.get("Call-Info"), "it rings, nobody has answered it yet")
	m := newMicrophone(t)
	back.respond(l.invite, 200, "OK", m.answer(l.invite.body))
	requireTalk(t, m, call)
	require.Equal(t, gateway.Ringing, w.next().Kind)
	require.Equal(t, gateway.Answered, w.next().Kind)
}

func TestARingingCallWhoseBrowserStaysAwayIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) { s.gateway.MediaGrace = 50 * time.Millisecond })
	a := w.agent("5001")
	call := w.dial("5001")
	a.rung()
	a.drop()
	end, err := call.WaitEnd(patient(t))
	require.NoError(t, err)
	require.Equal(t, 480, end.Status)
}

func TestABrowserThatIsTakenOverKeepsItsCalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.agent("5001")
	call, l, m := inbound(t, w, a)
	w.wait(gateway.Answered)
	newcomer := w.again("5001", "")
	second := w.dial("5001")
	ring := newcomer.rung()
	require.NotEqual(t, l.callID, ring.callID)
	newcomer.respond(ring.invite, 486, "Busy Here", "")
	_, err := second.WaitEnd(patient(t))
	require.NoError(t, err)
	requireTalk(t, m, call)

	require.Equal(t, 200, newcomer.register(0).status)
	require.Equal(t, "5001 0", w.registrar.wait(t))
	requireTalk(t, m, call)
	require.Equal(t, 200, l.do("BYE", "").status)
	end, err := call.WaitEnd(patient(t))
	require.NoError(t, err)
	require.Equal(t, "BYE", end.Method)
}
