package main

import (
	"context"

	"sidecar/agent"
	"sidecar/ari"
	"sidecar/bridge"
	"sidecar/bridge/ariswitch"
	"sidecar/config"
	"sidecar/cti"
)

// buildAgents makes the registry of DNs with the agents as the last run left them. The clients must be there.
func (d *daemon) buildAgents(ctx context.Context, dns []config.DN) error {
	records, err := d.db.Agents(ctx)
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(dns))
	for _, dn := range dns {
		known[dn.Number] = true
	}
	var old []string // DNs of an earlier configuration: their lamps go out
	for _, r := range records {
		if !known[r.DN] {
			old = append(old, deviceName(r.DN))
		}
	}
	d.lamps = lamps{ariswitch.NewDevices(d.clients, old, d.log)}
	d.keeper = newAgentKeeper(d.db, d.feed, d.log)
	d.dns = agent.NewRegistry(d.cfg.Node, agent.Fanout{d.live, d.keeper, d.lamps, d.queues})
	d.dns.SetPolicy(agentPolicy(d.cfg.Agents))
	for _, dn := range dns {
		d.dns.Add(dn.Number, dn.MaxCalls)
	}
	d.dns.Restore(records)
	for _, v := range d.dns.All() {
		d.lamps.show(v)
		d.keeper.put(v)
	}
	return nil
}

// runAgents starts what keeps the agents; it ends with ctx.
func (d *daemon) runAgents(ctx context.Context) {
	d.wg.Go(func() { d.keeper.run(ctx) })
	d.wg.Go(func() { d.lamps.Run(ctx) })
	d.wg.Go(func() { d.dns.Watch(ctx, d.desktop) })
}

func agentPolicy(c config.Agents) agent.Policy {
	p := agent.Policy{WrapUp: c.WrapUp, Reason: c.NoAnswerReason, Absence: c.AbsenceLogout, Reasons: c.Reasons}
	switch c.NoAnswer {
	case config.NoAnswerNotReady:
		p.NoAnswer = agent.NotReady
	case config.NoAnswerLoggedOut:
		p.NoAnswer = agent.LoggedOut
	}
	kinds := map[string]agent.CallKind{
		config.CallInbound: agent.Inbound, config.CallInternal: agent.Internal,
		config.CallOutbound: agent.Outbound, config.CallConsult: agent.Consult,
	}
	for _, name := range c.WrapUpAfter {
		p.WrapUpKinds = append(p.WrapUpKinds, kinds[name])
	}
	return p
}

// lamps shows each DN as a device state at every Asterisk.
type lamps struct{ *ariswitch.Devices }

// PublishDN implements agent.Sink.
func (l lamps) PublishDN(e agent.Event) { l.show(e.DN) }

func (l lamps) show(v agent.View) { l.Set(deviceName(v.Number), deviceState(v)) }

func deviceName(dn string) string { return "dn-" + dn }

// deviceState puts a call before all else, since a lamp is looked at to see whether somebody talks.
func deviceState(v agent.View) ari.DeviceStateValue {
	switch v.Activity {
	case agent.ReceivingCall:
		return ari.DeviceStateValueRinging
	case agent.InitiatingCall, agent.HandlingInboundCall, agent.HandlingInternalCall, agent.HandlingOutboundCall, agent.HandlingConsultCall:
		return ari.DeviceStateValueInuse
	case agent.CallOnHold:
		return ari.DeviceStateValueOnhold
	case agent.Idle:
	}
	switch {
	case !v.InService:
		return ari.DeviceStateValueUnavailable
	case v.DND, v.Agent.State == agent.NotReady, v.Agent.State == agent.AfterCallWork:
		return ari.DeviceStateValueBusy
	}
	return ari.DeviceStateValueNotInuse
}

// recovering lets the lamps of a server follow when the engine has compared its view with it.
type recovering struct {
	ariswitch.Engine

	lamps lamps
}

// Recovered implements ariswitch.Engine.
func (r recovering) Recovered(snap bridge.Snapshot) {
	r.Engine.Recovered(snap)
	r.lamps.Recovered(snap.Server)
}

// feedPort lets the engine publish to the feed, and the registry see what its DNs do. The feed comes first: what follows
// from a call is told after it.
type feedPort struct {
	*cti.Feed

	dns *agent.Registry
}

// Publish implements bridge.Feed.
func (p feedPort) Publish(e bridge.Event) {
	p.PublishCall(e)
	dn, id := string(e.This.DN), string(e.Call.Interaction)
	switch {
	case dn == "", e.This.Role == bridge.RoleObserver: // to supervise is no work of an agent
	case e.Kind == bridge.EventEstablished, e.Kind == bridge.EventRetrieved:
		p.dns.Answered(dn, id, agent.CallKind(e.Call.Type))
	case e.Kind == bridge.EventHeld:
		p.dns.Held(dn, id)
	case e.Kind == bridge.EventPartyChanged && (e.This.State == bridge.PartyEstablished || e.This.State == bridge.PartyHeld):
		p.dns.Occupy(dn, id) // it may come from another interaction, which the engine's own Occupy follows
		p.dns.Answered(dn, id, agent.CallKind(e.Call.Type))
		if e.This.State == bridge.PartyHeld {
			p.dns.Held(dn, id)
		}
	case e.Kind == bridge.EventReleased && e.CallState == bridge.CallStateNoAnswer:
		p.dns.Unanswered(dn, id)
	}
}

// Republish implements bridge.Feed. The registry is told of the calls that live (takeUpCalls), and nothing of the others: nobody
// would free what their events occupy.
func (p feedPort) Republish(e bridge.Event) { p.RepublishCall(e) }

// takeUpCalls tells the registry of the calls that were restored, which has only counted them so far.
func takeUpCalls(calls []bridge.CallView, dns *agent.Registry) {
	for i := range calls {
		c := &calls[i]
		for _, p := range c.Parties {
			if p.DN == "" || p.Role == bridge.RoleObserver {
				continue
			}
			dn, id := string(p.DN), string(c.Interaction)
			switch p.State {
			case bridge.PartyAlerting, bridge.PartyRinging:
				dns.Offered(dn, id)
			case bridge.PartyEstablished:
				dns.Answered(dn, id, agent.CallKind(c.Type))
			case bridge.PartyHeld:
				dns.Answered(dn, id, agent.CallKind(c.Type))
				dns.Held(dn, id)
			case bridge.PartyInitiated, bridge.PartyDialing, bridge.PartyReleased:
			}
		}
	}
}

// agentDoor takes the commands of agents from outside: a forward must lead somewhere, and what is answered is stored.
type agentDoor struct {
	*agent.Registry

	plan   planPort
	stored func()
}

// Do implements api.Agents.
func (a agentDoor) Do(cmd agent.Command) (agent.View, error) {
	if cmd.Verb == agent.VerbSetForward && cmd.To != cmd.DN {
		if _, err := a.plan.Dial(bridge.DN(cmd.DN), "", cmd.To); err != nil {
			return agent.View{}, err
		}
	}
	v, err := a.Registry.Do(cmd)
	a.stored()
	return v, err //nolint:wrapcheck // it says what it is
}
