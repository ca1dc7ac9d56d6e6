package bridge

import (
	"context"
	"errors"
	"fmt"
)

// MakeCall rings From's phone first, then calls To.
type MakeCall struct {
	From     DN
	To       string
	Class    string // class of the dial rules; empty: that of From
	CallerID string // number to show instead of the DN's own; one that the DN may show
	UserData UserData
	Ready    bool // only if an agent is ready at From and in no call
	PickUp   bool // From's phone answers when it rings, if it can be told to and its DN talks in no other call
	Op       OpID
}

// Hangup ends a call for everybody.
type Hangup struct {
	Call CallID
	Op   OpID
}

// Transfer is a single-step transfer: By leaves, To is called in its place.
type Transfer struct {
	Call  CallID
	By    DN // empty: the only DN in the call
	To    string
	Class string // class of the dial rules; empty: that of By
	Op    OpID
}

// MakeCall returns once the phone of From is being called.
func (e *Engine) MakeCall(ctx context.Context, cmd MakeCall) (CallView, error) {
	return e.ops.once(ctx, e.spawn, cmd.Op, func(ctx context.Context) (CallView, error) { return e.makeCall(ctx, cmd) })
}

func (e *Engine) makeCall(ctx context.Context, cmd MakeCall) (CallView, error) {
	server, err := e.reachable(cmd.From)
	if err != nil {
		return CallView{}, err
	}
	dest, err := e.Plan.Dial(cmd.From, cmd.Class, cmd.To)
	if err != nil {
		return CallView{}, err
	}
	if err = cmd.UserData.Check(); err != nil {
		return CallView{}, err
	}
	if cmd.CallerID != "" && cmd.CallerID != dest.CallerID {
		if !e.Plan.Shows(cmd.From, cmd.CallerID) {
			return CallView{}, fmt.Errorf("%s: %w", cmd.From, ErrCallerID)
		}
		dest.CallerID = cmd.CallerID
	}
	if dest.Endpoint.DN == cmd.From {
		return CallView{}, &TargetError{Number: cmd.To, Rule: "own DN", Why: "it is the calling DN itself"}
	}
	pickUp := cmd.PickUp && !e.talks(cmd.From)
	a := e.start(server, "")
	err = a.ask(ctx, "", func(token int) Input {
		return doMakeCall{
			From: cmd.From, Ready: cmd.Ready, PickUp: pickUp, Dest: dest, RingFor: e.RingTimeout, Op: cmd.Op, Reply: token,
			UserData: cmd.UserData.Clone(),
		}
	})
	if err != nil {
		return CallView{}, explain(string(cmd.From), err)
	}
	return e.lastView(a, ""), nil
}

// Hangup returns once the call's end has been told; the channels end after that.
func (e *Engine) Hangup(ctx context.Context, cmd Hangup) (CallView, error) {
	return e.ops.once(ctx, e.spawn, cmd.Op, func(ctx context.Context) (CallView, error) {
		a, _, err := e.actorOf(cmd.Call)
		if err != nil {
			return CallView{}, err
		}
		err = a.ask(ctx, cmd.Call, func(token int) Input { return doHangup{Op: cmd.Op, Reply: token} })
		return e.lastView(a, cmd.Call), err
	})
}

// Transfer returns once the target is being called and By has left; before that any failure leaves the call as it was.
func (e *Engine) Transfer(ctx context.Context, cmd Transfer) (CallView, error) {
	return e.ops.once(ctx, e.spawn, cmd.Op, func(ctx context.Context) (CallView, error) { return e.transfer(ctx, cmd) })
}

func (e *Engine) transfer(ctx context.Context, cmd Transfer) (CallView, error) {
	a, view, err := e.actorOf(cmd.Call)
	if err != nil {
		return CallView{}, err
	}
	by, err := actingDN(view, cmd.By)
	if err != nil {
		return CallView{}, err
	}
	if view.Controller == ControlSwitch {
		return CallView{}, &StateError{Call: cmd.Call, Verb: "transfer", State: view.State, Why: doneBySwitch}
	}
	dest, err := e.Plan.Dial(by, cmd.Class, cmd.To)
	if err != nil {
		return CallView{}, err
	}
	if !dest.Treatment.IsZero() {
		return CallView{}, &TargetError{Number: cmd.To, Rule: "transfer", Why: "a transfer goes to a DN or an outside number"}
	}
	if view.Has(dest.Endpoint.DN) {
		return CallView{}, &TargetError{Number: cmd.To, Rule: "transfer", Why: "that DN is in the call already"}
	}
	err = a.ask(ctx, cmd.Call, func(token int) Input { return doTransfer{By: by, Dest: dest, Op: cmd.Op, Reply: token} })
	if err != nil {
		return CallView{}, explain(cmd.To, err)
	}
	return e.lastView(a, cmd.Call), nil
}

// actingDN is the DN that a command names, or the only one in the call.
func actingDN(view CallView, named DN) (DN, error) {
	if named != "" {
		if !view.Has(named) {
			return "", ErrNotAParty
		}
		return named, nil
	}
	var found DN
	for _, p := range view.Parties {
		if p.DN == "" || p.State == PartyReleased || p.Role == RoleObserver {
			continue
		}
		if found != "" {
			return "", ErrAmbiguousParty
		}
		found = p.DN
	}
	if found == "" {
		return "", ErrNotAParty
	}
	return found, nil
}

// explain turns what kept a number from being called into a TargetError that names it.
func explain(number string, err error) error {
	var target *TargetError
	switch {
	case errors.As(err, &target):
		if target.Number == "" {
			named := *target
			named.Number = number
			return &named
		}
	case unknownOutcome(err):
		return fmt.Errorf("%s: %w: %w", number, ErrSwitchUnavailable, err)
	case errors.Is(err, ErrUnreachable):
		return &TargetError{Number: number, Rule: "registration", Why: ErrUnreachable.Error(), Unreachable: true}
	case errors.Is(err, ErrBusy):
		return &TargetError{Number: number, Rule: "max_calls", Why: ErrBusy.Error(), Unreachable: true}
	case errors.Is(err, ErrNoAnswer):
		return &TargetError{Number: number, Rule: "calls.ring_timeout", Why: ErrNoAnswer.Error(), Unreachable: true}
	}
	return err
}

// lastView is a call as its actor showed it last, also when it has ended by now. Without an id it is the one that its
// interaction began with.
func (e *Engine) lastView(a *actor, id CallID) CallView {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, view := range a.shown {
		if view.ID == id || id == "" {
			return view
		}
	}
	return CallView{}
}
