package bridge

import "context"

// Consult returns the consult call once its target is being called.
func (e *Engine) Consult(ctx context.Context, cmd Consult) (CallView, error) {
	return e.consult(ctx, cmd, false)
}

// MuteTransfer returns once the target is being called and By has left.
func (e *Engine) MuteTransfer(ctx context.Context, cmd MuteTransfer) (CallView, error) {
	return e.consult(ctx, Consult{PartyCommand: cmd.PartyCommand, To: cmd.To, Class: cmd.Class, Purpose: ConsultTransfer}, true)
}

func (e *Engine) consult(ctx context.Context, cmd Consult, mute bool) (CallView, error) {
	return e.ops.once(ctx, e.spawn, cmd.Op, func(ctx context.Context) (CallView, error) {
		a, by, err := e.acting(cmd.PartyCommand)
		if err != nil {
			return CallView{}, err
		}
		dest, err := e.target(by, cmd.Class, cmd.To)
		if err != nil {
			return CallView{}, err
		}
		id := newCallID()
		err = a.ask(ctx, cmd.Call, func(token int) Input {
			return doConsult{
				By: by, Dest: dest, ID: id, ConnID: newConnID(e.NodeID), Data: cmd.UserData, Purpose: cmd.Purpose,
				Mute: mute, Op: cmd.Op, Reply: token,
			}
		})
		if err != nil {
			return CallView{}, explain(cmd.To, err)
		}
		if mute {
			id = cmd.Call
		}
		return e.lastView(a, id), nil
	})
}

// CompleteTransfer connects the held party with the target of the consult call, before or after it has answered. The call
// of the command is either of the two; the result is the primary one.
func (e *Engine) CompleteTransfer(ctx context.Context, cmd PartyCommand) (CallView, error) {
	return e.complete(ctx, cmd, CanCompleteTransfer)
}

// CompleteConference brings all three together, under the conditions of CompleteTransfer.
func (e *Engine) CompleteConference(ctx context.Context, cmd PartyCommand) (CallView, error) {
	return e.complete(ctx, cmd, CanCompleteConference)
}

// Alternate holds the one call and retrieves the other; the result is the one that is retrieved.
func (e *Engine) Alternate(ctx context.Context, cmd PartyCommand) (CallView, error) {
	return e.complete(ctx, cmd, CanAlternate)
}

// Reconnect ends the consult call, also while it rings, and retrieves the primary one, which is the result.
func (e *Engine) Reconnect(ctx context.Context, cmd PartyCommand) (CallView, error) {
	return e.complete(ctx, cmd, CanReconnect)
}

// Merge returns the call that has taken in the other one.
func (e *Engine) Merge(ctx context.Context, cmd Merge) (CallView, error) {
	return e.completeWith(ctx, cmd.PartyCommand, cmd.Other, CanMerge)
}

// complete gives a command about the two calls of a DN; the result is the one that the DN is in afterwards, or was in.
func (e *Engine) complete(ctx context.Context, cmd PartyCommand, verb CompleteVerb) (CallView, error) {
	return e.completeWith(ctx, cmd, "", verb)
}

func (e *Engine) completeWith(ctx context.Context, cmd PartyCommand, other CallID, verb CompleteVerb) (CallView, error) {
	return e.ops.once(ctx, e.spawn, cmd.Op, func(ctx context.Context) (CallView, error) {
		a, by, err := e.acting(cmd)
		if err != nil {
			return CallView{}, err
		}
		if other == "" {
			if l := e.besides(cmd.Call, by); l != nil { // without one the machine says what is missing
				other = l.view.ID
			}
		}
		if second, _, unknown := e.actorOf(other); other != "" && unknown == nil && second != a {
			return e.apart(ctx, cmd, by, other, verb)
		}
		var result CallID
		err = a.ask(ctx, cmd.Call, func(token int) Input {
			// Runs in the actor's loop: nothing changes between this look and the command.
			if prim, _, ok := a.state.pair(by); ok {
				result = a.state.nth(prim).ID
			}
			return doComplete{By: by, Verb: verb, Op: cmd.Op, Reply: token}
		})
		if err != nil {
			return CallView{}, err
		}
		if verb == CanAlternate {
			result = e.speaking(a, by, result)
		}
		return e.lastView(a, result), nil
	})
}

// speaking is the call in which a DN is established, or the one given.
func (e *Engine) speaking(a *actor, by DN, otherwise CallID) CallID {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, view := range a.shown {
		for _, p := range view.Parties {
			if p.DN == by && p.State == PartyEstablished {
				return view.ID
			}
		}
	}
	return otherwise
}
