package bridge

import (
	"fmt"
	"maps"
)

// tell publishes an event to the DN of p; an outside party is told nothing. What the event does not say about
// the call, this party and the other one is filled in.
func (s *step) tell(p *Party, e Event) {
	if p.DN == "" {
		return
	}
	p.Told = true
	c := s.call()
	e.This = p.view(c)
	if e.Other.IsZero() {
		if other := c.otherFor(p.ID); other != nil {
			e.Other = other.view(c)
		}
	}
	if third := c.party(p.Third); e.Third.IsZero() && third != nil && e.Kind == EventRinging {
		e.Third = third.view(c)
	}
	e.Audience = []DN{p.DN}
	s.publish(e)
}

func (s *step) publish(e Event) {
	s.i.Events++
	e.N = s.i.Events
	e.ID = fmt.Sprintf("%s-%d", s.i.ID, e.N)
	e.Time = s.at
	e.Call = s.i.view()
	s.i.Outbox = append(s.i.Outbox, e)
}

// otherFor is the party that id talks to: a living one, but not a transfer's target before the transferring
// party has left; else the one that was there last.
func (c *Call) otherFor(id PartyID) *Party {
	var last *Party
	for i := range c.Parties {
		p := &c.Parties[i]
		if p.ID == id {
			continue
		}
		if op := c.Transfer; op != nil && op.To == p.ID && op.By == id {
			continue
		}
		if p.alive() {
			return p
		}
		if last == nil || !p.LeftAt.Before(last.LeftAt) {
			last = p
		}
	}
	return last
}

// legsOf counts the living legs of a DN: after a recall it may have two.
func (c *Call) legsOf(dn DN) int {
	n := 0
	for _, p := range c.Parties {
		if p.DN == dn && p.Leg.alive() {
			n++
		}
	}
	return n
}

// audience are the DNs that were in the call before or are in it after a step.
func audience(before, after CallView) []DN {
	var dns []DN
	seen := map[DN]bool{"": true}
	for _, view := range []CallView{before, after} {
		for _, p := range view.Parties {
			// A DN that is not ringing yet has not been told of the call.
			if p.State != PartyReleased && p.State != PartyAlerting && !seen[p.DN] {
				seen[p.DN] = true
				dns = append(dns, p.DN)
			}
		}
	}
	return dns
}

// View is the call as it is shown.
func (i *Interaction) view() CallView {
	c := &i.Call
	v := CallView{
		ID: c.ID, ConnID: c.ConnID, Interaction: i.ID, Type: c.Type, Controller: c.Controller, State: c.state(),
		ANI: c.ANI, DNIS: c.DNIS, UserData: maps.Clone(c.UserData),
		StartedAt: c.StartedAt, AnsweredAt: c.AnsweredAt, EndedAt: c.EndedAt,
	}
	for n := range c.Parties {
		v.Parties = append(v.Parties, c.Parties[n].view(c))
	}
	return v
}

// state is the most advanced state of the living parties.
func (c *Call) state() PartyState {
	for _, state := range []PartyState{PartyEstablished, PartyHeld, PartyRinging, PartyDialing, PartyAlerting, PartyInitiated} {
		for _, p := range c.Parties {
			if p.State == state {
				return state
			}
		}
	}
	return PartyReleased
}

func (p *Party) view(c *Call) PartyView {
	return PartyView{
		ID: p.ID, DN: p.DN, Number: p.Number, Name: p.Name, Role: p.Role, State: p.State,
		JoinedAt: p.JoinedAt, Capabilities: p.capabilities(c), MediaLost: p.Leg.MediaLost && p.alive(),
	}
}

// capabilities are the commands that would be accepted from this party now.
func (p *Party) capabilities(c *Call) []Capability {
	if p.DN == "" || !p.alive() {
		return nil
	}
	can := []Capability{CanRelease, CanClear}
	if c.mayTransfer(p) == "" {
		can = append(can, CanSingleStepTransfer)
	}
	for _, phone := range [...]struct {
		verb PhoneVerb
		can  Capability
	}{{PhoneAnswer, CanAnswer}, {PhoneHold, CanHold}, {PhoneRetrieve, CanRetrieve}} {
		if done, why := p.may(phone.verb); !done && why == "" {
			can = append(can, phone.can)
		}
	}
	return can
}
