package access

import (
	"context"

	"sidecar/agent"
	"sidecar/auth"
	"sidecar/bridge"
)

// Engine is what is commanded of the call engine.
type Engine interface {
	Calls() []bridge.CallView
	Call(id bridge.CallID) (bridge.CallView, bool)
	CallControl
	PhoneControl
	Transfers
	Conferences
	Attachments
	Recordings
	Supervision
}

// CallControl begins and ends calls, and says what is heard.
type CallControl interface {
	MakeCall(ctx context.Context, cmd bridge.MakeCall) (bridge.CallView, error)
	Hangup(ctx context.Context, cmd bridge.Hangup) (bridge.CallView, error)
	Release(ctx context.Context, cmd bridge.PartyCommand) (bridge.CallView, error)
	Complete(ctx context.Context, cmd bridge.PartyCommand) (bridge.CallView, error)
	SetMute(ctx context.Context, cmd bridge.SetMute) (bridge.CallView, error)
	SendDTMF(ctx context.Context, cmd bridge.SendDTMF) (bridge.CallView, error)
}

// PhoneControl is what a DN's phone can be told.
type PhoneControl interface {
	Answer(ctx context.Context, cmd bridge.PartyCommand) (bridge.CallView, error)
	Hold(ctx context.Context, cmd bridge.PartyCommand) (bridge.CallView, error)
	Retrieve(ctx context.Context, cmd bridge.PartyCommand) (bridge.CallView, error)
	Reject(ctx context.Context, cmd bridge.PartyCommand) (bridge.CallView, error)
}

// Transfers gives calls to others.
type Transfers interface {
	Redirect(ctx context.Context, cmd bridge.Redirect) (bridge.CallView, error)
	Transfer(ctx context.Context, cmd bridge.Transfer) (bridge.CallView, error)
	MuteTransfer(ctx context.Context, cmd bridge.MuteTransfer) (bridge.CallView, error)
	Consult(ctx context.Context, cmd bridge.Consult) (bridge.CallView, error)
	CompleteTransfer(ctx context.Context, cmd bridge.PartyCommand) (bridge.CallView, error)
	Alternate(ctx context.Context, cmd bridge.PartyCommand) (bridge.CallView, error)
	Reconnect(ctx context.Context, cmd bridge.PartyCommand) (bridge.CallView, error)
}

// Conferences brings parties together.
type Conferences interface {
	CompleteConference(ctx context.Context, cmd bridge.PartyCommand) (bridge.CallView, error)
	SingleStepConference(ctx context.Context, cmd bridge.SingleStepConference) (bridge.CallView, error)
	Merge(ctx context.Context, cmd bridge.Merge) (bridge.CallView, error)
	DropMember(ctx context.Context, cmd bridge.DropMember) (bridge.CallView, error)
}

// Attachments changes the user data of calls.
type Attachments interface {
	AttachData(ctx context.Context, cmd bridge.AttachData) (bridge.CallView, error)
	UpdateData(ctx context.Context, cmd bridge.UpdateData) (bridge.CallView, error)
	DeleteData(ctx context.Context, cmd bridge.DeleteData) (bridge.CallView, error)
}

// Recordings records calls.
type Recordings interface {
	StartRecording(ctx context.Context, cmd bridge.PartyCommand) (bridge.CallView, error)
	StopRecording(ctx context.Context, cmd bridge.PartyCommand) (bridge.CallView, error)
	PauseRecording(ctx context.Context, cmd bridge.PartyCommand) (bridge.CallView, error)
	ResumeRecording(ctx context.Context, cmd bridge.PartyCommand) (bridge.CallView, error)
}

// Supervision lets supervisors into calls.
type Supervision interface {
	Monitor(ctx context.Context, cmd bridge.Monitor) (bridge.MonitorView, error)
	SwitchMonitor(ctx context.Context, id bridge.MonitorID, mode bridge.MonitorMode) (bridge.MonitorView, error)
	StopMonitor(ctx context.Context, id bridge.MonitorID) (bridge.MonitorView, error)
	Monitors() []bridge.MonitorView
}

// Agents gives the agents' states and takes their commands.
type Agents interface {
	All() []agent.View
	View(dn string) (agent.View, bool)
	Do(cmd agent.Command) (agent.View, error)
}

// Users knows the users by name; auth.ErrUserNotFound.
type Users interface {
	User(ctx context.Context, name string) (auth.User, error)
}

// Audit keeps what users did to others' calls and states. It does not wait.
type Audit interface {
	Audit(ctx context.Context, actor, action, subject string, detail map[string]string) error
}
