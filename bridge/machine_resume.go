package bridge

import (
	"slices"
	"strings"
	"time"
)

// resumeEvery is the pause between two attempts at a phone that can't be reached yet.
const resumeEvery = time.Second

// Again says that a party's phone is being called again, because its leg was in our gateway and died with it. The party
// stays what it was: the same call, the same ConnID, no second EventRinging or EventEstablished.
//
//	lost ──> Requested ──> Dialed ──> Ringing ──> Up: as before the loss
//	             ^            │
//	             └─ Awaited <─┘ not reached yet; when the time is over the party leaves
type Again struct {
	Until time.Time // zero: it is not being called again
	Grace time.Duration
}

func (p *Party) resuming() bool { return !p.Again.Until.IsZero() && p.alive() }

// nextTry is when something is to be done about it.
func (p *Party) nextTry(now time.Time) time.Time {
	if p.Leg.State == LegAwaited {
		return now.Add(resumeEvery)
	}
	return p.Again.Until
}

// back ends the calling.
func (p *Party) back() { p.Again, p.Leg.MediaLost = Again{}, false }

// resume lets go of a leg that died with our gateway, and calls its phone again.
func (s *step) resume(p *Party, in Reconciled) {
	_, there := in.Channels[p.Leg.Channel.ID]
	if there {
		if len(p.Leg.Caps) > 0 {
			s.do(FreeCaps{Channel: p.Leg.Channel})
		}
		s.i.Dropped = append(s.i.Dropped, p.Leg.Channel)
		s.do(HangupLeg{Channel: p.Leg.Channel, Cause: causeNormal})
	}
	p.Again = Again{Until: s.at.Add(in.Grace), Grace: in.Grace} // anew, when we died again while it was being called
	if p.Leg.Hold != HoldEngine {
		p.Leg.Hold = HoldNone // what a new phone shows is a call that is not on hold
	}
	s.replyAsked(p, ErrDraining)
	if there {
		p.Leg.State = LegAwaited
	}
	s.callAgain(p)
}

// callAgain makes a new channel to the party's phone.
func (s *step) callAgain(p *Party) {
	before := p.Leg
	if p.Leg.State != LegRequested { // its channel may still come to be
		p.Leg = s.newLeg(p.DN)
	}
	p.Leg.Hold, p.Leg.Mute, p.Leg.MediaLost = before.Hold, before.Mute, true
	p.Leg.Muted = before.Muted
	p.Deadline = p.Again.Until
	leg := NewLeg{
		Channel: p.Leg.Channel, Leg: p.Leg.Name, To: Endpoint{DN: p.DN}, CallID: s.call().ID, CallerNum: p.Dest.Number,
		Resume: p.State == PartyEstablished || p.State == PartyHeld || p.State == PartyDialing,
	}
	if other := s.call().otherFor(p.ID); other != nil {
		leg.CallerNum, leg.CallerName = other.Number, other.Name
	}
	p.Leg.Shows = leg.CallerNum
	s.do(CreateLeg{Leg: leg, As: CallingOwn})
}

// awaitPhone tries again in a moment.
func (s *step) awaitPhone(p *Party) {
	p.Leg = Leg{Hold: p.Leg.Hold, Mute: p.Leg.Mute, Muted: p.Leg.Muted, State: LegAwaited, MediaLost: true}
	s.do(StartTimer{Party: p.ID, At: s.at.Add(resumeEvery)})
}

// resumeTimer goes on with a party whose phone is being called again.
func (s *step) resumeTimer(p *Party) {
	switch {
	case !s.at.Before(p.Again.Until):
		s.notResumed(p, causeAbsent)
	case p.Leg.State == LegAwaited:
		s.callAgain(p)
	}
}

// resumeFailed takes that the phone was not reached this time. Only a refusal is the agent's word.
func (s *step) resumeFailed(p *Party, cause int) {
	const rejected = 21
	p.Leg.State = LegAwaited // its channel is gone
	switch {
	case cause == causeBusy, cause == rejected, !s.at.Before(p.Again.Until):
		s.notResumed(p, cause)
	default:
		s.awaitPhone(p)
	}
}

// notCalledAgain takes that a channel to the phone could not be made or dialled.
func (s *step) notCalledAgain(p *Party, in LegFailed) {
	s.do(HangupLeg{Channel: in.Channel, Cause: causeNormal}) // it is there, or its answer was lost
	if p.Leg.State == LegRequested {
		s.resumeFailed(p, causeAbsent)
	}
}

// ringsAgain gives the agent the time to answer: that of a call where it rang before, else the grace period, once.
func (s *step) ringsAgain(p *Party) {
	switch p.State {
	case PartyAlerting, PartyRinging, PartyInitiated:
		p.Deadline = s.at.Add(max(p.Dest.Timeout, p.Again.Grace))
		p.back()
	case PartyDialing, PartyEstablished, PartyHeld, PartyReleased:
		p.Again.Until, p.Again.Grace = s.at.Add(p.Again.Grace), 0
		p.Deadline = p.Again.Until
	}
	s.do(StartTimer{Party: p.ID, At: p.Deadline})
}

// resumed puts a phone that answered where the one before was.
func (s *step) resumed(p *Party) {
	c := s.call()
	s.remute(p)
	switch {
	case p.Leg.Hold == HoldEngine:
		p.back()
	case p.State == PartyDialing && c.Queue == nil && c.talking() == 0 && !c.answersTo(p):
		p.back()
		s.do(RingLeg{Channel: p.Leg.Channel})
	default:
		s.joinLegs(p)
		if c.Queue != nil { // its bridge may come to be only now
			s.do(PlayMusic{Bridge: c.Bridge, Class: c.musicClass(), On: c.Music})
		}
		s.followHold(p)
	}
}

// answersTo reports whether somebody has answered the party's call, and is being joined.
func (c *Call) answersTo(p *Party) bool {
	return slices.ContainsFunc(c.others(p.ID), func(q *Party) bool { return q.Leg.State == LegUp })
}

// notResumed lets a party go whose phone did not come back: its caller waits in the queue again that the call came
// from, or goes where calls for the DN go when nobody can be reached there, or is told the end.
func (s *step) notResumed(p *Party, cause int) {
	c := s.call()
	p.Again = Again{}
	switch p.State {
	case PartyAlerting, PartyRinging:
		s.failed(p, cause, ErrUnreachable)
		return
	case PartyInitiated:
		s.phoneFailed(p, cause, &TargetError{Number: p.Number, Rule: "phone", Why: "its phone did not take the call", Unreachable: true})
		return
	case PartyDialing, PartyEstablished, PartyHeld, PartyReleased:
	}
	dn := p.DN
	caller := c.peer(p.ID)
	switch alone := caller != nil && caller.Leg.usable() && c.Transfer == nil && c.Queue == nil && p.Role != RoleOrigination; {
	case alone && c.From != nil && caller.ID == c.Parties[0].ID:
		from := *c.From
		s.release(p, CallStateOK, cause)
		s.enqueueSince(caller, Destination{Queue: from.Name, Number: from.Number, Music: from.Music}, from.Since)
	case alone && !p.Dest.Fallback.IsZero():
		s.release(p, CallStateOK, cause)
		s.handBack(caller, p.Dest.Fallback)
	default:
		s.left(p, cause)
	}
	s.leftBehind(dn, cause)
}

// stranger ends a channel that came to be after it was given up.
func (s *step) stranger(in LegChanged) {
	if in.Change == LegIsCreated && strings.HasPrefix(in.Channel.ID, string(s.i.ID)+".") && !slices.Contains(s.i.Dropped, in.Channel) {
		s.i.Dropped = append(s.i.Dropped, in.Channel)
		s.do(HangupLeg{Channel: in.Channel, Cause: causeNormal})
	}
}

// reconcileDropped asks again for the end of the channels that died with our gateway and are still there.
func (s *step) reconcileDropped(in Reconciled) {
	s.i.Dropped = slices.DeleteFunc(s.i.Dropped, func(ch ChannelID) bool {
		_, there := in.Channels[ch.ID]
		return !there
	})
	for _, ch := range s.i.Dropped {
		s.do(HangupLeg{Channel: ch, Cause: causeNormal})
	}
}

// lostLegs are the parties whose legs were in the gateway of an engine that died.
func (i *Interaction) lostLegs(lost func(dn DN, leg string) bool) []PartyID {
	var ids []PartyID
	for n := range i.calls() {
		for _, p := range i.nth(n).Parties {
			if p.DN == "" || !p.alive() || !p.Leg.usable() || !p.resuming() && (p.Leg.Name == "" || !lost(p.DN, p.Leg.Name)) {
				continue
			}
			ids = append(ids, p.ID)
		}
	}
	for _, w := range i.Watches {
		if p := w.Party; p.DN != "" && p.Leg.usable() && p.Leg.Name != "" && lost(p.DN, p.Leg.Name) {
			ids = append(ids, p.ID)
		}
	}
	return ids
}
