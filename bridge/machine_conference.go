package bridge

import "fmt"

// add calls a further party into a call that goes on meanwhile.
func (s *step) add(in doAdd) {
	p, err := s.actor(in.By, CanSingleStepConference)
	if err == nil {
		err = s.outsider(in.Dest, "single-step-conference")
	}
	if err == nil && in.Dest.Queue != "" {
		err = &TargetError{Number: in.Dest.Dialled, Rule: "single-step-conference", Why: "a queue can't be a party: consult it instead"}
	}
	if err != nil {
		s.do(Reply{Token: in.Reply, Err: err})
		return
	}
	by := p.ID
	added := s.ring(in.Dest, 0)
	added.Role, added.Added, added.Third, added.Reply = RoleNewParty, true, by, in.Reply
}

// addedIn tells of a further party that has answered.
func (s *step) addedIn(p *Party) {
	c := s.call()
	e := Event{Kind: EventPartyAdded, CallState: CallStateConferenced, Other: p.view(&s.i, s.n)}
	if by := c.party(p.Third); by != nil {
		e.Third = by.view(&s.i, s.n)
	}
	for _, other := range c.others(p.ID) {
		if other.Told {
			s.tell(other, e)
		}
	}
}

// drop takes a party out of a conference.
func (s *step) drop(in doDrop) {
	p, err := s.actor(in.By, CanDeleteFromConference)
	var member *Party
	if err == nil {
		if member = s.call().member(in.Member); member == nil {
			err = fmt.Errorf("%q: %w", in.Member, ErrNotAMember)
		} else if member.ID == p.ID {
			err = &StateError{Call: s.call().ID, Verb: string(CanDeleteFromConference), State: p.State, Why: "it is the DN's own party: release it"}
		}
	}
	if err != nil {
		s.do(Reply{Token: in.Reply, Err: err})
		return
	}
	s.release(member, CallStateOK, causeNormal)
	s.without(member, p)
	s.do(Reply{Token: in.Reply})
}

// member finds a living party by its DN or number.
func (c *Call) member(number string) *Party {
	for i := range c.Parties {
		if p := &c.Parties[i]; p.alive() && (string(p.DN) == number || p.Number == number) {
			return p
		}
	}
	return nil
}

// releaseOwn lets a party go by command, as its hanging up would.
func (s *step) releaseOwn(in doRelease) {
	p, err := s.actor(in.By, CanRelease)
	switch {
	case err != nil:
	case p.Role == RoleObserver:
		s.endWatch(s.i.watching(p.ID), WatchLeft, CallStateOK, causeNormal)
	case s.call().Controller == ControlSwitch:
		s.clear(CallStateOK, causeNormal)
	case p.State == PartyAlerting || p.State == PartyRinging:
		s.failed(p, causeBusy, ErrBusy)
	default:
		s.left(p, causeNormal)
	}
	s.do(Reply{Token: in.Reply, Err: err})
}

// without goes on after a party has left: as a conference of those who remain, or not at all.
func (s *step) without(p, by *Party) {
	c := s.call()
	if c.talking() < 2 {
		s.clear(CallStateAbandoned, causeNormal)
		return
	}
	e := Event{Kind: EventPartyDeleted, CallState: CallStateOK, Other: p.view(&s.i, s.n), Third: by.view(&s.i, s.n)}
	for _, other := range c.others(p.ID) {
		if other.Told && other.State != PartyRinging {
			s.tell(other, e)
		}
	}
}

// redirect sends a call that rings somewhere else.
func (s *step) redirect(in doRedirect) {
	p, err := s.actor(in.By, CanRedirect)
	if err == nil {
		err = s.outsider(in.Dest, "redirect")
	}
	if err != nil {
		s.do(Reply{Token: in.Reply, Err: err})
		return
	}
	c := s.call()
	added, third, id := p.Added, p.Third, p.ID
	if in.Dest.Queue != "" {
		s.redirectToQueue(p, in)
		return
	}
	s.release(p, CallStateRedirected, causeNormal)
	to := s.ring(in.Dest, 0)
	to.Added, to.Third, to.Reply = added, third, in.Reply
	if op := c.Transfer; op != nil && op.To == id {
		op.To = to.ID
	}
	if c.Queue != nil && c.Queue.Offer == id {
		c.Queue.Offer = to.ID
	}
}

// redirectToQueue lets the caller wait instead.
func (s *step) redirectToQueue(p *Party, in doRedirect) {
	if !s.mayWait(p) {
		s.do(Reply{Token: in.Reply, Err: &TargetError{
			Number: in.Dest.Dialled, Rule: "redirect", Why: "only a call of one caller can wait in a queue",
		}})
		return
	}
	s.release(p, CallStateRedirected, causeNormal)
	s.waitInstead(p, in.Dest)
	s.do(Reply{Token: in.Reply})
}
