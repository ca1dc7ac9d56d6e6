package bridge

import (
	"fmt"
	"slices"
	"time"
)

// supervise is apply for what supervisors ask for.
func (s *step) supervise(in Input) {
	switch in := in.(type) {
	case doMonitor:
		s.monitor(in)
	case doSwitchMonitor:
		s.switchMonitor(in)
	case doStopMonitor:
		s.stopMonitor(in)
	}
}

// monitor calls a supervisor to listen to a call.
func (s *step) monitor(in doMonitor) {
	target, err := s.monitored(in)
	if err != nil {
		s.do(Reply{Token: in.Reply, Err: err})
		return
	}
	c := s.call()
	s.i.Watched = max(s.i.Watched, len(s.i.Watches)) + 1
	w := Watch{
		Order: in.Order, Call: c.ID, Target: target.DN, Mode: in.Mode, Scope: in.Scope, Hidden: in.Hidden,
		Bridge: BridgeID{Server: s.i.Server, ID: fmt.Sprintf("%s.m%d", s.i.ID, s.i.Watched)},
		Party: Party{
			ID: s.nextParty(), DN: in.Dest.Endpoint.DN, Number: in.Dest.Number, Role: RoleObserver,
			State: PartyAlerting, Dest: in.Dest, Reply: in.Reply,
		},
	}
	w.Party.Leg = s.newLeg(w.Party.DN)
	w.Party.Leg.Caps = in.Dest.Caps
	s.i.Watches = append(s.i.Watches, w)
	s.createObserver(&s.i.Watches[len(s.i.Watches)-1])
}

// monitored is the party to supervise: the target, or else the first DN of the call.
func (s *step) monitored(in doMonitor) (*Party, error) {
	c := s.call()
	supervisor := in.Dest.Endpoint.DN
	refuse := func(state PartyState, why string) error {
		return &StateError{Call: c.ID, Verb: "monitor", State: state, Why: why}
	}
	target := c.livingDN(in.Target)
	if in.Target == "" {
		target = c.talker(supervisor)
	}
	switch {
	case c.Controller == ControlSwitch:
		return nil, refuse(c.state(), doneBySwitch)
	case target == nil && in.Target != "":
		return nil, ErrNotAParty
	case target == nil || target.DN == "" || !target.watchable():
		return nil, refuse(c.state(), needsAnswer)
	}
	if supervisor != "" && s.i.find(func(c *Call) bool { return c.livingDN(supervisor) != nil }) >= 0 {
		return nil, &TargetError{Number: in.Dest.Dialled, Rule: "monitor", Why: "that DN is in the call already"}
	}
	return target, nil
}

// watchable reports whether a party can be supervised: it has answered.
func (p *Party) watchable() bool {
	return (p.State == PartyEstablished || p.State == PartyHeld) && !p.JoinedAt.IsZero()
}

// talker is the first DN that talks, or else the first outside party; not the supervisor.
func (c *Call) talker(except DN) *Party {
	var outside *Party
	for i := range c.Parties {
		p := &c.Parties[i]
		switch {
		case !p.watchable() || p.DN != "" && p.DN == except:
		case p.DN != "":
			return p
		case outside == nil:
			outside = p
		}
	}
	return outside
}

func (s *step) createObserver(w *Watch) {
	s.do(CreateLeg{
		Leg: NewLeg{
			Channel: w.Party.Leg.Channel, Leg: w.Party.Leg.Name, To: w.Party.Dest.Endpoint, CallerNum: string(w.Target), CallID: w.Call,
		},
		Caps: w.Party.Leg.Caps, As: CallingOwn, // it was ordered for this phone
	})
}

// switchMonitor changes what the supervisor's voice reaches.
func (s *step) switchMonitor(in doSwitchMonitor) {
	w := s.i.watchOf(in.Order)
	if w == nil || w.Ended != WatchGoesOn {
		s.do(Reply{Token: in.Reply, Err: ErrMonitorNotFound})
		return
	}
	if w.Mode != in.Mode {
		w.Mode, w.Lost = in.Mode, ChannelID{}
		if w.active() {
			s.onWatch(w, func() { s.tellMode(w) })
		}
	}
	s.do(Reply{Token: in.Reply})
}

// tellMode tells the supervisor and the supervised of a new mode.
func (s *step) tellMode(w *Watch) {
	e := Event{Kind: EventPrivateInfo, CallState: CallStateBridged, Mode: w.Mode}
	s.tell(&w.Party, e)
	for _, dn := range w.Seen {
		if p := s.call().livingDN(dn); p != nil {
			e.Other = w.Party.view(&s.i, s.n)
			s.tell(p, e)
		}
	}
}

func (s *step) stopMonitor(in doStopMonitor) {
	w := s.i.watchOf(in.Order)
	if w == nil || w.Ended != WatchGoesOn {
		s.do(Reply{Token: in.Reply, Err: ErrMonitorNotFound})
		return
	}
	s.endWatch(w, WatchStopped, CallStateOK, causeNormal)
	s.do(Reply{Token: in.Reply})
}

// onWatch does something about the call that a supervisor is at.
func (s *step) onWatch(w *Watch, do func()) {
	if n := s.i.find(func(c *Call) bool { return c.ID == w.Call }); n >= 0 {
		s.on(n, do)
	}
}

// endWatch lets a supervisor go.
func (s *step) endWatch(w *Watch, why WatchEnd, state CallState, cause int) {
	if w.Ended != WatchGoesOn {
		return
	}
	w.Ended = why
	s.onWatch(w, func() { s.release(&w.Party, state, cause) })
	s.dropSnoops(w)
}

// dropSnoops ends all snoops of a watch.
func (s *step) dropSnoops(w *Watch) {
	for _, l := range w.legs()[1:] {
		s.dropSnoop(l)
	}
}

func (s *step) dropSnoop(l *Leg) {
	if l.usable() {
		l.State, l.Cause = LegLeaving, causeNormal
		s.do(HangupLeg{Channel: l.Channel, Cause: causeNormal})
	}
}

// watchLeg takes a fact about a channel of a watch.
func (s *step) watchLeg(w *Watch, in LegChanged) {
	if l := w.snoop(in.Channel); l != nil {
		s.snoopChanged(w, l, in.Change)
		return
	}
	p := &w.Party
	s.onWatch(w, func() {
		if in.Phone && s.phoneChanged(p, in.Change) {
			return
		}
		switch in.Change {
		case LegIsCreated:
			s.observerCreated(p)
		case LegIsRinging:
			s.observerRings(p)
		case LegIsUp:
			s.observerUp(p)
		case LegIsHeld:
			s.hold(p, HoldSwitch)
		case LegIsBack:
			s.hold(p, HoldNone)
		case LegIsGone:
			s.observerGone(w, in.Cause)
		case LegIsHeard, LegIsSilent, LegIsAudible:
		}
	})
}

func (s *step) observerCreated(p *Party) {
	switch {
	case p.Leg.State == LegGone: // its creation was given up, and it came to be nevertheless
		s.do(HangupLeg{Channel: p.Leg.Channel, Cause: causeNormal})
	case p.Leg.State == LegRequested && p.alive():
		s.replyCalled(p, nil)
		s.dialObserver(p)
	}
}

func (s *step) dialObserver(p *Party) {
	p.Leg.State = LegDialed
	if p.Deadline.IsZero() {
		p.Deadline = s.at.Add(p.Dest.Timeout)
	}
	s.do(DialLeg{Channel: p.Leg.Channel, Timeout: max(0, p.Deadline.Sub(s.at))})
	s.do(StartTimer{Party: p.ID, At: p.Deadline})
}

func (s *step) observerRings(p *Party) {
	if p.Leg.State == LegCreated || p.Leg.State == LegDialed {
		p.Leg.State = LegRinging
	}
	if p.State == PartyAlerting {
		p.State = PartyRinging
		s.tell(p, Event{Kind: EventRinging, CallState: CallStateBridged})
	}
}

func (s *step) observerUp(p *Party) {
	if !p.Leg.usable() || p.Leg.State == LegUp {
		return
	}
	s.observerRings(p) // no client knows an answer without a Ringing
	p.Leg.State = LegUp
}

func (s *step) observerGone(w *Watch, cause int) {
	p := &w.Party
	if !p.Leg.alive() {
		return
	}
	asked := p.Leg.State == LegLeaving
	s.gone(p)
	if !asked && p.alive() {
		p.Leg.Cause = cause
		why := WatchLeft
		if !w.active() {
			why = WatchFailed
			s.replyCalled(p, ErrUnreachable)
		}
		s.endWatch(w, why, callStateOf(cause), cause)
	}
}

// observerFailed takes that the supervisor's leg could not be made or rung, or a snoop not be made.
func (s *step) watchFailed(w *Watch, in LegFailed) {
	l := w.snoop(in.Channel)
	if l == nil {
		if s.failedLeg(&w.Party, in) {
			s.replyCalled(&w.Party, in.Err)
			s.endWatch(w, WatchFailed, CallStateOK, causeOf(in.Err, causeAbsent))
		}
		return
	}
	if l.State != LegRequested && l.State != LegLeaving {
		return // only the answer was lost
	}
	l.State = LegGone
	if !w.active() {
		s.endWatch(w, WatchFailed, CallStateOK, causeTemporary)
	}
	if l == &w.Snoop {
		s.deafened(w)
	}
}

// snoopAgain is when a snoop that ended is made anew, should whom it heard still be there: its end is told first.
const snoopAgain = 2 * time.Second

func (s *step) deafened(w *Watch) {
	w.Lost = w.Heard
	s.do(StartTimer{Party: w.Party.ID, At: s.at.Add(snoopAgain)})
}

// observerTimeout ends the ringing of a supervisor's phone, or lets him hear again.
func (s *step) observerTimeout(w *Watch) {
	p := &w.Party
	if w.active() {
		w.Lost = ChannelID{}
		return
	}
	if (p.State == PartyAlerting || p.State == PartyRinging) && p.Leg.State != LegUp && !s.at.Before(p.Deadline) {
		s.replyCalled(p, ErrNoAnswer)
		s.endWatch(w, WatchFailed, CallStateNoAnswer, causeNoAnswer)
	}
}

// snoopChanged takes the begin or the end of a snoop. One ends with whom it hears, which is told before that one's end.
func (s *step) snoopChanged(w *Watch, l *Leg, change LegChange) {
	switch {
	case change == LegIsGone && l.alive():
		if l == &w.Snoop && l.State != LegLeaving {
			s.deafened(w)
		}
		l.State = LegGone
	case change == LegIsCreated && l.State == LegRequested:
		l.State = LegUp
	case change == LegIsCreated && l.State == LegGone: // given up, and it came to be nevertheless
		s.do(HangupLeg{Channel: l.Channel, Cause: causeNormal})
	}
}

// observerJoined makes a supervisor established who hears now.
func (s *step) observerJoined(w *Watch, in Joined) {
	p, err := &w.Party, in.Err
	switch {
	case !p.alive() || !p.Leg.usable():
		return
	case in.Bridge != BridgeID{} && in.Bridge != w.In:
		return // he is being put elsewhere by now
	case err != nil && w.Snoop.State == LegGone && w.Scope == ScopeCall && w.Mode != MonitorConnect:
		w.In = BridgeID{} // who was heard has gone meanwhile: the next one follows
		return
	case err != nil:
		s.endWatch(w, WatchFailed, CallStateOK, causeTemporary)
		return
	}
	p.Leg.Joined = true
	if w.active() {
		return
	}
	p.State, p.JoinedAt = PartyEstablished, s.at
	s.onWatch(w, func() {
		s.showWatch(w)
		s.tell(p, Event{Kind: EventEstablished, CallState: CallStateBridged})
		s.followHold(p)
	})
}

// showWatch tells the agents who may know of a supervisor that he has come or gone.
func (s *step) showWatch(w *Watch) {
	var now []DN
	if w.Party.alive() {
		now = w.told(s.call())
	}
	was := w.Seen
	w.Seen = now
	e := Event{CallState: CallStateBridged, Other: w.Party.view(&s.i, s.n)}
	for _, dn := range slices.Concat(was, now) {
		in, out := slices.Contains(now, dn), slices.Contains(was, dn)
		p := s.call().livingDN(dn)
		if in == out || p == nil || !p.Told {
			continue
		}
		e.Kind = EventPartyAdded
		if out {
			e.Kind = EventPartyDeleted
		}
		s.tell(p, e)
	}
}
