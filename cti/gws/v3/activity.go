package v3

import (
	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/cti"
)

// activities follow what the DNs of one subscription do in their calls. T-Library has no event for that: a desktop that is told only of
// the agent's changes would go on showing a DN that receives a call, and is not available, when the call has long been over.
//
// They are found from the events that the desktop is told, so that a DN is never ahead of its calls or behind them.
type activities map[bridge.DN]*doing

type doing struct {
	view  agent.View // as it was told last; without a number there was no event of the DN yet
	calls map[bridge.ConnID]agent.Activity
}

// take reads an event. It gives the DN, and true, when the event is a call's and the DN does something else by it than it was told to do.
func (a activities) take(e *cti.Event) (v agent.View, changed bool) {
	if e.Topic != cti.TopicAgent || e.DN == "" {
		return v, false
	}
	d := a[e.DN]
	if d == nil {
		d = &doing{calls: map[bridge.ConnID]agent.Activity{}}
		a[e.DN] = d
	}
	if e.DNState != nil || e.Agent != nil {
		d.view = viewOfEvent(e)
		return v, false
	}
	if e.Call == nil || e.Attributes.ThisDNRole == bridge.RoleObserver { // to supervise is no work of an agent
		return v, false
	}
	d.call(e)
	now := d.activity()
	if d.view.Number == "" || e.Snapshot || now == d.view.Activity { // a snapshot's DN knows of the calls that follow it
		return v, false
	}
	d.view.Activity, d.view.Calls = now, len(d.calls)
	return d.view, true
}

func (d *doing) call(e *cti.Event) {
	c := e.Call
	if known := e.Attributes.PreviousConnID; known != c.ParentConnID { // the call was known by it so far
		delete(d.calls, known)
	}
	switch c.State {
	case cti.StateReleased:
		delete(d.calls, c.ConnID)
	case cti.StateDialing:
		d.calls[c.ConnID] = agent.InitiatingCall
	case cti.StateRinging:
		d.calls[c.ConnID] = agent.ReceivingCall
	case cti.StateHeld:
		d.calls[c.ConnID] = agent.CallOnHold
	case cti.StateEstablished:
		d.calls[c.ConnID] = handling(c.Type)
	}
}

func handling(t bridge.CallType) agent.Activity {
	switch t {
	case bridge.CallInbound:
		return agent.HandlingInboundCall
	case bridge.CallOutbound:
		return agent.HandlingOutboundCall
	case bridge.CallConsult:
		return agent.HandlingConsultCall
	case bridge.CallInternal:
	}
	return agent.HandlingInternalCall
}

// activity is that of the call that asks most of the agent, in package agent's order: one that is talked in, before one that rings.
func (d *doing) activity() agent.Activity {
	for _, most := range [...]agent.Activity{
		agent.HandlingInboundCall, agent.HandlingOutboundCall, agent.HandlingConsultCall, agent.HandlingInternalCall,
		agent.ReceivingCall, agent.InitiatingCall, agent.CallOnHold,
	} {
		for _, is := range d.calls {
			if is == most {
				return most
			}
		}
	}
	return agent.Idle
}
