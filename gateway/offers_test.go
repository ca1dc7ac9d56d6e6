package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/gateway"
	"sidecar/internal/phone"
	"sidecar/media"
)

// ringing brings a call of a PBX to a browser that rings.
func ringing(t *testing.T, w *world, a *agent, p *pbx, body string) *leg {
	t.Helper()
	p.seq++
	p.send("INVITE", body)
	p.tag = tagOf(p.until("SIP/2.0 180").get("To"))
	return a.rung()
}

func TestFieldLesson13_ReinviteWithoutAnOfferBehindTheAck(t *testing.T) {
	t.Parallel()
	for name, delayed := range map[string]bool{"offer in the INVITE": false, "offer in the 200": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			a, p, line := w.agent("5001"), w.pbx("5001", ""), newLine(t, media.PCMA)
			first := line.sdp(1)
			answer := ""
			if delayed {
				first, answer = "", line.sdp(1)
			}
			l := ringing(t, w, a, p, first)
			m := newMicrophoneOf(t, media.PCMA)
			a.respond(l.invite, 200, "OK", m.answer(l.invite.body))
			p.until("SIP/2.0 200")
			p.send("ACK", answer)
			res := p.do("INVITE", "")
			require.Equal(t, 200, res.status)
			line.reach(res.body)
			p.send("ACK", line.sdp(2))
			requireSound(t, line, m)
		})
	}
}

func TestFieldLesson13_ALateAck(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a, p, line := w.agent("5001"), w.pbx("5001", ""), newLine(t, media.PCMU)
	l := ringing(t, w, a, p, "")
	m := newMicrophoneOf(t, media.PCMU)
	a.respond(l.invite, 200, "OK", m.answer(l.invite.body))
	first := p.until("SIP/2.0 200")
	require.Equal(t, first.body, p.until("SIP/2.0 200").body, "repeated while the other side's callee rings")
	line.reach(first.body)
	p.send("ACK", line.sdp(1))
	w.wait(gateway.Answered)
	requireSound(t, line, m)
}

// RFC 3725 flow II.
func TestABlackHoleIsOfferedFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a, p, line := w.agent("5001"), w.pbx("5001", ""), newLine(t, media.PCMU)
	l := ringing(t, w, a, p, strings.Replace(line.sdp(1), "c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0", 1))
	m := newMicrophoneOf(t, media.PCMU)
	a.respond(l.invite, 200, "OK", m.answer(l.invite.body))
	p.until("SIP/2.0 200")
	p.send("ACK", "")
	res := p.do("INVITE", "")
	require.Equal(t, 200, res.status, res.start)
	line.reach(res.body)
	p.send("ACK", line.sdp(2))
	requireSound(t, line, m)
}

func TestABrowserMayLeaveTheOfferToUs(t *testing.T) {
	t.Parallel()
	w, p := withPBX(t, nil)
	line, m := newLine(t, media.PCMA), newMicrophoneOf(t, media.G722)
	l := w.agent("5001").call("5002", "")
	invite := p.taken()
	line.reach(invite.body)
	p.respond(invite, 183, "Session Progress", line.sdp(1))
	require.Empty(t, l.until("SIP/2.0 183").body, "an offer in an unreliable response is none")
	p.respond(invite, 200, "OK", line.sdp(1))
	res := l.finalOf("INVITE")
	require.Equal(t, 200, res.status)
	require.Contains(t, res.body, "UDP/TLS/RTP/SAVPF 8 ", "what the PBX speaks comes first")
	l.learn(res)
	l.request("ACK", l.cseq, randomName(), m.answer(res.body))
	requireSound(t, line, m)
	w.wait(gateway.Answered)
}

func TestTheAnswerOfAForkedCallMovesTheMedia(t *testing.T) {
	t.Parallel()
	w, p := withPBX(t, nil)
	early, final, m := newLine(t, media.PCMU), newLineAt(t, media.PCMU, soundHz), newMicrophoneOf(t, media.PCMU)
	l := w.agent("5001").call("5002", m.offer())
	invite := p.taken()
	early.reach(invite.body)
	final.reach(invite.body)
	p.respond(forked(invite, "a"), 183, "Session Progress", early.sdp(1))
	m.accept(l.until("SIP/2.0 183").body)
	require.NoError(t, m.hears.WaitTone(patient(t), phoneHz))
	p.respond(forked(invite, "b"), 200, "OK", final.sdp(1))
	l.answered()
	require.NoError(t, m.hears.WaitTone(patient(t), soundHz), "who answered is heard")
	require.NoError(t, m.hears.WaitNoTone(patient(t), phoneHz), "who rang is not")
	require.NoError(t, final.hears.WaitTone(patient(t), browserHz))
}

// forked is the INVITE as one branch of a fork got it.
func forked(invite *text, tag string) *text {
	branch := *invite
	branch.headers = nil
	for _, h := range invite.headers {
		if strings.HasPrefix(h, "To:") {
			h += ";tag=" + tag
		}
		branch.headers = append(branch.headers, h)
	}
	return &branch
}

func TestBothSidesMayHoldAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	call, l, m := inbound(t, w, w.agent("5001"))
	requireTalk(t, m, call)
	offer := m.offer()
	require.NoError(t, call.Hold(patient(t)))
	l.reinvite(strings.Replace(offer, "a=sendrecv", "a=sendonly", 1))
	w.wait(gateway.Held)
	require.NoError(t, call.WaitSilence(patient(t)), "nothing to whom holds")
	require.NoError(t, call.Retrieve(patient(t)))
	require.NoError(t, call.WaitTone(patient(t), soundHz), "the browser still holds")
	require.NoError(t, m.hears.WaitNoTone(patient(t), phoneHz))
	require.NoError(t, call.Hold(patient(t)))
	l.reinvite(offer)
	w.wait(gateway.Retrieved)
	require.NoError(t, m.hears.WaitNoTone(patient(t), phoneHz))
	require.NoError(t, call.Retrieve(patient(t)))
	requireTalk(t, m, call)
}

func TestMusicOfTheUpstreamIsHeardByAHeldBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	p, line, m, _ := inboundOf(t, w, w.agent("5001"), media.PCMU, media.PCMA)
	requireSound(t, line, m)
	res := p.do("INVITE", strings.Replace(line.sdp(2), "sendrecv", "sendonly", 1))
	require.Contains(t, res.body, "a=recvonly")
	p.send("ACK", "")
	require.NoError(t, line.hears.WaitNoTone(patient(t), browserHz))
	require.NoError(t, m.hears.WaitTone(patient(t), phoneHz), "as music on hold would be")
	require.Contains(t, p.do("INVITE", strings.Replace(line.sdp(3), "sendrecv", "inactive", 1)).body, "a=inactive")
	p.send("ACK", "")
	require.Contains(t, p.do("INVITE", line.sdp(4)).body, "a=sendrecv")
	p.send("ACK", "")
	requireSound(t, line, m)
}

func TestASwitchIsToldOfTheBrowsersHold(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 500} { // also when it didn't take the hold, it is told of the end
		t.Run(fmt.Sprint(status), func(t *testing.T) { t.Parallel(); holdAtASwitch(t, status) })
	}
}

func holdAtASwitch(t *testing.T, status int) {
	t.Helper()
	w := newWorld(t, func(s *settings) {
		inner := s.gateway.Upstream
		s.gateway.Upstream = func(dn string) (gateway.Upstream, bool) {
			up, ok := inner(dn)
			up.Name = "genesys_sip_server"
			return up, ok
		}
	})
	a, p, line := w.agent("5001"), w.pbx("5001", ""), newLine(t, media.PCMU)
	l := ringing(t, w, a, p, line.sdp(1))
	m := newMicrophone(t)
	a.respond(l.invite, 200, "OK", m.answer(l.invite.body))
	line.reach(p.until("SIP/2.0 200").body)
	p.send("ACK", "")
	requireSound(t, line, m)
	w.wait(gateway.Answered)

	offer := m.offer()
	l.reinvite(strings.Replace(offer, "a=sendrecv", "a=sendonly", 1))
	w.wait(gateway.Held)
	told := p.until("INVITE")
	require.Contains(t, told.body, "a=sendonly")
	l.reinvite(offer) // taken back before the switch has answered
	w.wait(gateway.Retrieved)
	p.respond(told, status, "Whatever", strings.Replace(line.sdp(2), "sendrecv", "recvonly", 1))
	p.until("ACK")
	told = p.until("INVITE")
	require.Contains(t, told.body, "a=sendrecv")
	p.respond(told, 200, "OK", line.sdp(3))
	p.until("ACK")
	requireSound(t, line, m)
}

func TestCallWaitingByDN(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *settings) {
		inner := s.gateway.Upstream
		s.gateway.Upstream = func(dn string) (gateway.Upstream, bool) {
			up, ok := inner(dn)
			up.CallLimit = map[string]int{"5003": 1, "5004": 3}[dn]
			return up, ok
		}
	})
	for dn, limit := range map[string]int{"5001": 2, "5003": 1, "5004": 3} {
		a := w.agent(dn)
		for range limit {
			call := w.dial(dn)
			a.rung()
			require.NoError(t, call.WaitState(patient(t), phone.Ringing))
		}
		w.dialRefused(dn, 486, dn)
	}
}
