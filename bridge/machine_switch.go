package bridge

// applySwitched is apply for a call that a switch with call control of its own mixes. Of such a call we have one leg, in
// our gateway, and nothing else to command.
func (s *step) applySwitched(in Input) {
	switch in := in.(type) {
	case SwitchCalled:
		s.switchCalled(in)
	case LegChanged:
		if p := s.byChannel(in.Channel); p != nil && in.Phone {
			s.switchLeg(p, in)
		}
	case SwitchLost:
		s.switchLost()
	case doHangup:
		s.hangup(in)
	case doPhone:
		s.phone(in)
	case PhoneReplied:
		s.phoneReplied(in)
	case doReject:
		s.reject(in)
	case doTransfer:
		s.transfer(in)
	case doReferRefused:
		s.declineRefer(in.Channel, in.Phone)
	case doRelease:
		s.releaseOwn(in)
	case doData:
		s.data(in)
	case doMonitor:
		s.monitor(in)
	case command:
		s.do(Reply{Token: in.token(), Err: &StateError{Call: s.call().ID, Verb: "this command", State: s.call().state(), Why: doneBySwitch}})
	}
}

// switchCalled begins with a call that rings at a DN, or one that a DN has begun.
func (s *step) switchCalled(in SwitchCalled) {
	c := s.call()
	c.Controller, c.StartedAt = ControlSwitch, s.at
	our := Party{
		DN: in.DN, Number: string(in.DN), Role: RoleOrigination, State: PartyDialing,
		Leg: Leg{Channel: in.Channel, Name: in.Leg, State: LegDialed},
	}
	other := Party{Number: in.Number, Role: RoleDestination, State: PartyAlerting}
	c.ANI, c.DNIS, c.Type = our.Number, in.Number, CallOutbound
	began := EventDialing
	if in.Inbound {
		our.Role, our.State, our.Leg.State = RoleDestination, PartyRinging, LegRinging
		other.Role, other.State = RoleOrigination, PartyDialing
		c.ANI, c.DNIS, c.Type = in.Number, our.Number, CallInbound
		began = EventRinging
	}
	if in.Internal {
		c.Type = CallInternal
	}
	s.do(OccupyDN{DN: in.DN})
	if in.Inbound {
		s.join(other)
		s.tell(s.join(our), Event{Kind: began, CallState: CallStateOK})
		return
	}
	id := s.join(our).ID
	s.join(other)
	s.tell(c.party(id), Event{Kind: began, CallState: CallStateOK})
}

// switchLeg takes what the gateway tells of the DN's leg, which is all that anybody tells of the call.
func (s *step) switchLeg(p *Party, in LegChanged) {
	switch in.Change {
	case LegIsUp:
		s.switchUp(p)
	case LegIsGone:
		s.switchGone(p, in.Cause)
	case LegIsHeld, LegIsBack, LegIsSilent, LegIsAudible:
		s.phoneChanged(p, in.Change)
	case LegIsCreated, LegIsRinging, LegIsHeard:
	}
}

func (s *step) switchUp(p *Party) {
	c := s.call()
	if !p.Leg.usable() || !p.alive() || p.Leg.State == LegUp {
		return
	}
	p.Leg.State, c.AnsweredAt = LegUp, s.at
	for i := range c.Parties {
		c.Parties[i].State, c.Parties[i].JoinedAt = PartyEstablished, s.at
	}
	s.tell(p, Event{Kind: EventEstablished, CallState: CallStateOK})
	s.followHold(p)
}

// switchGone ends the call with its leg.
func (s *step) switchGone(p *Party, cause int) {
	s.gone(p)
	if !p.alive() {
		return
	}
	why := callStateOf(cause)
	switch {
	case p.State == PartyDialing && why == CallStateBusy:
		s.tell(p, Event{Kind: EventDestinationBusy, CallState: why, Cause: cause})
	case cause == causeNormal:
		why = CallStateAbandoned // for a phone that still rings
	}
	s.clear(why, cause)
}
