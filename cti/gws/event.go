package gws

import (
	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/cti"
)

// FormerConnID is what the call of an event was known by so far, if it has a new ConnID; zero if not. T-Library names the parent of a
// consult call by the same attribute, in every event: who took that for the former id would lose the parent.
func FormerConnID(e *cti.Event) bridge.ConnID {
	former := e.Attributes.PreviousConnID
	if former == e.Call.ConnID || former == e.Call.ParentConnID {
		return 0
	}
	return former
}

// ViewOf is the DN of an event as it was when that happened.
func ViewOf(e *cti.Event) agent.View {
	v := agent.View{Number: string(e.DN), Agent: agent.Status{State: agent.LoggedOut}}
	if s := e.DNState; s != nil {
		v.Number, v.InService, v.Calls, v.DND, v.Forward, v.Activity = s.Number, s.InService, s.Calls, s.DND, s.ForwardTo, s.Activity
	}
	if s := e.Agent; s != nil {
		v.Agent = agent.Status{State: s.State, AgentID: s.ID, Mode: s.WorkMode, Reason: s.Reason, Since: s.Since.Time}
	}
	return v
}
