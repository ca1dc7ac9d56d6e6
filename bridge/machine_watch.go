package bridge

import "slices"

// settleWatches keeps every supervisor where the one supervised is, and lets him hear and be heard as he wants to. It
// looks at what is, whatever led there.
func (s *step) settleWatches() {
	for k := range s.i.Watches {
		w := &s.i.Watches[k]
		if w.Ended == WatchGoesOn {
			s.follow(w)
		}
		if w.Ended == WatchGoesOn {
			s.hear(w)
		}
		s.onWatch(w, func() { s.showWatch(w) })
		s.doneAsAsked(&w.Party)
		if w.Ended != WatchGoesOn && !w.Done && !slices.ContainsFunc(w.legs(), func(l *Leg) bool { return l.alive() }) {
			if w.Bridged {
				s.do(DestroyBridge{Bridge: w.Bridge})
			}
			w.Done = true
		}
	}
}

// follow goes where the supervised one, or the call, is now, and ends where there is nobody.
func (s *step) follow(w *Watch) {
	at := s.i.find(func(c *Call) bool { return c.ID == w.Call })
	c := s.i.nth(at)
	over := len(c.others(0)) == 0
	if c.livingDN(w.Target) == nil && (over || w.Scope == ScopeAgent) {
		to := -1
		if w.Target != "" {
			to = s.i.find(func(c *Call) bool { return c.livingDN(w.Target) != nil })
		}
		if to < 0 && w.Scope == ScopeCall && c.Parent != 0 { // a consultation whose outcome went on in the other call
			to = s.i.find(func(other *Call) bool { return other.ConnID == c.Parent && len(other.others(0)) > 0 })
		}
		if to < 0 {
			s.onWatch(w, func() { s.tellLeft(w) })
			s.endWatch(w, WatchOver, CallStateOK, causeNormal)
			return
		}
		w.Call = s.i.nth(to).ID
		if w.Party.Told {
			s.on(to, func() {
				s.tell(&w.Party, Event{Kind: EventPartyChanged, CallState: CallStateBridged, PreviousConnID: c.ConnID})
			})
		}
	}
	if w.Scope == ScopeCall {
		s.onWatch(w, func() { s.nextTarget(w) })
	}
}

// nextTarget turns to another agent of the call when the supervised one has left.
func (s *step) nextTarget(w *Watch) {
	c := s.call()
	if w.Target != "" && c.livingDN(w.Target) != nil {
		return
	}
	s.tellLeft(w)
	w.Target = ""
	if next := c.talker(w.Party.DN); next != nil && next.DN != "" {
		w.Target = next.DN
		if w.active() {
			s.tell(&w.Party, Event{Kind: EventPartyAdded, CallState: CallStateBridged, Other: next.view(&s.i, s.n)})
		}
	}
}

// tellLeft tells a supervisor that the supervised one has left.
func (s *step) tellLeft(w *Watch) {
	if w.Target == "" || !w.active() {
		return
	}
	for k := range s.call().Parties {
		if p := &s.call().Parties[k]; p.DN == w.Target && !p.alive() {
			s.tell(&w.Party, Event{Kind: EventPartyDeleted, CallState: CallStateBridged, Other: p.view(&s.i, s.n)})
			return
		}
	}
}

// hear puts the supervisor's leg where his mode wants it, once it is up.
func (s *step) hear(w *Watch) {
	if !w.Party.Leg.talks() || !w.Party.Leg.usable() {
		return
	}
	if w.Mode == MonitorConnect {
		s.onWatch(w, func() { s.bargeIn(w) })
		return
	}
	leg, whisper := s.heard(w)
	switch fits := w.Snoop.usable() && leg != nil && w.Heard == leg.Channel && w.Whisper == whisper; {
	case leg == nil, !fits && w.Lost == leg.Channel:
	case !fits:
		if w.Snoop.State != LegNone {
			w.Stale = append(w.Stale, w.Snoop) // it serves until the new one does
		}
		w.Snoop, w.Heard, w.Whisper, w.In = s.newLeg(""), leg.Channel, whisper, BridgeID{}
		s.do(SnoopLeg{Snoop: w.newSnoop()})
	case w.Snoop.State == LegUp && w.In != w.Bridge:
		w.In, w.Bridged = w.Bridge, true
		s.do(JoinLegs{
			Bridge: w.Bridge, Channels: []ChannelID{w.Snoop.Channel, w.Party.Leg.Channel}, Parties: []PartyID{w.Party.ID},
		})
		for k := range w.Stale {
			s.dropSnoop(&w.Stale[k])
		}
	}
}

func (w *Watch) newSnoop() NewSnoop {
	return NewSnoop{Channel: w.Snoop.Channel, Of: w.Heard, Hear: HearBoth, Whisper: w.Whisper}
}

// bargeIn puts the supervisor's leg into the call.
func (s *step) bargeIn(w *Watch) {
	c := s.call()
	if w.In == c.Bridge || !c.Bridged {
		return
	}
	w.In = c.Bridge
	s.do(JoinLegs{Bridge: c.Bridge, Channels: []ChannelID{w.Party.Leg.Channel}, Parties: []PartyID{w.Party.ID}})
	s.dropSnoops(w)
}

// heard is the leg of whom a supervisor hears, in whichever call its DN has it, and whether he whispers there: to an
// agent only.
func (s *step) heard(w *Watch) (leg *Leg, whisper bool) {
	for n := range s.i.calls() {
		parties := s.i.nth(n).Parties
		for k := range parties {
			if p := &parties[k]; w.Target != "" && p.DN == w.Target && p.alive() && p.Leg.usable() && p.Leg.talks() {
				return &p.Leg, w.Mode == MonitorCoach
			}
		}
	}
	if w.Target != "" {
		return nil, false
	}
	s.onWatch(w, func() {
		if p := s.call().talker(w.Party.DN); p != nil && p.Leg.usable() && p.Leg.talks() {
			leg = &p.Leg
		}
	})
	return leg, false
}

// watchesLost ends what a server had of the watches when it is out of reach for good.
func (s *step) watchesLost() {
	for k := range s.i.Watches {
		w := &s.i.Watches[k]
		s.gone(&w.Party)
		for _, l := range w.legs()[1:] {
			if l.alive() {
				l.State = LegGone
			}
		}
		w.Bridged = false
		s.replyCalled(&w.Party, ErrSwitchUnavailable)
		s.endWatch(w, WatchOver, CallStateDropped, causeTemporary)
	}
}

// reconcileWatches brings the watches in line with what the switch has.
func (s *step) reconcileWatches(in Reconciled) {
	for k := range s.i.Watches {
		w := &s.i.Watches[k]
		w.Lost = ChannelID{}
		s.reconcileObserver(w, in)
		for _, l := range w.legs()[1:] {
			s.reconcileSnoop(w, l, in)
		}
		members, there := in.Bridges[w.Bridge.ID]
		if w.Done && there {
			s.do(DestroyBridge{Bridge: w.Bridge})
		}
		if w.In != w.Bridge {
			members = in.Bridges[w.In.ID]
		}
		snooped := w.In != w.Bridge || slices.Contains(members, w.Snoop.Channel.ID)
		if !snooped || !w.Party.Leg.Joined || !slices.Contains(members, w.Party.Leg.Channel.ID) {
			w.In = BridgeID{} // put there again: not done, or nobody has heard that it was
		}
	}
}

func (s *step) reconcileObserver(w *Watch, in Reconciled) {
	p := &w.Party
	fact, there := in.Channels[p.Leg.Channel.ID]
	switch {
	case !p.Leg.alive():
		if there {
			s.do(HangupLeg{Channel: p.Leg.Channel, Cause: causeNormal})
		}
	case !there && p.Leg.State == LegRequested && p.alive():
		s.createObserver(w)
	case there && slices.Contains(in.Lost, p.ID): // a supervisor asks again
		s.i.Dropped = append(s.i.Dropped, p.Leg.Channel)
		s.do(HangupLeg{Channel: p.Leg.Channel, Cause: causeNormal})
		s.onWatch(w, func() { s.observerGone(w, 0) })
	case !there:
		if p.Leg.Name != "" {
			s.do(HangupLeg{Channel: p.Leg.Channel, Phone: p.Leg.Name, Cause: causeNormal})
		}
		s.onWatch(w, func() { s.observerGone(w, 0) })
	case p.Leg.State == LegLeaving:
		s.do(HangupLeg{Channel: p.Leg.Channel, Cause: p.Leg.Cause})
	default:
		s.onWatch(w, func() { s.reconcileRinging(p, fact.State, in.Restarted) })
	}
}

func (s *step) reconcileRinging(p *Party, state LegChange, restarted bool) {
	switch {
	case p.Leg.State == LegRequested:
		s.observerCreated(p)
	case state == LegIsCreated && (p.Leg.State == LegCreated || p.Leg.State == LegDialed && restarted):
		s.dialObserver(p)
	case p.Leg.State != LegUp:
		s.do(StartTimer{Party: p.ID, At: p.Deadline})
	}
	switch state {
	case LegIsRinging:
		s.observerRings(p)
	case LegIsUp:
		s.observerUp(p)
	case LegIsCreated, LegIsHeard, LegIsHeld, LegIsBack, LegIsGone, LegIsSilent, LegIsAudible:
	}
}

func (s *step) reconcileSnoop(w *Watch, l *Leg, in Reconciled) {
	_, there := in.Channels[l.Channel.ID]
	_, heard := in.Channels[w.Heard.ID]
	switch {
	case there && (l.State == LegGone || l.State == LegLeaving):
		s.do(HangupLeg{Channel: l.Channel, Cause: causeNormal})
	case there && l.State == LegRequested:
		l.State = LegUp
	case !there && l.State == LegRequested && l == &w.Snoop && heard && w.Ended == WatchGoesOn:
		s.do(SnoopLeg{Snoop: w.newSnoop()})
	case !there && l.alive():
		l.State = LegGone
	}
}
