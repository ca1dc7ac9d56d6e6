package bridge

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// queued is a customer's call that waits in a queue.
func queued(t *testing.T) *script {
	t.Helper()
	return newScript(t).in(
		Arrived{Channel: ch("cust"), Number: "030123", Called: "6000", Dest: Destination{Queue: "sales", Number: "6000", Music: "sales"}},
		leg("cust", LegIsUp), Joined{Parties: []PartyID{1}},
	)
}

func offer(dn DN) doOffer { return doOffer{Dest: toDN(dn), Reply: 4} }

func TestACallWaits(t *testing.T) {
	t.Parallel()
	s := newScript(t).in(Arrived{Channel: ch("cust"), Number: "030123", Called: "6000", Dest: Destination{Queue: "sales", Number: "6000", Music: "sales"}})
	require.Equal(t, []string{"6000: Queued OK other=030123"}, s.events())
	require.Equal(t, []string{"AnswerLeg", "JoinLegs", "TellQueue", "PlayMusic"}, s.effects())
	s.in(leg("cust", LegIsUp), Joined{Parties: []PartyID{1}})
	require.Equal(t, PartyDialing, s.party(1).State, "nobody has taken the call")
}

func TestAnOfferIsAnswered(t *testing.T) {
	t.Parallel()
	s := queued(t).in(offer("5001"))
	require.Equal(t, []string{"CreateLeg"}, s.effects())
	s.in(leg("n1-x.1", LegIsCreated))
	require.Equal(t, []string{"Reply", "DialLeg", "StartTimer"}, s.effects())
	s.in(leg("n1-x.1", LegIsRinging))
	require.Equal(t, []string{"5001: Ringing OK other=030123"}, s.lines, "the caller goes on hearing the music")
	require.Equal(t, []string{"JoinLegs"}, s.in(leg("n1-x.1", LegIsUp)).effects())
	s.in(Joined{Parties: []PartyID{1, 2}})
	require.Equal(t, []string{"6000: Diverted OK other=030123", "5001: Established OK other=030123"}, s.events())
	require.Equal(t, []string{"TellQueue {Call:UUID Waiting:<nil> Gone:answered Digit:}", "PlayMusic {Bridge:{Server:pbx1 ID:n1-x} On:false}"}, s.lines[2:])
}

func TestAnOfferThatFailsLetsTheCallWait(t *testing.T) {
	t.Parallel()
	s := queued(t)
	since := s.state.Call.Queue.Since
	s.in(offer("5001"), leg("n1-x.1", LegIsCreated), leg("n1-x.1", LegIsRinging), gone("n1-x.1", causeBusy))
	require.Equal(t, []string{"5001: Released Busy other=030123 cause=17"}, s.events())
	require.Contains(t, s.effects(), "TellQueue")
	require.Equal(t, since, s.state.Call.Queue.Since)
	require.Equal(t, []string{"CreateLeg"}, s.in(offer("5002")).effects(), "it can be offered again")
	require.Equal(t, map[int]string{4: "offer is not possible while the call is Ringing: it is being offered to another DN"}, s.replies(offer("5003")))
}

func TestAnAbandonedCallWaitsNoMore(t *testing.T) {
	t.Parallel()
	s := queued(t).in(gone("cust", 16))
	require.Equal(t, []string{"6000: Abandoned OK other=030123"}, s.events())
	require.Equal(t, []string{"TellQueue", "DestroyBridge"}, s.effects())
	require.True(t, s.state.Finished)
}

func TestAWaitingCallIsRouted(t *testing.T) {
	t.Parallel()
	s := queued(t).in(offer("5001"), leg("n1-x.1", LegIsCreated), leg("n1-x.1", LegIsRinging), doOffer{Dest: toOutside("040"), Route: true, Reply: 5})
	require.Equal(t, []string{"5001: Released Redirected other=030123 cause=16"}, s.events())
	s.in(leg("n1-x.2", LegIsCreated))
	require.Equal(t, []string{"6000: Diverted Redirected other=030123"}, s.events())
	require.Nil(t, s.state.Call.Queue)

	s = queued(t).in(doOffer{Dest: Destination{Queue: "support", Number: "6001"}, Route: true, Reply: 5})
	require.Equal(t, "support", s.state.Call.Queue.Name)
	require.Equal(t, []string{"6000: Diverted Redirected other=030123", "6001: Queued OK other=030123"}, s.events())
}

func TestAnAnnouncementReplacesTheMusic(t *testing.T) {
	t.Parallel()
	s := queued(t).in(doAnnounce{Media: []string{"sound:queue-youarenext"}, Reply: 7})
	require.Equal(t, []string{"PlayMusic {Bridge:{Server:pbx1 ID:n1-x} Class:sales On:false}"}, s.lines[:1])
	require.Equal(t, "PlayMedia", s.effects()[1])
	s.in(Played{ID: s.state.Call.Queue.Playing})
	require.Equal(t, []string{"Reply", "PlayMusic"}, s.effects())
}

// A consultation with a queue: the customer waits there in the agent's place, as long as the agent has.
func TestConsultationWithAQueue(t *testing.T) {
	t.Parallel()
	sales := Destination{Queue: "sales", Number: "6000", Dialled: "6000", Music: "sales"}
	s := talking(t).in(doConsult{By: "5001", Dest: sales, ID: "UUID2", ConnID: 2, Reply: 9})
	require.Equal(t, []string{"5001: Held OK other=030123", "5001: Dialing OK other=6000", "6000: Queued OK other=5001"}, s.events())
	since := s.state.Consults[0].Queue.Since
	s.in(Joined{Parties: []PartyID{3}}, doComplete{By: "5001", Verb: CanCompleteTransfer, Reply: 10})
	require.Equal(t, []string{
		"5001: Released Transferred cause=16", "5001: Released Transferred other=030123 cause=16", "6000: Diverted Redirected other=5001",
	}, s.events())
	require.Equal(t, since, s.state.Call.Queue.Since)
	s.in(gone("n1-x.1", 16), offer("5002"), leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsUp), Joined{Parties: []PartyID{1, 4}})
	require.Contains(t, s.events(), "5002: Established OK other=030123")
}

func TestTransferToAQueue(t *testing.T) {
	t.Parallel()
	sales := Destination{Queue: "sales", Number: "6000", Dialled: "6000"}
	s := talking(t).in(doTransfer{By: "5001", Dest: sales, Reply: 8})
	require.Equal(t, []string{"5001: Released Transferred other=030123 cause=16", "6000: Queued OK other=030123"}, s.events())
	require.Equal(t, []string{"HangupLeg", "TellQueue", "Reply", "PlayMusic"}, s.effects())
	s = inbound(t).in(doRedirect{By: "5001", Dest: sales, Reply: 8})
	require.Equal(t, []string{"5001: Released Redirected other=030123 cause=16", "6000: Queued OK other=030123"}, s.events())
	s = queued(t).in(offer("5001"), leg("n1-x.1", LegIsCreated), leg("n1-x.1", LegIsRinging),
		doRedirect{By: "5001", Dest: Destination{Queue: "support", Number: "6001"}, Reply: 8})
	require.Equal(t, []string{
		"5001: Released Redirected other=030123 cause=16", "6000: Diverted Redirected other=030123", "6001: Queued OK other=030123",
	}, s.events(), "an agent sends a call of a queue to another one")
	s = talking(t).in(doTransfer{By: "5001", Dest: toDN("5002"), Reply: 7}, leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsRinging),
		doRedirect{By: "5002", Dest: sales, Reply: 8})
	require.Equal(t, []string{"5002: Released Redirected other=030123 cause=16", "6000: Queued OK other=030123"}, s.events())
	require.Nil(t, s.state.Call.Transfer)
	require.Equal(t, map[int]string{8: `"6000" can't be called: a queue can't be a party: consult it instead`},
		talking(t).replies(doAdd{By: "5001", Dest: sales, Reply: 8}))
}

// A DN that is transferred to a queue learns with whom it is connected now, as with any other transfer.
func TestADNIsTransferredToAQueue(t *testing.T) {
	t.Parallel()
	sales := Destination{Queue: "sales", Number: "6000", Dialled: "6000"}
	between := func() *script {
		return newScript(t).in(
			Arrived{Channel: ch("own"), From: "5003", Number: "5003", Called: "5001", Dest: toDN("5001")},
			leg("n1-x.1", LegIsCreated), leg("n1-x.1", LegIsRinging), leg("n1-x.1", LegIsUp), Joined{Parties: []PartyID{1, 2}},
		)
	}
	told := "5003: PartyChanged Transferred other=6000 third=5001"
	require.Contains(t, between().in(doTransfer{By: "5001", Dest: sales, Reply: 8}).events(), told)
	s := between().in(doConsult{By: "5001", Dest: sales, ID: "UUID2", ConnID: 2, Reply: 9}, Joined{Parties: []PartyID{3}})
	require.Contains(t, s.in(doComplete{By: "5001", Verb: CanCompleteTransfer, Reply: 10}).events(), told)
	s = newScript(t).in(Arrived{Channel: ch("own"), From: "5003", Number: "5003", Called: "6000", Dest: sales})
	require.Equal(t, []string{"5003: Dialing OK other=6000", "6000: Queued OK other=5003"}, s.events())
}

// A DN may send its calls to a queue.
func TestForwardedToAQueue(t *testing.T) {
	t.Parallel()
	sales := Destination{Queue: "sales", Number: "6000", Dialled: "6000"}
	to := func(channel string) Forwarded { return Forwarded{Channel: ch(channel), Dest: sales} }
	s := newScript(t).in(Arrived{Channel: ch("cust"), Number: "030123", Called: "8000", Dest: toDN("5001")}, to("n1-x.1"))
	require.Equal(t, []string{"6000: Queued OK other=030123"}, s.events())
	require.Equal(t, []string{"AnswerLeg", "JoinLegs", "TellQueue", "PlayMusic"}, slices.DeleteFunc(s.effects(), func(e string) bool {
		return e == "FreeDN" || e == "Reply"
	}))

	s = talking(t).in(doTransfer{By: "5001", Dest: toDN("5002"), Reply: 8}, to("n1-x.2"))
	require.Equal(t, []string{"5001: Released Transferred other=030123 cause=16", "6000: Queued OK other=030123"}, s.events())
	require.Contains(t, s.answers(), "Reply {Token:8 Err:<nil>}")
	require.Contains(t, s.effects(), "HangupLeg")

	for _, mute := range []bool{false, true} {
		s = talking(t).in(doConsult{By: "5001", Dest: toDN("5002"), ID: "UUID2", ConnID: 2, Reply: 9, Mute: mute}, to("n1-x.2"))
		require.Contains(t, s.answers(), "Reply {Token:9 Err:<nil>}")
		waiting := s.state.Consults[0].Queue
		if mute {
			waiting = s.state.Call.Queue
		}
		require.Equal(t, "sales", waiting.Name)
	}
	s = queued(t).in(doOffer{Dest: toDN("5001"), Route: true, Reply: 5}, Forwarded{Channel: ch("n1-x.1"), Dest: Destination{Queue: "support", Number: "6001"}})
	require.Equal(t, "support", s.state.Call.Queue.Name)
	require.Contains(t, s.answers(), "Reply {Token:5 Err:<nil>}")
	s = talking(t).in(doAdd{By: "5001", Dest: toDN("5002"), Reply: 6}, to("n1-x.2"))
	require.Contains(t, s.answers(), "Reply {Token:6 Err:"+ErrUnreachable.Error()+"}", "a queue can't be in a conference")
	require.Nil(t, s.state.Call.Queue)
}

// upNow are the channels that a server has after a gap.
func upNow(ids ...string) map[string]ChannelFact {
	there := map[string]ChannelFact{}
	for _, id := range ids {
		there[id] = ChannelFact{State: LegIsUp}
	}
	return there
}

func TestTheCallerHungUpWhileNobodyWatched(t *testing.T) {
	t.Parallel()
	for _, restarted := range []bool{true, false} {
		s := queued(t).in(Reconciled{Bridges: map[string][]string{"n1-x": nil}, Restarted: restarted})
		require.Equal(t, []string{"6000: Abandoned OK other=030123"}, s.events())
		require.True(t, s.state.Finished)
		s = queued(t).in(offer("5001"), leg("n1-x.1", LegIsCreated), leg("n1-x.1", LegIsRinging),
			Reconciled{Channels: upNow("n1-x.1"), Bridges: map[string][]string{"n1-x": nil}, Restarted: restarted})
		require.Contains(t, s.events(), "5001: Abandoned OK other=030123 cause=16")
	}
}

// A gap may have swallowed the end of an announcement: who waits for it is answered, and the music goes on.
func TestAnAnnouncementInAGap(t *testing.T) {
	t.Parallel()
	s := queued(t).in(doAnnounce{Media: []string{"sound:queue-youarenext"}, Reply: 7})
	there := Reconciled{Channels: upNow("cust"), Bridges: map[string][]string{"n1-x": {"cust"}}}
	require.Equal(t, map[int]string{7: ErrNotPlayed.Error()}, s.replies(there))
	require.True(t, s.state.Call.Music)
}

// The agent who answers an offer and hangs up before it is joined takes nobody along.
func TestAnOfferThatIsNotJoinedLetsTheCallWait(t *testing.T) {
	t.Parallel()
	s := queued(t).in(offer("5001"), leg("n1-x.1", LegIsCreated), leg("n1-x.1", LegIsRinging), leg("n1-x.1", LegIsUp))
	s.in(Joined{Parties: []PartyID{1, 2}, Err: errMatrix})
	require.Equal(t, []string{"5001: Released OK other=030123 cause=41"}, s.events())
	require.Equal(t, []string{"HangupLeg", "TellQueue"}, s.effects())
	s.in(gone("n1-x.1", 16))
	require.True(t, s.party(1).alive())
	require.Equal(t, []string{"CreateLeg"}, s.in(offer("5001")).effects())
}

// Who consults a queue out of a call that its phone holds hears the queue.
func TestConsultationWithAQueueFreesThePhone(t *testing.T) {
	t.Parallel()
	s := talking(t).in(told("n1-x.1", LegIsHeld))
	s.can = PhoneAbilities{Hold: true}
	s.in(doConsult{By: "5001", Dest: Destination{Queue: "sales", Number: "6000", Dialled: "6000"}, ID: "UUID2", ConnID: 2, Reply: 9})
	require.Contains(t, s.effects(), "AskPhone")
}

// A call back is made only if the agent is ready then, also when a restart asks for its leg again.
func TestACallBackNeedsAReadyAgent(t *testing.T) {
	t.Parallel()
	again := Reconciled{Channels: map[string]ChannelFact{}, Restarted: true}
	for ready, want := range map[bool]Calling{true: CallingReady, false: CallingOwn} {
		s := newScript(t).in(doMakeCall{From: "5001", Dest: toOutside("030"), Ready: ready, Reply: 3})
		require.Contains(t, strings.Join(s.lines, "\n"), "As:"+string(want)+"}")
		require.Contains(t, strings.Join(s.in(again).lines, "\n"), "As:"+string(want)+"}")
	}
}
