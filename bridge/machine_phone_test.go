package bridge

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// told is something that our gateway tells of a leg.
func told(id string, change LegChange) LegChanged {
	return LegChanged{Channel: ch(id), Change: change, Phone: true}
}

// able gives the script's phones what our own page can.
func (s *script) able() *script {
	s.can = PhoneAbilities{Answer: true, Hold: true}
	return s
}

// replies are the errors of the last input's replies, by token.
func (s *script) replies(in Input) map[int]string {
	s.t.Helper()
	s.at = s.at.Add(time.Second)
	known, _ := s.state.knowing(func(string) PhoneAbilities { return s.can })
	state, effects := next(known, stamped{At: s.at, Input: in})
	s.state = state
	list := map[int]string{}
	for _, e := range effects {
		if r, ok := e.(Reply); ok && r.Token != 0 {
			list[r.Token] = "done"
			if r.Err != nil {
				list[r.Token] = r.Err.Error()
			}
		}
	}
	return list
}

func (s *script) capabilities(n int) []Capability {
	known, _ := s.state.knowing(func(string) PhoneAbilities { return s.can })
	return known.view().Parties[n-1].Capabilities
}

func TestAnswerByCommand(t *testing.T) {
	t.Parallel()
	s := inbound(t).able()
	require.Contains(t, s.capabilities(2), CanAnswer)
	require.Equal(t, []string{"AskPhone {Leg:n1-x.1 Party:2 Verb:answer}"}, s.in(doPhone{By: "5001", Verb: PhoneAnswer, Reply: 7}).lines)
	require.Empty(t, s.in(doPhone{By: "5001", Verb: PhoneAnswer, Reply: 8}).lines, "the second desktop waits for the same")
	require.Equal(t, map[int]string{9: "hold is not possible while the call is Ringing: its phone is being told to answer"},
		s.replies(doPhone{By: "5001", Verb: PhoneHold, Reply: 9}))
	require.Equal(t, map[int]string{7: "done", 8: "done"}, s.replies(PhoneReplied{Party: 2, Verb: PhoneAnswer}))
	s.in(leg("n1-x.1", LegIsUp))
	require.Equal(t, map[int]string{10: "done"}, s.replies(doPhone{By: "5001", Verb: PhoneAnswer, Reply: 10}), "it is answered")
	s.in(Joined{Parties: []PartyID{1, 2}})
	require.Equal(t, map[int]string{11: "done"}, s.replies(doPhone{By: "5001", Verb: PhoneAnswer, Reply: 11}))
	require.NotContains(t, s.capabilities(2), CanAnswer)
}

func TestAnswerOfPhonesThatCannotBeTold(t *testing.T) {
	t.Parallel()
	s := inbound(t)
	require.NotContains(t, s.capabilities(2), CanAnswer)
	require.Equal(t, map[int]string{7: "answer is not possible while the call is Ringing: its phone takes no such command, answer at the phone"},
		s.replies(doPhone{By: "5001", Verb: PhoneAnswer, Reply: 7}))
	require.Equal(t, map[int]string{7: ErrNotAParty.Error()}, s.replies(doPhone{By: "5009", Verb: PhoneAnswer, Reply: 7}))
	s = newScript(t).able().in(
		Arrived{Channel: ch("a"), Leg: "g-1", From: "5003", Number: "5003", Called: "5001", Dest: toDN("5001")},
		leg("n1-x.1", LegIsCreated), leg("n1-x.1", LegIsRinging),
	)
	require.Equal(t, map[int]string{7: "answer is not possible while the call is Dialing: only a phone that rings can answer"},
		s.replies(doPhone{By: "5003", Verb: PhoneAnswer, Reply: 7}), "it is the caller")
}

func TestWhoWaitsForAPhoneIsAnswered(t *testing.T) {
	t.Parallel()
	answer := doPhone{By: "5001", Verb: PhoneAnswer, Reply: 7}
	require.Equal(t, map[int]string{7: "the phone did not do it"}, inbound(t).able().in(answer).replies(PhoneReplied{Party: 2, Verb: PhoneAnswer, Err: ErrPhoneRefused}))
	require.Equal(t, map[int]string{7: "answer is not possible while the call is Released: the party left the call meanwhile"},
		inbound(t).able().in(answer).replies(gone("cust", 16)))
	require.Equal(t, map[int]string{7: "done"}, inbound(t).able().in(answer).replies(leg("n1-x.1", LegIsUp)), "the deed proves more than the word")
	s := inbound(t).able().in(answer, leg("n1-x.1", LegIsUp))
	require.Empty(t, s.replies(PhoneReplied{Party: 2, Verb: PhoneAnswer, Err: ErrPhoneSilent}), "a late word changes nothing")
}

func TestHoldAtABrowser(t *testing.T) {
	t.Parallel()
	s := talking(t).able()
	require.Contains(t, s.capabilities(2), CanHold)
	s.in(told("n1-x.1", LegIsHeld))
	require.Equal(t, []string{"5001: Held OK other=030123", "PlayMusic {Bridge:{Server:pbx1 ID:n1-x} On:true}"}, s.lines)
	require.Contains(t, s.capabilities(2), CanRetrieve)
	require.NotContains(t, s.capabilities(2), CanHold)
	require.Empty(t, s.in(told("n1-x.1", LegIsHeld)).lines)
	s.in(told("n1-x.1", LegIsBack))
	require.Equal(t, []string{"5001: Retrieved OK other=030123", "PlayMusic {Bridge:{Server:pbx1 ID:n1-x} On:false}"}, s.lines)
	require.Contains(t, talking(t).in(leg("n1-x.1", LegIsHeld)).effects(), "PlayMusic", "Asterisk does not pass a hold on in a bridge that mixes")
	require.Empty(t, talking(t).in(told("n1-x.1", LegIsGone)).lines, "Asterisk tells of its channels itself")
}

// TestPickUp: a phone that can be told answers the call that was made at its DN; another rings, and so does one that refuses.
func TestPickUp(t *testing.T) {
	t.Parallel()
	made := func(pickUp bool) *script {
		return newScript(t).in(doMakeCall{From: "5001", Dest: toOutside("030"), PickUp: pickUp, Reply: 3}, leg("n1-x.1", LegIsCreated))
	}
	s := made(true).able()
	require.Equal(t, []string{"AskPhone {Leg:n1-x.1 Party:1 Verb:answer}"}, s.in(leg("n1-x.1", LegIsRinging)).lines)
	s.in(PhoneReplied{Party: 1, Verb: PhoneAnswer, Err: ErrPhoneRefused})
	require.Contains(t, s.capabilities(1), CanAnswer)
	require.Equal(t, []string{"5001: Dialing OK other=030"}, s.in(leg("n1-x.1", LegIsUp)).events())

	require.Empty(t, made(true).in(leg("n1-x.1", LegIsRinging)).lines, "a phone that takes no command")
	require.Empty(t, made(false).able().in(leg("n1-x.1", LegIsRinging)).lines, "a call that another made for the DN")
}

// TestHoldByCommandListsWhatIsNext: the phone holds before it acknowledges the order, and no event comes after that one.
func TestHoldByCommandListsWhatIsNext(t *testing.T) {
	t.Parallel()
	s := talking(t).able()
	for _, tc := range []struct {
		order  PhoneVerb
		deed   LegChange
		can    Capability
		cannot Capability
	}{{PhoneHold, LegIsHeld, CanRetrieve, CanHold}, {PhoneRetrieve, LegIsBack, CanHold, CanRetrieve}} {
		s.in(doPhone{By: "5001", Verb: tc.order, Reply: 7})
		event := s.in(told("n1-x.1", tc.deed)).state.Outbox[0]
		require.Contains(t, event.This.Capabilities, tc.can)
		require.NotContains(t, event.This.Capabilities, tc.cannot)
	}
	held := s.in(doConsult{By: "5001", Dest: toDN("5002"), ID: "UUID2", ConnID: 2, Purpose: ConsultTransfer, Reply: 9}).state.Outbox[0]
	require.Equal(t, EventHeld, held.Kind)
	require.Contains(t, held.This.Capabilities, CanReconnect)
	require.NotContains(t, held.This.Capabilities, CanRetrieve, "the phone is in the consultation")
}

func TestHoldOfPhonesThatCannotBeTold(t *testing.T) {
	t.Parallel()
	s := talking(t).in(doPhone{By: "5001", Verb: PhoneHold, Reply: 7})
	require.Equal(t, []string{"5001: Held OK other=030123"}, s.events(), "the engine holds for them")
	require.Equal(t, []string{"LeaveLegs", "Reply", "PlayMusic"}, s.effects())
	require.Contains(t, s.capabilities(2), CanRetrieve)
	s.in(doPhone{By: "5001", Verb: PhoneRetrieve, Reply: 8})
	require.Equal(t, []string{"5001: Retrieved OK other=030123"}, s.events())
	require.Equal(t, []string{"JoinLegs", "PlayMusic"}, s.effects())
	require.Equal(t, map[int]string{8: "done"}, s.replies(Joined{Parties: []PartyID{2}}))
	s.in(doPhone{By: "5001", Verb: PhoneHold, Reply: 9}, doPhone{By: "5001", Verb: PhoneRetrieve, Reply: 10})
	s.in(Joined{Parties: []PartyID{2}, Err: errMatrix})
	require.Equal(t, []string{"5001: Held OK other=030123"}, s.events(), "the switch refuses: it is held as before")
	require.Len(t, s.answers(), 1)
	require.Contains(t, s.answers()[0], "retrieve: "+errMatrix.Error())
	require.Equal(t, map[int]string{11: "done", 12: "done"}, s.in(doPhone{By: "5001", Verb: PhoneRetrieve, Reply: 11}).
		replies(doPhone{By: "5001", Verb: PhoneHold, Reply: 12}), "held again before it was back")
	require.Equal(t, map[int]string{7: "retrieve is not possible while the call is Held: its phone holds the call and takes no such command, use the phone"},
		talking(t).in(leg("n1-x.1", LegIsHeld)).replies(doPhone{By: "5001", Verb: PhoneRetrieve, Reply: 7}))
	require.Equal(t, map[int]string{7: "hold is not possible while the call is Ringing: an established call is needed"},
		inbound(t).able().replies(doPhone{By: "5001", Verb: PhoneHold, Reply: 7}))
}

func TestHoldAmongSeveralPlaysNoMusic(t *testing.T) {
	t.Parallel()
	s := newScript(t).in(Adopted{Legs: []AdoptedLeg{
		{Channel: ch("cust"), Number: "030", Trunk: true},
		{Channel: ch("n1-x.1"), DN: "5001", Number: "5001"},
		{Channel: ch("n1-x.2"), DN: "5002", Number: "5002"},
	}}).in(told("n1-x.1", LegIsHeld))
	require.Equal(t, []string{"5001: Held OK"}, s.lines, "and there is no one other party")
}

func TestHoldBeforeTheCallIsKnownToBeUp(t *testing.T) {
	t.Parallel()
	s := inbound(t).in(leg("n1-x.1", LegIsUp), told("n1-x.1", LegIsHeld))
	require.Empty(t, s.lines)
	s.in(Joined{Parties: []PartyID{1, 2}})
	require.Equal(t, []string{"5001: Established OK other=030123", "5001: Held OK other=030123"}, s.events())
	require.Equal(t, []string{"PlayMusic"}, s.effects())
}

func TestTransferOfAHeldCall(t *testing.T) {
	t.Parallel()
	s := talking(t).in(told("n1-x.1", LegIsHeld), doTransfer{By: "5001", Dest: toDN("5002")}, leg("n1-x.2", LegIsCreated))
	require.NotContains(t, s.effects(), "PlayMusic", "it plays already, and goes on")
	s.in(leg("n1-x.2", LegIsRinging), leg("n1-x.2", LegIsUp), Joined{Parties: []PartyID{1, 3}})
	require.Equal(t, []string{"PlayMusic {Bridge:{Server:pbx1 ID:n1-x} On:false}"}, s.lines[1:])
	s = talking(t).in(told("n1-x.1", LegIsHeld), Reconciled{
		Channels: map[string]ChannelFact{"cust": {State: LegIsUp}, "n1-x.1": {State: LegIsUp}},
		Bridges:  map[string][]string{"n1-x": {"cust", "n1-x.1"}}, Restarted: true,
	})
	require.Equal(t, []string{"PlayMusic", "HoldLeg"}, s.effects(), "the far end is told as soon as it is known to be up")
}

// Whom the call keeps waiting is told so by its SIP, and hears music; told again only when it waits again.
func TestHoldIsToldToTheFarEnd(t *testing.T) {
	t.Parallel()
	s := talking(t).in(leg("cust", LegIsUp), doPhone{By: "5001", Verb: PhoneHold, Reply: 7})
	require.Contains(t, s.lines, "HoldLeg {Channel:{Server:pbx1 ID:cust} On:true}")
	s.in(doPhone{By: "5001", Verb: PhoneRetrieve, Reply: 8})
	require.Contains(t, s.lines, "HoldLeg {Channel:{Server:pbx1 ID:cust} On:false}")
	s.in(doConsult{By: "5001", Dest: toDN("5002"), ID: "UUID2", ConnID: 2, Reply: 9})
	require.Contains(t, s.lines, "HoldLeg {Channel:{Server:pbx1 ID:cust} On:true}")
}

func TestReject(t *testing.T) {
	t.Parallel()
	s := inbound(t).in(doReject{By: "5001", Reply: 7})
	require.Equal(t, []string{"5001: Released Busy other=030123 cause=17"}, s.events())
	require.Equal(t, []string{"HangupLeg", "HangupLeg", "Reply"}, s.effects())
	require.Contains(t, s.lines[2], "ID:cust} Cause:17")
	require.Equal(t, map[int]string{7: "reject is not possible while the call is Established: only a DN that is called, and rings, can reject"},
		talking(t).replies(doReject{By: "5001", Reply: 7}))
	s = talking(t).in(doTransfer{By: "5001", Dest: toDN("5002")}, leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsRinging), doReject{By: "5002"})
	require.Equal(t, DN("5001"), s.party(4).DN, "who transferred is called back, as if the phone had refused")
}

func TestReferThroughTheGateway(t *testing.T) {
	t.Parallel()
	refer := doTransfer{By: "5001", Channel: ch("n1-x.1"), Phone: true, Dest: toDN("5002")}
	s := talking(t).in(refer, leg("n1-x.2", LegIsCreated))
	require.Contains(t, s.lines, "ReferLeg {Channel:{Server:pbx1 ID:n1-x.1} Phone:n1-x.1 OK:true}")
	require.Equal(t, "HangupLeg", s.effects()[len(s.effects())-1], "the phone learns the result before its call ends")
	s = talking(t).in(refer, LegFailed{Channel: ch("n1-x.2"), Err: ErrUnreachable})
	require.Contains(t, s.lines, "ReferLeg {Channel:{Server:pbx1 ID:n1-x.1} Phone:n1-x.1 OK:false}")
	s = talking(t).in(doReferRefused{Channel: ch("n1-x.1"), Phone: true})
	require.Equal(t, []string{"ReferLeg {Channel:{Server:pbx1 ID:n1-x.1} Phone:n1-x.1 OK:false}"}, s.lines)
}

func TestMediaOfAPhoneIsLost(t *testing.T) {
	t.Parallel()
	s := talking(t).in(told("n1-x.1", LegIsSilent))
	require.True(t, s.state.view().Parties[1].MediaLost)
	require.Equal(t, []string{"PlayMusic {Bridge:{Server:pbx1 ID:n1-x} On:true}"}, s.lines, "the other one waits")
	require.False(t, s.in(told("n1-x.1", LegIsAudible)).state.view().Parties[1].MediaLost)
	require.Equal(t, []string{"PlayMusic {Bridge:{Server:pbx1 ID:n1-x} On:false}"}, s.lines)
}

// switched is a call that a SIP Server sends to 5001.
func switched(t *testing.T) *script {
	t.Helper()
	return newScript(t).in(SwitchCalled{Channel: ch("g-1"), Leg: "g-1", DN: "5001", Number: "030123", Inbound: true})
}

// What only the switch can do is refused, and nobody waits for an answer.
func TestSwitchedCommands(t *testing.T) {
	t.Parallel()
	for _, in := range []Input{
		doConsult{By: "5001", Dest: toDN("5002"), Reply: 7},
		doAdd{By: "5001", Dest: toDN("5002"), Reply: 7},
		doDrop{By: "5001", Reply: 7},
		doMute{By: "5001", Direction: MuteIn, On: true, Reply: 7},
		doRecord{By: "5001", Verb: CanStartRecording, Reply: 7},
		doComplete{By: "5001", Verb: CanCompleteTransfer, Reply: 7},
		doRedirect{By: "5001", Dest: toDN("5002"), Reply: 7},
	} {
		require.Contains(t, switched(t).able().replies(in)[7], "done by the SIP Server", "%T", in)
	}
	require.Equal(t, map[int]string{7: "done"}, switched(t).able().replies(doRelease{By: "5001", Reply: 7}))
}

func TestSwitchedInbound(t *testing.T) {
	t.Parallel()
	s := switched(t).able()
	require.Equal(t, []string{"5001: Ringing OK other=030123"}, s.events())
	require.Equal(t, []string{"OccupyDN"}, s.effects())
	view := s.state.view()
	require.Equal(t, []any{ControlSwitch, CallInbound, "030123", "5001"}, []any{view.Controller, view.Type, view.ANI, view.DNIS})
	require.Equal(t, []Capability{CanRelease, CanClear, CanAnswer, CanAttachUserData, CanUpdateUserData, CanDeleteUserDataPair}, s.capabilities(2))
	require.Equal(t, []string{"AskPhone {Leg:g-1 Party:2 Verb:answer}"}, s.in(doPhone{By: "5001", Verb: PhoneAnswer, Reply: 7}).lines)
	s.in(told("g-1", LegIsUp))
	require.Equal(t, []string{"5001: Established OK other=030123"}, s.events())
	require.Equal(t, []string{"Reply"}, s.effects())
	require.Equal(t, []string{"5001: Held OK other=030123"}, s.in(told("g-1", LegIsHeld)).lines)
	require.Equal(t, []string{"5001: Retrieved OK other=030123"}, s.in(told("g-1", LegIsBack)).lines)
	require.Equal(t, map[int]string{7: "transfer is not possible while the call is Established: done by the SIP Server"},
		s.replies(doTransfer{By: "5001", Dest: toDN("5002"), Reply: 7}))
	s.in(doHangup{Reply: 8})
	require.Equal(t, []string{
		"5001: Released OK other=030123 cause=16", "HangupLeg {Channel:{Server:pbx1 ID:g-1} Cause:16 Phone:g-1}", "Reply {Token:8 Err:<nil>}",
	}, s.lines)
	require.Equal(t, []string{"FreeDN {DN:5001}"}, s.in(told("g-1", LegIsGone)).lines)
	require.True(t, s.state.Finished)
}

func TestSwitchedEnds(t *testing.T) {
	t.Parallel()
	end := func(cause int) LegChanged { c := told("g-1", LegIsGone); c.Cause = cause; return c }
	require.Equal(t, []string{"5001: Abandoned OK other=030123 cause=16"}, switched(t).in(end(causeNormal)).events())
	require.Equal(t, []string{"5001: Released Busy other=030123 cause=17"}, switched(t).in(end(causeBusy)).events())
	require.Equal(t, []string{"5001: Released OK other=030123 cause=16"}, switched(t).in(told("g-1", LegIsUp), end(causeNormal)).events())
	require.Equal(t, []string{"5001: Released Dropped other=030123 cause=41"}, switched(t).in(SwitchLost{}).events())
	rejected := switched(t).in(doReject{By: "5001", Reply: 7})
	require.Equal(t, []string{"5001: Released Busy other=030123 cause=17"}, rejected.events())
	require.Equal(t, []string{"HangupLeg", "Reply"}, rejected.effects())

	out := func() *script {
		return newScript(t).in(SwitchCalled{Channel: ch("g-1"), Leg: "g-1", DN: "5001", Number: "5002", Internal: true})
	}
	require.Equal(t, []string{"5001: Dialing OK other=5002"}, out().events())
	require.Equal(t, CallInternal, out().state.Call.Type)
	require.Equal(t, []string{"5001: DestinationBusy Busy other=5002 cause=17", "5001: Released Busy other=5002 cause=17"}, out().in(end(causeBusy)).events())
	require.Equal(t, []string{"5001: Established OK other=5002"}, out().in(told("g-1", LegIsUp)).events())
}
