package access

import (
	"context"
	"strings"

	"sidecar/auth"
	"sidecar/bridge"
)

// Verb is a command for a party of a call. Its text is the action in the audit.
type Verb string

// The verbs.
const (
	Answer               Verb = "answer"
	Hold                 Verb = "hold"
	Retrieve             Verb = "retrieve"
	Reject               Verb = "reject"
	Release              Verb = "release"
	Complete             Verb = "complete"
	Redirect             Verb = "redirect"            // To
	Transfer             Verb = "transfer"            // To; in a single step
	MuteTransfer         Verb = "mute-transfer"       // To
	SingleStepConference Verb = "conference"          // To
	Consult              Verb = "consult"             // To, Purpose, Data; gives the consult call
	CompleteTransfer     Verb = "complete-transfer"   // of either of the two calls
	CompleteConference   Verb = "complete-conference" // of either of the two calls
	Alternate            Verb = "alternate"
	Reconnect            Verb = "reconnect"
	Merge                Verb = "merge"  // Other
	Drop                 Verb = "drop"   // Member
	Mute                 Verb = "mute"   // Direction
	Unmute               Verb = "unmute" // Direction
	SendDTMF             Verb = "dtmf"   // Digits
	AttachData           Verb = "attach-user-data"
	UpdateData           Verb = "update-user-data"
	DeleteData           Verb = "delete-user-data" // Keys, none: all
	StartRecording       Verb = "recording/start"
	StopRecording        Verb = "recording/stop"
	PauseRecording       Verb = "recording/pause"
	ResumeRecording      Verb = "recording/resume"
)

// Command is a command for a party of a call. Fields that its verb doesn't name are not looked at.
type Command struct {
	Verb Verb
	Call bridge.CallID
	DN   string      // as which it acts; empty: the only one in the call that the user may use
	Op   bridge.OpID // a command repeated with the same id has the result of the first

	To        string
	Purpose   bridge.ConsultPurpose
	Other     bridge.CallID
	Member    string
	Direction bridge.Mute
	Digits    string
	Data      bridge.UserData
	Keys      []string
}

// audited says what is recorded when it is done for somebody else's DN: what changes who is in the call or who hears it.
func (v Verb) audited() bool {
	switch v {
	case Release, Redirect, Transfer, MuteTransfer, SingleStepConference, Consult, CompleteTransfer, CompleteConference, Merge, Drop,
		Mute, Unmute, StartRecording, StopRecording, PauseRecording, ResumeRecording:
		return true
	}
	return false
}

// other says that what comes back may be another call than the command named.
func (v Verb) other() bool {
	switch v {
	case Consult, CompleteTransfer, CompleteConference, Alternate, Reconnect, Merge:
		return true
	}
	return false
}

// detail is what the audit keeps. Digits and user data may be secret and are left out.
func (c *Command) detail() map[string]string {
	d := map[string]string{"call": string(c.Call)}
	switch c.Verb {
	case Redirect, Transfer, MuteTransfer, SingleStepConference:
		d["to"] = c.To
	case Consult:
		d["to"], d["purpose"] = c.To, string(c.Purpose)
	case Mute, Unmute:
		d["direction"] = string(c.Direction)
	case Merge:
		d["other"] = string(c.Other)
	case Drop:
		d["member"] = c.Member
	}
	return d
}

// Do is the way of every command for a party: whether the user knows the call, as which DN the command acts, the engine, the
// audit, and whose result it is. The engine judges when the user's DN has left the call already: with a command id it
// may be the repetition of the one by which it left.
func (a *Access) Do(ctx context.Context, p auth.Principal, c Command) (bridge.CallView, error) {
	if !p.Can(auth.VerbControl) {
		return bridge.CallView{}, &auth.ForbiddenError{Verb: auth.VerbControl, Role: p.Role}
	}
	before, found := a.o.Engine.Call(c.Call)
	if found && !Sees(p, before) && (c.Op == "" || !Saw(p, before)) {
		return bridge.CallView{}, bridge.ErrCallNotFound
	}
	if !found {
		if err := a.absent(p, c.Call, c.Op); err != nil {
			return bridge.CallView{}, err
		}
	}
	by, err := actingDN(p, before, c.DN, auth.Verb(c.Verb))
	if err != nil {
		return bridge.CallView{}, err
	}
	if c.Verb == Merge {
		if err = a.knowsOther(p, c.Other); err != nil {
			return bridge.CallView{}, err
		}
	}
	v, err := a.run(ctx, &c, bridge.PartyCommand{Call: c.Call, By: by, Op: c.Op.For(p.ID(), c)}, a.Class(p))
	if c.Verb.audited() && by != "" && !Owns(p, by) {
		a.Record(ctx, p, string(c.Verb), string(by), c.detail(), err)
	}
	if err != nil {
		return bridge.CallView{}, err
	}
	// The result of a command that somebody else gave under the same id is kept back.
	if c.Op != "" && (!Saw(p, v) || v.ID != c.Call && !c.Verb.other()) {
		return bridge.CallView{}, ErrOpTaken
	}
	return Shown(p, v), nil
}

// knowsOther refuses to merge with a call that the user does not see.
func (a *Access) knowsOther(p auth.Principal, id bridge.CallID) error {
	other, found := a.o.Engine.Call(id)
	switch {
	case !found:
		return &FieldError{Field: "call", Err: a.unknown(p, id)}
	case !Sees(p, other) && !Saw(p, other):
		return &FieldError{Field: "call", Err: bridge.ErrCallNotFound}
	}
	return nil
}

func (a *Access) run(ctx context.Context, c *Command, cmd bridge.PartyCommand, class string) (bridge.CallView, error) {
	e := a.o.Engine
	switch c.Verb {
	case Redirect:
		return e.Redirect(ctx, bridge.Redirect{PartyCommand: cmd, To: c.To, Class: class})
	case Transfer:
		return e.Transfer(ctx, bridge.Transfer{Call: cmd.Call, By: cmd.By, To: c.To, Class: class, Op: cmd.Op})
	case MuteTransfer:
		return e.MuteTransfer(ctx, bridge.MuteTransfer{PartyCommand: cmd, To: c.To, Class: class})
	case SingleStepConference:
		return e.SingleStepConference(ctx, bridge.SingleStepConference{PartyCommand: cmd, To: c.To, Class: class})
	case Consult:
		return e.Consult(ctx, bridge.Consult{PartyCommand: cmd, To: c.To, Class: class, UserData: c.Data, Purpose: c.Purpose})
	case Merge:
		return e.Merge(ctx, bridge.Merge{PartyCommand: cmd, Other: c.Other})
	case Drop:
		return e.DropMember(ctx, bridge.DropMember{PartyCommand: cmd, Member: c.Member})
	case Mute, Unmute:
		return e.SetMute(ctx, bridge.SetMute{PartyCommand: cmd, Direction: c.Direction, On: c.Verb == Mute})
	case SendDTMF:
		return e.SendDTMF(ctx, bridge.SendDTMF{PartyCommand: cmd, Digits: strings.ToUpper(c.Digits)})
	case AttachData:
		return e.AttachData(ctx, bridge.AttachData{PartyCommand: cmd, Data: c.Data})
	case UpdateData:
		return e.UpdateData(ctx, bridge.UpdateData{PartyCommand: cmd, Data: c.Data})
	case DeleteData:
		return e.DeleteData(ctx, bridge.DeleteData{PartyCommand: cmd, Keys: c.Keys})
	default:
		return a.plain(ctx, c.Verb, cmd)
	}
}

// plain are the commands that need nothing but the party.
func (a *Access) plain(ctx context.Context, v Verb, cmd bridge.PartyCommand) (bridge.CallView, error) {
	e := a.o.Engine
	switch v {
	case Answer:
		return e.Answer(ctx, cmd)
	case Hold:
		return e.Hold(ctx, cmd)
	case Retrieve:
		return e.Retrieve(ctx, cmd)
	case Reject:
		return e.Reject(ctx, cmd)
	case Release:
		return e.Release(ctx, cmd)
	case Complete:
		return e.Complete(ctx, cmd)
	case CompleteTransfer:
		return e.CompleteTransfer(ctx, cmd)
	case CompleteConference:
		return e.CompleteConference(ctx, cmd)
	case Alternate:
		return e.Alternate(ctx, cmd)
	case Reconnect:
		return e.Reconnect(ctx, cmd)
	case StartRecording:
		return e.StartRecording(ctx, cmd)
	case StopRecording:
		return e.StopRecording(ctx, cmd)
	case PauseRecording:
		return e.PauseRecording(ctx, cmd)
	case ResumeRecording:
		return e.ResumeRecording(ctx, cmd)
	default:
		return bridge.CallView{}, ErrVerb
	}
}
