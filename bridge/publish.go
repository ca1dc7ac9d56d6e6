package bridge

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
)

// tell publishes an event to the DN of p; an outside party is told nothing. What the event does not say about
// the call, this party and the other one is filled in.
func (s *step) tell(p *Party, e Event) {
	if p.DN == "" {
		return
	}
	p.Told = true
	c := s.call()
	e.This = p.view(&s.i, s.n)
	if e.Other.IsZero() {
		if other := c.otherFor(s.i.standsFor(c, p)); other != nil {
			e.Other = other.view(&s.i, s.n)
		}
	}
	if third := c.party(p.Third); e.Third.IsZero() && third != nil && e.Kind == EventRinging {
		e.Third = third.view(&s.i, s.n)
	}
	e.Audience = []DN{p.DN}
	s.publish(e)
}

// listAfter gives the step's events the capabilities after it: the rest of a step, such as the call that a consultation begins,
// changes what its first event has listed, and no event may follow that says so.
func (s *step) listAfter() {
	for k := range s.i.Outbox {
		e := &s.i.Outbox[k]
		n := s.i.find(func(c *Call) bool { return c.ID == e.Call.ID })
		if e.This.DN == "" || n < 0 {
			continue
		}
		if p := s.i.nth(n).party(e.This.ID); p != nil && p.State == e.This.State {
			e.This.Capabilities = p.capabilities(&s.i, n)
		}
	}
}

func (s *step) publish(e Event) {
	s.i.Events++
	e.N = s.i.Events
	e.ID = fmt.Sprintf("%s-%d", s.i.ID, e.N)
	e.Time, e.Reference = s.at, e.Reference.Plain()
	e.Call = s.i.viewOf(s.n).For(func(dn DN) bool { return slices.Contains(e.Audience, dn) })
	e.PreviousConnID = cmp.Or(e.PreviousConnID, e.Call.Parent) // mandatory in a consultation
	s.i.Outbox = append(s.i.Outbox, e)
}

// tellChange tells of a change of the call: those who may not know of a supervisor first, so that who sees both ends with
// the whole.
func (s *step) tellChange(before, after CallView) {
	if reflect.DeepEqual(before, after) {
		return
	}
	all := audience(before, after)
	var rest []DN
	for _, p := range slices.Concat(before.Parties, after.Parties) {
		if p.Observes == nil {
			continue
		}
		for _, dn := range all {
			if !slices.Contains(p.Observes.VisibleTo, dn) && !slices.Contains(rest, dn) {
				rest = append(rest, dn)
			}
		}
	}
	for _, dn := range rest {
		only := func(seen DN) bool { return seen == dn }
		if !reflect.DeepEqual(before.For(only), after.For(only)) {
			s.publish(Event{Kind: EventCallChanged, Audience: []DN{dn}})
		}
	}
	all = slices.DeleteFunc(all, func(dn DN) bool { return slices.Contains(rest, dn) })
	if len(all) > 0 || len(rest) == 0 {
		s.publish(Event{Kind: EventCallChanged, Audience: all})
	}
}

// standsFor is the party whose partner a party has: a supervisor has that of the supervised one.
func (i *Interaction) standsFor(c *Call, p *Party) PartyID {
	w := i.watching(p.ID)
	if w == nil {
		return p.ID
	}
	for _, q := range c.Parties {
		if w.Target != "" && q.DN == w.Target {
			return q.ID
		}
	}
	return 0
}

// otherFor is the party that id talks to: a living one, but not a transfer's target before the transferring
// party has left, nor one that is being called into a conference; else the one that was there last. Among several there
// is none.
func (c *Call) otherFor(id PartyID) *Party {
	var last, found *Party
	for i := range c.Parties {
		p := &c.Parties[i]
		if p.ID == id || p.Added && p.JoinedAt.IsZero() {
			continue
		}
		if op := c.Transfer; op != nil && op.To == p.ID && op.By == id {
			continue
		}
		if p.alive() && found != nil {
			return nil
		}
		if p.alive() {
			found = p
			continue
		}
		if last == nil || !p.LeftAt.Before(last.LeftAt) {
			last = p
		}
	}
	return cmp.Or(found, last)
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

// view is the call that the interaction began with.
func (i *Interaction) view() CallView { return i.viewOf(0) }

// views are all of its calls.
func (i *Interaction) views() []CallView {
	list := make([]CallView, i.calls())
	for n := range list {
		list[n] = i.viewOf(n)
	}
	return list
}

// viewOf is a call as it is shown.
func (i *Interaction) viewOf(n int) CallView {
	c := i.nth(n)
	v := CallView{
		ID: c.ID, ConnID: c.ConnID, Interaction: i.ID, Type: c.Type, Controller: c.Controller, State: c.state(),
		ANI: c.ANI, DNIS: c.DNIS, UserData: c.UserData.Clone(), Parent: c.Parent, Recording: c.recordingState(),
		StartedAt: c.StartedAt, AnsweredAt: c.AnsweredAt, EndedAt: c.EndedAt,
	}
	for k := range c.Parties {
		v.Parties = append(v.Parties, c.Parties[k].view(i, n))
	}
	for k := range i.Watches {
		if w := &i.Watches[k]; w.Call == c.ID {
			v.Parties = append(v.Parties, w.Party.view(i, n))
		}
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

func (p *Party) view(i *Interaction, n int) PartyView {
	v := PartyView{
		ID: p.ID, DN: p.DN, Number: p.Number, Name: p.Name, Role: p.Role, State: p.State,
		JoinedAt: p.JoinedAt, Capabilities: p.capabilities(i, n), MediaLost: p.Leg.MediaLost && p.alive(),
	}
	if w := i.watching(p.ID); w != nil {
		v.Observes = &Observes{Monitor: w.Order, Target: w.Target, Mode: w.Mode, Scope: w.Scope, VisibleTo: w.shownTo(i.nth(n))}
	}
	return v
}
