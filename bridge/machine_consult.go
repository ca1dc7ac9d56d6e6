package bridge

import (
	"fmt"
	"slices"
)

// A consultation is a call of its own in the same interaction. The leg of the DN that consults moves from one call to the
// other: where it is not, its party is held and away.
//
//	primary     A ── B(held, away)                A ── C        transfer
//	               │ leg                     ──>  A ── B ── C   conference
//	consult        B ── C                         A ── B        reconnect, or C leaves

// consult calls a number for a party whose call is held meanwhile.
func (s *step) consult(in doConsult) {
	p, err := s.actor(in.By, CanInitiateTransfer)
	if err == nil {
		err = s.outsider(in.Dest, "consult")
	}
	if err == nil && in.Mute && in.Dest.Queue != "" && len(s.call().others(p.ID)) > 1 {
		err = &StateError{Call: s.call().ID, Verb: "mute transfer", State: p.State, Why: oneWaits}
	}
	data, wrong := s.call().UserData.Update(in.Data)
	if err == nil {
		err = wrong
	}
	if err != nil {
		s.do(Reply{Token: in.Reply, Err: err})
		return
	}
	c := s.call()
	s.holdFor(p)
	leg := s.takeLeg(p)
	p.Away = true
	if leg.Hold == HoldEngine {
		leg.Hold = HoldNone
	}
	s.i.Consults = append(s.i.Consults, Call{
		ID: in.ID, ConnID: in.ConnID, Parent: c.ConnID, Purpose: in.Purpose, Type: CallConsult, Controller: c.Controller,
		ANI: string(p.DN), DNIS: in.Dest.Dialled, StartedAt: s.at, UserData: data,
		Bridge: BridgeID{Server: s.i.Server, ID: s.i.consultBridge(len(s.i.Consults) + 1)},
	})
	number, name, dn := p.Number, p.Name, p.DN
	s.on(len(s.i.Consults), func() {
		origin := s.join(Party{DN: dn, Number: number, Name: name, Role: RoleOrigination, State: PartyDialing, Leg: leg}).ID
		if in.Dest.Queue != "" {
			s.tell(s.call().party(origin), Event{
				Kind: EventDialing, CallState: CallStateOK, Reference: in.Op, Other: routePoint(in.Dest.Number),
			})
			s.freePhone(s.call().party(origin))
			s.enqueue(s.call().party(origin), in.Dest)
			return
		}
		target := s.ring(in.Dest, 0)
		target.Reply, target.Complete = in.Reply, in.Mute
		by := s.call().party(origin)
		s.tell(by, Event{Kind: EventDialing, CallState: CallStateOK, Reference: in.Op})
		s.freePhone(by)
	})
	if in.Dest.Queue != "" {
		if prim, cons, ok := s.i.pair(in.By); ok && in.Mute {
			s.handOver(in.By, prim, cons, in.Op)
		}
		s.do(Reply{Token: in.Reply})
	}
}

// completeMuted makes a transfer of a consultation whose target is about to ring.
func (s *step) completeMuted(target *Party) {
	target.Complete = false
	id, reply := target.ID, target.Reply
	target.Reply = 0
	by := s.call().peer(id) // its phone's end would have ended the call
	if why := s.i.whyPair(by, CanCompleteTransfer); why != "" {
		s.do(Reply{Token: reply, Err: &StateError{Call: s.call().ID, Verb: "mute transfer", State: by.State, Why: why}})
		s.clear(CallStateAbandoned, causeNormal)
		return
	}
	prim, cons, _ := s.i.pair(by.DN)
	s.handOver(by.DN, prim, cons, "")
	s.do(Reply{Token: reply})
	if p := s.party(id); p != nil && p.alive() {
		s.dial(p)
	}
}

// consultBridge names the bridge of the n-th call: its interaction is found by what is before the point.
func (i *Interaction) consultBridge(n int) string { return fmt.Sprintf("%s.b%d", i.ID, n) }

// outsider refuses a destination that can't be called into the interaction.
func (s *step) outsider(dest Destination, verb string) error {
	dn := dest.Endpoint.DN
	if dn != "" && s.i.find(func(c *Call) bool { return c.livingDN(dn) != nil }) >= 0 {
		return &TargetError{Number: dest.Dialled, Rule: verb, Why: "that DN is in the call already"}
	}
	return nil
}

// pair is where a DN is in two calls at once: the earlier one first.
func (i *Interaction) pair(dn DN) (prim, cons int, ok bool) {
	prim, cons = -1, -1
	if dn == "" {
		return prim, cons, false
	}
	for n := range i.calls() {
		switch {
		case i.nth(n).livingDN(dn) == nil:
		case prim < 0:
			prim = n
		case cons < 0:
			cons = n
		default:
			return 0, 0, false
		}
	}
	return prim, cons, cons >= 0
}

// complete does something with the two calls of a DN.
func (s *step) complete(in doComplete) {
	switch in.Verb {
	case CanCompleteTransfer:
		s.completeTransfer(in)
	case CanAlternate:
		s.alternate(in)
	case CanReconnect:
		s.reconnect(in)
	default:
		s.completeConference(in)
	}
}

// completeTransfer connects whom the DN consulted with whom it consulted for, also while the former still rings.
func (s *step) completeTransfer(in doComplete) {
	if _, err := s.actor(in.By, CanCompleteTransfer); err != nil {
		s.do(Reply{Token: in.Reply, Err: err})
		return
	}
	prim, cons, _ := s.i.pair(in.By)
	s.handOver(in.By, prim, cons, in.Op)
	s.do(Reply{Token: in.Reply})
}

func (s *step) handOver(dn DN, prim, cons int, op OpID) {
	transferred := Event{Kind: EventReleased, CallState: CallStateTransferred, Cause: causeNormal, Reference: op}
	var by PartyID
	var legs []*Party
	for _, n := range []int{cons, prim} { // the consultation ends first
		s.on(n, func() {
			p := s.call().livingDN(dn)
			s.quit(p, transferred)
			by, legs = p.ID, append(legs, p)
		})
	}
	for k, n := range []int{cons, prim} {
		s.on(n, func() { s.dropLeg(legs[k], causeNormal) })
	}
	s.queueMoves(prim, cons)
	moved := s.move(cons, prim, by)
	s.on(prim, func() {
		c := s.call()
		s.told(moved, EventPartyChanged, CallStateTransferred, s.i.nth(cons).ConnID)
		if len(moved) == 0 {
			s.nowWaits(c.party(by))
		}
		for _, id := range moved {
			switch q := c.party(id); {
			case q.talks(), c.Queue != nil:
			case len(c.others(id)) > 1: // it comes into a conference
				q.Added = true
			default:
				c.Transfer = &TransferOp{By: by, To: id, Committed: true}
			}
			if q := c.party(id); !q.talks() && q.Leg.State == LegUp {
				s.connect(q) // it answered just before
			}
		}
	})
}

// completeConference makes one call of the two.
func (s *step) completeConference(in doComplete) {
	if _, err := s.actor(in.By, CanCompleteConference); err != nil {
		s.do(Reply{Token: in.Reply, Err: err})
		return
	}
	prim, cons, _ := s.i.pair(in.By)
	s.merge(in.By, prim, cons, in.Op)
	s.do(Reply{Token: in.Reply})
}

func (s *step) merge(dn DN, prim, cons int, op OpID) {
	var second *Party
	var leg Leg
	s.on(cons, func() {
		second = s.call().livingDN(dn)
		s.quit(second, Event{Kind: EventReleased, CallState: CallStateConferenced, Cause: causeNormal, Reference: op})
		if s.i.nth(prim).livingDN(dn).Away {
			leg = s.takeLeg(second)
		} else {
			s.dropLeg(second, causeNormal)
		}
	})
	var by PartyID
	s.on(prim, func() {
		p := s.call().livingDN(dn)
		by = p.ID
		if p.Away {
			p.Leg, p.Away = leg, false
		}
		s.backInto(p)
	})
	moved := s.move(cons, prim, by)
	s.on(prim, func() {
		for _, id := range moved {
			s.call().party(id).Role = RoleNewParty
		}
		s.told(moved, EventPartyAdded, CallStateConferenced, s.i.nth(cons).ConnID)
	})
}

// move takes all who are left in a call to another, and what was noted there with them.
func (s *step) move(from, to int, by PartyID) []PartyID {
	var moved []PartyID
	var stay, going []Party
	s.on(from, func() {
		c := s.call()
		for k := range c.Parties {
			p := &c.Parties[k]
			if !p.alive() {
				stay = append(stay, *p)
				continue
			}
			s.rejoined(p, nil)
			party := *p
			party.Leg = s.takeLeg(p)
			party.Third, party.Complete, party.Announced = by, false, true
			going = append(going, party)
			moved = append(moved, party.ID)
		}
		c.Parties = stay
	})
	target := s.i.nth(to)
	if data, err := target.UserData.Update(s.i.nth(from).UserData); err == nil { // else the two together are too much
		target.UserData = data
	}
	s.on(to, func() {
		for _, p := range going {
			target.Parties = append(target.Parties, p)
			if added := &target.Parties[len(target.Parties)-1]; added.Leg.talks() && added.inBridge() {
				s.joinLegs(added)
			}
		}
	})
	return moved
}

// told tells the parties that were moved where they are now, and then those who were there of each of them. Who was told
// nothing of the call that is over learns of this one as it rings.
func (s *step) told(moved []PartyID, others EventKind, why CallState, previous ConnID) {
	c := s.call()
	for _, id := range moved {
		if q := c.party(id); q.Told {
			s.tell(q, Event{Kind: EventPartyChanged, CallState: why, PreviousConnID: previous, Third: c.party(q.Third).view(&s.i, s.n)})
		}
	}
	for _, id := range moved {
		q := c.party(id)
		for _, other := range c.others(id) {
			if other.Told && !slices.Contains(moved, other.ID) {
				s.tell(other, Event{Kind: others, CallState: why, Other: q.view(&s.i, s.n), Third: c.party(q.Third).view(&s.i, s.n)})
			}
		}
		others = EventPartyAdded // one takes the place of who has left, the others come to them
	}
}

// alternate changes over between the two calls of a DN.
func (s *step) alternate(in doComplete) {
	if _, err := s.actor(in.By, CanAlternate); err != nil {
		s.do(Reply{Token: in.Reply, Err: err})
		return
	}
	from, to, _ := s.i.pair(in.By)
	a, b := s.i.nth(from).livingDN(in.By), s.i.nth(to).livingDN(in.By)
	if a.Away || !b.Away && a.State == PartyHeld {
		from, to = to, from
	}
	var leg Leg
	away := a.Away || b.Away
	s.on(from, func() {
		p := s.call().livingDN(in.By)
		s.holdFor(p)
		if away {
			leg, p.Away = s.takeLeg(p), true
		} else {
			s.park(p)
		}
	})
	s.on(to, func() {
		p := s.call().livingDN(in.By)
		if away {
			p.Leg, p.Away = leg, false
		}
		s.backInto(p)
	})
	s.do(Reply{Token: in.Reply})
}

// reconnect ends the consultation, answered or not; its end takes the leg home.
func (s *step) reconnect(in doComplete) {
	if _, err := s.actor(in.By, CanReconnect); err != nil {
		s.do(Reply{Token: in.Reply, Err: err})
		return
	}
	prim, cons, _ := s.i.pair(in.By)
	home := s.i.nth(prim).livingDN(in.By).Away // its leg comes back with the end of the other call
	s.on(cons, func() { s.clear(CallStateAbandoned, causeNormal) })
	s.on(prim, func() {
		if p := s.call().livingDN(in.By); !home && p.State == PartyHeld {
			s.backInto(p)
		}
	})
	s.do(Reply{Token: in.Reply})
}

// awayWith reports whether a DN has a party that is away.
func (i *Interaction) awayWith(dn DN) bool {
	return dn != "" && i.find(func(c *Call) bool { at := c.livingDN(dn); return at != nil && at.Away }) >= 0
}

// home takes the leg of a party that has left to where its DN is held and away, and reports whether there was such a
// place.
func (s *step) home(p *Party) bool {
	if p.DN == "" {
		return false
	}
	n := s.i.find(func(c *Call) bool { at := c.livingDN(p.DN); return at != nil && at.Away })
	if n < 0 {
		return false
	}
	leg, again := s.takeLeg(p), p.Again
	p.Again = Again{}
	s.on(n, func() {
		at := s.call().livingDN(p.DN)
		at.Leg, at.Away, at.Again = leg, false, again
		if at.resuming() {
			s.do(StartTimer{Party: at.ID, At: at.nextTry(s.at)})
		}
		s.backInto(at)
	})
	return true
}

// leftBehind ends what a DN whose phone has hung up left held elsewhere.
func (s *step) leftBehind(dn DN, cause int) {
	if dn == "" {
		return
	}
	for n := range s.i.calls() {
		s.on(n, func() {
			if p := s.call().livingDN(dn); p != nil && p.Away {
				p.Away = false
				s.left(p, cause)
			}
		})
	}
}
