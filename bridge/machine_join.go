package bridge

import (
	"fmt"
	"slices"
)

// joinLegs asks for parties to hear each other.
func (s *step) joinLegs(parties ...*Party) {
	c := s.call()
	c.Bridged = true
	e := JoinLegs{Bridge: c.Bridge}
	for _, p := range parties {
		e.Channels = append(e.Channels, p.Leg.Channel)
		e.Parties = append(e.Parties, p.ID)
	}
	s.do(e)
}

// joined makes those who can hear each other now established.
func (s *step) joined(in Joined) {
	if len(in.Parties) > 0 {
		if w := s.i.watching(in.Parties[0]); w != nil {
			s.observerJoined(w, in)
			return
		}
	}
	if len(in.Parties) == 0 || s.party(in.Parties[0]) == nil {
		return // early media only: the call can do without
	}
	c := s.call()
	switch {
	case in.Bridge != BridgeID{} && in.Bridge != c.Bridge:
		return // they are in another call now
	case in.Err != nil:
		s.notJoined(in.Parties, in.Err)
		return
	}
	answered := c.Queue != nil && slices.Contains(in.Parties, c.Queue.Offer)
	if answered {
		s.notWaiting(GoneAnswered)
	}
	for _, id := range in.Parties {
		p := c.party(id)
		if p == nil || !p.alive() || !p.Leg.usable() || p.Leg.Hold == HoldEngine {
			continue // gone, or taken out again meanwhile
		}
		p.Leg.Joined = true
		s.rejoined(p, nil)
		if p.resuming() {
			p.back()
		}
		if p.State == PartyEstablished || p.State == PartyHeld {
			continue
		}
		if c.Queue != nil && !answered {
			continue // it hears the music of the queue
		}
		if c.Transfer != nil {
			s.announce(p)
		}
		p.State, p.JoinedAt = PartyEstablished, s.at
		if c.AnsweredAt.IsZero() {
			c.AnsweredAt = s.at
		}
		s.tell(p, Event{Kind: EventEstablished, CallState: CallStateOK})
		if p.Added {
			s.addedIn(p)
		}
		s.followHold(p)
	}
	if op := c.Transfer; op != nil {
		if to := c.party(op.To); to.Leg.Joined {
			c.Transfer = nil
		}
	}
}

// notJoined goes on when parties could not be joined: one of them hung up meanwhile, which its own fact will tell, or the
// switch can't mix. Where others talk without it, it alone leaves; else the call can't go on either way.
func (s *step) notJoined(ids []PartyID, err error) {
	c := s.call()
	switch p := c.party(ids[0]); {
	case c.Queue != nil && slices.Contains(ids, c.Queue.Offer): // whoever else is in it waits on
		s.failed(c.party(c.Queue.Offer), causeTemporary, fmt.Errorf("%w: %w", ErrUnreachable, err))
	case p != nil && p.Rejoin != 0:
		s.notRetrieved(p, err)
	case c.talkingWithout(ids) < 2 && (len(ids) == 1 || c.talking() < 3):
		s.clear(CallStateOK, causeTemporary)
	case len(ids) > 1: // to see which of them it is
		for _, id := range ids {
			if q := c.party(id); q != nil && q.alive() && q.Leg.usable() && q.Leg.Hold != HoldEngine {
				s.joinLegs(q)
			}
		}
	case p == nil || !p.alive():
	case p.talks():
		s.left(p, causeTemporary)
	default:
		s.failed(p, causeTemporary, err)
	}
}
