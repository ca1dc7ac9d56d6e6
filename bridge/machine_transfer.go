package bridge

import "cmp"

// transfer begins a single-step transfer. The target's channel is made first: if that fails the call goes on as
// it was; once the channel is there the transferring party leaves.
func (s *step) transfer(in doTransfer) {
	if in.refer() && s.byChannel(in.Channel) == nil {
		return
	}
	by, err := s.transferor(in)
	if dn := in.Dest.Endpoint.DN; err == nil && dn != "" && s.call().livingDN(dn) != nil {
		err = &TargetError{Number: in.Dest.Dialled, Rule: "transfer", Why: "that DN is in the call already"}
	}
	if err != nil {
		s.refuseTransfer(in, err)
		return
	}
	if in.Dest.Queue != "" {
		s.transferToQueue(by, TransferOp{Refer: in.refer(), Phone: in.Phone, Op: in.Op}, in.Dest)
		s.do(Reply{Token: in.Reply})
		return
	}
	op := &TransferOp{By: by.ID, Refer: in.refer(), Phone: in.Phone, Op: in.Op, Reply: in.Reply}
	byID := by.ID
	to := s.ring(in.Dest, byID)
	op.To = to.ID
	s.call().Transfer = op
}

// transferToQueue lets the other party wait: there is nobody to be called yet.
func (s *step) transferToQueue(by *Party, op TransferOp, dest Destination) {
	s.quit(by, Event{Kind: EventReleased, CallState: CallStateTransferred, Cause: causeNormal, Reference: op.Op})
	s.dropReferring(by, op.Refer, op.Phone)
	s.enqueueInstead(dest)
	s.nowWaits(by)
}

func (s *step) refuseTransfer(in doTransfer, err error) {
	if in.refer() {
		s.declineRefer(in.Channel, in.Phone)
	}
	s.do(Reply{Token: in.Reply, Err: err})
}

// declineRefer tells a phone that its transfer will not happen.
func (s *step) declineRefer(ch ChannelID, phone bool) {
	if p := s.byChannel(ch); p != nil && p.Leg.usable() {
		s.answerRefer(p, phone, false)
	}
}

// answerRefer lets whoever took the phone's REFER tell it the result.
func (s *step) answerRefer(p *Party, phone, ok bool) {
	e := ReferLeg{Channel: cmp.Or(p.Leg.ReferredAt, p.Leg.Channel), OK: ok}
	if phone {
		e.Phone = p.Leg.Name
	}
	s.do(e)
}

// transferor finds the party that transfers, and says why it can't.
func (s *step) transferor(in doTransfer) (*Party, error) {
	p := s.call().livingDN(in.By)
	if p == nil {
		return nil, ErrNotAParty
	}
	why := s.i.why(s.n, p, CanSingleStepTransfer)
	if why == "" && in.refer() && s.i.awayWith(p.DN) { // the phone ends its leg behind a REFER, which both calls need
		why = "the DN has a second call: complete the transfer instead"
	}
	if why != "" {
		return nil, &StateError{Call: s.call().ID, Verb: "transfer", State: p.State, Why: why}
	}
	return p, nil
}

// mayTransfer says why a party can't transfer now, nothing if it can.
func (c *Call) mayTransfer(p *Party) string {
	switch {
	case c.Controller == ControlSwitch:
		return doneBySwitch
	case p.State != PartyEstablished && p.State != PartyHeld:
		return "an established call is needed"
	case c.Transfer != nil:
		return "a transfer is under way"
	case c.peer(p.ID) == nil:
		return "there is no single other party"
	}
	return ""
}

// commitTransfer lets the transferring party go: the target's channel is there.
func (s *step) commitTransfer(op *TransferOp) {
	c := s.call()
	op.Committed = true
	by := c.party(op.By)
	s.music()
	by.Leg.Joined = false
	if op.Refer && by.Leg.alive() {
		by.Leg.State, by.Leg.Cause = LegLeaving, causeNormal // legCreated hangs up, once the phone knows
	}
	s.release(by, CallStateTransferred, causeNormal)
	s.do(Reply{Token: op.Reply})
	op.Reply = 0
}

// announce tells the party that stayed whom it is being connected to. Once per target.
func (s *step) announce(to *Party) {
	if to.Announced {
		return
	}
	to.Announced = true
	if stayed := s.call().peer(to.ID); stayed != nil {
		e := Event{Kind: EventPartyChanged, CallState: CallStateTransferred, Other: to.view(&s.i, s.n)}
		if third := s.call().party(to.Third); third != nil {
			e.Third = third.view(&s.i, s.n)
		}
		s.tell(stayed, e)
	}
}

// transferFailed goes on after a target that could not be had: before the commit the call stays as it was,
// afterwards the transferring party is called back, and if that fails too the call ends.
func (s *step) transferFailed(op *TransferOp, p *Party, cause int, err error) {
	c := s.call()
	if !op.Committed {
		s.release(p, CallStateOK, cause)
		s.failTransfer(err)
		return
	}
	s.release(p, callStateOf(cause), cause)
	by := c.party(op.By)
	if op.Recalled || by == nil || by.DN == "" {
		c.Transfer = nil
		s.clear(CallStateOK, cause)
		return
	}
	op.Recalled = true
	dest := Destination{Endpoint: Endpoint{DN: by.DN}, Number: by.Number, Dialled: by.Number, Timeout: p.Dest.Timeout}
	op.To = s.ringAs(CallingOwn, dest, 0).ID
}

// failTransfer answers the command that waits for a transfer which will not happen.
func (s *step) failTransfer(err error) {
	c := s.call()
	op := c.Transfer
	if op == nil {
		return
	}
	if !op.Committed {
		if op.Refer {
			s.answerRefer(c.party(op.By), op.Phone, false)
		}
		s.do(Reply{Token: op.Reply, Err: err})
	}
	c.Transfer = nil
}

// replyMake answers a click-to-dial command, once.
func (s *step) replyMake(err error) {
	if s.i.MakeReply != 0 {
		s.do(Reply{Token: s.i.MakeReply, Err: err})
		s.i.MakeReply = 0
	}
}
