package bridge

import "context"

// Release takes By out of the call; the others stay when there are two or more.
func (e *Engine) Release(ctx context.Context, cmd PartyCommand) (CallView, error) {
	return e.partyCommand(ctx, cmd, func(by DN, token int) Input { return doRelease{By: by, Op: cmd.Op, Reply: token} })
}

// Redirect returns once the other number is being called and By has left.
func (e *Engine) Redirect(ctx context.Context, cmd Redirect) (CallView, error) {
	return e.targetCommand(ctx, cmd.PartyCommand, cmd.To, cmd.Class, func(by DN, dest Destination, token int) Input {
		return doRedirect{By: by, Dest: dest, Op: cmd.Op, Reply: token}
	})
}

// SetMute returns once it is being done. What is so already is no error.
func (e *Engine) SetMute(ctx context.Context, cmd SetMute) (CallView, error) {
	return e.partyCommand(ctx, cmd.PartyCommand, func(by DN, token int) Input {
		return doMute{By: by, Direction: cmd.Direction, On: cmd.On, Op: cmd.Op, Reply: token}
	})
}

// SendDTMF returns once the digits are being sent.
func (e *Engine) SendDTMF(ctx context.Context, cmd SendDTMF) (CallView, error) {
	return e.partyCommand(ctx, cmd.PartyCommand, func(by DN, token int) Input {
		return doDTMF{By: by, Digits: cmd.Digits, Op: cmd.Op, Reply: token}
	})
}

// AttachData refuses with a *UserDataError what breaks a limit.
func (e *Engine) AttachData(ctx context.Context, cmd AttachData) (CallView, error) {
	return e.partyCommand(ctx, cmd.PartyCommand, func(by DN, token int) Input {
		return doData{By: by, Verb: CanAttachUserData, Data: cmd.Data, Op: cmd.Op, Reply: token}
	})
}

// UpdateData refuses with a *UserDataError what breaks a limit.
func (e *Engine) UpdateData(ctx context.Context, cmd UpdateData) (CallView, error) {
	return e.partyCommand(ctx, cmd.PartyCommand, func(by DN, token int) Input {
		return doData{By: by, Verb: CanUpdateUserData, Data: cmd.Data, Op: cmd.Op, Reply: token}
	})
}

// DeleteData takes a key that is not there for deleted.
func (e *Engine) DeleteData(ctx context.Context, cmd DeleteData) (CallView, error) {
	return e.partyCommand(ctx, cmd.PartyCommand, func(by DN, token int) Input {
		return doData{By: by, Verb: CanDeleteUserDataPair, Keys: cmd.Keys, Op: cmd.Op, Reply: token}
	})
}

// DropMember returns once the others have been told.
func (e *Engine) DropMember(ctx context.Context, cmd DropMember) (CallView, error) {
	return e.partyCommand(ctx, cmd.PartyCommand, func(by DN, token int) Input {
		return doDrop{By: by, Member: cmd.Member, Op: cmd.Op, Reply: token}
	})
}

// SingleStepConference returns once the further party is being called.
func (e *Engine) SingleStepConference(ctx context.Context, cmd SingleStepConference) (CallView, error) {
	return e.targetCommand(ctx, cmd.PartyCommand, cmd.To, cmd.Class, func(by DN, dest Destination, token int) Input {
		return doAdd{By: by, Dest: dest, Op: cmd.Op, Reply: token}
	})
}

// partyCommand gives a command of one party, which build makes for the DN that acts and the token of the reply.
func (e *Engine) partyCommand(ctx context.Context, cmd PartyCommand, build func(by DN, token int) Input) (CallView, error) {
	return e.ops.once(ctx, e.spawn, cmd.Op, func(ctx context.Context) (CallView, error) {
		a, by, err := e.acting(cmd)
		if err != nil {
			return CallView{}, err
		}
		if err := a.ask(ctx, cmd.Call, func(token int) Input { return build(by, token) }); err != nil {
			return CallView{}, err
		}
		return e.lastView(a, cmd.Call), nil
	})
}

// targetCommand is partyCommand for a command that calls a number.
func (e *Engine) targetCommand(
	ctx context.Context, cmd PartyCommand, to, class string, build func(by DN, dest Destination, token int) Input,
) (CallView, error) {
	return e.ops.once(ctx, e.spawn, cmd.Op, func(ctx context.Context) (CallView, error) {
		a, by, err := e.acting(cmd)
		if err != nil {
			return CallView{}, err
		}
		dest, err := e.target(by, class, to)
		if err != nil {
			return CallView{}, err
		}
		if err = a.ask(ctx, cmd.Call, func(token int) Input { return build(by, dest, token) }); err != nil {
			return CallView{}, explain(to, err)
		}
		return e.lastView(a, cmd.Call), nil
	})
}

// acting finds the interaction of a command, and the DN that acts in it.
func (e *Engine) acting(cmd PartyCommand) (*actor, DN, error) {
	a, view, err := e.actorOf(cmd.Call)
	if err != nil {
		return nil, "", err
	}
	by, err := actingDN(view, cmd.By)
	return a, by, err
}

// target is where a number leads that a party of a call wants to be called.
func (e *Engine) target(by DN, class, to string) (Destination, error) {
	dest, err := e.Plan.Dial(by, class, to)
	switch {
	case err != nil:
		return Destination{}, err
	case !dest.Treatment.IsZero():
		return Destination{}, &TargetError{Number: to, Rule: "destination", Why: "a DN or an outside number is needed"}
	case dest.Endpoint.DN == by:
		return Destination{}, &TargetError{Number: to, Rule: "own DN", Why: "it is the calling DN itself"}
	}
	return dest, nil
}
