package bridge

import (
	"errors"
	"time"
)

// ErrMonitorNotFound is a supervision that has ended or never was.
var ErrMonitorNotFound = errors.New("no such supervision")

// MonitorID names a supervision.
type MonitorID string

// MonitorMode is what a supervisor's voice reaches.
type MonitorMode string

// The modes.
const (
	MonitorMute    MonitorMode = "mute"    // nobody: the supervisor listens
	MonitorCoach   MonitorMode = "coach"   // the agent only
	MonitorConnect MonitorMode = "connect" // everybody
)

// MonitorScope says whether supervision follows the agent or the call.
type MonitorScope string

// The scopes.
const (
	ScopeCall  MonitorScope = "call"
	ScopeAgent MonitorScope = "agent"
)

// MonitorNext says how many calls of the agent are supervised.
type MonitorNext string

// The numbers of calls.
const (
	MonitorOne MonitorNext = "one"
	MonitorAll MonitorNext = "all"
)

// MonitorState is where a supervision stands.
//
//	waiting ──> ringing ──> active ──> ended
//	   ^                      │
//	   └──────────────────────┘ (all calls)
type MonitorState string

// The states of a supervision.
const (
	MonitorWaiting MonitorState = "waiting" // for the next call of the target
	MonitorRinging MonitorState = "ringing" // the supervisor's phone rings
	MonitorActive  MonitorState = "active"
	MonitorEnded   MonitorState = "ended"
)

// Monitor supervises a DN or a call.
type Monitor struct {
	Supervisor       DN     // whose phone is called, or
	SupervisorNumber string // the number that is called
	Class            string // class of the dial rules for it; empty: that of Supervisor, or of Target
	Target           DN     // the agent, from the present or next call on
	Call             CallID // the call that goes on, and no other; without Target the first DN there
	Mode             MonitorMode
	Scope            MonitorScope
	Next             MonitorNext
	By               string // the user, for the audit
	Op               OpID
}

// MonitorView is a supervision as it stands.
type MonitorView struct {
	ID         MonitorID
	Supervisor string // DN or number
	Target     DN
	Mode       MonitorMode
	Scope      MonitorScope
	Next       MonitorNext
	Call       CallID // empty while it waits for one
	State      MonitorState
	By         string
	Since      time.Time
}
