package bridge

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// twoCalls is 5001 with a customer on one line and 5002 on the other.
func twoCalls(t *testing.T, s *sim) (customer, internal CallView) {
	t.Helper()
	customer = inCall(t, s)
	s.arrive("5001", "5002")
	pass(t, 3*time.Second)
	calls := s.e.Calls()
	require.Len(t, calls, 2)
	require.Equal(t, PartyEstablished, calls[1].State)
	return customer, calls[1]
}

// together are the phones that hear each other.
func (s *sim) together() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for id, c := range s.chans {
		for _, b := range s.bridges {
			if b.members[id] {
				list = append(list, c.to)
			}
		}
	}
	return list
}

func TestTwoCallsBecomeATransfer(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		customer, internal := twoCalls(t, s)
		shown, _ := s.e.Call(customer.ID)
		for _, can := range []Capability{CanCompleteTransfer, CanMerge, CanAlternate} {
			require.Contains(t, shown.Parties[1].Capabilities, can)
			require.NotContains(t, shown.Parties[0].Capabilities, can)
		}
		view, err := s.e.CompleteTransfer(t.Context(), PartyCommand{Call: internal.ID, By: "5001"})
		require.NoError(t, err)
		require.Equal(t, customer.ID, view.ID, "the older one stays")
		pass(t, time.Second)
		require.ElementsMatch(t, []string{"", "5002"}, s.together())
		require.Len(t, s.channels(""), 2)
		require.Equal(t, customer.ConnID, oneCall(t, s).ConnID)
		lines := s.eventLines("5002")
		require.Equal(t, "PartyChanged Transferred", lines[len(lines)-1])
		_, err = s.e.Transfer(t.Context(), Transfer{Call: customer.ID, By: "5002", To: "5003"})
		require.NoError(t, err, "the call goes on as any other")
		shown, _ = s.e.Call(customer.ID)
		require.NotContains(t, shown.Parties[1].Capabilities, CanMerge)
		pass(t, 3*time.Second)
		require.ElementsMatch(t, []string{"", "5003"}, s.together())
	})
}

func TestTwoCallsBecomeAConference(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		customer, internal := twoCalls(t, s)
		_, err := s.e.Merge(t.Context(), Merge{PartyCommand: PartyCommand{Call: customer.ID, By: "5001"}, Other: internal.ID})
		require.NoError(t, err)
		pass(t, time.Second)
		require.ElementsMatch(t, []string{"", "5001", "5002"}, s.together())
		require.Len(t, s.channels(""), 3, "the second line of 5001 is hung up")
	})
}

// The order of events does not depend on how the two calls began: as that of a consultation that is completed.
func TestEventsOfTwoCallsThatBecomeOne(t *testing.T) {
	t.Parallel()
	for verb, want := range map[CompleteVerb][]string{
		CanMerge: {
			"5001 Released Conferenced internal", "5001 Retrieved OK customer",
			"5002 PartyChanged Conferenced customer", "5001 PartyAdded Conferenced customer",
		},
		CanCompleteTransfer: {
			"5001 Released Transferred internal", "5001 Released Transferred customer", "5002 PartyChanged Transferred customer",
		},
	} {
		engineTest(t, func(t *testing.T, s *sim) {
			customer, internal := twoCalls(t, s)
			_, err := s.e.Hold(t.Context(), PartyCommand{Call: customer.ID, By: "5001"})
			require.NoError(t, err)
			pass(t, time.Second)
			s.mu.Lock()
			before := len(s.events)
			s.mu.Unlock()
			_, err = s.e.completeWith(t.Context(), PartyCommand{Call: internal.ID, By: "5001"}, customer.ID, verb)
			require.NoError(t, err)
			pass(t, time.Second)
			names := map[ConnID]string{customer.ConnID: "customer", internal.ConnID: "internal"}
			var got []string
			s.mu.Lock()
			for _, e := range s.events[before:] {
				if e.Kind != EventCallChanged {
					got = append(got, fmt.Sprintf("%s %s %s %s", e.This.DN, e.Kind, e.CallState, names[e.Call.ConnID]))
				}
			}
			s.mu.Unlock()
			require.Equal(t, want, got)
		})
	}
}

func TestAlternateBetweenTwoCalls(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		customer, internal := twoCalls(t, s)
		_, err := s.e.Hold(t.Context(), PartyCommand{Call: customer.ID, By: "5001"})
		require.NoError(t, err)
		view, err := s.e.Alternate(t.Context(), PartyCommand{Call: customer.ID, By: "5001"})
		require.NoError(t, err)
		require.Equal(t, customer.ID, view.ID)
		require.Equal(t, PartyEstablished, view.stateOf("5001"))
		other, _ := s.e.Call(internal.ID)
		require.Equal(t, PartyHeld, other.stateOf("5001"))
	})
}

// The switch does late what the interaction that gives its parties had asked for.
func TestAMergeOvertakesAJoin(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		customer, internal := twoCalls(t, s)
		_, err := s.e.Hold(t.Context(), PartyCommand{Call: internal.ID, By: "5002"})
		require.NoError(t, err)
		pass(t, time.Second)
		s.mu.Lock()
		s.slowJoin = time.Second
		s.mu.Unlock()
		retrieved := make(chan error, 1)
		go func() { // joined by the receive
			_, failed := s.e.Retrieve(t.Context(), PartyCommand{Call: internal.ID, By: "5002"})
			retrieved <- failed
		}()
		pass(t, 100*time.Millisecond)
		_, err = s.e.Merge(t.Context(), Merge{PartyCommand: PartyCommand{Call: customer.ID, By: "5001"}, Other: internal.ID})
		require.NoError(t, err)
		require.NoError(t, <-retrieved)
		pass(t, 3*time.Second)
		require.ElementsMatch(t, []string{"", "5001", "5002"}, s.together())
		require.Len(t, s.bridges, 1)
	})
}

// A switch that refuses the one half leaves the calls as they were.
func TestAlternateBetweenTwoCallsIsRefused(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		customer, internal := twoCalls(t, s)
		_, err := s.e.Hold(t.Context(), PartyCommand{Call: customer.ID, By: "5001"})
		require.NoError(t, err)
		pass(t, time.Second)
		s.mu.Lock()
		s.refuseJoins = 1
		s.mu.Unlock()
		_, err = s.e.Alternate(t.Context(), PartyCommand{Call: internal.ID, By: "5001"})
		require.ErrorIs(t, err, errSim)
		pass(t, time.Second)
		for call, state := range map[CallID]PartyState{customer.ID: PartyHeld, internal.ID: PartyEstablished} {
			view, found := s.e.Call(call)
			require.True(t, found)
			require.Equal(t, state, view.stateOf("5001"))
		}
		require.ElementsMatch(t, []string{"", "5001", "5002"}, s.together(), "the customer waits alone")
		_, err = s.e.Alternate(t.Context(), PartyCommand{Call: internal.ID, By: "5001"})
		require.NoError(t, err, "it can be asked again")
	})
}

func TestAPhoneTransfersByReplaces(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		twoCalls(t, s)
		lines := s.channels("5001")
		require.Len(t, lines, 2)
		s.e.Refer(Referral{Channel: ch(lines[1]), From: "5001", To: "5002", Attended: true, Replaces: ch(lines[0])})
		pass(t, time.Second)
		require.ElementsMatch(t, []string{"", "5002"}, s.together())
		require.Len(t, s.channels(""), 2)

		s.e.Refer(Referral{Channel: ch(s.channels("5002")[0]), From: "5002", To: "5003", Attended: true, Replaces: ch("nobody")})
		pass(t, time.Second)
		require.ElementsMatch(t, []string{"", "5002"}, s.together(), "a REFER that names no call changes nothing")
	})
}

func TestRefusedToBecomeOne(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		customer := inCall(t, s)
		s.phones["5002"] = phone{Ring: 100 * time.Millisecond}
		s.arrive("5001", "5002")
		pass(t, time.Second)
		_, err := s.e.CompleteTransfer(t.Context(), PartyCommand{Call: customer.ID, By: "5001"})
		require.ErrorContains(t, err, "both calls must be answered")
		require.Len(t, s.e.Calls(), 2)
	})
}

// Whenever the engine dies while two calls become one, nobody who talks is lost, and nothing is left at the end.
func TestKilledWhileTwoCallsBecomeOne(t *testing.T) {
	t.Parallel()
	for kill := 1; kill <= 14; kill++ {
		t.Run(fmt.Sprint(kill), func(t *testing.T) {
			t.Parallel()
			engineTest(t, func(t *testing.T, s *sim) {
				_, internal := twoCalls(t, s)
				s.mu.Lock()
				s.killAt, s.lag = s.ops+kill, simLag
				s.mu.Unlock()
				_, err := s.e.CompleteTransfer(t.Context(), PartyCommand{Call: internal.ID, By: "5001"})
				_ = err // the client of a dead engine hears nothing
				pass(t, time.Second)
				s.mu.Lock()
				dead := s.e == nil
				s.mu.Unlock()
				if dead {
					s.start()
				}
				pass(t, 5*time.Second)
				talking := s.together()
				require.Contains(t, talking, "", "the customer is in a call")
				require.Contains(t, talking, "5002")
			})
		})
	}
}

// Call waiting: who takes a second call holds the first one.
func TestAnsweringASecondCallHoldsTheFirst(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		first := inCall(t, s)
		s.phones["5001"] = phone{Ring: 100 * time.Millisecond, Page: true}
		s.arrive("", "5001")
		pass(t, time.Second)
		second := s.e.Calls()[1]
		_, err := s.e.Answer(t.Context(), PartyCommand{Call: second.ID, By: "5001"})
		require.NoError(t, err)
		pass(t, time.Second)
		held, _ := s.e.Call(first.ID)
		require.Equal(t, PartyHeld, held.stateOf("5001"))
		second, _ = s.e.Call(second.ID)
		require.Equal(t, PartyEstablished, second.stateOf("5001"))
		_, err = s.e.Retrieve(t.Context(), PartyCommand{Call: first.ID, By: "5001"})
		require.NoError(t, err)
		second, _ = s.e.Call(second.ID)
		require.Equal(t, PartyHeld, second.stateOf("5001"))
	})
}

func TestComplete(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		call := inCall(t, s)
		cmd := PartyCommand{Call: call.ID, By: "5001"}
		_, err := s.e.Complete(t.Context(), cmd)
		require.ErrorContains(t, err, "release it first")
		_, err = s.e.Release(t.Context(), cmd)
		require.NoError(t, err)
		require.Len(t, s.e.Released("5001"), 1)
		view, err := s.e.Complete(t.Context(), cmd)
		require.NoError(t, err)
		require.Equal(t, call.ID, view.ID)
		_, err = s.e.Complete(t.Context(), cmd)
		require.ErrorIs(t, err, ErrCallNotFound)
		s.arrive("", "5001")
		pass(t, 3*time.Second)
		s.hangup(s.channels("5001")[0])
		pass(t, releasedLife+time.Second)
		require.Empty(t, s.e.Released("5001"), "it has run out")
	})
}

// A command that waits for the phone of a party is answered when the party goes to another call.
func TestGivenAwayWhileItsPhoneIsAsked(t *testing.T) {
	t.Parallel()
	s := talking(t)
	s.can = PhoneAbilities{Hold: true}
	require.Equal(t, []string{"AskPhone"}, s.in(doPhone{By: "5001", Verb: PhoneHold, Reply: 3}).effects())
	require.Equal(t, map[int]string{3: "hold is not possible while the call is Established: the call became one with another meanwhile"},
		s.replies(doGive{By: "5009", Verb: CanCompleteTransfer, Channels: []ChannelID{ch("n1-x.1")}}))
}

// A client that stops waiting between the two halves does not stop them: whoever is taken is given.
func TestTheClientGoesWhileTwoCallsBecomeOne(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		customer, internal := twoCalls(t, s)
		older, _, err := s.e.actorOf(customer.ID)
		require.NoError(t, err)
		busy := make(chan struct{})
		older.loop.Post(func() { <-busy })
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		time.AfterFunc(2*time.Second, func() { close(busy) })
		_, _ = s.e.CompleteTransfer(ctx, PartyCommand{Call: internal.ID, By: "5001"})
		pass(t, 5*time.Second)
		require.Equal(t, customer.ID, oneCall(t, s).ID)
		require.ElementsMatch(t, []string{"", "5002"}, s.together())
	})
}

// A call that a supervisor listens to is no second call of his.
func TestASupervisedCallIsNoSecondCall(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		inCall(t, s)
		_, err := s.e.Monitor(t.Context(), order(MonitorOne))
		require.NoError(t, err)
		pass(t, 2*time.Second)
		s.arrive("5003", "5002")
		pass(t, 3*time.Second)
		calls := s.e.Calls()
		require.Len(t, calls, 2)
		for _, call := range calls {
			require.True(t, call.Has("5003"))
			for _, p := range call.Parties {
				require.NotContains(t, p.Capabilities, CanMerge, p.DN)
			}
		}
		_, err = s.e.CompleteTransfer(t.Context(), PartyCommand{Call: calls[1].ID, By: "5003"})
		require.ErrorContains(t, err, "a second call of the DN is needed")
	})
}
