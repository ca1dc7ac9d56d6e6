package bridge

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// consulting is a customer's call at 5001, who has called 5002 out of it.
func consulting(t *testing.T) *script {
	t.Helper()
	return talking(t).in(
		doConsult{By: "5001", Dest: toDN("5002"), ID: "UUID2", ConnID: 2, Purpose: ConsultTransfer, Reply: 9},
		leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsRinging),
	)
}

// consulted is the same when 5002 has answered.
func consulted(t *testing.T) *script {
	t.Helper()
	return consulting(t).in(leg("n1-x.2", LegIsUp), Joined{Parties: []PartyID{3, 4}})
}

// complete is a command of 5001 about its two calls.
func complete(verb CompleteVerb) doComplete { return doComplete{By: "5001", Verb: verb, Reply: 10} }

// last is the one event of a kind among those of the last input.
func (s *script) last(kind EventKind, at DN) Event {
	s.t.Helper()
	for _, e := range s.state.Outbox {
		if e.Kind == kind && e.This.DN == at {
			return e
		}
	}
	require.Failf(s.t, "no such event", "%s at %s among %v", kind, at, s.lines)
	return Event{}
}

// answers are the replies of the last input.
func (s *script) answers() []string {
	var list []string
	for _, line := range s.lines {
		if len(line) > 6 && line[:6] == "Reply " {
			list = append(list, line)
		}
	}
	return list
}

func TestConsult(t *testing.T) {
	t.Parallel()
	s := talking(t).in(doConsult{By: "5001", Dest: toDN("5002"), ID: "UUID2", ConnID: 2, Purpose: ConsultTransfer, Reply: 9, Op: "op1"})
	require.Equal(t, []string{"5001: Held OK other=030123", "5001: Dialing OK other=5002"}, s.events())
	require.Equal(t, []string{"LeaveLegs", "CreateLeg", "PlayMusic"}, s.effects(), "the customer hears music, and the command waits")
	dialing := s.last(EventDialing, "5001")
	require.Equal(t, ConnID(2), dialing.Call.ConnID)
	require.Equal(t, ConnID(1), dialing.PreviousConnID)
	require.Equal(t, ConnID(1), dialing.Call.Parent)
	require.Equal(t, CallConsult, dialing.Call.Type)
	require.Equal(t, RoleOrigination, dialing.This.Role)
	require.Equal(t, OpID("op1"), dialing.Reference)
	require.Equal(t, ConnID(1), s.last(EventHeld, "5001").Call.ConnID)

	require.Equal(t, answer(9, nil), s.in(leg("n1-x.2", LegIsCreated)).answers())
	require.Equal(t, []string{"5002: Ringing OK other=5001"}, s.in(leg("n1-x.2", LegIsRinging)).events())
	ringing := s.last(EventRinging, "5002")
	require.Equal(t, ConnID(1), ringing.PreviousConnID)
	require.Equal(t, CallConsult, ringing.Call.Type)

	require.Equal(t, []string{"JoinLegs"}, s.in(leg("n1-x.2", LegIsUp)).effects())
	require.Equal(t, BridgeID{"pbx1", "n1-x.b1"}, s.state.Consults[0].Bridge)
	require.Equal(t, []string{"5001: Established OK other=5002", "5002: Established OK other=5001"}, s.in(Joined{Parties: []PartyID{3, 4}}).events())
}

func TestConsultNotHad(t *testing.T) {
	t.Parallel()
	home := "5001: Retrieved OK other=030123"
	for name, test := range map[string]struct {
		in     []Input
		events []string
		reply  []string
	}{
		"not registered": {
			[]Input{LegFailed{Channel: ch("n1-x.2"), Err: ErrUnreachable}},
			[]string{"5001: Released OK other=5002 cause=20", home},
			answer(9, ErrUnreachable),
		},
		"busy at once": {
			[]Input{LegFailed{Channel: ch("n1-x.2"), Err: ErrBusy}},
			[]string{"5001: DestinationBusy Busy other=5002 cause=17", "5001: Released Busy other=5002 cause=17", home},
			answer(9, ErrBusy),
		},
		"out of reach, and nobody knows": {
			[]Input{Undecided{CreateLeg{Leg: NewLeg{Channel: ch("n1-x.2")}}}},
			[]string{"5001: Released OK other=5002 cause=20", home},
			answer(9, ErrSwitchUnavailable),
		},
		"busy": {
			[]Input{leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsRinging), gone("n1-x.2", causeBusy)},
			[]string{
				"5002: Released Busy other=5001 cause=17", "5001: DestinationBusy Busy other=5002 cause=17", "5001: Released Busy other=5002 cause=17", home,
			},
			nil,
		},
		"no answer": {
			[]Input{leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsRinging), RingTimeout{Party: 4}},
			[]string{"5002: Released NoAnswer other=5001 cause=19", "5001: Released NoAnswer other=5002 cause=19", home},
			nil,
		},
		"rejected": {
			[]Input{leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsRinging), doReject{By: "5002", Reply: 4}},
			[]string{
				"5002: Released Busy other=5001 cause=17", "5001: DestinationBusy Busy other=5002 cause=17", "5001: Released Busy other=5002 cause=17", home,
			},
			answer(4, nil),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dest := toDN("5002")
			dest.Fallback = Treatment{"fallback", "5002"} // for callers: the customer is not to lose the agent to it
			s := talking(t).in(doConsult{By: "5001", Dest: dest, ID: "UUID2", ConnID: 2, Reply: 9})
			for _, in := range test.in {
				if isAny[RingTimeout](in) {
					s.at = s.at.Add(time.Minute)
				}
				if isAny[doReject](in) {
					s.call = "UUID2"
				}
				s.in(in)
			}
			require.Equal(t, test.events, s.events())
			require.Equal(t, test.reply, s.answers())
			require.Contains(t, s.effects(), "JoinLegs", "the agent is back with the customer")
			require.Equal(t, "5001: Released OK other=030123 cause=16", s.about("").in(gone("cust", 16)).events()[0])
			s.in(gone("n1-x.1", 16), gone("n1-x.2", 16))
			require.True(t, s.state.Finished)
		})
	}
}

// answer is the reply to a command.
func answer(token int, err error) []string {
	return []string{fmt.Sprintf("Reply {Token:%d Err:%v}", token, err)}
}

func TestConsultEnds(t *testing.T) {
	t.Parallel()
	t.Run("the target hangs up", func(t *testing.T) {
		t.Parallel()
		s := consulted(t).in(gone("n1-x.2", 16))
		require.Equal(t, []string{
			"5002: Released OK other=5001 cause=16", "5001: Released OK other=5002 cause=16", "5001: Retrieved OK other=030123",
		}, s.events())
		require.Equal(t, []string{"FreeDN", "LeaveLegs", "JoinLegs", "PlayMusic", "DestroyBridge"}, s.effects())
	})
	t.Run("the customer hangs up", func(t *testing.T) {
		t.Parallel()
		s := consulted(t).in(gone("cust", 16))
		require.Equal(t, []string{"5001: Released OK other=030123 cause=16"}, s.events(), "of the held call alone")
		require.Equal(t, []string{"DestroyBridge"}, s.effects())
		require.True(t, s.state.Call.Done)
		s.in(gone("n1-x.2", 16))
		require.Equal(t, []string{"5002: Released OK other=5001 cause=16", "5001: Released OK other=5002 cause=16"}, s.events())
		require.Contains(t, s.effects(), "HangupLeg", "there is nowhere to go back to")
	})
	t.Run("the agent's phone hangs up", func(t *testing.T) {
		t.Parallel()
		s := consulted(t).in(gone("n1-x.1", 16))
		require.Equal(t, []string{
			"5001: Released OK other=5002 cause=16", "5002: Released OK other=5001 cause=16", "5001: Released OK other=030123 cause=16",
		}, s.events())
		s.in(gone("n1-x.2", 16), gone("cust", 16))
		require.True(t, s.state.Finished)
	})
	t.Run("the agent's phone hangs up while it rings", func(t *testing.T) {
		t.Parallel()
		s := consulting(t).in(gone("n1-x.1", 16))
		require.Equal(t, []string{
			"5001: Released OK other=5002 cause=16", "5002: Abandoned OK other=5001 cause=16", "5001: Released OK other=030123 cause=16",
		}, s.events())
	})
	t.Run("the agent releases it", func(t *testing.T) {
		t.Parallel()
		s := consulted(t).about("UUID2").in(doRelease{By: "5001", Reply: 3})
		require.Equal(t, []string{"5001: Released OK other=5002 cause=16", "5001: Retrieved OK other=030123", "5002: Released OK other=5001 cause=16"}, s.events())
	})
	t.Run("the agent releases the held call", func(t *testing.T) {
		t.Parallel()
		s := consulted(t).in(doRelease{By: "5001", Reply: 3})
		require.Equal(t, []string{"5001: Released OK other=030123 cause=16"}, s.events())
		require.Equal(t, []string{"HangupLeg", "Reply"}, s.effects(), "the customer's")
		require.Equal(t, PartyEstablished, s.state.Consults[0].state())
	})
	t.Run("the held call is cleared", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, []string{"5001: Released OK other=030123 cause=16"}, consulted(t).in(doHangup{Reply: 3}).events())
	})
}

func TestTransferAfterAnswer(t *testing.T) {
	t.Parallel()
	s := consulted(t).in(complete(CanCompleteTransfer))
	require.Equal(t, []string{
		"5001: Released Transferred other=5002 cause=16", "5001: Released Transferred other=030123 cause=16",
		"5002: PartyChanged Transferred other=030123 third=5001",
	}, s.events())
	changed := s.last(EventPartyChanged, "5002")
	require.Equal(t, ConnID(1), changed.Call.ConnID)
	require.Equal(t, ConnID(2), changed.PreviousConnID)
	require.Equal(t, CallID("UUID"), changed.Call.ID)
	require.Equal(t, []string{"HangupLeg", "LeaveLegs", "JoinLegs", "Reply", "PlayMusic"}, s.effects())

	require.Empty(t, s.in(Joined{Parties: []PartyID{4}}).events(), "established it has been before")
	require.Equal(t, []string{"FreeDN", "DestroyBridge"}, s.in(gone("n1-x.1", 16)).effects())
	require.Equal(t, []string{"5002: Released OK other=030123 cause=16"}, s.in(gone("cust", 16)).events())
	require.True(t, s.in(gone("n1-x.2", 16)).state.Finished)
}

func TestTransferBeforeAnswer(t *testing.T) {
	t.Parallel()
	s := consulting(t).in(complete(CanCompleteTransfer))
	require.Equal(t, []string{
		"5001: Released Transferred other=5002 cause=16", "5001: Released Transferred other=030123 cause=16",
		"5002: PartyChanged Transferred other=030123 third=5001",
	}, s.events())
	require.Equal(t, PartyRinging, s.state.Call.party(4).State)
	require.Equal(t, []string{"AnswerLeg", "JoinLegs"}, s.in(leg("n1-x.2", LegIsUp)).effects())
	require.Equal(t, []string{"5002: Established OK other=030123"}, s.in(Joined{Parties: []PartyID{1, 4}}).events())

	t.Run("not answered", func(t *testing.T) {
		t.Parallel()
		s := consulting(t).in(complete(CanCompleteTransfer))
		s.at = s.at.Add(time.Minute)
		s.in(RingTimeout{Party: 4})
		require.Equal(t, []string{"5002: Released NoAnswer other=030123 cause=19"}, s.events())
		require.Equal(t, []string{"HangupLeg", "CreateLeg"}, s.effects(), "who transferred is called back")
	})
	t.Run("before it rings", func(t *testing.T) {
		t.Parallel()
		s := talking(t).in(doConsult{By: "5001", Dest: toDN("5002"), ID: "UUID2", ConnID: 2, Reply: 9}, complete(CanCompleteTransfer))
		require.Equal(t, []string{"5001: Released Transferred other=5002 cause=16", "5001: Released Transferred other=030123 cause=16"}, s.events())
		require.Equal(t, []string{"Reply", "DialLeg", "StartTimer"}, s.in(leg("n1-x.2", LegIsCreated)).effects())
		require.Equal(t, []string{"5002: Ringing OK other=030123 third=5001"}, s.in(leg("n1-x.2", LegIsRinging)).events())
		require.Equal(t, ConnID(1), s.last(EventRinging, "5002").Call.ConnID)
	})
}

// TestTransferTellsTheOtherDN has two colleagues, the first of whom transfers to a third.
func TestTransferTellsTheOtherDN(t *testing.T) {
	t.Parallel()
	s := newScript(t).in(
		Arrived{Channel: ch("a"), From: "5003", Number: "5003", Called: "5001", Dest: toDN("5001")},
		leg("n1-x.1", LegIsCreated), leg("n1-x.1", LegIsUp), Joined{Parties: []PartyID{1, 2}},
		doConsult{By: "5001", Dest: toDN("5002"), ID: "UUID2", ConnID: 2, Reply: 9},
		leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsUp), Joined{Parties: []PartyID{3, 4}}, complete(CanCompleteTransfer),
	)
	require.Equal(t, []string{
		"5001: Released Transferred other=5002 cause=16", "5001: Released Transferred other=5003 cause=16",
		"5002: PartyChanged Transferred other=5003 third=5001", "5003: PartyChanged Transferred other=5002 third=5001",
	}, s.events())
	require.Zero(t, s.last(EventPartyChanged, "5003").PreviousConnID, "its ConnID stays")
}

func TestMuteTransfer(t *testing.T) {
	t.Parallel()
	mute := doConsult{By: "5001", Dest: toDN("5002"), ID: "UUID2", ConnID: 2, Purpose: ConsultTransfer, Mute: true, Reply: 9}
	s := talking(t).in(mute)
	require.Equal(t, []string{"5001: Held OK other=030123", "5001: Dialing OK other=5002"}, s.events())
	s.in(leg("n1-x.2", LegIsCreated))
	require.Equal(t, []string{"5001: Released Transferred other=5002 cause=16", "5001: Released Transferred other=030123 cause=16"}, s.events())
	require.Equal(t, []string{"HangupLeg", "Reply", "DialLeg", "StartTimer"}, s.effects())
	require.Equal(t, []string{"5002: Ringing OK other=030123 third=5001"}, s.in(leg("n1-x.2", LegIsRinging)).events())
	s.in(leg("n1-x.2", LegIsUp))
	require.Equal(t, []string{"5002: Established OK other=030123"}, s.in(Joined{Parties: []PartyID{1, 4}}).events())

	t.Run("the customer is gone meanwhile", func(t *testing.T) {
		t.Parallel()
		s := talking(t).in(mute, gone("cust", 16), leg("n1-x.2", LegIsCreated))
		require.Equal(t, []string{"5001: Released OK other=5002 cause=16"}, s.events())
		require.Equal(t, []string{
			"Reply {Token:9 Err:mute transfer is not possible while the call is Dialing: a second call of the DN is needed, such as a consultation}",
		}, s.answers())
	})
}

func TestConference(t *testing.T) {
	t.Parallel()
	s := consulted(t).in(complete(CanCompleteConference))
	require.Equal(t, []string{
		"5001: Released Conferenced other=5002 cause=16", "5001: Retrieved OK other=030123",
		"5002: PartyChanged Conferenced third=5001", "5001: PartyAdded Conferenced other=5002 third=5001",
	}, s.events())
	changed := s.last(EventPartyChanged, "5002")
	require.Equal(t, ConnID(1), changed.Call.ConnID)
	require.Equal(t, ConnID(2), changed.PreviousConnID)
	require.Equal(t, RoleNewParty, s.last(EventPartyAdded, "5001").Other.Role)
	require.Equal(t, []string{"LeaveLegs", "JoinLegs", "LeaveLegs", "JoinLegs", "Reply", "PlayMusic", "DestroyBridge"}, s.effects())

	t.Run("a member is dropped", func(t *testing.T) {
		t.Parallel()
		s := consulted(t).in(complete(CanCompleteConference), doDrop{By: "5001", Member: "5002", Reply: 11})
		require.Equal(t, []string{"5002: Released OK cause=16", "5001: PartyDeleted OK other=5002 third=5001"}, s.events())
		require.NotContains(t, s.view("5001"), CanDeleteFromConference, "two remain")
	})
	t.Run("the owner leaves", func(t *testing.T) {
		t.Parallel()
		s := consulted(t).in(complete(CanCompleteConference), doRelease{By: "5001", Reply: 11})
		require.Equal(t, []string{"5001: Released OK cause=16", "5002: PartyDeleted OK other=5001 third=5001"}, s.events())
		require.Equal(t, 2, s.state.Call.talking())
		s.in(gone("cust", 16))
		require.Equal(t, []string{"5002: Released OK other=030123 cause=16"}, s.events())
	})
	t.Run("a member can't be mixed in", func(t *testing.T) {
		t.Parallel()
		s := consulted(t).in(complete(CanCompleteConference), Joined{Parties: []PartyID{2}}, Joined{Parties: []PartyID{4}, Err: errMatrix})
		require.Equal(t, []string{"5002: Released OK cause=41", "5001: PartyDeleted OK other=5002 third=5002"}, s.events(), "the others go on")
	})
}

func TestSingleStepConference(t *testing.T) {
	t.Parallel()
	s := talking(t).in(doAdd{By: "5001", Dest: toDN("5002"), Reply: 9})
	require.Empty(t, s.events())
	require.Equal(t, answer(9, nil), s.in(leg("n1-x.2", LegIsCreated)).answers())
	s.in(leg("n1-x.2", LegIsRinging))
	require.Equal(t, []string{"5002: Ringing OK third=5001"}, s.events())
	require.Empty(t, s.effects(), "those who talk hear no ringing")
	require.Equal(t, []string{"JoinLegs"}, s.in(leg("n1-x.2", LegIsUp)).effects())
	s.in(Joined{Parties: []PartyID{3}})
	require.Equal(t, []string{"5002: Established OK", "5001: PartyAdded Conferenced other=5002 third=5001"}, s.events())

	t.Run("not registered", func(t *testing.T) {
		t.Parallel()
		s := talking(t).in(doAdd{By: "5001", Dest: toDN("5002"), Reply: 9}, LegFailed{Channel: ch("n1-x.2"), Err: ErrUnreachable})
		require.Equal(t, answer(9, ErrUnreachable), s.answers())
		require.Empty(t, s.events(), "the command says it")
		require.Equal(t, 2, s.state.Call.talking(), "the call goes on")
	})
	t.Run("busy", func(t *testing.T) {
		t.Parallel()
		s := talking(t).in(doAdd{By: "5001", Dest: toDN("5002"), Reply: 9}, leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsRinging), gone("n1-x.2", causeBusy))
		require.Equal(t, []string{"5002: Released Busy cause=17", "5001: Error  other=030123 cause=17"}, s.events())
		require.Equal(t, 2, s.state.Call.talking(), "the call goes on")
	})
}

func TestAlternate(t *testing.T) {
	t.Parallel()
	s := consulted(t).in(complete(CanAlternate))
	require.Equal(t, []string{"5001: Held OK other=5002", "5001: Retrieved OK other=030123"}, s.events())
	require.Equal(t, []ConnID{2, 1}, []ConnID{s.last(EventHeld, "5001").Call.ConnID, s.last(EventRetrieved, "5001").Call.ConnID})
	require.Equal(t, []string{"LeaveLegs", "JoinLegs", "Reply", "PlayMusic"}, s.effects()[:4])
	s.in(complete(CanAlternate))
	require.Equal(t, []string{"5001: Held OK other=030123", "5001: Retrieved OK other=5002"}, s.events(), "and back")

	t.Run("both are held", func(t *testing.T) {
		t.Parallel()
		s := consulted(t).in(complete(CanAlternate), doPhone{By: "5001", Verb: PhoneHold, Reply: 11})
		require.Equal(t, []string{"5001: Held OK other=030123"}, s.events())
		s.in(complete(CanAlternate))
		require.Equal(t, []string{"5001: Retrieved OK other=5002"}, s.events(), "to the one where its leg is not")
	})
	t.Run("then complete", func(t *testing.T) {
		t.Parallel()
		s := consulted(t).in(complete(CanAlternate), complete(CanCompleteTransfer))
		require.Equal(t, []string{
			"5001: Released Transferred other=5002 cause=16", "5001: Released Transferred other=030123 cause=16",
			"5002: PartyChanged Transferred other=030123 third=5001",
		}, s.events())
	})
	t.Run("then conference", func(t *testing.T) {
		t.Parallel()
		s := consulted(t).in(complete(CanAlternate), complete(CanCompleteConference))
		require.Equal(t, []string{
			"5001: Released Conferenced other=5002 cause=16",
			"5002: PartyChanged Conferenced third=5001", "5001: PartyAdded Conferenced other=5002 third=5001",
		}, s.events(), "it talks to the customer already")
	})
}

func TestReconnect(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"5001: Released OK other=5002 cause=16", "5001: Retrieved OK other=030123", "5002: Released OK other=5001 cause=16",
	}, consulted(t).in(complete(CanReconnect)).events())
	require.Equal(t, []string{
		"5001: Released OK other=5002 cause=16", "5001: Retrieved OK other=030123", "5002: Abandoned OK other=5001 cause=16",
	}, consulting(t).in(complete(CanReconnect)).events(), "while it rings")
	require.Equal(t, []string{
		"5001: Released OK other=5002 cause=16", "5002: Released OK other=5001 cause=16",
	}, consulted(t).in(complete(CanAlternate), complete(CanReconnect)).events(), "back with the customer already")
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	s := inbound(t).in(doRedirect{By: "5001", Dest: toDN("5002"), Reply: 9})
	require.Equal(t, []string{"5001: Released Redirected other=030123 cause=16"}, s.events())
	require.Equal(t, []string{"HangupLeg", "CreateLeg"}, s.effects())
	require.Equal(t, answer(9, nil), s.in(leg("n1-x.2", LegIsCreated)).answers())
	require.Equal(t, []string{"5002: Ringing OK other=030123"}, s.in(leg("n1-x.2", LegIsRinging)).events())
	s.in(leg("n1-x.2", LegIsUp))
	require.Equal(t, []string{"5002: Established OK other=030123"}, s.in(Joined{Parties: []PartyID{1, 3}}).events())
}
