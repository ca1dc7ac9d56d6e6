package bridge

import (
	"cmp"
	"context"
	"errors"
	"slices"
)

// apart does with two calls of a DN, which it began or took one beside the other, what complete does with a call and its
// consultation.
func (e *Engine) apart(ctx context.Context, cmd PartyCommand, by DN, other CallID, verb CompleteVerb) (CallView, error) {
	first, firstView, err := e.actorOf(cmd.Call)
	if err != nil {
		return CallView{}, err
	}
	second, secondView, err := e.actorOf(other)
	if err != nil {
		return CallView{}, err
	}
	held, talking := firstView, secondView
	if firstView.stateOf(by) != PartyHeld {
		held, talking = secondView, firstView
	}
	switch verb {
	case CanAlternate:
		return e.alternateApart(ctx, by, talking.ID, held.ID)
	case CanReconnect:
		if _, err := e.Release(ctx, PartyCommand{Call: talking.ID, By: by}); err != nil {
			return CallView{}, err
		}
		return e.Retrieve(ctx, PartyCommand{Call: held.ID, By: by})
	}
	return e.absorb(absorbing{by: by, verb: verb, old: first, oldCall: cmd.Call, new: second, newCall: other}) //nolint:contextcheck // what has been taken is given, whoever still waits for it
}

// alternateApart holds the one call and retrieves the other. If that can't be done the first is put back.
func (e *Engine) alternateApart(ctx context.Context, by DN, talking, held CallID) (CallView, error) {
	if _, err := e.Hold(ctx, PartyCommand{Call: talking, By: by}); err != nil {
		return CallView{}, err
	}
	view, err := e.Retrieve(ctx, PartyCommand{Call: held, By: by})
	if err == nil {
		return view, nil
	}
	back, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.EffectTimeout) // whoever still waits for it
	defer cancel()
	if _, lost := e.Retrieve(back, PartyCommand{Call: talking, By: by}); lost != nil {
		e.log.Warn("alternate_not_undone", "dn", by, "call", talking, "error", lost)
	}
	return CallView{}, err
}

// stateOf is how far a DN is in the call.
func (c CallView) stateOf(dn DN) PartyState {
	for _, p := range c.Parties {
		if p.DN == dn && p.State != PartyReleased {
			return p.State
		}
	}
	return PartyReleased
}

// takesPart reports whether a DN is in the call other than to supervise it.
func (c CallView) takesPart(dn DN) bool {
	return slices.ContainsFunc(c.Parties, func(p PartyView) bool {
		return dn != "" && p.DN == dn && p.State != PartyReleased && p.Role != RoleObserver
	})
}

// besides is the one other call that a DN takes part in, nil when there is none, or several.
func (e *Engine) besides(call CallID, dn DN) *live {
	e.mu.RLock()
	defer e.mu.RUnlock()
	var found *live
	for _, l := range e.views {
		if l.view.ID == call || !l.lives() || !l.view.takesPart(dn) {
			continue
		}
		if found != nil {
			return nil
		}
		found = l
	}
	return found
}

// referAttended makes one call of the two that a phone names. The phone hears the result before its calls end.
func (e *Engine) referAttended(a *actor, in Referral) {
	err := e.replace(a, in)
	if err == nil {
		return
	}
	e.log.Info("refer_declined", "dn", in.From, "to", in.To, "attended", true, "error", err)
	a.feed(doReferRefused{Channel: in.Channel, Phone: in.Leg != ""})
}

func (e *Engine) replace(a *actor, in Referral) error {
	other, ch := e.owner(in.Replaces), in.Replaces
	if name := cmp.Or(in.ReplacesLeg, in.ReplacesName); in.ReplacesLeg != "" || other == nil {
		other, ch = e.legOwner(name)
	}
	if other == nil || other == a {
		return ErrCallNotFound
	}
	call, replaced := a.callOf(e.ctx, in.Channel), other.callOf(e.ctx, ch)
	_, err := e.absorb(absorbing{
		by: in.From, verb: CanCompleteTransfer, refer: a, phone: in.Leg != "",
		old: a, oldCall: call, new: other, newCall: replaced,
	})
	return err
}

// callOf is the call that a channel is in, empty when there is none.
func (a *actor) callOf(ctx context.Context, ch ChannelID) CallID {
	var id CallID
	err := a.loop.Do(ctx, func() {
		if n := a.state.find(func(c *Call) bool { return c.byChannel(ch) != nil }); n >= 0 {
			id = a.state.nth(n).ID
		}
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		return ""
	}
	return id
}

// withPairs lists also what a DN can do with this call and another one that is no consultation out of it, which the machine
// of either does not know.
func (e *Engine) withPairs(v CallView) CallView {
	if v.Controller == ControlSwitch || v.AnsweredAt.IsZero() {
		return v
	}
	parties := slices.Clone(v.Parties)
	for k, p := range parties {
		if p.DN != "" && p.Role != RoleObserver && (p.State == PartyEstablished || p.State == PartyHeld) && e.pairedApart(v, p.DN) {
			parties[k].Capabilities = append(slices.Clip(p.Capabilities),
				CanCompleteTransfer, CanCompleteConference, CanAlternate, CanReconnect, CanMerge)
		}
	}
	v.Parties = parties
	return v
}

// pairedApart reports whether a DN talks, or is held, in exactly one other call, and that one began apart from this.
func (e *Engine) pairedApart(v CallView, dn DN) bool {
	other := e.besides(v.ID, dn)
	if other == nil || other.view.Interaction == v.Interaction || other.view.Controller != ControlAsterisk || other.view.AnsweredAt.IsZero() {
		return false
	}
	state := other.view.stateOf(dn)
	return state == PartyEstablished || state == PartyHeld
}
