package bridge

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// supervise is the order of 5009 for the call of 5001.
func supervise(mode MonitorMode, scope MonitorScope) doMonitor {
	return doMonitor{Order: "m1", Target: "5001", Dest: toDN("5009"), Mode: mode, Scope: scope, Reply: 7}
}

// listening is a call at which 5009 listens: leg 2 is the supervisor's, 3 the snoop on leg 1, that of 5001.
func listening(t *testing.T, mode MonitorMode, scope MonitorScope) *script {
	t.Helper()
	return talking(t).in(
		supervise(mode, scope), leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsRinging), leg("n1-x.2", LegIsUp),
		leg("n1-x.3", LegIsCreated), Joined{Parties: []PartyID{3}},
	)
}

func TestSupervisorListens(t *testing.T) {
	t.Parallel()
	s := talking(t).in(supervise(MonitorMute, ScopeCall))
	require.Equal(t, []string{"CreateLeg"}, s.effects(), "the reply waits until the phone is being called")
	require.Contains(t, s.lines[0], "CallerNum:5001")
	require.Equal(t, []string{"Reply", "DialLeg", "StartTimer"}, s.in(leg("n1-x.2", LegIsCreated)).effects())
	require.Equal(t, []string{"5009: Ringing Bridged other=030123"}, s.in(leg("n1-x.2", LegIsRinging)).events())
	require.Contains(t, s.in(leg("n1-x.2", LegIsUp)).lines,
		"SnoopLeg {Snoop:{Channel:{Server:pbx1 ID:n1-x.3} Of:{Server:pbx1 ID:n1-x.1} Hear:both Whisper:false}}")
	require.Equal(t, []string{
		"JoinLegs {Bridge:{Server:pbx1 ID:n1-x.m1} Channels:[{Server:pbx1 ID:n1-x.3} {Server:pbx1 ID:n1-x.2}] Parties:[3]}",
	}, s.in(leg("n1-x.3", LegIsCreated)).lines)
	require.Equal(t, []string{"5001: PartyAdded Bridged other=5009", "5009: Established Bridged other=030123"},
		s.in(Joined{Parties: []PartyID{3}}).events())
}

func TestSupervisorReachesWhomHeMay(t *testing.T) {
	t.Parallel()
	s := talking(t).in(supervise(MonitorCoach, ScopeCall), leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsUp))
	require.Contains(t, s.lines[len(s.lines)-1], "Whisper:true")

	s = talking(t).in(supervise(MonitorConnect, ScopeCall), leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsUp))
	require.Equal(t, []string{"JoinLegs"}, s.effects())
	require.Contains(t, s.lines[len(s.lines)-1], "Bridge:{Server:pbx1 ID:n1-x} Channels:[{Server:pbx1 ID:n1-x.2}]")
}

func TestSupervisorSwitchesModes(t *testing.T) {
	t.Parallel()
	s := listening(t, MonitorMute, ScopeCall).in(doSwitchMonitor{Order: "m1", Mode: MonitorCoach, Reply: 8})
	require.Equal(t, []string{"5009: PrivateInfo Bridged other=030123", "5001: PrivateInfo Bridged other=5009"}, s.events())
	require.Equal(t, []string{"Reply", "SnoopLeg"}, s.effects(), "the first snoop serves until the second does")
	require.Equal(t, []string{"JoinLegs", "HangupLeg"}, s.in(leg("n1-x.4", LegIsCreated)).effects())
	require.Contains(t, s.lines[1], "n1-x.3", "the first one goes")
	s.in(Joined{Parties: []PartyID{3}}, gone("n1-x.3", 16))
	require.Empty(t, s.lines)

	s.in(doSwitchMonitor{Order: "m1", Mode: MonitorConnect, Reply: 9})
	require.Equal(t, []string{"Reply", "JoinLegs", "HangupLeg"}, s.effects())
	require.Contains(t, s.lines[3], "Bridge:{Server:pbx1 ID:n1-x} ")
	s.in(Joined{Parties: []PartyID{3}}, gone("n1-x.4", 16))
	require.Empty(t, s.effects())

	s.in(doSwitchMonitor{Order: "m1", Mode: MonitorMute, Reply: 10})
	require.Equal(t, []string{"Reply", "SnoopLeg"}, s.effects(), "he stays in the call until he can listen")
	require.Equal(t, []string{"JoinLegs"}, s.in(leg("n1-x.5", LegIsCreated)).effects())
	require.Equal(t, []string{"Reply {Token:11 Err:<nil>}"}, s.in(doSwitchMonitor{Order: "m1", Mode: MonitorMute, Reply: 11}).lines)
}

// Coaching must not reach a customer: when no agent is left, the supervisor only hears.
func TestSupervisorFollowsTheCall(t *testing.T) {
	t.Parallel()
	s := listening(t, MonitorCoach, ScopeCall).in(doTransfer{By: "5001", Dest: toDN("5002"), Reply: 8}, leg("n1-x.4", LegIsCreated))
	require.Equal(t, []string{
		"5001: Released Transferred other=030123 cause=16", "5009: PartyDeleted Bridged other=5001",
	}, s.events())
	require.Contains(t, s.lines[len(s.lines)-1],
		"SnoopLeg {Snoop:{Channel:{Server:pbx1 ID:n1-x.5} Of:{Server:pbx1 ID:cust} Hear:both Whisper:false}}")
	s.in(gone("n1-x.3", 16), gone("n1-x.1", 16), leg("n1-x.5", LegIsCreated), leg("n1-x.4", LegIsRinging), leg("n1-x.4", LegIsUp))
	s.in(Joined{Parties: []PartyID{4}})
	require.Contains(t, s.lines,
		"SnoopLeg {Snoop:{Channel:{Server:pbx1 ID:n1-x.6} Of:{Server:pbx1 ID:n1-x.4} Hear:both Whisper:true}}", "the next agent is coached")
	require.Contains(t, s.events(), "5009: PartyAdded Bridged other=5002")
	require.Contains(t, s.events(), "5002: PartyAdded Bridged other=5009")
	s.in(gone("cust", 16))
	require.Contains(t, s.events(), "5009: Released OK other=030123 cause=16")
	require.Equal(t, WatchOver, s.state.Watches[0].Ended)
}

func TestSupervisorFollowsTheAgent(t *testing.T) {
	t.Parallel()
	s := listening(t, MonitorMute, ScopeAgent).in(doTransfer{By: "5001", Dest: toDN("5002"), Reply: 8}, leg("n1-x.4", LegIsCreated))
	require.Equal(t, []string{
		"5001: Released Transferred other=030123 cause=16",
		"5009: PartyDeleted Bridged other=5001", "5009: Released OK other=030123 cause=16",
	}, s.events())
	s.in(gone("n1-x.3", 16), gone("n1-x.1", 16))
	require.Equal(t, []string{"FreeDN {DN:5009}", "DestroyBridge {Bridge:{Server:pbx1 ID:n1-x.m1}}"}, s.in(gone("n1-x.2", 16)).lines)
}

// The leg of an agent in a consultation is heard wherever it is; he supervises the call that he was called to.
func TestSupervisorAtAConsultation(t *testing.T) {
	t.Parallel()
	s := listening(t, MonitorMute, ScopeAgent).in(
		doConsult{By: "5001", Dest: toDN("5002"), ID: "C2", ConnID: 2, Reply: 8}, leg("n1-x.4", LegIsCreated),
		leg("n1-x.4", LegIsRinging), leg("n1-x.4", LegIsUp), Joined{Parties: []PartyID{4, 5}},
	)
	require.NotContains(t, s.effects(), "SnoopLeg")
	require.Equal(t, CallID("UUID"), s.state.Watches[0].Call)
	s.in(doComplete{By: "5001", Verb: CanCompleteTransfer, Reply: 9})
	require.Contains(t, s.events(), "5009: Released OK cause=16")
}

// Who is supervised in the consultation is supervised in the call that it becomes part of.
func TestSupervisorOfTheConsultedMovesAlong(t *testing.T) {
	t.Parallel()
	s := talking(t).in(
		doConsult{By: "5001", Dest: toDN("5002"), ID: "C2", ConnID: 2, Reply: 8}, leg("n1-x.2", LegIsCreated),
		leg("n1-x.2", LegIsRinging), leg("n1-x.2", LegIsUp), Joined{Parties: []PartyID{3, 4}},
	)
	monitor := supervise(MonitorMute, ScopeAgent)
	monitor.Target = "5002"
	s.about("C2").in(monitor)
	s.about("").in(leg("n1-x.3", LegIsCreated), leg("n1-x.3", LegIsUp), leg("n1-x.4", LegIsCreated), Joined{Parties: []PartyID{5}})
	require.Equal(t, CallID("C2"), s.state.Watches[0].Call)
	s.in(doComplete{By: "5001", Verb: CanCompleteTransfer, Reply: 9})
	require.Contains(t, s.events(), "5009: PartyChanged Bridged other=030123")
	require.Equal(t, CallID("UUID"), s.state.Watches[0].Call)
}

func TestSupervisorLeaves(t *testing.T) {
	t.Parallel()
	s := listening(t, MonitorMute, ScopeCall).in(gone("n1-x.2", 16))
	require.Equal(t, []string{"5009: Released OK other=030123 cause=16", "5001: PartyDeleted Bridged other=5009"}, s.events())
	require.Equal(t, []string{"FreeDN", "HangupLeg"}, s.effects())
	require.Equal(t, WatchLeft, s.state.Watches[0].Ended)
	require.Equal(t, []string{"DestroyBridge"}, s.in(gone("n1-x.3", 16)).effects())
	require.Equal(t, PartyEstablished, s.state.Call.state(), "the call goes on")

	s = listening(t, MonitorMute, ScopeCall).in(doRelease{By: "5009", Reply: 9})
	require.Contains(t, s.events(), "5009: Released OK other=030123 cause=16")
	s = listening(t, MonitorMute, ScopeCall).in(doStopMonitor{Order: "m1", Reply: 9})
	require.Equal(t, WatchStopped, s.state.Watches[0].Ended)
	require.Equal(t, []string{"HangupLeg", "HangupLeg", "Reply"}, s.effects())
}

func TestSupervisorCanNotBeHad(t *testing.T) {
	t.Parallel()
	for name, end := range map[string][]Input{
		"not there":     {LegFailed{Channel: ch("n1-x.2"), Err: ErrUnreachable}},
		"not answering": {leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsRinging), nil},
		"rejects":       {leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsRinging), gone("n1-x.2", causeBusy)},
		"deaf": {
			leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsUp), LegFailed{Channel: ch("n1-x.3"), Err: errMatrix}, gone("n1-x.2", 16),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := talking(t).in(supervise(MonitorMute, ScopeCall))
			for _, input := range end {
				if input == nil {
					s.at = s.at.Add(s.state.Watches[0].Party.Dest.Timeout)
					s.in(RingTimeout{Party: 3}, gone("n1-x.2", 16))
					continue
				}
				s.in(input)
			}
			require.Equal(t, WatchFailed, s.state.Watches[0].Ended)
			require.True(t, s.state.Watches[0].Done)
			require.Equal(t, PartyEstablished, s.state.Call.state(), "the call goes on")
		})
	}
}

func TestMonitorRefused(t *testing.T) {
	t.Parallel()
	s := inbound(t).in(supervise(MonitorMute, ScopeCall))
	require.Equal(t, []string{"Reply"}, s.effects(), "it rings yet")
	s = talking(t)
	own := supervise(MonitorMute, ScopeCall)
	own.Target, own.Dest = "", toDN("5001")
	require.Equal(t, []string{"Reply"}, s.in(own).effects())
	other := supervise(MonitorMute, ScopeCall)
	other.Target = "5002"
	require.Contains(t, s.in(other).lines[0], ErrNotAParty.Error())
	require.Contains(t, s.in(doSwitchMonitor{Order: "m2", Mode: MonitorCoach, Reply: 8}).lines[0], ErrMonitorNotFound.Error())
	require.Contains(t, s.in(doStopMonitor{Order: "m2", Reply: 8}).lines[0], ErrMonitorNotFound.Error())
}

// What a supervisor may do, and who knows of him.
func TestSupervisorIsShownToThoseAllowed(t *testing.T) {
	t.Parallel()
	s := listening(t, MonitorMute, ScopeCall)
	view := s.state.view()
	observer := view.Parties[2]
	require.Equal(t, RoleObserver, observer.Role)
	require.Equal(t, []Capability{CanRelease, CanSwitchToCoaching, CanSwitchToBargeIn}, observer.Capabilities)
	require.Equal(t, []DN{"5009", "5001"}, observer.Observes.VisibleTo)
	require.NotContains(t, view.Parties[1].Capabilities, CanSwitchToCoaching)
	require.Len(t, view.For(func(dn DN) bool { return dn == "5002" }).Parties, 2)
	require.Len(t, view.For(func(dn DN) bool { return dn == "5001" }).Parties, 3)

	hidden := supervise(MonitorConnect, ScopeCall)
	hidden.Hidden = true
	s = talking(t).in(hidden, leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsUp), Joined{Parties: []PartyID{3}})
	require.Equal(t, []string{"5009: Established Bridged other=030123"}, s.events())
	for _, e := range s.state.Outbox {
		if !slices.Contains(e.Audience, "5009") {
			require.Len(t, e.Call.Parties, 2, e.Kind)
		}
	}
}

// The states of the conversation are none of a supervisor's business.
func TestSupervisorCountsForNothing(t *testing.T) {
	t.Parallel()
	s := listening(t, MonitorConnect, ScopeCall)
	require.Equal(t, 2, s.state.Call.talking())
	require.NotContains(t, s.party(2).capabilities(&s.state, 0), CanDeleteFromConference)
	s.in(doTransfer{By: "5001", Dest: toDN("5002"), Reply: 9})
	require.Equal(t, []string{"CreateLeg"}, s.effects(), "5001 has one partner")
}

func TestSupervisorAfterARestart(t *testing.T) {
	t.Parallel()
	up := func(ids ...string) map[string]ChannelFact {
		m := map[string]ChannelFact{}
		for _, id := range ids {
			m[id] = ChannelFact{State: LegIsUp}
		}
		return m
	}
	s := listening(t, MonitorMute, ScopeCall)
	bridges := map[string][]string{"n1-x": {"cust", "n1-x.1"}, "n1-x.m1": {"n1-x.2", "n1-x.3"}}
	s.in(Reconciled{Channels: up("cust", "n1-x.1", "n1-x.2", "n1-x.3"), Bridges: bridges, Restarted: true})
	require.Equal(t, []string{"PlayMusic"}, s.effects(), "all is as it should be")

	s = listening(t, MonitorMute, ScopeCall)
	s.in(Reconciled{Channels: up("cust", "n1-x.1", "n1-x.2"), Bridges: bridges, Restarted: true})
	require.Equal(t, []string{"PlayMusic", "SnoopLeg"}, s.effects(), "the snoop is made again")

	s = listening(t, MonitorMute, ScopeCall)
	bridges = map[string][]string{"n1-x": {"cust", "n1-x.1"}}
	s.in(Reconciled{Channels: up("cust", "n1-x.1", "n1-x.2", "n1-x.3"), Bridges: bridges, Restarted: true})
	require.Equal(t, []string{"PlayMusic", "JoinLegs"}, s.effects())

	s = listening(t, MonitorMute, ScopeCall)
	s.in(Reconciled{Channels: up("cust", "n1-x.1", "n1-x.3"), Bridges: bridges, Restarted: true})
	require.Contains(t, s.events(), "5009: Released OK other=030123")
	require.Contains(t, s.lines, "HangupLeg {Channel:{Server:pbx1 ID:n1-x.3} Cause:16 Phone:}")
}

// A snoop ends before the one that it hears does: nobody asks for another one of a channel that is about to go.
func TestSupervisorIsDeafForAMoment(t *testing.T) {
	t.Parallel()
	s := listening(t, MonitorMute, ScopeCall).in(gone("n1-x.3", 16))
	require.Equal(t, []string{"StartTimer"}, s.effects())
	s.in(leg("n1-x.1", LegIsHeld))
	require.NotContains(t, s.effects(), "SnoopLeg")
	require.Equal(t, []string{"SnoopLeg"}, s.in(RingTimeout{Party: 3}).effects(), "it was there after all")
}
