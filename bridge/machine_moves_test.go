package bridge

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMuteGoesWithTheLeg keeps an agent mute who was so before the consultation.
func TestMuteGoesWithTheLeg(t *testing.T) {
	t.Parallel()
	s := talking(t).in(
		doMute{By: "5001", Direction: MuteIn, On: true}, doConsult{By: "5001", Dest: toDN("5002"), ID: "UUID2", ConnID: 2},
		leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsUp), Joined{Parties: []PartyID{3, 4}},
	).about("UUID2")
	require.Contains(t, s.view("5001"), CanMuteOff)
	s.in(complete(CanReconnect)).about("")
	require.Contains(t, s.view("5001"), CanMuteOff)
}

// TestCapsGoWithTheLeg frees what the agent's leg counts against when it ends in the consultation.
func TestCapsGoWithTheLeg(t *testing.T) {
	t.Parallel()
	dest := toDN("5001")
	dest.Caps = []Cap{{"trunk", 1}}
	s := newScript(t).in(
		Arrived{Channel: ch("cust"), Number: "030123", Called: "8000", Dest: dest},
		leg("n1-x.1", LegIsCreated), leg("n1-x.1", LegIsUp), Joined{Parties: []PartyID{1, 2}},
		doConsult{By: "5001", Dest: toDN("5002"), ID: "UUID2", ConnID: 2}, gone("n1-x.1", causeNormal),
	)
	require.Contains(t, s.effects(), "FreeCaps")
}

// TestJoinOfTheCallThatIsOver counts for nobody who was moved before its result came.
func TestJoinOfTheCallThatIsOver(t *testing.T) {
	t.Parallel()
	s := consulted(t).in(complete(CanCompleteTransfer), Joined{Bridge: BridgeID{"pbx1", "n1-x.b1"}, Parties: []PartyID{4}, Err: errMatrix})
	require.Empty(t, s.lines)
	require.Equal(t, 2, s.state.Call.talking())
}

// TestRestartTakesALegOutOfTheBridgeItLeft makes good a leave that was lost with the engine.
func TestRestartTakesALegOutOfTheBridgeItLeft(t *testing.T) {
	t.Parallel()
	s := consulting(t).in(Reconciled{
		Channels: map[string]ChannelFact{"cust": {State: LegIsUp}, "n1-x.1": {State: LegIsUp}, "n1-x.2": {State: LegIsRinging}},
		Bridges:  map[string][]string{"n1-x": {"cust", "n1-x.1"}}, Restarted: true,
	})
	require.Contains(t, s.effects(), "LeaveLegs", "or the customer would hear the agent dial")
}

// TestRestartDestroysTheBridgeOfAConsultationThatIsOver makes good what was lost with the engine.
func TestRestartDestroysTheBridgeOfAConsultationThatIsOver(t *testing.T) {
	t.Parallel()
	s := consulted(t).in(complete(CanReconnect), gone("n1-x.2", causeNormal), Reconciled{
		Channels: map[string]ChannelFact{"cust": {State: LegIsUp}, "n1-x.1": {State: LegIsUp}},
		Bridges:  map[string][]string{"n1-x": {"cust", "n1-x.1"}, "n1-x.b1": nil}, Restarted: true,
	})
	require.Contains(t, s.effects(), "DestroyBridge")
	require.False(t, s.state.Finished)
}

// TestTransferWhileThePeerIsAway has the customer's colleague transfer to a third while the agent consults.
func TestTransferWhileThePeerIsAway(t *testing.T) {
	t.Parallel()
	s := newScript(t).in(
		Arrived{Channel: ch("a"), From: "5003", Number: "5003", Called: "5001", Dest: toDN("5001")},
		leg("n1-x.1", LegIsCreated), leg("n1-x.1", LegIsUp), Joined{Parties: []PartyID{1, 2}},
		doConsult{By: "5001", Dest: toDN("5002"), ID: "UUID2", ConnID: 2}, leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsUp),
		Joined{Parties: []PartyID{3, 4}}, doTransfer{By: "5003", Dest: toDN("5004")}, leg("n1-x.3", LegIsCreated), leg("n1-x.3", LegIsUp),
	)
	require.Equal(t, []string{"JoinLegs"}, s.effects(), "the agent comes when it is back")
	s.in(Joined{Parties: []PartyID{5}}, complete(CanReconnect))
	require.Equal(t, 2, s.state.Call.talking())
}

// TestBlindTransferIntoAConference adds the one who still rings to those who talk.
func TestBlindTransferIntoAConference(t *testing.T) {
	t.Parallel()
	s := consulted(t).in(complete(CanCompleteConference))
	s.in(
		doConsult{By: "5001", Dest: toDN("5003"), ID: "UUID3", ConnID: 3}, leg("n1-x.3", LegIsCreated), leg("n1-x.3", LegIsRinging),
		complete(CanCompleteTransfer),
	)
	require.Nil(t, s.state.Call.Transfer)
	require.NotContains(t, s.effects(), "CreateLeg")
	s.in(gone("n1-x.3", causeBusy))
	require.Equal(t, 2, s.state.Call.talking(), "who does not come is not missed")
}

// TestEarlyMediaLeavesWithItsLeg takes who is heard while ringing out of the bridge of the call that is over.
func TestEarlyMediaLeavesWithItsLeg(t *testing.T) {
	t.Parallel()
	s := consulting(t).in(leg("n1-x.2", LegIsHeard), complete(CanCompleteTransfer))
	require.Contains(t, s.lines, "LeaveLegs {Bridge:{Server:pbx1 ID:n1-x.b1} Channels:[{Server:pbx1 ID:n1-x.2}]}")
}
