package bridge

import (
	"context"
	"slices"
	"time"
)

// Recorder takes what was recorded, and knows the settings. Its methods must not wait.
type Recorder interface {
	// Room is why nothing can be recorded now, such as a full disk.
	Room() error
	// Wanted says whether a call is to be recorded for the DNs that have just answered in it, or have come into it talking,
	// with the name of the setting, and the sound that tells its parties.
	Wanted(call CallView, dns []DN) (reason, prompt string)
	// Finished takes a recording whose files are complete at the switch.
	Finished(r FinishedRecording)
}

// FinishedRecording is what the switch holds of a recorded call.
type FinishedRecording struct {
	Server    ServerID
	Call      CallView
	Says      string // name of the file of what the recorded party says
	Hears     string // and of what it hears
	Segment   int
	DNs       []DN // that talked in the call while it was recorded, or before
	StartedAt time.Time
	EndedAt   time.Time
	By        DN
	Reason    string
}

// StartRecording begins to record the call.
func (e *Engine) StartRecording(ctx context.Context, cmd PartyCommand) (CallView, error) {
	if err := e.Recorder.Room(); err != nil {
		return CallView{}, err
	}
	return e.recordCommand(ctx, cmd, CanStartRecording)
}

// StopRecording ends the recording for good.
func (e *Engine) StopRecording(ctx context.Context, cmd PartyCommand) (CallView, error) {
	return e.recordCommand(ctx, cmd, CanStopRecording)
}

// PauseRecording keeps what is said out of the recording until ResumeRecording.
func (e *Engine) PauseRecording(ctx context.Context, cmd PartyCommand) (CallView, error) {
	return e.recordCommand(ctx, cmd, CanPauseRecording)
}

// ResumeRecording goes on with a recording that was paused.
func (e *Engine) ResumeRecording(ctx context.Context, cmd PartyCommand) (CallView, error) {
	return e.recordCommand(ctx, cmd, CanResumeRecording)
}

func (e *Engine) recordCommand(ctx context.Context, cmd PartyCommand, verb Capability) (CallView, error) {
	return e.partyCommand(ctx, cmd, func(by DN, token int) Input {
		return doRecord{By: by, Verb: verb, Reason: "command", Op: cmd.Op, Reply: token}
	})
}

// recordBySettings begins to record calls that the settings want recorded for a DN that this step has let talk in them: the
// first answer, and whoever comes later by transfer, conference or a merge. What one DN has begun goes on when it leaves.
func (a *actor) recordBySettings(before *Interaction) {
	for n := range a.state.calls() {
		call := a.state.nth(n)
		var was *Call
		if k := before.find(func(c *Call) bool { return c.ID == call.ID }); k >= 0 {
			was = before.nth(k)
		}
		dns := call.newlyTalking(was)
		if len(dns) == 0 || call.whyRecord(CanStartRecording) != "" {
			continue
		}
		now := a.state.viewOf(n)
		if reason, prompt := a.e.Recorder.Wanted(now, dns); reason != "" && a.e.Recorder.Room() == nil {
			a.handleFor(now.ID, doRecord{Verb: CanStartRecording, Reason: reason, Prompt: prompt})
		}
	}
}

// newlyTalking are the DNs that talk in a call and did not before, which is nil for a call that was not there.
func (c *Call) newlyTalking(before *Call) []DN {
	var dns []DN
	for _, p := range c.Parties {
		if p.DN != "" && p.talks() && (before == nil || !before.talks(p.DN)) {
			dns = append(dns, p.DN)
		}
	}
	return dns
}

func (c *Call) talks(dn DN) bool {
	return slices.ContainsFunc(c.Parties, func(p Party) bool { return p.DN == dn && p.talks() })
}

// handOver gives a finished recording away.
func (a *actor) handOver(effect HandOver) {
	a.e.Recorder.Finished(effect.Recording.finished(a.server, a.e.lastView(a, effect.Call)))
}

// handOverAgain gives away what was recorded and may not have been given away when the last engine died. The recorder knows
// what it has.
func (e *Engine) handOverAgain(i *Interaction) {
	for n := range i.calls() {
		for _, r := range i.nth(n).Recordings {
			if r.Told {
				e.Recorder.Finished(r.finished(i.Server, i.viewOf(n)))
			}
		}
	}
}

// finished is what the recorder is given.
func (r *Recording) finished(server ServerID, call CallView) FinishedRecording {
	dns := slices.Clone(r.Former)
	for _, p := range call.Parties {
		if p.DN != "" && !p.JoinedAt.IsZero() && !slices.Contains(dns, p.DN) {
			dns = append(dns, p.DN)
		}
	}
	return FinishedRecording{
		DNs: dns, Server: server, Call: call, Says: r.Says.Name, Hears: r.Hears.Name, Segment: r.Segment,
		StartedAt: r.StartedAt, EndedAt: r.EndedAt, By: r.By, Reason: r.Reason,
	}
}

// noRecorder stands for an engine that records nothing.
type noRecorder struct{}

func (noRecorder) Room() error                            { return ErrNoRecorder }
func (noRecorder) Wanted(CallView, []DN) (string, string) { return "", "" }
func (noRecorder) Finished(FinishedRecording)             {}
