package cti_test

import (
	"time"

	"sidecar/bridge"
)

// supervisionCases is 5009 supervising 5001 in the call with the customer.
func supervisionCases() []callCase {
	agent, caller := dnParty(2, "5001", bridge.RoleDestination, bridge.PartyEstablished), outside()
	boss := func(state bridge.PartyState) bridge.PartyView {
		p := dnParty(3, "5009", bridge.RoleObserver, state)
		p.Capabilities = []bridge.Capability{bridge.CanRelease, bridge.CanSwitchToCoaching, bridge.CanSwitchToBargeIn}
		p.Observes = &bridge.Observes{Monitor: "n1-m-1", Target: "5001", Mode: bridge.MonitorMute, Scope: bridge.ScopeCall}
		return p
	}
	at := func(n int, kind bridge.EventKind, this, other, observer bridge.PartyView) bridge.Event {
		e := happened(n, kind, inbound(bridge.PartyEstablished, caller, agent, observer), this, other)
		e.CallState = bridge.CallStateBridged
		return e
	}
	ringing, hears := boss(bridge.PartyRinging), boss(bridge.PartyEstablished)
	coaches, left := boss(bridge.PartyEstablished), boss(bridge.PartyReleased)
	coaching := *coaches.Observes
	coaching.Mode, coaches.Observes = bridge.MonitorCoach, &coaching
	mode := at(6, bridge.EventPrivateInfo, agent, coaches, coaches)
	mode.Mode = bridge.MonitorCoach
	next := bridge.Event{
		ID: "n1-m-1-1", N: 1, Time: noon(0), Kind: bridge.EventMonitoringNextCall, CallState: bridge.CallStateOK,
		This: bridge.PartyView{DN: "5009", Number: "5009", Role: bridge.RoleObserver}, Other: bridge.PartyView{DN: "5001", Number: "5001"},
		Mode: bridge.MonitorMute, Next: bridge.MonitorAll, Audience: []bridge.DN{"5009"},
	}
	cancelled := next
	cancelled.ID, cancelled.N, cancelled.Time, cancelled.Kind = "n1-m-1-2", 2, noon(time.Hour), bridge.EventMonitoringCancelled
	return []callCase{
		{"MonitoringNextCall", next},
		{"Ringing-Observer", at(3, bridge.EventRinging, ringing, caller, ringing)},
		{"PartyAdded-Observer", at(4, bridge.EventPartyAdded, agent, hears, hears)},
		{"Established-Observer", at(5, bridge.EventEstablished, hears, caller, hears)},
		{"PrivateInfo", mode},
		{"PartyDeleted-Observer", at(7, bridge.EventPartyDeleted, agent, left, left)},
		{"MonitoringCancelled", cancelled},
	}
}
