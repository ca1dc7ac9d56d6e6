package bridge

// identify tells the phones of DNs with whom they are connected, when it is somebody else than they show: after a transfer,
// into a consultation and out of it, and when a conference has shrunk to two. What outside parties are shown is their
// network's business.
func (s *step) identify() {
	c := s.call()
	for i := range c.Parties {
		p := &c.Parties[i]
		peer := c.peer(p.ID)
		if p.DN == "" || !p.talks() || !p.Leg.Joined || peer == nil || !peer.talks() || peer.Number == p.Leg.Shows {
			continue
		}
		first := p.Leg.Shows == "" // nobody knows what it shows
		p.Leg.Shows = peer.Number
		if !first {
			s.do(IdentifyPeer{Channel: p.Leg.Channel, Number: peer.Number, Name: peer.Name})
		}
	}
}
