package bridge

// maxForwards is how often a call may be sent on: DNs may send their calls in a circle.
const maxForwards = 3

// forwarded calls whom a DN sends its calls to. The DN is told nothing: its phone never rings.
func (s *step) forwarded(in Forwarded) {
	p := s.byChannel(in.Channel)
	if p == nil || p.Leg.State != LegRequested || !p.alive() {
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
