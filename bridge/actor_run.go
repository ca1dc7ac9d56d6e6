package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sidecar/internal/backoff"
)

// run does one effect and posts back its result, where there is one.
func (a *actor) run(effect Effect) {
	sw, err := a.e.Switch, error(nil)
	switch effect := effect.(type) {
	case CreateLeg, DialLeg, JoinLegs, AnswerLeg, SnoopLeg:
		err = a.insistOn(effect)
	case RingLeg:
		err = a.request(func(ctx context.Context) error { return sw.Ring(ctx, effect.Channel) })
	case OpenLeg:
		err = a.request(func(ctx context.Context) error { return sw.Open(ctx, effect.Channel) })
	case HangupLeg:
		err = a.request(func(ctx context.Context) error { return a.hangup(ctx, effect) })
		if err != nil {
			a.hangupAgain(effect)
		}
	case ContinueLeg:
		err = a.e.insist(func(ctx context.Context) error { return sw.Continue(ctx, effect.Channel, effect.To) })
		if err != nil { // for us it has left: nobody else would ever end it
			a.e.clean("channel", effect.Channel.ID, func(ctx context.Context) error {
				return sw.Hangup(ctx, effect.Channel, causeTemporary)
			})
		}
	case ReferLeg:
		err = a.request(func(ctx context.Context) error { return a.referResult(ctx, effect) })
	case PlayMusic:
		err = a.request(func(ctx context.Context) error {
			return sw.Music(ctx, effect.Bridge, cmp.Or(effect.Class, a.e.MusicClass), effect.On)
		})
	case DestroyBridge:
		// The last effect of an interaction: it may take its time.
		err = a.e.insist(func(ctx context.Context) error { return sw.Destroy(ctx, effect.Bridge) })
	case PlayMedia:
		err = a.request(func(ctx context.Context) error { return sw.Play(ctx, effect.Playback) })
		if err != nil {
			a.feed(Played{ID: effect.Playback.ID, Failed: true})
		}
	case StopMedia:
		err = a.request(func(ctx context.Context) error { return sw.StopPlay(ctx, effect.Server, effect.ID) })
	case RecordLeg:
		err = a.request(func(ctx context.Context) error { return sw.Record(ctx, effect.Channel, effect.Name) })
		if err != nil {
			a.feed(Recorded{Name: effect.Name, Failed: true, Why: err.Error()})
		}
	case PauseRecording:
		err = a.request(func(ctx context.Context) error { return sw.PauseRecording(ctx, effect.Server, effect.Name, effect.On) })
	case LeaveLegs:
		err = a.request(func(ctx context.Context) error { return sw.Leave(ctx, effect.Bridge, effect.Channels) })
	case HoldLeg, IdentifyPeer, MuteLeg, SendDigits:
		err = a.request(func(ctx context.Context) error { return a.atDevice(ctx, effect) })
	case FreeDN: // in the order of the effects: behind a CreateLeg that reserves
		a.e.Agents.Free(effect.DN, a.id)
	case FreeCaps:
		a.e.caps.free(effect.Channel)
	case OccupyDN, StartTimer, Reply, AskPhone, TellQueue, HandOver, ForgetCall, ForgetLeg: // done by start
	}
	if err != nil && a.e.ctx.Err() == nil {
		a.e.log.Warn("effect_failed", "interaction", a.id, "effect", effectName(effect), "error", err)
	}
}

// atDevice asks something of the far end of a channel.
func (a *actor) atDevice(ctx context.Context, effect Effect) error {
	sw := a.e.Switch
	switch effect := effect.(type) {
	case HoldLeg:
		return sw.Hold(ctx, effect.Channel, effect.On)
	case IdentifyPeer:
		return sw.Identify(ctx, effect.Channel, effect.Number, effect.Name)
	case MuteLeg:
		return sw.Mute(ctx, effect.Channel, effect.Direction, effect.On)
	case SendDigits:
		return sw.SendDTMF(ctx, effect.Channel, effect.Digits)
	default:
		return nil
	}
}

func (a *actor) hangup(ctx context.Context, effect HangupLeg) error {
	if effect.Phone != "" {
		return a.e.Phones.Hangup(ctx, effect.Phone)
	}
	return a.e.Switch.Hangup(ctx, effect.Channel, effect.Cause)
}

func (a *actor) referResult(ctx context.Context, effect ReferLeg) error {
	if effect.Phone != "" {
		return a.e.Phones.ReferResult(ctx, effect.Phone, effect.OK)
	}
	return a.e.Switch.ReferResult(ctx, effect.Channel, effect.OK)
}

// request runs one request within its deadline.
func (a *actor) request(do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(a.e.ctx, a.e.EffectTimeout)
	defer cancel()
	return do(ctx)
}

// insistOn makes a request whose result counts until the result is known, a few times at most, and feeds it. A cut
// connection is no reason to end a call: when the server turns out to be out of reach, the end of the gap asks again.
func (a *actor) insistOn(effect Effect) error {
	for try := 1; ; try++ {
		err := a.request(func(ctx context.Context) error { return a.try(ctx, effect) })
		if !unknownOutcome(err) || try == requestTries {
			a.feedResult(effect, err)
			return err
		}
		if !a.e.isDown(a.server) && backoff.Sleep(a.e.ctx, requestRetry) != nil { // word of the gap may follow
			return err
		}
		again := false
		if a.loop.Do(a.e.ctx, func() { again = a.undecided(effect, err) }) != nil || !again {
			return err
		}
	}
}

func unknownOutcome(err error) bool {
	return errors.Is(err, ErrUnknownOutcome) || errors.Is(err, context.DeadlineExceeded)
}

// undecided reports whether to ask again for something of which nobody knows what became. It runs in the loop, so that
// the end of a gap comes either before it or after it.
func (a *actor) undecided(effect Effect, err error) bool {
	switch {
	case !a.awaits(effect):
		a.handle(resultOf(effect, err))
		return false
	case a.e.isDown(a.server):
		a.handle(Undecided{Effect: effect})
		return false
	default:
		return true
	}
}

// awaits reports whether the call stands where it stood when it asked for the effect.
func (a *actor) awaits(effect Effect) bool {
	stands := func(ch ChannelID, states ...LegState) bool {
		l := a.state.legAt(ch)
		return l != nil && slices.Contains(states, l.State)
	}
	switch effect := effect.(type) {
	case CreateLeg:
		return stands(effect.Leg.Channel, LegRequested)
	case DialLeg:
		return stands(effect.Channel, LegDialed)
	case SnoopLeg:
		return stands(effect.Snoop.Channel, LegRequested)
	case AnswerLeg:
		return stands(effect.Channel, LegArrived)
	case JoinLegs:
		return !slices.ContainsFunc(effect.Channels, func(ch ChannelID) bool {
			l := a.state.legAt(ch)
			return l == nil || !l.usable()
		})
	default:
		return false
	}
}

// try makes the request of an effect whose result counts.
func (a *actor) try(ctx context.Context, effect Effect) error {
	switch effect := effect.(type) {
	case CreateLeg:
		return a.create(ctx, effect)
	case DialLeg:
		return a.e.Switch.Dial(ctx, effect.Channel, effect.Caller, effect.Timeout)
	case JoinLegs:
		return a.e.Switch.Join(ctx, effect.Bridge, effect.Channels)
	case AnswerLeg:
		return a.e.Switch.Answer(ctx, effect.Channel)
	case SnoopLeg:
		if !a.wants(ctx, effect.Snoop.Channel) {
			return nil
		}
		return a.e.Switch.Snoop(ctx, effect.Snoop)
	default:
		return nil
	}
}

// feedResult hands the machine what became of an effect. What worked comes as a fact of the switch, but for a join.
func (a *actor) feedResult(effect Effect, err error) {
	join, joins := effect.(JoinLegs)
	if joins || err != nil {
		a.feed(resultOf(effect, err))
	}
	for _, ch := range join.Channels { // of those given away meanwhile, the bridge that they were put into is the wrong one
		if owner := a.e.owner(ch); owner != nil && owner != a {
			owner.feed(strayed{ch})
		}
	}
}

func resultOf(effect Effect, err error) Input {
	switch effect := effect.(type) {
	case CreateLeg:
		return LegFailed{Channel: effect.Leg.Channel, Err: err}
	case DialLeg:
		return LegFailed{Channel: effect.Channel, Dialed: true, Err: err}
	case AnswerLeg:
		return AnswerFailed(effect)
	case SnoopLeg:
		return LegFailed{Channel: effect.Snoop.Channel, Err: err}
	case JoinLegs:
		return Joined{Bridge: effect.Bridge, Parties: effect.Parties, Err: err}
	default:
		return nil
	}
}

// hangupAgain asks again for the end of a channel: as long as the call waits for it, or a few times if it does not.
func (a *actor) hangupAgain(effect HangupLeg) {
	if !a.wants(a.e.ctx, effect.Channel) {
		a.e.clean("channel", effect.Channel.ID, func(ctx context.Context) error { return a.hangup(ctx, effect) })
		return
	}
	time.AfterFunc(requestRetry, func() {
		a.loop.Post(func() {
			if a.state.needs(effect.Channel) {
				a.work.push(effect)
			}
		})
	})
}

// wants reports whether the call still has a use for a leg.
func (a *actor) wants(ctx context.Context, ch ChannelID) bool {
	wanted := false
	err := a.loop.Do(ctx, func() {
		wanted = a.state.needs(ch)
	})
	return err == nil && wanted
}

// create reserves what the leg needs before it asks the switch.
func (a *actor) create(ctx context.Context, effect CreateLeg) error {
	if !a.wants(ctx, effect.Leg.Channel) {
		return nil // what it would reserve has been freed already
	}
	if err := a.e.caps.take(effect.Caps, effect.Leg.Channel); err != nil {
		return err
	}
	if dn := effect.Leg.To.DN; dn != "" {
		var forwarded *ForwardedError
		switch err := a.e.Agents.Reserve(dn, a.id, effect.As); {
		case errors.As(err, &forwarded):
			return a.forward(effect, forwarded) //nolint:contextcheck // what it begins goes on without this request
		case err != nil:
			return err
		}
	}
	return a.e.Switch.Create(ctx, effect.Leg)
}

// forward lets the call go where the DN sends its calls; the error says why it can't.
func (a *actor) forward(effect CreateLeg, sent *ForwardedError) error {
	a.e.caps.free(effect.Leg.Channel)
	dest, err := a.e.Plan.Dial(sent.DN, "", sent.To)
	if err != nil || effect.As != CallingDN {
		return fmt.Errorf("%w: %w", sent, ErrUnreachable)
	}
	a.feed(Forwarded{Channel: effect.Leg.Channel, Dest: dest})
	return nil
}
