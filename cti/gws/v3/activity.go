package v3

import (
	"maps"
	"slices"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/gws"
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
		d.view = gws.ViewOf(e)
		return v, false
	}
	if e.Call == nil || e.Attributes.ThisDNRole == bridge.RoleObserver { // to supervise is no work of an agent
		return v, false
	}
	d.call(e)
	now := agent.Foremost(slices.Collect(maps.Values(d.calls)))
	if d.view.Number == "" || e.Snapshot || now == d.view.Activity { // a snapshot's DN knows of the calls that follow it
		return v, false
	}
	d.view.Activity, d.view.Calls = now, len(d.calls)
	return d.view, true
}

func (d *doing) call(e *cti.Event) {
	c := e.Call
	delete(d.calls, gws.FormerConnID(e))
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
		d.calls[c.ConnID] = agent.Handling(agent.CallKind(c.Type))
	}
}
