package ariswitch

import (
	"strings"

	"sidecar/ari"
	"sidecar/bridge"
)

// Contexts from which the dialplan sends channels to us, as first argument of Stasis.
const (
	fromTrunk  = "from-trunk"  // Stasis(app,from-trunk,NUMBER,TRUNK)
	fromAgents = "from-agents" // Stasis(app,from-agents,NUMBER,LEG); the dialplan takes LEG from phones of our gateway only
	ourLeg     = "leg"         // what we create ourselves
)

// callIDVariable carries the CallUUID that came with a trunk's call.
const callIDVariable = "SIDECAR_CALLUUID"

// arrival reads how a channel came to us. It reports false for one that we made.
func arrival(server bridge.ServerID, ch ari.ChannelData, args []string) (bridge.Arrival, bool) {
	in := bridge.Arrival{
		Channel: bridge.ChannelID{Server: server, ID: string(ch.ID)},
		Up:      ch.State == ari.ChannelStateUp,
		Number:  ch.Caller.Number, Name: ch.Caller.Name,
		CallID: bridge.CallID(ch.ChannelVars[callIDVariable]), UserData: userData(ch.ChannelVars),
	}
	if len(args) < 2 {
		return in, false
	}
	in.Called = args[1]
	switch args[0] {
	case fromTrunk:
		in.Trunk = endpointOf(ch.Name)
		return in, true
	case fromAgents:
		in.From = bridge.DN(endpointOf(ch.Name))
		in.Number, in.Name = string(in.From), "" // who calls is who registered, not what the phone writes
		if len(args) > 2 {
			in.Leg = args[2]
		}
		return in, true
	default:
		return in, false
	}
}

// endpointOf takes the endpoint out of a channel's name, PJSIP/5001-0000002a.
func endpointOf(name string) string {
	name = strings.TrimPrefix(name, "PJSIP/")
	if i := strings.LastIndexByte(name, '-'); i >= 0 {
		name = name[:i]
	}
	return name
}

// snapshot turns what Asterisk lists into what the engine compares.
func snapshot(app string, s ari.Snapshot) bridge.Snapshot {
	server := bridge.ServerID(s.Server)
	out := bridge.Snapshot{Server: server, Channels: map[string]bridge.ChannelFact{}, Bridges: map[string][]string{}}
	for _, ch := range s.Channels {
		fact := bridge.ChannelFact{State: change(ch.State), Called: reached(ch.ChannelVars[partyVariable])}
		if in, ok := listed(server, app, ch); ok {
			fact.Arrived = &in
		}
		out.Channels[string(ch.ID)] = fact
	}
	for _, br := range s.Bridges {
		list := make([]string, 0, len(br.Channels))
		for _, id := range br.Channels {
			list = append(list, string(id))
		}
		out.Bridges[string(br.ID)] = list
	}
	return out
}

// listed reads the arrival of a channel that is in our application from the dialplan application it is in.
func listed(server bridge.ServerID, app string, ch ari.ChannelData) (bridge.Arrival, bool) {
	if ch.Dialplan.AppName != "Stasis" {
		return bridge.Arrival{}, false
	}
	args := strings.Split(ch.Dialplan.AppData, ",")
	if args[0] != app {
		return bridge.Arrival{}, false
	}
	return arrival(server, ch, args[1:])
}

// change is what a channel's state says of a leg.
func change(state ari.ChannelState) bridge.LegChange {
	if state == ari.ChannelStateUp {
		return bridge.LegIsUp
	}
	if state == ari.ChannelStateRinging {
		return bridge.LegIsRinging
	}
	return bridge.LegIsCreated // Down, Ring and what comes before them
}
