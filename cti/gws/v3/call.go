package v3

import (
	"slices"
	"strings"

	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/gws"
)

// Call is a call as the desktop of one DN sees it.
type Call struct {
	Type           string              `json:"type"`
	ID             string              `json:"id"` // the ConnID
	ConnID         string              `json:"connId"`
	CallUUID       bridge.CallID       `json:"callUuid"`
	PreviousConnID string              `json:"previousConnId,omitempty"` // the ConnID has changed: the call was known by this one
	ParentConnID   string              `json:"parentConnId,omitempty"`   // of a consultation
	PhoneNumber    string              `json:"phoneNumber"`              // of the desktop
	CallType       bridge.CallType     `json:"callType"`
	State          string              `json:"state"`
	Capabilities   []bridge.Capability `json:"capabilities"`
	Participants   []Participant       `json:"participants"` // the others
	ANI            string              `json:"ani"`
	DNIS           string              `json:"dnis"`
	RecordingState string              `json:"recordingState,omitempty"` // missing if it was never recorded
	UserData       Pairs               `json:"userData"`
	Extensions     Pairs               `json:"extensions"`
	Duration       int                 `json:"duration"` // seconds
	StartedAt      cti.Time            `json:"startedAt,omitzero"`

	SupervisorListeningIn     bool            `json:"supervisorListeningIn,omitempty"`
	SupervisorMonitoringState string          `json:"supervisorMonitoringState,omitempty"` // mute, coach or connect
	SupervisorBargedIn        bool            `json:"supervisorBargedIn,omitempty"`
	IsMonitoredByMe           bool            `json:"isMonitoredByMe,omitempty"`
	MonitoringInfo            *MonitoringInfo `json:"monitoringInfo,omitempty"`
}

// Participant is somebody else in the call.
type Participant struct {
	Number string      `json:"number"`
	Role   bridge.Role `json:"role"`
}

// MonitoringInfo is what a supervisor does in the call that it is part of.
type MonitoringInfo struct {
	MonitoredDN  string `json:"monitoredDN,omitempty"`
	MonitorMode  string `json:"monitorMode"`
	MonitorScope string `json:"monitorScope"`
}

// capAccept is what desktops look for in a call that a supervisor is offered: to answer it, by another name.
const capAccept bridge.Capability = "accept"

// stateCompleted is a released call that its desktop has put away.
const stateCompleted = "Completed"

// callOf is the call of an event that is addressed to a DN.
func callOf(e *cti.Event) Call {
	c, a := e.Call, &e.Attributes
	call := Call{
		Type: "Call", ID: c.ConnID.String(), ConnID: c.ConnID.String(), CallUUID: c.ID, PhoneNumber: a.ThisDN, CallType: c.Type,
		State: string(c.State), Capabilities: capabilities(c), ANI: c.ANI, DNIS: c.DNIS, RecordingState: string(c.Recording),
		UserData: Pairs{bridge.UserData(c.UserData)}, Duration: c.Duration, StartedAt: c.StartedAt, Participants: make([]Participant, 0, len(c.Participants)),
	}
	if call.PhoneNumber == "" {
		call.PhoneNumber = string(e.DN)
	}
	if c.ParentConnID != 0 {
		call.ParentConnID = c.ParentConnID.String()
	}
	if former := gws.FormerConnID(e); former != 0 {
		call.PreviousConnID = former.String()
	}
	for _, p := range c.Participants {
		call.Participants = append(call.Participants, Participant{Number: p.Number, Role: p.Role})
		if p.MonitorMode != "" && string(p.MonitoredDN) == call.PhoneNumber {
			call.SupervisorListeningIn, call.SupervisorMonitoringState = true, string(p.MonitorMode)
			call.SupervisorBargedIn = p.MonitorMode == bridge.MonitorConnect
		}
	}
	call.supervise(a)
	return call
}

// supervise adds what only the supervisor's own copy of a call has.
func (c *Call) supervise(a *cti.Attributes) {
	if a.ThisDNRole != bridge.RoleObserver || a.Extensions == nil {
		return
	}
	x := a.Extensions
	c.IsMonitoredByMe = true
	if c.State == string(cti.StateRinging) && slices.Contains(c.Capabilities, bridge.CanAnswer) {
		c.Capabilities = append(c.Capabilities, capAccept)
	}
	c.SupervisorMonitoringState = string(x.MonitorMode)
	c.MonitoringInfo = &MonitoringInfo{MonitoredDN: string(x.MonitoredDN), MonitorMode: monitorMode(x.MonitorMode), MonitorScope: monitorScope(x.MonitorScope)}
	c.Extensions = pairsOf("MonitorMode", string(x.MonitorMode), "MonitorScope", string(x.MonitorScope))
}

// capabilities are those of the engine that the API has a name for. Who has left a call can put it away, and nothing else.
func capabilities(c *cti.Call) []bridge.Capability {
	if c.State == cti.StateReleased {
		return []bridge.Capability{bridge.CanComplete}
	}
	list := make([]bridge.Capability, 0, len(c.Capabilities))
	for _, can := range c.Capabilities {
		if can != bridge.CanMuteOn && can != bridge.CanMuteOff {
			list = append(list, can)
		}
	}
	return list
}

// monitorMode is the API's name: Mute, Coach, Connect.
func monitorMode(m bridge.MonitorMode) string { return capital(string(m)) }

// monitorScope is the API's name: Call, Agent.
func monitorScope(s bridge.MonitorScope) string { return capital(string(s)) }

func capital(name string) string {
	if name == "" {
		return ""
	}
	return strings.ToUpper(name[:1]) + name[1:]
}
