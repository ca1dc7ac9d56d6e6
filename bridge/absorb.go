package bridge

import "slices"

// absorbing is what makes one of two calls of a DN that are in different interactions.
type absorbing struct {
	by      DN
	verb    CompleteVerb
	refer   *actor // on whose leg the phone asked for it
	phone   bool
	old     *actor
	oldCall CallID
	new     *actor
	newCall CallID
}

// absorb lets the older interaction take the parties of the younger. It runs outside of the loops, one at a time: the
// younger's loop waits for the older's, and no loop ever waits for another but here. Whoever asked for it may stop waiting:
// what has been taken is to be given.
func (e *Engine) absorb(m absorbing) (CallView, error) {
	e.absorbing.Lock()
	defer e.absorbing.Unlock()
	if m.old.server != m.new.server {
		return CallView{}, &TargetError{Number: string(m.newCall), Rule: string(m.verb), Why: "the two calls are on different Asterisk servers"}
	}
	if e.began(m.newCall, m.oldCall) {
		m.old, m.new, m.oldCall, m.newCall = m.new, m.old, m.newCall, m.oldCall
	}
	err := ErrCallNotFound
	if lost := m.new.loop.Do(e.ctx, func() { err = e.exchange(m) }); lost != nil {
		return CallView{}, lost
	}
	return e.lastView(m.old, m.oldCall), err
}

// began reports whether the first call began before the second.
func (e *Engine) began(first, second CallID) bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	a, b := e.views[first], e.views[second]
	return a != nil && b != nil && a.view.StartedAt.Before(b.view.StartedAt)
}

// exchange runs in the younger's loop.
func (e *Engine) exchange(m absorbing) error {
	from, err := givable(&m.new.state, m.newCall, m.by, m.verb)
	if err != nil {
		return err
	}
	take := doTake{By: m.by, Verb: m.verb, From: from.ConnID, Data: from.UserData.Clone(), Refer: m.refer == m.old, Phone: m.phone}
	give := doGive{By: m.by, Verb: m.verb, Refer: m.refer == m.new, Phone: m.phone}
	for _, p := range from.Parties {
		if p.alive() && p.DN != m.by {
			p.TakenFrom, p.Asked, p.Rejoin = m.new.id, Asked{}, 0 // who waits for its phone waits here
			take.Parties = append(take.Parties, p)
			give.Channels = append(give.Channels, p.Leg.Channel)
		}
	}
	lost := m.old.loop.Do(e.ctx, func() {
		if _, err = givable(&m.old.state, m.oldCall, m.by, m.verb); err != nil {
			return
		}
		e.moveChannels(take.Parties, m.old)
		taken := m.old.advance(m.oldCall, take)
		if taken == nil {
			return
		}
		// The call that ends is told before the one that goes on, as in a completed consultation; and a DN is never free
		// between the two. The younger's loop waits here, so that its state is ours.
		taken.start()
		m.new.handleFor(m.newCall, give)
		taken.tell()
		taken.end()
	})
	if lost != nil {
		return lost
	}
	return err
}

// givable is a call that can be made one with another, and says why it can't.
func givable(i *Interaction, call CallID, by DN, verb CompleteVerb) (*Call, error) {
	n := i.find(func(c *Call) bool { return c.ID == call && c.EndedAt.IsZero() })
	if n < 0 {
		return nil, ErrCallNotFound
	}
	c := i.nth(n)
	p := c.livingDN(by)
	why := ""
	switch _, _, paired := i.pair(by); {
	case p == nil:
		return nil, ErrNotAParty
	case c.Controller == ControlSwitch:
		why = doneBySwitch
	case paired || p.Away:
		why = "the DN has a consultation out of one of the two"
	case c.Transfer != nil:
		why = transferring
	case c.Queue != nil || !c.answered() || c.talking() < 2:
		why = "both calls must be answered"
	case slices.ContainsFunc(c.Parties, func(p Party) bool { return p.Away }):
		why = "one of its parties consults somebody"
	case slices.ContainsFunc(c.Parties, func(p Party) bool { return p.resuming() }): // whose timer stays with its interaction
		why = "the phone of one of its parties is being called again"
	}
	if why != "" {
		return nil, &StateError{Call: call, Verb: string(verb), State: p.State, Why: why}
	}
	return c, nil
}

// moveChannels lets the facts of channels find the interaction that takes them.
func (e *Engine) moveChannels(parties []Party, to *actor) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range parties {
		e.arrivedLocked(to, arrivedLeg{p.Leg.Channel, p.Leg.Name})
	}
}

// giveAgain lets go of what another interaction had taken when the last engine died between the two records.
func (e *Engine) giveAgain(list []Interaction) {
	for _, i := range list {
		for n := range i.calls() {
			c := i.nth(n)
			for _, p := range c.Parties {
				by := c.party(p.Third)
				to, from := e.actorNamed(i.ID), e.actorNamed(p.TakenFrom)
				if p.TakenFrom == "" || !p.Leg.alive() || by == nil || to == nil || from == nil {
					continue
				}
				e.moveChannels([]Party{p}, to)
				from.loop.Post(func() { from.giveAgain(by.DN, p.Leg.Channel) })
			}
		}
	}
}

func (a *actor) giveAgain(by DN, ch ChannelID) {
	if n := a.state.find(func(c *Call) bool { return c.byChannel(ch) != nil }); n >= 0 {
		a.handleFor(a.state.nth(n).ID, doGive{By: by, Verb: CanCompleteTransfer, Channels: []ChannelID{ch}})
	}
}

func (e *Engine) actorNamed(id InteractionID) *actor {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.actors[id]
}
