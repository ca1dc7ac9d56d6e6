package cti

import (
	"encoding/json"
	"fmt"
	"time"

	"sidecar/agent"
	"sidecar/bridge"
)

// Event is what a client of the feed is told: what happened, and the whole of the call or DN after it.
//
// Its JSON is the data of /user/agent/events and /call/state. Seq, Cursor and the attribute
// EventSequenceNumber are the feed's to set.
type Event struct {
	Name        string      `json:"event"`
	MessageType string      `json:"messageType"`
	MessageID   MessageID   `json:"messageId,omitempty"`
	ID          string      `json:"eventId"`
	Cursor      Cursor      `json:"cursor"`
	Seq         uint64      `json:"seq"`
	Time        Time        `json:"timestamp"`
	Snapshot    bool        `json:"snapshot,omitempty"`
	DN          bridge.DN   `json:"dn,omitempty"`      // whom it is addressed to; none for a call as a whole
	AgentID     string      `json:"agentId,omitempty"` // who works at the DN, when known
	Call        *Call       `json:"call,omitempty"`
	DNState     *DNState    `json:"dnState,omitempty"`
	Agent       *AgentState `json:"agent,omitempty"`
	Attributes  Attributes  `json:"attributes"`

	Topic    Topic       `json:"-"`
	Audience []bridge.DN `json:"-"` // whoever may see one of these DNs may see the event
	Node     string      `json:"-"` // the sidecar that it comes from
}

// CallState is the state of a call, or of a DN in it, as clients know it.
type CallState string

// The states.
const (
	StateDialing     CallState = "Dialing"
	StateRinging     CallState = "Ringing"
	StateEstablished CallState = "Established"
	StateHeld        CallState = "Held"
	StateReleased    CallState = "Released"
)

// Direction says where a call came from, seen from the DN; for a call as a whole, seen from the switch.
type Direction string

// The directions.
const (
	DirectionIn       Direction = "in"
	DirectionOut      Direction = "out"
	DirectionInternal Direction = "internal" // only for a call as a whole
)

// Call is a call as clients see it: from one DN, or as a whole.
type Call struct {
	ID           bridge.CallID         `json:"id"`
	ConnID       bridge.ConnID         `json:"connId"`
	ParentConnID bridge.ConnID         `json:"parentConnId,omitzero"` // of a consult call: the call that it is a consultation for
	Type         bridge.CallType       `json:"callType"`
	State        CallState             `json:"state"`
	Direction    Direction             `json:"direction"`
	ANI          string                `json:"ani"`
	DNIS         string                `json:"dnis"`
	OtherDN      string                `json:"otherDn,omitempty"`
	Participants []Participant         `json:"participants"`             // for a DN the others, for a call everybody
	Capabilities []bridge.Capability   `json:"capabilities,omitzero"`    // what the DN may do now
	Recording    bridge.RecordingState `json:"recordingState,omitempty"` // left out of a call that was never recorded
	UserData     bridge.UserDataObject `json:"userData"`
	StartedAt    Time                  `json:"startedAt,omitzero"`
	Duration     int                   `json:"duration"` // seconds since StartedAt
}

// Participant is a party that is in the call.
type Participant struct {
	Number string      `json:"number"`
	Role   bridge.Role `json:"role"`
	State  CallState   `json:"state,omitempty"` // only for a call as a whole

	// Of a supervisor: how he takes part, and whom he supervises.
	MonitorMode bridge.MonitorMode `json:"monitorMode,omitempty"`
	MonitoredDN bridge.DN          `json:"monitoredDn,omitempty"`
}

// Extensions are those of the attributes that T-Library carries apart.
type Extensions struct {
	MonitorMode  bridge.MonitorMode  `json:"MonitorMode,omitempty"`
	MonitorScope bridge.MonitorScope `json:"MonitorScope,omitempty"`
	MonitoredDN  bridge.DN           `json:"MonitoredDN,omitempty"`
}

// DNState is a DN's own state.
type DNState struct {
	Number    string         `json:"number"`
	InService bool           `json:"inService"`
	Since     Time           `json:"since,omitzero"`
	Calls     int            `json:"calls"`
	DND       bool           `json:"dnd"`
	ForwardTo string         `json:"forwardTo,omitempty"`
	Reserved  bool           `json:"reserved,omitempty"` // a call is offered to the agent
	Activity  agent.Activity `json:"activity,omitempty"`
}

// Attributes are an event's attributes under the names of T-Library. Those that do not apply are left out.
type Attributes struct {
	ConnID              bridge.ConnID    `json:"ConnID,omitzero"`
	PreviousConnID      bridge.ConnID    `json:"PreviousConnID,omitzero"`
	CallUUID            bridge.CallID    `json:"CallUUID,omitempty"`
	CallType            bridge.CallType  `json:"CallType,omitempty"`
	CallState           bridge.CallState `json:"CallState,omitempty"`
	ThisDN              string           `json:"ThisDN,omitempty"`
	ThisDNRole          bridge.Role      `json:"ThisDNRole,omitempty"`
	OtherDN             string           `json:"OtherDN,omitempty"`
	OtherDNRole         bridge.Role      `json:"OtherDNRole,omitempty"`
	ThirdPartyDN        string           `json:"ThirdPartyDN,omitempty"`
	ThirdPartyDNRole    bridge.Role      `json:"ThirdPartyDNRole,omitempty"`
	ANI                 string           `json:"ANI,omitempty"`
	DNIS                string           `json:"DNIS,omitempty"`
	AgentID             string           `json:"AgentID,omitempty"`
	AgentWorkMode       agent.WorkMode   `json:"AgentWorkMode,omitempty"`
	Reasons             Reasons          `json:"Reasons,omitzero"`
	Cause               int              `json:"Cause,omitempty"` // Q.850
	DTMFDigits          string           `json:"DTMFDigits,omitempty"`
	MonitorNextCallType string           `json:"MonitorNextCallType,omitempty"` // OneCall, AllCalls
	Extensions          *Extensions      `json:"Extensions,omitempty"`
	ErrorMessage        string           `json:"ErrorMessage,omitempty"`
	ReferenceID         bridge.OpID      `json:"ReferenceID,omitempty"`
	EventSequenceNumber uint64           `json:"EventSequenceNumber"`
	Time                TimeStamp        `json:"time"`
}

// Roles that T-Library gives a party because of what it has done, not of how it came into the call.
const (
	RoleTransferredBy bridge.Role = "RoleTransferredBy"
	RoleConferencedBy bridge.Role = "RoleConferencedBy"
	RoleDeletedBy     bridge.Role = "RoleDeletedBy"
	RoleDeletedParty  bridge.Role = "RoleDeletedParty"
)

// TimeStamp is T-Library's time attribute.
type TimeStamp struct {
	Seconds      int64 `json:"tv_sec"`
	Microseconds int   `json:"tv_usec"`
}

const timeLayout = "2006-01-02T15:04:05.000Z"

// Time is written in UTC with milliseconds, always of one length, so that its text sorts.
type Time struct{ time.Time }

// MarshalJSON writes 2026-11-20T21:00:00.123Z.
func (t Time) MarshalJSON() ([]byte, error) {
	text := make([]byte, 0, len(timeLayout)+2)
	text = append(text, '"')
	text = t.UTC().AppendFormat(text, timeLayout)
	return append(text, '"'), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *Time) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return fmt.Errorf("timestamp: %w", err)
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return fmt.Errorf("timestamp: %w", err)
	}
	t.Time = at
	return nil
}
