package cti

import (
	"sidecar/agent"
	"sidecar/bridge"
)

// AgentState is the agent who works at a DN.
type AgentState struct {
	ID         string         `json:"id"`
	State      agent.State    `json:"state"`
	WorkMode   agent.WorkMode `json:"workMode,omitempty"`
	Reason     string         `json:"reason,omitempty"`
	Since      Time           `json:"since,omitzero"` // of the state
	Until      Time           `json:"until,omitzero"` // when after-call work ends by itself
	ReadySince Time           `json:"readySince,omitzero"`
}

// Reasons is T-Library's attribute of that name, of which we have one entry.
type Reasons struct {
	ReasonCode string `json:"ReasonCode"`
}

// EncodeDN says what happened to a DN, or to the agent there, in T-Library's words.
func EncodeDN(e agent.Event) Event {
	kind := kindOfDN(e.Kind)
	out := Event{
		Name: kind.Name, MessageType: kind.MessageType, MessageID: kind.MessageID, Topic: kind.Topic,
		ID: e.ID, Time: Time{e.Time},
	}
	out.aboutDN(&e.DN, e.AgentID)
	out.Attributes.Time = stamp(e.Time)
	// Two attributes are their event's own.
	if e.Kind == agent.ForwardSet {
		out.Attributes.OtherDN = e.DN.Forward
	}
	if e.Kind == agent.Login {
		out.Attributes.AgentWorkMode = e.DN.Agent.Login
	}
	return out
}

// aboutDN fills in the DN and its agent, who has left already when the event is the logout.
func (e *Event) aboutDN(v *agent.View, agentID string) {
	e.DN, e.Audience = bridge.DN(v.Number), []bridge.DN{bridge.DN(v.Number)}
	e.DNState = dnState(v)
	e.Attributes.ThisDN = v.Number
	if agentID == "" {
		return
	}
	e.AgentID, e.Agent = agentID, agentState(v, agentID)
	e.Attributes.AgentID, e.Attributes.AgentWorkMode = agentID, v.Agent.Mode
	e.Attributes.Reasons.ReasonCode = v.Agent.Reason
}

func agentState(v *agent.View, agentID string) *AgentState {
	s := &v.Agent
	return &AgentState{
		ID: agentID, State: s.State, WorkMode: s.Mode, Reason: s.Reason, Since: Time{s.Since}, Until: Time{s.Until},
		ReadySince: Time{v.ReadySince},
	}
}

func dnState(v *agent.View) *DNState {
	return &DNState{
		Number: v.Number, InService: v.InService, Since: Time{v.Since}, Calls: v.Calls,
		DND: v.DND, ForwardTo: v.Forward, Reserved: v.Reserved, Activity: v.Activity,
	}
}

// stateKind is the event by which an agent came to a state.
func stateKind(s agent.State) (kind agent.EventKind, ok bool) {
	switch s {
	case agent.Ready:
		return agent.BecameReady, true
	case agent.NotReady:
		return agent.BecameNotReady, true
	case agent.AfterCallWork:
		return agent.BecameAfterCallWork, true
	case agent.LoggedOut:
		return "", false
	}
	return "", false
}

type dnKind struct {
	Kind

	of agent.EventKind
}

func ofDN(of agent.EventKind, messageType string, id MessageID, meaning string) dnKind {
	return dnKind{of: of, Kind: Kind{string(of), messageType, id, TopicAgent, meaning}}
}

func kindOfDN(name agent.EventKind) Kind {
	rows := dnKinds()
	for i := range rows {
		if rows[i].of == name {
			return rows[i].Kind
		}
	}
	return Kind{Name: string(name), MessageType: "Event" + string(name), Topic: TopicAgent}
}

func dnKinds() [12]dnKind {
	return [...]dnKind{
		ofDN(agent.InService, "EventDNBackInService", 148, "the DN's phone is registered, it can be called"),
		ofDN(agent.OutOfService, "EventDNOutOfService", 147, "the DN's phone is no longer registered"),
		ofDN(agent.Login, "EventAgentLogin", 73, "an agent works at the DN from now on; the state follows"),
		ofDN(agent.Logout, "EventAgentLogout", 74, "the agent has left the DN; a reason says if somebody or something else did it"),
		ofDN(agent.BecameReady, "EventAgentReady", 75, "the agent takes calls"),
		ofDN(agent.BecameNotReady, "EventAgentNotReady", 76, "the agent takes no calls; AgentWorkMode and Reasons say why"),
		ofDN(agent.BecameAfterCallWork, "EventAgentAfterCallWork", 118, "the agent is busy with what a call has left; `agent.until` is its end, unless the agent ends it"),
		ofDN(agent.Reserved, "EventAgentReserved", 128, "a call is offered to the agent"),
		ofDN(agent.DNDOn, "EventDNDOn", 77, "the DN is not to be disturbed: calls to it find it busy"),
		ofDN(agent.DNDOff, "EventDNDOff", 78, "the DN may be called again"),
		ofDN(agent.ForwardSet, "EventForwardSet", 88, "calls to the DN go to OtherDN"),
		ofDN(agent.ForwardCanceled, "EventForwardCancel", 89, "calls to the DN come to the DN again"),
	}
}
