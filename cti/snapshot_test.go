package cti_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/cti"
)

func everybody(bridge.DN) bool { return true }

func only(dn bridge.DN) func(bridge.DN) bool { return func(x bridge.DN) bool { return x == dn } }

// busyStand has 5001 in a call that is being transferred to 5002, 5003 about to ring, and a call that has ended.
func busyStand() stand {
	const dest = bridge.RoleDestination
	first := inbound(bridge.PartyEstablished, outside(),
		dnParty(2, "5001", dest, bridge.PartyReleased), dnParty(3, "5002", dest, bridge.PartyHeld))
	second := inbound(bridge.PartyAlerting, outside(), dnParty(2, "5003", dest, bridge.PartyAlerting))
	second.ID, second.ConnID = "00T2B0FGGOB3D0A3GBC80H5AES000002", 0x0171034d8b2c4009
	gone := inbound(bridge.PartyReleased, dnParty(2, "5002", dest, bridge.PartyReleased))
	gone.EndedAt = noon(time.Second)
	return stand{
		calls: []bridge.CallView{first, second, gone},
		dns: []agent.View{
			{Number: "5001"},
			{Number: "5002", InService: true, Since: noon(0), Calls: 1},
			{Number: "5003", InService: true, Since: noon(0), Calls: 1},
		},
	}
}

func lines(events []cti.Event) (out []string) {
	var l cti.Liner
	for _, e := range events {
		out = append(out, l.Line(e))
	}
	return out
}

func TestSnapshotOfTheDNs(t *testing.T) {
	t.Parallel()
	at := cti.Cursor{Epoch: "e", Seq: 7}
	events := cti.Snapshot(busyStand(), cti.TopicAgent, at, noon(time.Minute), everybody)
	require.Equal(t, []string{
		"5001: OutOfService snapshot",
		"5002: InService snapshot",
		"5002: Held snapshot(1) CallType=Inbound OtherDN=+49301234567",
		"5003: InService snapshot",
	}, lines(events))
	ids := map[string]bool{}
	for _, e := range events {
		require.True(t, e.Snapshot)
		require.Equal(t, at, e.Cursor)
		require.Equal(t, at.Seq, e.Seq)
		require.Equal(t, at.Seq, e.Attributes.EventSequenceNumber)
		require.False(t, ids[e.ID], "%s twice", e.ID)
		ids[e.ID] = true
	}
	require.Equal(t, cti.StateHeld, events[2].Call.State)
	require.Equal(t, 60, events[2].Call.Duration)
	raw, err := json.Marshal(events[0])
	require.NoError(t, err)
	require.Contains(t, string(raw), `"snapshot":true`)

	again := cti.Snapshot(busyStand(), cti.TopicAgent, at, noon(time.Hour), everybody)
	require.False(t, ids[again[0].ID], "a later snapshot of the same position is no repetition")
}

func TestSnapshotOfTheCalls(t *testing.T) {
	t.Parallel()
	at := cti.Cursor{Epoch: "e", Seq: 7}
	events := cti.Snapshot(busyStand(), cti.TopicCall, at, noon(0), everybody)
	require.Equal(t, []string{
		"call: Established snapshot(1) CallType=Inbound parties=+49301234567/Established,5002/Held",
	}, lines(events))
	require.Equal(t, []bridge.DN{"5002"}, events[0].Audience)
}

func TestSnapshotHoldsOnlyWhatMayBeSeen(t *testing.T) {
	t.Parallel()
	at := cti.Cursor{Epoch: "e", Seq: 7}
	require.Equal(t, []string{"5001: OutOfService snapshot"},
		lines(cti.Snapshot(busyStand(), cti.TopicAgent, at, noon(0), only("5001"))))
	require.Empty(t, cti.Snapshot(busyStand(), cti.TopicCall, at, noon(0), only("5001")), "5001 has left the call")
	require.Empty(t, cti.Snapshot(busyStand(), cti.TopicCall, at, noon(0), only("5003")), "5003 was not told yet")
	require.Len(t, cti.Snapshot(busyStand(), cti.TopicCall, at, noon(0), only("5002")), 1)
}

func TestSnapshotNamesTheEventOfEachState(t *testing.T) {
	t.Parallel()
	for state, want := range map[bridge.PartyState]string{
		bridge.PartyInitiated: "EventDialing", bridge.PartyDialing: "EventDialing", bridge.PartyRinging: "EventRinging",
		bridge.PartyEstablished: "EventEstablished", bridge.PartyHeld: "EventHeld",
	} {
		call := inbound(state, outside(), dnParty(2, "5001", bridge.RoleDestination, state))
		s := stand{calls: []bridge.CallView{call}, dns: []agent.View{{Number: "5001"}}}
		events := cti.Snapshot(s, cti.TopicAgent, cti.Cursor{}, noon(0), everybody)
		require.Len(t, events, 2, state)
		require.Equal(t, want, events[1].MessageType, state)
	}
}

func TestReset(t *testing.T) {
	t.Parallel()
	at := cti.Cursor{Epoch: "e", Seq: 7}
	e := cti.Reset(cti.TopicCall, at, noon(0))
	require.Equal(t, "call: Reset snapshot", cti.Line(e))
	require.Equal(t, at, e.Cursor)
	require.True(t, e.Snapshot)
}

// A supervisor is shown to those who may know of him, and is nobody's partner.
func TestSnapshotOfASupervisedCall(t *testing.T) {
	t.Parallel()
	agentParty, boss := dnParty(2, "5001", bridge.RoleDestination, bridge.PartyEstablished), dnParty(3, "5009", bridge.RoleObserver, bridge.PartyEstablished)
	boss.Observes = &bridge.Observes{Target: "5001", Mode: bridge.MonitorCoach, Scope: bridge.ScopeCall, VisibleTo: []bridge.DN{"5009"}}
	from := stand{
		calls: []bridge.CallView{inbound(bridge.PartyEstablished, outside(), agentParty, boss)},
		dns:   []agent.View{{Number: "5001"}, {Number: "5009"}},
	}
	lines := map[bridge.DN]cti.Event{}
	for _, e := range cti.Snapshot(from, cti.TopicAgent, cti.Cursor{}, noon(0), func(bridge.DN) bool { return true }) {
		if e.Call != nil {
			lines[e.DN] = e
		}
	}
	require.Equal(t, customer, lines["5001"].Call.OtherDN)
	require.Len(t, lines["5001"].Call.Participants, 1, "the agent sees nobody else")
	require.Equal(t, customer, lines["5009"].Call.OtherDN)
	require.Equal(t, bridge.CallStateBridged, lines["5009"].Attributes.CallState)
	for dn, others := range map[bridge.DN]int{"5001": 2, "5009": 3} {
		whole := cti.Snapshot(from, cti.TopicCall, cti.Cursor{}, noon(0), func(seen bridge.DN) bool { return seen == dn })
		require.Len(t, whole, 1)
		require.Len(t, whole[0].Call.Participants, others)
	}
}
