package gateway_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/gateway"
	"sidecar/internal/phone"
)

// transferring is a world that takes transfers.
func transferring(t *testing.T) (*world, *agent, chan gateway.Referral) {
	t.Helper()
	asked := make(chan gateway.Referral, 8)
	w := newWorld(t, func(s *settings) { s.gateway.OnRefer = func(r gateway.Referral) { asked <- r } })
	return w, w.agent("5001"), asked
}

func (l *leg) refer(to string) *text {
	l.t.Helper()
	l.cseq++
	l.request("REFER", l.cseq, randomName(), "", "Refer-To: "+to)
	return l.finalOf("REFER")
}

// reported takes the next report of a transfer.
func (l *leg) reported() *text {
	l.t.Helper()
	notify := l.until("NOTIFY")
	require.Contains(l.t, notify.get("Event"), "refer")
	require.Equal(l.t, l.callID, notify.get("Call-ID"))
	l.respond(notify, 200, "OK", "")
	return notify
}

func referral(t *testing.T, asked chan gateway.Referral) gateway.Referral {
	t.Helper()
	select {
	case r := <-asked:
		return r
	case <-patient(t).Done():
		t.Fatal("no transfer was asked for")
	}
	return gateway.Referral{}
}

func TestATransferIsHandedOver(t *testing.T) {
	t.Parallel()
	for ok, want := range map[bool]string{true: "SIP/2.0 200 ", false: "SIP/2.0 603 "} {
		t.Run(fmt.Sprint(ok), func(t *testing.T) {
			t.Parallel()
			w, a, asked := transferring(t)
			call, l, _ := inbound(t, w, a)
			leg := w.wait(gateway.Answered).Leg
			require.ErrorIs(t, w.ReferResult(patient(t), leg, ok), gateway.ErrState)
			require.Equal(t, 202, l.refer("<sip:5003@desk.example.com>").status)
			require.Contains(t, l.reported().body, "SIP/2.0 100 ")
			require.Equal(t, gateway.Referral{Leg: leg, DN: "5001", To: "5003"}, referral(t, asked))
			require.Equal(t, 491, l.refer("<sip:5004@desk.example.com>").status, "one after the other")
			done := make(chan error, 1)
			go func() { done <- w.ReferResult(patient(t), leg, ok) }()
			last := l.reported()
			require.Contains(t, last.body, want)
			require.Contains(t, last.get("Subscription-State"), "terminated")
			require.NoError(t, <-done)
			require.Equal(t, phone.Established, call.State())
		})
	}
}

func TestATransferAfterConsultationNamesTheOtherCall(t *testing.T) {
	t.Parallel()
	w, a, asked := transferring(t)
	_, first, _ := inbound(t, w, a)
	one := w.wait(gateway.Answered).Leg
	_, second, _ := outbound(t, w, a)
	two := w.wait(gateway.Answered).Leg
	replaces := "<sip:5002@desk.example.com?Replaces=" + second.callID + "%3Bto-tag%3D" + second.remote + "%3Bfrom-tag%3D" + second.local + ">"
	require.Equal(t, 202, first.refer(replaces).status)
	first.reported()
	require.Equal(t, gateway.Referral{Leg: one, DN: "5001", To: "5002", ReplacesLeg: two}, referral(t, asked))

	self := "<sip:5002@desk.example.com?Replaces=" + second.callID + "%3Bto-tag%3D" + second.remote + "%3Bfrom-tag%3D" + second.local + ">"
	require.Equal(t, 404, second.refer(self).status, "a call can't replace itself")
	require.Equal(t, 404, second.refer("<sip:5002@desk.example.com?Replaces=none%3Bto-tag%3D1%3Bfrom-tag%3D2>").status)
	require.Equal(t, 400, second.refer("<sip:desk.example.com>").status)
	require.Empty(t, asked)
}

func TestTheReportOfATransferComesBeforeTheBye(t *testing.T) {
	t.Parallel()
	w, a, asked := transferring(t)
	call, l, _ := inbound(t, w, a)
	leg := w.wait(gateway.Answered).Leg
	require.Equal(t, 202, l.refer("<sip:5003@desk.example.com>").status)
	l.reported()
	referral(t, asked)
	done := make(chan error, 1)
	go func() { done <- w.ReferResult(patient(t), leg, true) }()
	last := l.until("NOTIFY")
	require.NoError(t, call.Hangup(patient(t))) // the engine is through, and the PBX hangs up at once
	l.respond(last, 200, "OK", "")
	require.Contains(t, last.body, "SIP/2.0 200 ")
	a.respond(a.until("BYE"), 200, "OK", "")
	w.wait(gateway.Ended)
}

func TestATransferThatTheCallDoesNotOutliveIsReported(t *testing.T) {
	t.Parallel()
	w, a, asked := transferring(t)
	call, l, _ := inbound(t, w, a)
	w.wait(gateway.Answered)
	require.Equal(t, 202, l.refer("<sip:5003@desk.example.com>").status)
	l.reported()
	referral(t, asked)
	require.NoError(t, call.Hangup(patient(t)))
	m := a.nextRequest()
	require.Contains(t, m.body, "SIP/2.0 487 ", m.start)
	a.respond(m, 200, "OK", "")
	a.respond(a.until("BYE"), 200, "OK", "")
}

func TestTransfersAreRefusedWhereNobodyTakesThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	call, l, _ := inbound(t, w, w.agent("5001"))
	w.wait(gateway.Answered)
	require.Equal(t, 603, l.refer("<sip:5003@desk.example.com>").status)
	require.Error(t, call.Refer(patient(t), "5003"), "nor is the upstream's, whatever the browser may do")
}
