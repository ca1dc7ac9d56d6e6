package access

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"log/slog"
	"maps"
	"slices"

	"sidecar/auth"
	"sidecar/bridge"
)

// Options of an Access; all are needed but Classes and Elsewhere.
type Options struct {
	Engine    Engine
	Elsewhere iter.Seq2[string, bridge.CallView] // the calls that other sidecars run, with their nodes; nil: there are none
	Agents    Agents
	Users     Users
	KnownDN   func(number string) bool // whether the configuration has it
	Classes   map[string]string        // role -> class of the dial rules for its commands; an agent's go by the class of the DN
	Audit     Audit
	Log       *slog.Logger
}

// Access lets principals see and command calls, agents and supervisions.
type Access struct{ o Options }

// New makes an Access. It has no state: several may stand before one engine.
func New(o Options) *Access { return &Access{o: o} }

// Calls are the calls that p sees, the oldest first.
func (a *Access) Calls(p auth.Principal) []bridge.CallView {
	views := slices.DeleteFunc(slices.Clone(a.o.Engine.Calls()), func(v bridge.CallView) bool { return !Sees(p, v) })
	slices.SortFunc(views, func(a, b bridge.CallView) int {
		return cmp.Or(a.StartedAt.Compare(b.StartedAt), cmp.Compare(a.ID, b.ID))
	})
	for i := range views {
		views[i] = Shown(p, views[i])
	}
	return views
}

// Call is a call that p sees; bridge.ErrCallNotFound, or an *ElsewhereError.
func (a *Access) Call(p auth.Principal, id bridge.CallID) (bridge.CallView, error) {
	v, ok := a.o.Engine.Call(id)
	switch {
	case !ok:
		return bridge.CallView{}, a.unknown(p, id)
	case !Sees(p, v):
		return bridge.CallView{}, bridge.ErrCallNotFound
	}
	return Shown(p, v), nil
}

// unknown is why a call is not ours: an *ElsewhereError, or bridge.ErrCallNotFound.
func (a *Access) unknown(p auth.Principal, id bridge.CallID) error {
	if err := a.Elsewhere(p, func(v *bridge.CallView) bool { return v.ID == id }); err != nil {
		return err
	}
	return bridge.ErrCallNotFound
}

// absent is why a command for a call that is not ours is refused; nil if it may be one repeated, for a call that has ended.
func (a *Access) absent(p auth.Principal, id bridge.CallID, op bridge.OpID) error {
	err := a.unknown(p, id)
	if op != "" && errors.Is(err, bridge.ErrCallNotFound) {
		return nil
	}
	return err
}

// Elsewhere refuses a command that means a call which another sidecar runs and p sees, with an *ElsewhereError. Nil: no such
// call is meant.
func (a *Access) Elsewhere(p auth.Principal, means func(*bridge.CallView) bool) error {
	if a.o.Elsewhere == nil {
		return nil
	}
	for node, v := range a.o.Elsewhere {
		if means(&v) && Sees(p, v) {
			return &ElsewhereError{Call: v.ID, Node: node}
		}
	}
	return nil
}

// Class is the class of the dial rules that a command of p goes by; empty: that of the DN it is for. An agent gets no
// other than its phone has, or a desktop would dial what the phone is refused.
func (a *Access) Class(p auth.Principal) string {
	if p.Role == auth.RoleAgent {
		return ""
	}
	return a.o.Classes[string(p.Role)]
}

// KnownDN refuses, with a *DNError about field, a number that is no DN of ours.
func (a *Access) KnownDN(field, number string) error {
	if !a.o.KnownDN(number) {
		return &DNError{Field: field}
	}
	return nil
}

// MakeCall rings From's phone, then calls To. Who calls from an own DN picks up by that; nobody can open another's microphone so.
// Class and PickUp are not looked at.
func (a *Access) MakeCall(ctx context.Context, p auth.Principal, cmd bridge.MakeCall) (bridge.CallView, error) {
	if !p.Can(auth.VerbMakeCall) || !p.MayUseDN(string(cmd.From)) {
		return bridge.CallView{}, &auth.ForbiddenError{Verb: auth.VerbMakeCall, Role: p.Role, Field: "from", DN: string(cmd.From)}
	}
	if err := a.KnownDN("from", string(cmd.From)); err != nil {
		return bridge.CallView{}, err
	}
	cmd.Class, cmd.PickUp = a.Class(p), Owns(p, cmd.From)
	cmd.Op = cmd.Op.For(p.ID(), cmd)
	v, err := a.o.Engine.MakeCall(ctx, cmd)
	if !Owns(p, cmd.From) {
		a.Record(ctx, p, "make-call", string(cmd.From), map[string]string{"to": cmd.To, "callerId": cmd.CallerID, "call": string(v.ID)}, err)
	}
	if err != nil {
		return bridge.CallView{}, aboutFrom(err, cmd)
	}
	if cmd.Op != "" && !Saw(p, v) {
		return bridge.CallView{}, ErrOpTaken
	}
	return Shown(p, v), nil
}

// Hangup ends a call for everybody. The engine is asked also for a call that is gone by now when the command has an id: it may be the
// repetition of the one that ended the call.
func (a *Access) Hangup(ctx context.Context, p auth.Principal, cmd bridge.Hangup) (bridge.CallView, error) {
	if !p.Can(auth.VerbHangup) {
		return bridge.CallView{}, &auth.ForbiddenError{Verb: auth.VerbHangup, Role: p.Role}
	}
	before, found := a.o.Engine.Call(cmd.Call)
	if found && !Sees(p, before) {
		return bridge.CallView{}, bridge.ErrCallNotFound
	}
	if !found {
		if err := a.absent(p, cmd.Call, cmd.Op); err != nil {
			return bridge.CallView{}, err
		}
	}
	cmd.Op = cmd.Op.For(p.ID(), cmd)
	v, err := a.o.Engine.Hangup(ctx, cmd)
	if found && !ownsAny(p, before) {
		a.Record(ctx, p, "hangup", string(cmd.Call), nil, err)
	}
	if err != nil {
		return bridge.CallView{}, err
	}
	if cmd.Op != "" && (v.ID != cmd.Call || !Saw(p, v)) {
		return bridge.CallView{}, ErrOpTaken
	}
	return Shown(p, v), nil
}

// Record keeps what the principal did to subject and what became of it. It holds up nothing: a record that can't be kept is
// in the log.
func (a *Access) Record(ctx context.Context, p auth.Principal, action, subject string, detail map[string]string, outcome error) {
	kept := map[string]string{"result": "done"}
	maps.Copy(kept, detail)
	maps.DeleteFunc(kept, func(_, value string) bool { return value == "" })
	if outcome != nil {
		kept["result"] = Code(outcome)
	}
	if err := a.o.Audit.Audit(ctx, p.User, action, subject, kept); err != nil {
		a.o.Log.ErrorContext(ctx, "audit_lost", "user", p.User, "action", action, "subject", subject, "error", err)
	}
}

// Code is the code of an error's outcome.
func Code(err error) string {
	if o, ok := OutcomeOf(err); ok {
		return o.Code
	}
	return "internal"
}
