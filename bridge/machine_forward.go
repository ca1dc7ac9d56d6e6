package bridge

// maxForwards is how often a call may be sent on: DNs may send their calls in a circle.
const maxForwards = 3

// forwarded calls whom a DN sends its calls to. The DN is told nothing: its phone never rings.
func (s *step) forwarded(in Forwarded) {
	p := s.byChannel(in.Channel)
	if p == nil || p.Leg.State != LegRequested || !p.alive() {
		return
	}
	if p.Forwards < maxForwards && in.Dest.Queue != "" && s.mayWait(p) {
		s.forwardedToQueue(p, in.Dest)
		return
	}
	if p.Forwards >= maxForwards || in.Dest.Endpoint == (Endpoint{}) || s.outsider(in.Dest, "forward") != nil {
		s.legFailed(LegFailed{Channel: in.Channel, Err: ErrUnreachable})
		return
	}
	was := *p
	s.gone(p)
	p.State, p.LeftAt, p.Reply = PartyReleased, s.at, 0
	to := s.ring(in.Dest, was.Third)
	to.Role, to.Added, to.Complete, to.Reply, to.Forwards = was.Role, was.Added, was.Complete, was.Reply, was.Forwards+1
	c := s.call()
	if c.Transfer != nil && c.Transfer.To == was.ID {
		c.Transfer.To = to.ID
	}
	if c.Queue != nil && c.Queue.Offer == was.ID {
		c.Queue.Offer = to.ID
	}
}

// forwardedToQueue lets the call wait instead.
func (s *step) forwardedToQueue(p *Party, dest Destination) {
	reply, complete := p.Reply, p.Complete
	s.gone(p)
	p.State, p.LeftAt, p.Reply = PartyReleased, s.at, 0
	s.waitInstead(p, dest)
	if caller := s.call().waiter(); complete {
		if prim, cons, paired := s.i.pair(caller.DN); paired {
			s.handOver(caller.DN, prim, cons, "")
		}
	}
	s.do(Reply{Token: reply})
}

// mayWait reports whether a call can wait instead of ringing a party: it is the one caller who would wait.
func (s *step) mayWait(p *Party) bool {
	c := s.call()
	staying := len(c.others(p.ID))
	if op := c.Transfer; op != nil && op.To == p.ID && !op.Committed {
		staying-- // who transfers leaves
	}
	return staying == 1 && !p.Added && (c.Queue == nil || c.Queue.Offer == p.ID)
}

// waitInstead lets a call wait whose target has been given up: an offer, the target of a transfer, or whom it called.
func (s *step) waitInstead(p *Party, dest Destination) {
	c := s.call()
	if c.Queue != nil {
		c.Queue.Offer = 0
		s.notWaiting(GoneRouted)
	}
	op := c.Transfer
	c.Transfer = nil
	if op != nil && op.To == p.ID && !op.Committed {
		s.do(Reply{Token: op.Reply})
		s.transferToQueue(c.party(op.By), *op, dest)
		return
	}
	s.enqueueInstead(dest)
}
