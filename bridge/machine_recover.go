package bridge

import (
	"slices"
	"strings"
)

// undecided takes that nobody knows what became of a request, and nobody can be asked. The end of the gap makes it good,
// but for a command that waits: its client is to decide, and the call stays as it was.
func (s *step) undecided(in Undecided) {
	switch e := in.Effect.(type) {
	case CreateLeg:
		p := s.byChannel(e.Leg.Channel)
		if op := s.call().Transfer; p != nil && (p.State == PartyInitiated || p.Reply != 0 || op != nil && op.To == p.ID && !op.Committed) {
			s.legFailed(LegFailed{Channel: e.Leg.Channel, Err: ErrSwitchUnavailable})
		}
	case DialLeg:
		if leg := s.i.legAt(e.Channel); leg != nil && leg.State == LegDialed {
			leg.State = LegCreated // to be dialled, unless it turns out to ring
		}
	}
}

// reconciled brings the state in line with what the switch has, and does again what may not have been done:
// every effect is safe to repeat but the ringing of a leg, which only a restart repeats.
func (s *step) reconciled(in Reconciled) {
	var ids []PartyID // without those that are added on the way: they are new
	for n := range s.i.calls() {
		for _, p := range s.i.nth(n).Parties {
			ids = append(ids, p.ID)
		}
	}
	for _, id := range ids {
		if p := s.party(id); p != nil {
			s.reconcileLeg(id, in)
		}
	}
	s.reconcileDropped(in)
	s.reconcileRecordings(in)
	for s.n = range s.i.calls() {
		s.reconcileBridge(in)
	}
	s.n = 0
	s.reconcileWatches(in)
}

func (s *step) reconcileBridge(in Reconciled) {
	c := s.call()
	if _, there := in.Bridges[c.Bridge.ID]; there && c.Done { // of a consultation that ended just before us
		s.do(DestroyBridge{Bridge: c.Bridge})
		return
	}
	s.rejoin(in)
	for i := range c.Parties {
		if p := &c.Parties[i]; !p.resuming() {
			s.remute(p)
			if in.Restarted && p.Leg.usable() && p.Leg.ToldHeld {
				s.do(HoldLeg{Channel: p.Leg.Channel, On: true}) // told twice does no harm
			}
		}
	}
	if !c.Bridged || !c.EndedAt.IsZero() {
		return
	}
	if c.Queue != nil {
		s.stillWaiting(in.Restarted)
	}
	s.do(PlayMusic{Bridge: c.Bridge, Class: c.musicClass(), On: c.Music}) // its end may be lost too
}

// remute asks again for what a leg's mute is to be, in both directions: each may have been the last asked for.
func (s *step) remute(p *Party) {
	if p.Leg.Muted && p.Leg.usable() {
		for _, d := range []Mute{MuteIn, MuteOut} {
			s.do(MuteLeg{Channel: p.Leg.Channel, Direction: d, On: p.Leg.Mute.with(d, true) == p.Leg.Mute})
		}
	}
}

func (s *step) reconcileLeg(id PartyID, in Reconciled) {
	p := s.call().party(id)
	fact, there := in.Channels[p.Leg.Channel.ID]
	if slices.Contains(in.Lost, id) && p.alive() && p.Leg.usable() && (there || p.resuming() || p.Leg.State == LegRequested) {
		s.resume(p, in)
		return
	}
	if !p.Leg.alive() {
		if there {
			s.reconcileGone(p)
		}
		return
	}
	switch {
	case p.Leg.State == LegAwaited:
		s.awaitPhone(p) // its timer does nothing during a gap
		return
	case !there && p.resuming() && p.Leg.State == LegRequested:
		s.callAgain(p)
		return
	case !there && p.Leg.State == LegRequested && p.alive():
		s.recreate(p)
		return
	case !there:
		if p.Leg.Name != "" { // a PBX that died said no BYE: the phone would wait for sound
			s.do(HangupLeg{Channel: p.Leg.Channel, Phone: p.Leg.Name, Cause: causeNormal})
		}
		s.legGone(p, 0)
		return
	case p.Leg.State == LegLeaving:
		s.do(HangupLeg{Channel: p.Leg.Channel, Cause: p.Leg.Cause})
		return
	}
	switch {
	case p.Leg.State == LegRequested:
		s.legCreated(p)
	case fact.State == LegIsCreated && (p.Leg.State == LegCreated || p.Leg.State == LegDialed && in.Restarted):
		s.dial(p)
	case !p.Deadline.IsZero() && p.Leg.State != LegUp:
		s.do(StartTimer{Party: p.ID, At: p.Deadline})
	}
	p = s.call().party(id)
	switch fact.State {
	case LegIsRinging:
		s.legRinging(p)
	case LegIsUp:
		s.legUp(p)
	case LegIsCreated, LegIsHeard, LegIsHeld, LegIsBack, LegIsGone, LegIsSilent, LegIsAudible:
	}
}

// reconcileGone looks after the channel of a leg that is over for us, and is there.
func (s *step) reconcileGone(p *Party) {
	switch {
	case !p.BackTo.IsZero(): // it may not have been handed back yet; where it goes on already this changes nothing
		s.do(ContinueLeg{Channel: p.Leg.Channel, To: p.BackTo})
	case strings.HasPrefix(p.Leg.Channel.ID, string(s.i.ID)+"."): // given up, and it came to be nevertheless
		s.do(HangupLeg{Channel: p.Leg.Channel, Cause: causeNormal})
	}
}

// recreate asks again for a channel whose creation was asked for, but never happened.
func (s *step) recreate(p *Party) {
	c := s.call()
	leg := NewLeg{Channel: p.Leg.Channel, Leg: p.Leg.Name, To: p.Dest.Endpoint, CallID: c.ID, CallerNum: p.Dest.CallerID}
	as := CallingDN
	switch {
	case p.State == PartyInitiated && !p.Ready, c.Transfer != nil && c.Transfer.To == p.ID && c.Transfer.Recalled:
		as = CallingOwn
	case p.Ready:
		as = CallingReady
	}
	if p.State == PartyInitiated {
		leg.To, leg.CallerNum = Endpoint{DN: p.DN}, p.Dest.Number
	} else if caller := c.caller(p.Third); caller != nil {
		leg.Originator = caller.Leg.Channel
		if leg.CallerNum == "" {
			leg.CallerNum, leg.CallerName = caller.Number, caller.Name
		}
	}
	s.do(CreateLeg{Leg: leg, Caps: p.Leg.Caps, As: as})
}

// rejoin connects those who have answered and are not in the bridge.
func (s *step) rejoin(in Reconciled) {
	c := s.call()
	inBridge := in.Bridges[c.Bridge.ID]
	for _, id := range inBridge { // who has left it for another call
		if ch := (ChannelID{Server: s.i.Server, ID: id}); c.byChannel(ch) == nil && s.i.byChannel(ch) != nil {
			s.do(LeaveLegs{Bridge: c.Bridge, Channels: []ChannelID{ch}})
		}
	}
	var up []*Party
	missing := false
	for i := range c.Parties {
		p := &c.Parties[i]
		if p.alive() && p.Leg.State == LegArrived && p.Leg.Joined && !p.JoinedAt.IsZero() {
			s.do(AnswerLeg{Channel: p.Leg.Channel}) // it talks: only its answer was lost
		}
		if !p.alive() || p.Leg.State != LegUp {
			continue
		}
		if p.Leg.Hold == HoldEngine {
			if slices.Contains(inBridge, p.Leg.Channel.ID) {
				s.leaveBridge(p)
			}
			continue
		}
		up = append(up, p)
		missing = missing || !p.Leg.Joined || !slices.Contains(inBridge, p.Leg.Channel.ID)
	}
	switch {
	case len(up) > 1 && missing, len(up) == 1 && missing && (up[0].talks() || c.Queue != nil):
		s.joinLegs(up...)
	case len(up) == 1 && up[0].State == PartyRinging:
		s.connect(up[0]) // it answered, and the caller was not answered any more
	}
}
