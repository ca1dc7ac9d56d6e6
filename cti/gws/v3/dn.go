package v3

import (
	"time"

	"sidecar/agent"
	"sidecar/cti"
	"sidecar/cti/gws"
)

// DN is a DN with the agent who works there.
type DN struct {
	Number        string   `json:"number"`
	SwitchName    string   `json:"switchName"`
	AgentID       string   `json:"agentId,omitempty"`
	Capabilities  []string `json:"capabilities"`
	Available     bool     `json:"available"`  // a call would be offered now
	AgentState    string   `json:"agentState"` // LoggedOut, LoggedIn, Ready, NotReady
	AgentWorkMode string   `json:"agentWorkMode"`
	DND           bool     `json:"dnd"`
	ForwardTo     string   `json:"forwardTo,omitempty"`
	Reasons       Pairs    `json:"reasons"`
	Activity      string   `json:"activity"`
	Timestamp     int64    `json:"timestamp"` // milliseconds since 1970, of the agent's state
}

const (
	stateLoggedIn   = "LoggedIn"
	workModeUnknown = "Unknown"
	reasonCode      = "ReasonCode"
)

// dnOf is the DN as a desktop sees it; supervises adds what only supervisors can do.
func dnOf(v agent.View, switchName string, supervises bool) DN {
	d := DN{
		Number: v.Number, SwitchName: switchName, AgentID: v.Agent.AgentID, Capabilities: dnCapabilities(v, supervises),
		Available:  v.InService && !v.DND && v.Forward == "" && v.Agent.State == agent.Ready && v.Calls == 0,
		AgentState: agentState(v.Agent.State), AgentWorkMode: workMode(v.Agent), DND: v.DND, ForwardTo: v.Forward,
		Reasons: pairsOf(reasonCode, v.Agent.Reason), Activity: string(v.Activity), Timestamp: millis(v.Agent.Since),
	}
	if d.Activity == "" {
		d.Activity = string(agent.Idle)
	}
	return d
}

func dnOfEvent(e *cti.Event, switchName string, supervises bool) DN {
	d := dnOf(gws.ViewOf(e), switchName, supervises)
	if e.Name == string(agent.Login) { // the state follows in an event of its own
		d.AgentState, d.AgentWorkMode, d.Available = stateLoggedIn, workModeUnknown, false
	}
	if d.Timestamp == 0 {
		d.Timestamp = millis(e.Time.Time)
	}
	return d
}

// dnCapabilities are the agent's commands that the API has a path for.
func dnCapabilities(v agent.View, supervises bool) []string {
	list := []string{}
	for _, verb := range v.Verbs() {
		if verb != agent.VerbAfterCallWork { // not-ready with that work mode
			list = append(list, string(verb))
		}
	}
	if supervises {
		list = append(list, "start-monitoring", "stop-monitoring")
	}
	return list
}

// agentState folds after-call work into NotReady, as the API does: the work mode tells them apart.
func agentState(s agent.State) string {
	switch s {
	case agent.AfterCallWork:
		return string(agent.NotReady)
	case agent.Ready, agent.NotReady, agent.LoggedOut:
		return string(s)
	case "":
		return string(agent.LoggedOut)
	}
	return string(s)
}

func workMode(s agent.Status) string {
	if s.State == agent.AfterCallWork {
		return string(agent.ModeAfterCallWork)
	}
	if s.Mode == "" {
		return workModeUnknown
	}
	return string(s.Mode)
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
