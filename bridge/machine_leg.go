package bridge

import (
	"errors"
	"slices"
)

// legChanged takes a fact of the switch about one of the call's channels.
func (s *step) legChanged(in LegChanged) {
	if in.Change == LegIsGone && !in.Phone {
		s.i.Dropped = slices.DeleteFunc(s.i.Dropped, func(ch ChannelID) bool { return ch == in.Channel })
	}
	if w := s.i.watchOn(in.Channel); w != nil {
		s.watchLeg(w, in)
		return
	}
	p := s.byChannel(in.Channel)
	if p == nil && s.snooped(in.Channel, in.Change) || p != nil && in.Phone && s.phoneChanged(p, in.Change) {
		return
	}
	if p == nil {
		s.stranger(in)
		return
	}
	switch in.Change {
	case LegIsCreated:
		s.legCreated(p)
	case LegIsRinging:
		s.legRinging(p)
	case LegIsHeard:
		s.legHeard(p)
	case LegIsUp:
		s.legUp(p)
	case LegIsHeld:
		s.hold(p, HoldSwitch)
	case LegIsBack:
		s.hold(p, HoldNone)
	case LegIsGone:
		s.legGone(p, in.Cause)
	case LegIsSilent, LegIsAudible: // phoneChanged has taken it
	}
}

// legCreated rings a channel that is there now. For a transfer this is the point of no return: the target's
// channel exists, so the transferring party leaves.
func (s *step) legCreated(p *Party) {
	if p.Leg.State == LegGone {
		// Its creation was given up, as when its answer came too late, and it came to be nevertheless.
		s.do(HangupLeg{Channel: p.Leg.Channel, Cause: causeNormal})
		return
	}
	if p.Leg.State != LegRequested {
		return
	}
	p.Leg.State = LegCreated
	if !p.alive() {
		return
	}
	if p.State == PartyInitiated {
		s.replyMake(nil)
	}
	if p.resuming() {
		s.dial(p)
		return
	}
	if p.Complete {
		s.completeMuted(p)
		return
	}
	s.replyCalled(p, nil)
	if q := s.call().Queue; q != nil && q.Offer == p.ID && q.Routed {
		s.notWaiting(GoneRouted)
	}
	op := s.call().Transfer
	if op == nil || op.To != p.ID || op.Committed {
		s.dial(p)
		return
	}
	s.commitTransfer(op)
	s.dial(p)
	s.referred(op) // last, since the switch waits for the phone here
}

// referred ends the leg of a phone whose REFER is done. It is to learn the result before its call ends.
func (s *step) referred(op *TransferOp) {
	if by := s.call().party(op.By); op.Refer && by.Leg.alive() {
		s.answerRefer(by, op.Phone, true)
		s.do(HangupLeg{Channel: by.Leg.Channel, Cause: causeNormal})
	}
}

// dial rings a created channel and starts its timer.
func (s *step) dial(p *Party) {
	p.Leg.State = LegDialed
	if p.Deadline.IsZero() {
		p.Deadline = s.at.Add(p.Dest.Timeout)
	}
	var caller ChannelID
	if other := s.call().caller(p.ID); other != nil {
		caller = other.Leg.Channel
	}
	s.do(DialLeg{Channel: p.Leg.Channel, Caller: caller, Timeout: max(0, p.Deadline.Sub(s.at))})
	s.do(StartTimer{Party: p.ID, At: p.Deadline})
}

func (s *step) legRinging(p *Party) {
	if p.Leg.State != LegCreated && p.Leg.State != LegDialed {
		return
	}
	p.Leg.State = LegRinging
	if p.resuming() {
		s.ringsAgain(p)
	}
	if p.PickUp {
		s.pickUp(p)
	}
	if p.State != PartyAlerting {
		return
	}
	s.rings(p)
	if caller := s.listener(p); caller != nil {
		s.do(RingLeg{Channel: caller.Leg.Channel})
		s.reached(p, caller)
	}
}

// listener is who hears how the call to a party gets on: whoever called it, but not while music plays for a queue or a
// transfer, nor those who talk already.
func (s *step) listener(p *Party) *Party {
	c := s.call()
	caller := c.peer(p.ID)
	if p.Added || c.Transfer != nil || c.Queue != nil || caller == nil || !caller.Leg.usable() {
		return nil
	}
	return caller
}

// reached tells the calling DN, once, that the call has got to somebody outside. T-Library has it between Dialing and
// Established.
func (s *step) reached(p, caller *Party) {
	if p.DN != "" || p.Reached {
		return
	}
	p.Reached = true
	s.tell(caller, Event{Kind: EventNetworkReached, CallState: CallStateOK})
}

// legHeard lets the caller hear a destination that is not answered yet.
func (s *step) legHeard(p *Party) {
	caller := s.listener(p)
	if caller == nil || p.State != PartyAlerting && p.State != PartyRinging || p.Leg.Joined {
		return
	}
	if caller.Leg.State == LegArrived {
		s.do(OpenLeg{Channel: caller.Leg.Channel})
	}
	s.reached(p, caller)
	s.call().Bridged = true
	s.do(JoinLegs{Bridge: s.call().Bridge, Channels: []ChannelID{caller.Leg.Channel, p.Leg.Channel}})
}

// rings tells that a party is being rung.
func (s *step) rings(p *Party) {
	p.State = PartyRinging
	s.tell(p, Event{Kind: EventRinging, CallState: CallStateOK})
	if s.call().Transfer != nil {
		s.announce(p)
	}
}

func (s *step) legUp(p *Party) {
	if !p.Leg.usable() || p.Leg.State == LegUp {
		return
	}
	p.Leg.State = LegUp
	if p.resuming() && p.State != PartyInitiated && p.State != PartyAlerting && p.State != PartyRinging {
		s.resumed(p)
		return
	}
	if p.resuming() {
		p.back()
	}
	switch p.State {
	case PartyInitiated:
		s.phoneUp(p)
	case PartyAlerting:
		s.rings(p) // a phone may answer without ringing, but no client knows an answer without a Ringing
		if caller := s.listener(p); caller != nil {
			s.reached(p, caller)
		}
		s.connect(p)
	case PartyRinging:
		s.connect(p)
	case PartyDialing, PartyEstablished, PartyHeld, PartyReleased:
	}
}

// phoneUp goes on with a click-to-dial whose own phone has answered.
func (s *step) phoneUp(p *Party) {
	s.replyMake(nil)
	p.State = PartyDialing
	dialing := Event{Kind: EventDialing, CallState: CallStateOK, Reference: s.i.MakeOp}
	if !p.Dest.Treatment.IsZero() {
		s.tell(p, dialing)
		s.handBack(p, p.Dest.Treatment)
		return
	}
	id := p.ID
	if p.Dest.Queue != "" {
		dialing.Other = routePoint(p.Dest.Number)
		s.tell(p, dialing)
		s.enqueue(p, p.Dest)
		return
	}
	s.ring(p.Dest, 0)
	s.tell(s.call().party(id), dialing)
}

// connect puts a party that answered together with the one it was called for.
func (s *step) connect(p *Party) {
	caller := s.call().peer(p.ID)
	if op := s.call().Transfer; p.Added || s.call().talking() > 1 && (op == nil || op.Committed) {
		s.joinLegs(p) // to those who talk already
		return
	}
	switch {
	case caller != nil && (caller.Away || caller.Leg.Hold == HoldEngine || caller.resuming()):
		s.joinLegs(p) // who called it comes later
		return
	case caller == nil || !caller.Leg.usable():
		s.release(p, CallStateOK, causeNormal)
		return
	case caller.Leg.State == LegArrived:
		s.do(AnswerLeg{Channel: caller.Leg.Channel})
	}
	s.joinLegs(caller, p)
}

// legGone takes the end of a channel.
func (s *step) legGone(p *Party, cause int) {
	if !p.Leg.alive() {
		return
	}
	asked := p.Leg.State == LegLeaving
	if p.resuming() && !asked && p.alive() {
		s.resumeFailed(p, cause)
		return
	}
	s.gone(p)
	if asked || !p.alive() {
		return
	}
	p.Leg.Cause = cause
	switch p.State {
	case PartyAlerting, PartyRinging:
		s.failed(p, cause, ErrUnreachable)
	case PartyInitiated:
		s.phoneFailed(p, cause, &TargetError{Number: p.Number, Rule: "phone", Why: "its phone did not take the call", Unreachable: true})
	case PartyDialing, PartyEstablished, PartyHeld, PartyReleased:
		dn := p.DN
		s.left(p, cause)
		s.leftBehind(dn, cause)
	}
}

// left ends the call after a party hung up: those who still ring see the call abandoned.
func (s *step) left(p *Party, cause int) {
	if op := s.call().Transfer; op != nil && op.Refer && !op.Committed && op.By == p.ID {
		s.commitTransfer(op) // many phones hang up right behind their REFER: the transfer is wanted all the same
		s.referred(op)
		return
	}
	underWay := s.call().Transfer != nil
	s.failTransfer(&StateError{Call: s.call().ID, Verb: "transfer", State: PartyReleased, Why: "a party hung up meanwhile"})
	s.release(p, CallStateOK, cause)
	if underWay {
		s.clear(CallStateAbandoned, causeNormal)
		return
	}
	s.without(p, p)
}

// legFailed takes the failure of a channel that was to be made or rung.
func (s *step) legFailed(in LegFailed) {
	if w := s.i.watchOn(in.Channel); w != nil {
		s.watchFailed(w, in)
		return
	}
	p := s.byChannel(in.Channel)
	if p != nil && p.alive() && p.resuming() && p.Leg.usable() {
		s.notCalledAgain(p, in)
		return
	}
	if p == nil && s.notSnooped(in.Channel) || p == nil || !p.Leg.alive() || !s.failedLeg(p, in) {
		return
	}
	switch {
	case !p.alive():
	case p.State == PartyInitiated:
		s.phoneFailed(p, causeAbsent, in.Err)
	default:
		cause := causeOf(in.Err, causeAbsent)
		if errors.Is(in.Err, ErrBusy) {
			cause = causeBusy
		}
		s.failed(p, cause, in.Err)
	}
}

// failedLeg ends the leg of a request that failed. It reports false for a failure that means nothing: the leg has
// gone further meanwhile, so only the answer was lost.
func (s *step) failedLeg(p *Party, in LegFailed) bool {
	switch {
	case in.Dialed && p.Leg.State == LegDialed:
		p.Leg.State, p.Leg.Cause = LegLeaving, causeNormal // it is there: its end comes as a fact
		s.do(HangupLeg{Channel: p.Leg.Channel, Cause: causeNormal})
		return true
	case in.Dialed || p.Leg.State != LegRequested && p.Leg.State != LegLeaving:
		return false
	}
	var refused *TargetError
	if !errors.Is(in.Err, ErrUnreachable) && !errors.Is(in.Err, ErrBusy) && !errors.As(in.Err, &refused) {
		s.do(HangupLeg{Channel: p.Leg.Channel, Cause: causeNormal}) // the answer may be lost and the channel there
	}
	s.gone(p)
	return true
}

// phoneFailed ends a click-to-dial whose own phone can't be had.
func (s *step) phoneFailed(p *Party, cause int, err error) {
	p.Told = false // the error is the last word, and shows the DN's call as over: there was none to release
	s.release(p, CallStateOK, cause)
	s.tell(p, Event{Kind: EventError, Error: err.Error(), Cause: cause, Reference: s.i.MakeOp})
	p.Told = false
	s.replyMake(err)
}

// ringTimeout ends the ringing of a party that does not answer.
func (s *step) ringTimeout(in RingTimeout) {
	if w := s.i.watching(in.Party); w != nil {
		s.observerTimeout(w)
		return
	}
	p := s.party(in.Party)
	if p != nil && p.alive() && p.resuming() {
		s.resumeTimer(p)
		return
	}
	if p == nil || !p.alive() || s.at.Before(p.Deadline) {
		return
	}
	switch p.State {
	case PartyInitiated:
		s.phoneFailed(p, causeNoAnswer, &TargetError{Number: p.Number, Rule: "calls.ring_timeout", Why: "its phone was not answered", Unreachable: true})
	case PartyAlerting, PartyRinging:
		if p.Leg.State != LegUp { // an answer that is being joined was in time
			s.failed(p, causeNoAnswer, ErrNoAnswer)
		}
	case PartyDialing, PartyEstablished, PartyHeld, PartyReleased:
	}
}

// failed goes on after a destination that could not be had: back to who transferred, to the fallback, or to the end.
func (s *step) failed(p *Party, cause int, err error) {
	c, waited := s.call(), p.Reply != 0
	s.replyCalled(p, err)
	if s.offerFailed(p, cause, err) {
		return
	}
	if op := c.Transfer; op != nil && op.To == p.ID {
		s.transferFailed(op, p, cause, err)
		return
	}
	why := callStateOf(cause)
	s.release(p, why, cause)
	if p.Added && c.talking() > 1 {
		if by := c.party(p.Third); !waited && by != nil && by.alive() { // it was told that the call is being made
			s.tell(by, Event{Kind: EventError, Error: (&TargetError{Number: p.Number, Rule: "conference", Why: why.reason()}).Error(), Cause: cause})
		}
		return
	}
	caller := c.peer(p.ID)
	if caller == nil {
		s.clear(why, cause)
		return
	}
	if (cause == causeAbsent || cause == causeNoCircuit) && !p.Dest.Fallback.IsZero() && caller.Leg.usable() && !s.i.awayWith(caller.DN) {
		s.handBack(caller, p.Dest.Fallback)
		return
	}
	if cause == causeBusy {
		s.tell(caller, Event{Kind: EventDestinationBusy, CallState: CallStateBusy, Cause: cause})
	}
	s.release(caller, why, cause)
}

// reason says in words why a number could not be had.
func (c CallState) reason() string {
	switch c {
	case CallStateBusy:
		return ErrBusy.Error()
	case CallStateNoAnswer:
		return ErrNoAnswer.Error()
	case CallStateOK, CallStateTransferred, CallStateConferenced, CallStateRedirected, CallStateDropped, CallStateBridged, CallStateAbandoned:
	}
	return ErrUnreachable.Error()
}

func callStateOf(cause int) CallState {
	switch cause {
	case causeBusy:
		return CallStateBusy
	case causeNoAnswer:
		return CallStateNoAnswer
	default:
		return CallStateOK
	}
}
