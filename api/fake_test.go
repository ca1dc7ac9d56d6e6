package api_test

import (
	"context"
	"reflect"
	"slices"
	"sync"

	"sidecar/auth"
	"sidecar/bridge"
)

// fakeEngine is a call engine that tests fill in. A command that a test does not expect fails it.
type fakeEngine struct {
	calls    []bridge.CallView
	monitors []bridge.MonitorView
	makeCall func(bridge.MakeCall) (bridge.CallView, error)
	hangup   func(bridge.Hangup) (bridge.CallView, error)
	transfer func(bridge.Transfer) (bridge.CallView, error)
	party    func(verb string, cmd bridge.PartyCommand) (bridge.CallView, error)
	command  func(cmd any) (bridge.CallView, error)
	monitor  func(cmd any) (bridge.MonitorView, error)
}

func (f *fakeEngine) Calls() []bridge.CallView { return f.calls }

func (f *fakeEngine) Call(id bridge.CallID) (bridge.CallView, bool) {
	i := slices.IndexFunc(f.calls, func(v bridge.CallView) bool { return v.ID == id })
	if i < 0 {
		return bridge.CallView{}, false
	}
	return f.calls[i], true
}

func (f *fakeEngine) MakeCall(_ context.Context, cmd bridge.MakeCall) (bridge.CallView, error) {
	return f.makeCall(plain(cmd))
}

func (f *fakeEngine) Hangup(_ context.Context, cmd bridge.Hangup) (bridge.CallView, error) {
	return f.hangup(plain(cmd))
}

func (f *fakeEngine) Transfer(_ context.Context, cmd bridge.Transfer) (bridge.CallView, error) {
	return f.transfer(plain(cmd))
}

func (f *fakeEngine) Answer(_ context.Context, cmd bridge.PartyCommand) (bridge.CallView, error) {
	return f.party("answer", plain(cmd))
}

func (f *fakeEngine) Hold(_ context.Context, cmd bridge.PartyCommand) (bridge.CallView, error) {
	return f.party("hold", plain(cmd))
}

func (f *fakeEngine) Retrieve(_ context.Context, cmd bridge.PartyCommand) (bridge.CallView, error) {
	return f.party("retrieve", plain(cmd))
}

func (f *fakeEngine) Reject(_ context.Context, cmd bridge.PartyCommand) (bridge.CallView, error) {
	return f.party("reject", plain(cmd))
}

func (f *fakeEngine) Release(_ context.Context, cmd bridge.PartyCommand) (bridge.CallView, error) {
	return f.party("release", plain(cmd))
}

func (f *fakeEngine) Complete(_ context.Context, cmd bridge.PartyCommand) (bridge.CallView, error) {
	return f.party("complete", plain(cmd))
}

func (f *fakeEngine) CompleteTransfer(_ context.Context, cmd bridge.PartyCommand) (bridge.CallView, error) {
	return f.party("complete-transfer", plain(cmd))
}

func (f *fakeEngine) CompleteConference(_ context.Context, cmd bridge.PartyCommand) (bridge.CallView, error) {
	return f.party("complete-conference", plain(cmd))
}

func (f *fakeEngine) Alternate(_ context.Context, cmd bridge.PartyCommand) (bridge.CallView, error) {
	return f.party("alternate", plain(cmd))
}

func (f *fakeEngine) Reconnect(_ context.Context, cmd bridge.PartyCommand) (bridge.CallView, error) {
	return f.party("reconnect", plain(cmd))
}

func (f *fakeEngine) StartRecording(_ context.Context, cmd bridge.PartyCommand) (bridge.CallView, error) {
	return f.party("recording/start", plain(cmd))
}

func (f *fakeEngine) StopRecording(_ context.Context, cmd bridge.PartyCommand) (bridge.CallView, error) {
	return f.party("recording/stop", plain(cmd))
}

func (f *fakeEngine) PauseRecording(_ context.Context, cmd bridge.PartyCommand) (bridge.CallView, error) {
	return f.party("recording/pause", plain(cmd))
}

func (f *fakeEngine) ResumeRecording(_ context.Context, cmd bridge.PartyCommand) (bridge.CallView, error) {
	return f.party("recording/resume", plain(cmd))
}

func (f *fakeEngine) Redirect(_ context.Context, cmd bridge.Redirect) (bridge.CallView, error) {
	return f.command(plain(cmd))
}

func (f *fakeEngine) MuteTransfer(_ context.Context, cmd bridge.MuteTransfer) (bridge.CallView, error) {
	return f.command(plain(cmd))
}

func (f *fakeEngine) Consult(_ context.Context, cmd bridge.Consult) (bridge.CallView, error) {
	return f.command(plain(cmd))
}

func (f *fakeEngine) SingleStepConference(_ context.Context, cmd bridge.SingleStepConference) (bridge.CallView, error) {
	return f.command(plain(cmd))
}

func (f *fakeEngine) Merge(_ context.Context, cmd bridge.Merge) (bridge.CallView, error) {
	return f.command(plain(cmd))
}

func (f *fakeEngine) DropMember(_ context.Context, cmd bridge.DropMember) (bridge.CallView, error) {
	return f.command(plain(cmd))
}

func (f *fakeEngine) AttachData(_ context.Context, cmd bridge.AttachData) (bridge.CallView, error) {
	return f.command(plain(cmd))
}

func (f *fakeEngine) UpdateData(_ context.Context, cmd bridge.UpdateData) (bridge.CallView, error) {
	return f.command(plain(cmd))
}

func (f *fakeEngine) DeleteData(_ context.Context, cmd bridge.DeleteData) (bridge.CallView, error) {
	return f.command(plain(cmd))
}

func (f *fakeEngine) SetMute(_ context.Context, cmd bridge.SetMute) (bridge.CallView, error) {
	return f.command(plain(cmd))
}

func (f *fakeEngine) SendDTMF(_ context.Context, cmd bridge.SendDTMF) (bridge.CallView, error) {
	return f.command(plain(cmd))
}

func (f *fakeEngine) Monitor(_ context.Context, cmd bridge.Monitor) (bridge.MonitorView, error) {
	return f.monitor(plain(cmd))
}

// switched and stopped are the other two commands of supervision, as the fake hands them on.
type (
	switched struct {
		ID   bridge.MonitorID
		Mode bridge.MonitorMode
	}
	stopped struct{ ID bridge.MonitorID }
)

func (f *fakeEngine) SwitchMonitor(_ context.Context, id bridge.MonitorID, mode bridge.MonitorMode) (bridge.MonitorView, error) {
	return f.monitor(switched{id, mode})
}

func (f *fakeEngine) StopMonitor(_ context.Context, id bridge.MonitorID) (bridge.MonitorView, error) {
	return f.monitor(stopped{id})
}

func (f *fakeEngine) Monitors() []bridge.MonitorView { return f.monitors }

// fakeAudit keeps entries in memory.
type fakeAudit struct {
	mu      sync.Mutex
	entries []auth.AuditEntry
	err     error
	asked   auth.AuditQuery
}

func (f *fakeAudit) Audit(_ context.Context, actor, action, subject string, detail map[string]string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.entries = append(f.entries, auth.AuditEntry{
		ID: int64(len(f.entries) + 1), Actor: actor, Action: action, Subject: subject, Detail: detail,
	})
	return f.err
}

func (f *fakeAudit) Entries(_ context.Context, q auth.AuditQuery) ([]auth.AuditEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = q
	return f.entries, f.err
}

// last gives what was recorded since it was asked last.
func (f *fakeAudit) take() []auth.AuditEntry {
	f.mu.Lock()
	defer f.mu.Unlock()
	got := f.entries
	f.entries = nil
	return got
}

// plain is a command with the id that its client chose, which the doors scope.
func plain[C any](cmd C) C {
	v := reflect.ValueOf(&cmd).Elem()
	if op := v.FieldByName("Op"); op.IsValid() {
		op.Set(reflect.ValueOf(op.Interface().(bridge.OpID).Plain()))
	}
	return cmd
}
