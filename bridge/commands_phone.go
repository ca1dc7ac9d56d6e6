package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// phoneTimeout is how long a phone has to acknowledge what it is told to do.
const phoneTimeout = 3 * time.Second

// PartyCommand is for one party of a call.
type PartyCommand struct {
	Call CallID
	By   DN // empty: the only DN in the call
	Op   OpID
}

// Answer has the phone of the DN answer; a call in which it talks is held before. It returns when the phone has
// acknowledged; a call that is answered already is no error.
func (e *Engine) Answer(ctx context.Context, cmd PartyCommand) (CallView, error) {
	if err := e.holdOthers(ctx, cmd); err != nil {
		return CallView{}, err
	}
	return e.phoneCommand(ctx, cmd, PhoneAnswer)
}

// Hold has the phone of the DN put the call on hold, under the conditions of Answer.
func (e *Engine) Hold(ctx context.Context, cmd PartyCommand) (CallView, error) {
	return e.phoneCommand(ctx, cmd, PhoneHold)
}

// Retrieve has the phone of the DN take the call back from hold, under the conditions of Answer.
func (e *Engine) Retrieve(ctx context.Context, cmd PartyCommand) (CallView, error) {
	if err := e.holdOthers(ctx, cmd); err != nil {
		return CallView{}, err
	}
	return e.phoneCommand(ctx, cmd, PhoneRetrieve)
}

// holdOthers holds the call in which the DN talks, on another line of its phone, before it talks in this one.
func (e *Engine) holdOthers(ctx context.Context, cmd PartyCommand) error {
	a, by, err := e.acting(cmd)
	if err != nil {
		return err
	}
	for _, other := range e.Calls() {
		if other.Interaction == a.id || other.stateOf(by) != PartyEstablished {
			continue
		}
		if _, err := e.Hold(ctx, PartyCommand{Call: other.ID, By: by}); err != nil {
			return fmt.Errorf("the other call of %s can't be held: %w", by, err)
		}
	}
	return nil
}

// talks reports whether a DN talks in some call.
func (e *Engine) talks(dn DN) bool {
	return slices.ContainsFunc(e.Calls(), func(c CallView) bool { return c.stateOf(dn) == PartyEstablished })
}

// Reject refuses a call that rings at the DN, for the caller as if it were busy.
func (e *Engine) Reject(ctx context.Context, cmd PartyCommand) (CallView, error) {
	return e.partyCommand(ctx, cmd, func(by DN, token int) Input { return doReject{By: by, Reply: token} })
}

func (e *Engine) phoneCommand(ctx context.Context, cmd PartyCommand, verb PhoneVerb) (CallView, error) {
	return e.partyCommand(ctx, cmd, func(by DN, token int) Input { return doPhone{By: by, Verb: verb, Reply: token} })
}

// askPhone tells a phone what to do. It runs beside the effects, which must not wait for a phone.
func (a *actor) askPhone(effect AskPhone) {
	ctx, cancel := context.WithTimeout(a.e.ctx, phoneTimeout)
	defer cancel()
	var err error
	switch effect.Verb {
	case PhoneAnswer:
		err = a.e.Phones.Answer(ctx, effect.Leg)
	case PhoneHold:
		err = a.e.Phones.Hold(ctx, effect.Leg)
	case PhoneRetrieve:
		err = a.e.Phones.Retrieve(ctx, effect.Leg)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("%w: %w", ErrPhoneSilent, err)
	case err != nil:
		err = fmt.Errorf("%w: %w", ErrPhoneRefused, err)
	}
	if err != nil {
		a.e.log.Warn("phone_command_failed", "interaction", a.id, "leg", effect.Leg, "verb", effect.Verb, "error", err)
	}
	a.feed(PhoneReplied{Party: effect.Party, Verb: effect.Verb, Err: err})
}

// noPhones stands for a gateway that is not there: no phone can be told anything.
type noPhones struct{}

var errNoGateway = errors.New("there is no gateway")

func (noPhones) Lost(DN, string) bool                            { return false }
func (noPhones) Abilities(string) PhoneAbilities                 { return PhoneAbilities{} }
func (noPhones) Answer(context.Context, string) error            { return errNoGateway }
func (noPhones) Hold(context.Context, string) error              { return errNoGateway }
func (noPhones) Retrieve(context.Context, string) error          { return errNoGateway }
func (noPhones) Hangup(context.Context, string) error            { return errNoGateway }
func (noPhones) ReferResult(context.Context, string, bool) error { return errNoGateway }
