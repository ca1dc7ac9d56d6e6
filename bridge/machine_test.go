package bridge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// script drives the machine by hand and notes what it does.
type script struct {
	t     *testing.T
	state Interaction
	at    time.Time
	can   PhoneAbilities // of every phone
	call  CallID         // that commands are about, empty: the first
	lines []string       // events and effects, in order
}

func newScript(t *testing.T) *script {
	t.Helper()
	return &script{
		t: t, at: time.Date(2026, 11, 20, 21, 0, 0, 0, time.UTC),
		state: Interaction{ID: "n1-x", Server: "pbx1", Call: Call{ID: "UUID", ConnID: 1, Controller: ControlAsterisk, Bridge: BridgeID{"pbx1", "n1-x"}}},
	}
}

// in feeds inputs and keeps the lines of the last one.
func (s *script) in(inputs ...Input) *script {
	s.t.Helper()
	for _, input := range inputs {
		s.at = s.at.Add(time.Second)
		var effects []Effect
		before := s.state.Events
		known, _ := s.state.knowing(func(string) PhoneAbilities { return s.can })
		s.state, effects = next(known, stamped{At: s.at, Call: s.call, Input: input})
		s.lines = nil
		if s.state.Events > before {
			for _, e := range s.state.Outbox {
				if e.Kind != EventCallChanged {
					s.lines = append(s.lines, eventLine(e))
				}
			}
		}
		for _, e := range effects {
			s.lines = append(s.lines, strings.Replace(fmt.Sprintf("%s %+v", effectName(e), e), " Class: ", " ", 1))
		}
	}
	return s
}

// about turns to another call of the interaction.
func (s *script) about(call CallID) *script {
	s.call = call
	return s
}

// view are the capabilities of a DN in the call.
func (s *script) view(dn DN) []Capability {
	n := max(0, s.state.find(func(c *Call) bool { return c.ID == s.call }))
	return s.state.nth(n).livingDN(dn).capabilities(&s.state, n)
}

func eventLine(e Event) string {
	line := fmt.Sprintf("%s: %s %s", e.This.DN, e.Kind, e.CallState)
	if !e.Other.IsZero() {
		line += " other=" + e.Other.Number
	}
	if !e.Third.IsZero() {
		line += " third=" + e.Third.Number
	}
	if e.Cause != 0 {
		line += fmt.Sprintf(" cause=%d", e.Cause)
	}
	return line
}

// events are the event lines of the last input.
func (s *script) events() []string {
	var list []string
	for _, line := range s.lines {
		if strings.Contains(line, ": ") && !strings.Contains(line, "{") {
			list = append(list, line)
		}
	}
	return list
}

// effects are the names of the effects of the last input.
func (s *script) effects() []string {
	var list []string
	for _, line := range s.lines {
		if i := strings.Index(line, " {"); i > 0 {
			list = append(list, line[:i])
		}
	}
	return list
}

func (s *script) party(n int) *Party { return &s.state.Call.Parties[n-1] }

func ch(id string) ChannelID { return ChannelID{Server: "pbx1", ID: id} }

func leg(id string, change LegChange) LegChanged { return LegChanged{Channel: ch(id), Change: change} }

func gone(id string, cause int) LegChanged {
	return LegChanged{Channel: ch(id), Change: LegIsGone, Cause: cause}
}

func toDN(dn DN) Destination {
	return Destination{Endpoint: Endpoint{DN: dn}, Number: string(dn), Dialled: string(dn), Timeout: 30 * time.Second}
}

func toOutside(number string) Destination {
	return Destination{Endpoint: Endpoint{Trunk: "t", Number: number}, Number: number, Dialled: number, Timeout: time.Minute, Caps: []Cap{{"class default", 2}}}
}

// inbound is a customer's call that rings at 5001.
func inbound(t *testing.T) *script {
	t.Helper()
	return newScript(t).in(
		Arrived{Channel: ch("cust"), Number: "030123", Called: "8000", Dest: toDN("5001")},
		leg("n1-x.1", LegIsCreated), leg("n1-x.1", LegIsRinging),
	)
}

// talking is the same call, answered.
func talking(t *testing.T) *script {
	t.Helper()
	return inbound(t).in(leg("n1-x.1", LegIsUp), Joined{Parties: []PartyID{1, 2}})
}

func TestInboundAnswered(t *testing.T) {
	t.Parallel()
	s := newScript(t).in(Arrived{Channel: ch("cust"), Number: "030123", Called: "8000", Dest: toDN("5001")})
	require.Equal(t, []string{"CreateLeg"}, s.effects())
	require.Equal(t, []string{"DialLeg", "StartTimer"}, s.in(leg("n1-x.1", LegIsCreated)).effects())
	s.in(leg("n1-x.1", LegIsRinging))
	require.Equal(t, []string{"5001: Ringing OK other=030123"}, s.events())
	require.Equal(t, []string{"RingLeg"}, s.effects())
	require.Equal(t, []string{"AnswerLeg", "JoinLegs"}, s.in(leg("n1-x.1", LegIsUp)).effects())
	require.Empty(t, s.events(), "established is told when both are in the bridge, not before")
	require.Equal(t, []string{"5001: Established OK other=030123"}, s.in(Joined{Parties: []PartyID{1, 2}}).events())
	require.Equal(t, PartyEstablished, s.state.view().State)

	s.in(gone("cust", 16))
	require.Equal(t, []string{"5001: Released OK other=030123 cause=16"}, s.events())
	require.Equal(t, []string{"HangupLeg"}, s.effects()[:1])
	require.False(t, s.state.Finished, "the agent's channel is still there")
	require.Equal(t, []string{"FreeDN", "DestroyBridge"}, s.in(gone("n1-x.1", 16)).effects())
	require.True(t, s.state.Finished)
}

func TestCreationWhoseAnswerWasLost(t *testing.T) {
	t.Parallel()
	s := newScript(t).in(
		Arrived{Channel: ch("cust"), Number: "030123", Called: "8000", Dest: toDN("5001")},
		LegFailed{Channel: ch("n1-x.1"), Err: errMatrix},
	)
	require.Contains(t, s.effects(), "HangupLeg", "the channel may be there")
	require.Equal(t, []string{"HangupLeg"}, s.in(leg("n1-x.1", LegIsCreated)).effects(), "and so it is")
}

func TestAnswerWithoutRinging(t *testing.T) {
	t.Parallel()
	s := newScript(t).in(
		Arrived{Channel: ch("cust"), Number: "030123", Called: "8000", Dest: toDN("5001")},
		leg("n1-x.1", LegIsCreated), leg("n1-x.1", LegIsUp),
	)
	require.Equal(t, []string{"5001: Ringing OK other=030123"}, s.events())
	require.Equal(t, []string{"AnswerLeg", "JoinLegs"}, s.effects())
}

func TestCallerGivesUp(t *testing.T) {
	t.Parallel()
	s := inbound(t).in(gone("cust", 16))
	require.Equal(t, []string{"5001: Abandoned OK other=030123 cause=16"}, s.events())
	require.Empty(t, s.in(leg("n1-x.1", LegIsUp)).events(), "an answer that crosses the hang-up changes nothing")
	require.Empty(t, s.in(gone("n1-x.1", 16)).events(), "one terminal event only")
	require.True(t, s.state.Finished)
}

func TestDestinationNotHad(t *testing.T) {
	t.Parallel()
	t.Run("busy", func(t *testing.T) {
		t.Parallel()
		s := newScript(t).in(Arrived{Channel: ch("a"), From: "5001", Number: "5001", Called: "5002", Dest: toDN("5002")})
		require.Equal(t, []string{"5001: Dialing OK other=5002"}, s.events())
		s.in(leg("n1-x.1", LegIsCreated), gone("n1-x.1", 17))
		require.Equal(t, []string{"5001: DestinationBusy Busy other=5002 cause=17", "5001: Released Busy other=5002 cause=17"}, s.events())
	})
	t.Run("no answer", func(t *testing.T) {
		t.Parallel()
		s := inbound(t)
		require.Empty(t, s.in(RingTimeout{Party: 2}).lines, "the timer of an earlier deadline")
		s.at = s.at.Add(time.Minute)
		require.Equal(t, []string{"5001: Released NoAnswer other=030123 cause=19"}, s.in(RingTimeout{Party: 2}).events())
		require.Equal(t, []string{"HangupLeg", "HangupLeg"}, s.effects())
	})
	t.Run("nobody registered, with fallback", func(t *testing.T) {
		t.Parallel()
		dest := toDN("5001")
		dest.Fallback = Treatment{Context: "fallback", Extension: "5001"}
		s := newScript(t).in(Arrived{Channel: ch("cust"), Number: "030123", Called: "8000", Dest: dest}, LegFailed{Channel: ch("n1-x.1"), Err: ErrUnreachable})
		require.Equal(t, []string{"FreeDN", "ContinueLeg"}, s.effects())
		require.True(t, s.state.Finished)
	})
	t.Run("refused number", func(t *testing.T) {
		t.Parallel()
		s := newScript(t).in(Arrived{Channel: ch("a"), From: "5001", Number: "5001", Called: "0900", Refused: &TargetError{}})
		require.Equal(t, []string{"5001: Dialing OK", "5001: Released OK cause=1"}, s.events())
		s = newScript(t).in(Arrived{Channel: ch("a"), From: "5001", Number: "5001", Called: "0900", Refused: &TargetError{Cause: 21}})
		require.Equal(t, []string{"5001: Dialing OK", "5001: Released OK cause=21"}, s.events())
		require.Contains(t, s.lines[len(s.lines)-1], "Cause:21")
	})
	t.Run("exhausted cap", func(t *testing.T) {
		t.Parallel()
		var c caps
		require.NoError(t, c.take([]Cap{{"one", 1}}, ch("other")))
		s := newScript(t).in(
			Arrived{Channel: ch("a"), From: "5001", Number: "5001", Called: "030", Dest: toOutside("030")},
			LegFailed{Channel: ch("n1-x.1"), Err: c.take([]Cap{{"one", 1}}, ch("n1-x.1"))},
		)
		require.Equal(t, []string{"5001: Released OK other=030 cause=34"}, s.events())
	})
}

func TestSingleStepTransfer(t *testing.T) {
	t.Parallel()
	s := talking(t).in(doTransfer{By: "5001", Dest: toDN("5002"), Reply: 7})
	require.Equal(t, []string{"CreateLeg"}, s.effects(), "nobody leaves before the target's channel is there")
	require.Empty(t, s.events())
	s.in(leg("n1-x.2", LegIsCreated))
	require.Equal(t, []string{"5001: Released Transferred other=030123 cause=16"}, s.events())
	require.Equal(t, []string{"PlayMusic", "HangupLeg", "Reply", "DialLeg", "StartTimer"}, s.effects())
	require.Equal(t, []string{"5002: Ringing OK other=030123 third=5001"}, s.in(leg("n1-x.2", LegIsRinging)).events())
	s.in(gone("n1-x.1", 16))
	require.Empty(t, s.events())
	s.in(leg("n1-x.2", LegIsUp), Joined{Parties: []PartyID{1, 3}})
	require.Equal(t, []string{"5002: Established OK other=030123"}, s.events())
	require.Equal(t, []string{"PlayMusic"}, s.effects())
	require.Nil(t, s.state.Call.Transfer)
	require.Equal(t, []string{"5002: Released OK other=030123 cause=16"}, s.in(doHangup{}).events())
}

func TestTransferOfAnInternalCallTellsWhoStays(t *testing.T) {
	t.Parallel()
	s := newScript(t).in(
		Arrived{Channel: ch("a"), From: "5003", Number: "5003", Called: "5001", Dest: toDN("5001")},
		leg("n1-x.1", LegIsCreated), leg("n1-x.1", LegIsRinging), leg("n1-x.1", LegIsUp), Joined{Parties: []PartyID{1, 2}},
		doTransfer{By: "5001", Dest: toDN("5002")}, leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsRinging),
	)
	require.Equal(t, []string{"5002: Ringing OK other=5003 third=5001", "5003: PartyChanged Transferred other=5002 third=5001"}, s.events())
}

func TestNetworkReachedIsToldOnce(t *testing.T) {
	t.Parallel()
	s := newScript(t).in(
		Arrived{Channel: ch("a"), From: "5001", Number: "5001", Called: "030999", Dest: toOutside("030999")},
		leg("n1-x.1", LegIsCreated),
	)
	require.Equal(t, []string{"5001: NetworkReached OK other=030999"}, s.in(leg("n1-x.1", LegIsRinging)).events())
	require.Empty(t, s.in(leg("n1-x.1", LegIsHeard)).events())
	require.Empty(t, s.in(leg("n1-x.1", LegIsHeard)).events())

	s = newScript(t).in(
		Arrived{Channel: ch("a"), From: "5002", Number: "5002", Called: "5001", Dest: toDN("5001")}, leg("n1-x.1", LegIsCreated), leg("n1-x.1", LegIsRinging),
	)
	require.Equal(t, []string{"5001: Ringing OK other=5002"}, s.events(), "no DN of ours is a network")
	s.in(leg("n1-x.1", LegIsUp), Joined{Parties: []PartyID{1, 2}}, doTransfer{By: "5001", Dest: toOutside("030")}, leg("n1-x.2", LegIsCreated))
	require.Equal(t, []string{"5002: PartyChanged Transferred other=030 third=5001"}, s.in(leg("n1-x.2", LegIsRinging)).events())
}

// Many phones send their BYE right behind the REFER.
func TestReferWithBye(t *testing.T) {
	t.Parallel()
	refer := doTransfer{By: "5001", Channel: ch("n1-x.1"), Dest: toDN("5002")}
	s := talking(t).in(refer, gone("n1-x.1", 16))
	require.Equal(t, []string{"5001: Released Transferred other=030123 cause=16"}, s.events())
	require.NotContains(t, s.effects(), "HangupLeg")
	require.Equal(t, []string{"DialLeg", "StartTimer"}, s.in(leg("n1-x.2", LegIsCreated)).effects())
	s.in(leg("n1-x.2", LegIsRinging), leg("n1-x.2", LegIsUp), Joined{Parties: []PartyID{1, 3}})
	require.Equal(t, []string{"5002: Established OK other=030123"}, s.events())

	s = talking(t).in(refer, gone("n1-x.1", 16), LegFailed{Channel: ch("n1-x.2"), Err: ErrUnreachable})
	require.Equal(t, DN("5001"), s.party(4).DN, "nobody is there: who transferred is called back")
	s = talking(t).in(doTransfer{By: "5001", Dest: toDN("5002"), Reply: 7}, gone("n1-x.1", 16))
	require.False(t, s.party(1).alive(), "a desktop's transfer is not a phone's")
}

func TestReconciledHandedBack(t *testing.T) {
	t.Parallel()
	dest := toDN("5001")
	dest.Fallback = Treatment{Context: "fallback", Extension: "5001"}
	there := Reconciled{Channels: map[string]ChannelFact{"cust": {Arrived: &Arrival{}}, "n1-x.1": {State: LegIsRinging}}}
	s := newScript(t).in(
		Arrived{Channel: ch("cust"), Number: "030123", Called: "8000", Dest: dest},
		leg("n1-x.1", LegIsCreated), LegFailed{Channel: ch("n1-x.1"), Dialed: true, Err: ErrUnreachable},
	)
	require.Equal(t, []string{"HangupLeg", "ContinueLeg"}, s.effects())
	require.Equal(t, []string{"ContinueLeg", "HangupLeg"}, s.in(there).effects())
	require.Contains(t, s.lines[0], "cust", "who is handed back is not hung up")
}

func TestReferOfAnOutsideParty(t *testing.T) {
	t.Parallel()
	s := talking(t).in(doTransfer{By: "trunk", Channel: ch("cust"), Dest: toDN("5002")})
	require.Equal(t, []string{"ReferLeg {Channel:{Server:pbx1 ID:cust} Phone: OK:false}", "Reply {Token:0 Err:" + ErrNotAParty.Error() + "}"}, s.lines)
}

func TestTransferTargetFails(t *testing.T) {
	t.Parallel()
	t.Run("before the agent left the call goes on", func(t *testing.T) {
		t.Parallel()
		s := talking(t).in(doTransfer{By: "5001", Dest: toDN("5002"), Reply: 7}, LegFailed{Channel: ch("n1-x.2"), Err: ErrUnreachable})
		require.Empty(t, s.events())
		require.Equal(t, []string{"FreeDN", "Reply"}, s.effects())
		require.Equal(t, PartyEstablished, s.party(2).State)
		require.Contains(t, s.state.view().Parties[1].Capabilities, CanSingleStepTransfer)
	})
	t.Run("afterwards the agent is called back", func(t *testing.T) {
		t.Parallel()
		s := talking(t).in(doTransfer{By: "5001", Dest: toDN("5002")}, leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsRinging), gone("n1-x.2", 17))
		require.Equal(t, []string{"5002: Released Busy other=030123 cause=17"}, s.events())
		require.Contains(t, s.effects(), "CreateLeg")
		s.in(leg("n1-x.3", LegIsCreated), leg("n1-x.3", LegIsRinging))
		require.Equal(t, []string{"5001: Ringing OK other=030123"}, s.events())
		s.in(gone("n1-x.3", 17))
		require.Equal(t, []string{"5001: Released Busy other=030123 cause=17"}, s.events())
		require.False(t, s.party(1).alive(), "nobody is left to talk to")
	})
	t.Run("the customer hangs up", func(t *testing.T) {
		t.Parallel()
		s := talking(t).in(doTransfer{By: "5001", Dest: toDN("5002")}, leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsRinging), gone("cust", 16))
		require.Equal(t, []string{"5002: Abandoned OK other=030123 cause=16"}, s.events())
	})
}

func TestTransferIsRefused(t *testing.T) {
	t.Parallel()
	reply := func(s *script) string { return s.lines[len(s.lines)-1] }
	s := inbound(t).in(doTransfer{By: "5001", Dest: toDN("5002"), Reply: 7})
	require.Contains(t, reply(s), "Ringing: an established call is needed")
	s = talking(t).in(doTransfer{By: "5009", Dest: toDN("5002"), Reply: 7})
	require.Contains(t, reply(s), ErrNotAParty.Error())
	s = talking(t).in(doTransfer{By: "5001", Dest: toDN("5002")}, doTransfer{By: "5001", Dest: toDN("5003"), Channel: ch("n1-x.1"), Reply: 7})
	require.Contains(t, reply(s), "a transfer is under way")
	require.Equal(t, []string{"ReferLeg", "Reply"}, s.effects())
}

func TestClickToDial(t *testing.T) {
	t.Parallel()
	s := newScript(t).in(doMakeCall{From: "5001", Dest: toOutside("030999"), Reply: 3})
	require.Equal(t, []string{"CreateLeg"}, s.effects())
	require.Equal(t, []string{"Reply", "DialLeg", "StartTimer"}, s.in(leg("n1-x.1", LegIsCreated)).effects())
	s.in(leg("n1-x.1", LegIsRinging))
	require.Empty(t, s.events(), "the DN's own phone rings: that is no call yet")
	require.Equal(t, []string{"5001: Dialing OK other=030999"}, s.in(leg("n1-x.1", LegIsUp)).events())
	s.in(leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsRinging))
	require.Equal(t, []string{"RingLeg"}, s.effects())
	require.Equal(t, []string{"5001: NetworkReached OK other=030999"}, s.events())
	s.in(leg("n1-x.2", LegIsUp))
	require.Equal(t, []string{"JoinLegs"}, s.effects(), "the agent's phone is answered already")
	s.in(Joined{Parties: []PartyID{1, 2}})
	require.Equal(t, []string{"5001: Established OK other=030999"}, s.events())
	require.Equal(t, CallOutbound, s.state.Call.Type)
	require.Contains(t, s.in(gone("n1-x.2", 16), gone("n1-x.1", 16)).effects(), "DestroyBridge")

	t.Run("the own phone is not answered", func(t *testing.T) {
		t.Parallel()
		s := newScript(t).in(doMakeCall{From: "5001", Dest: toOutside("030999"), Reply: 3}, leg("n1-x.1", LegIsCreated), gone("n1-x.1", 19))
		require.Equal(t, []string{"5001: Error  cause=19"}, s.events())
		require.True(t, s.state.Finished)
	})
	t.Run("no phone is registered", func(t *testing.T) {
		t.Parallel()
		s := newScript(t).in(doMakeCall{From: "5001", Dest: toOutside("030999"), Reply: 3}, LegFailed{Channel: ch("n1-x.1"), Err: ErrUnreachable})
		require.Contains(t, s.effects(), "Reply")
		require.True(t, s.state.Finished)
	})
}

func TestHoldByPhone(t *testing.T) {
	t.Parallel()
	s := talking(t).in(leg("n1-x.1", LegIsHeld))
	require.Equal(t, []string{"5001: Held OK other=030123"}, s.events())
	require.Empty(t, s.in(leg("n1-x.1", LegIsHeld)).events())
	require.Equal(t, []string{"5001: Retrieved OK other=030123"}, s.in(leg("n1-x.1", LegIsBack)).events())
}

func TestSwitchLost(t *testing.T) {
	t.Parallel()
	s := talking(t).in(SwitchLost{})
	require.Equal(t, []string{"5001: Released Dropped other=030123 cause=41"}, s.events())
	require.NotContains(t, s.effects(), "HangupLeg")
	require.True(t, s.state.Finished)
}

func TestReconciled(t *testing.T) {
	t.Parallel()
	t.Run("nothing changed", func(t *testing.T) {
		t.Parallel()
		s := talking(t).in(Reconciled{
			Channels: map[string]ChannelFact{"cust": {State: LegIsUp}, "n1-x.1": {State: LegIsUp}},
			Bridges:  map[string][]string{"n1-x": {"cust", "n1-x.1"}},
		})
		require.Equal(t, []string{"PlayMusic {Bridge:{Server:pbx1 ID:n1-x} On:false}"}, s.lines, "its end may have been lost")
	})
	t.Run("the customer hung up meanwhile", func(t *testing.T) {
		t.Parallel()
		s := talking(t).in(Reconciled{Channels: map[string]ChannelFact{"n1-x.1": {State: LegIsUp}}})
		require.Equal(t, []string{"5001: Released OK other=030123 cause=16"}, s.events())
		require.Contains(t, s.effects(), "HangupLeg")
	})
	t.Run("asterisk came back empty", func(t *testing.T) {
		t.Parallel()
		s := talking(t).in(Reconciled{})
		require.Equal(t, []string{"5001: Released OK other=030123 cause=16"}, s.events())
		require.Contains(t, s.lines, "HangupLeg {Channel:{Server:pbx1 ID:n1-x.1} Cause:16 Phone:n1-x.1}", "its browser would wait for sound")
		require.True(t, s.state.Finished)
	})
	t.Run("answered meanwhile", func(t *testing.T) {
		t.Parallel()
		s := inbound(t).in(Reconciled{Channels: map[string]ChannelFact{"cust": {State: LegIsCreated}, "n1-x.1": {State: LegIsUp}}})
		require.Contains(t, s.effects(), "AnswerLeg")
		require.Contains(t, s.effects(), "JoinLegs")
	})
	t.Run("music whose end was queued", func(t *testing.T) {
		t.Parallel()
		s := talking(t).in(Reconciled{
			Channels: map[string]ChannelFact{"cust": {State: LegIsUp}, "n1-x.1": {State: LegIsUp}},
			Bridges:  map[string][]string{"n1-x": {"cust", "n1-x.1"}}, Restarted: true,
		})
		require.Equal(t, []string{"PlayMusic {Bridge:{Server:pbx1 ID:n1-x} On:false}"}, s.lines)
	})
	t.Run("a creation that never happened is done again", func(t *testing.T) {
		t.Parallel()
		s := newScript(t).in(
			Arrived{Channel: ch("cust"), Number: "030123", Called: "8000", Dest: toDN("5001")},
			Reconciled{Channels: map[string]ChannelFact{"cust": {State: LegIsCreated}}},
		)
		require.Equal(t, []string{"CreateLeg"}, s.effects())
		require.Contains(t, s.lines[0], "CallerNum:030123")
	})
	t.Run("killed between a transfer's two halves", func(t *testing.T) {
		t.Parallel()
		s := talking(t).in(doTransfer{By: "5001", Dest: toDN("5002")}, leg("n1-x.2", LegIsCreated), Reconciled{
			Channels: map[string]ChannelFact{"cust": {State: LegIsUp}, "n1-x.1": {State: LegIsUp}, "n1-x.2": {State: LegIsCreated}},
			Bridges:  map[string][]string{"n1-x": {"cust", "n1-x.1"}}, Restarted: true,
		})
		require.Equal(t, []string{"HangupLeg", "DialLeg", "StartTimer", "PlayMusic"}, s.effects())
	})
}

func TestNextChangesNothingThatItWasGiven(t *testing.T) {
	t.Parallel()
	s := talking(t)
	before := fmt.Sprintf("%+v", s.state.Call.Parties)
	_, _ = next(s.state, stamped{At: s.at, Input: gone("cust", 16)})
	require.Equal(t, before, fmt.Sprintf("%+v", s.state.Call.Parties))
}

func TestEarlyMedia(t *testing.T) {
	t.Parallel()
	s := newScript(t).in(
		Arrived{Channel: ch("a"), From: "5001", Number: "5001", Called: "030999", Dest: toOutside("030999")},
		leg("n1-x.1", LegIsCreated), leg("n1-x.1", LegIsHeard),
	)
	require.Equal(t, []string{"OpenLeg", "JoinLegs"}, s.effects())
	require.Equal(t, []string{"5001: NetworkReached OK other=030999"}, s.events())
	require.Empty(t, s.in(Joined{Err: ErrUnreachable}).effects(), "the call can do without")
	require.Empty(t, s.in(Joined{}).events(), "nobody has answered")
	require.Equal(t, []string{"AnswerLeg", "JoinLegs"}, s.in(leg("n1-x.1", LegIsUp)).effects())
	require.Equal(t, []string{"5001: Established OK other=030999"}, s.in(Joined{Parties: []PartyID{1, 2}}).events())
	require.Contains(t, s.in(gone("n1-x.1", 16), gone("a", 16)).effects(), "DestroyBridge")
}
