package bridge

import (
	"cmp"
	"time"
)

// QueueWait says that a call waits at a route point. Its callers are in the bridge and hear music.
//
//	waiting ──offer──> offered ──answered──> (over: the call is established)
//	   ^                  │
//	   └── no answer ─────┘        a route ends the waiting as soon as its target is being called
type QueueWait struct {
	Name    string
	Number  string // of the route point
	Music   string
	Since   time.Time
	Offer   PartyID // the party that is being called, 0 for none
	Routed  bool    // it is not an offer but where the call is to go
	Ended   bool    // by a command, or with the switch
	Playing string  // id of the announcement
	Reply   int     // token of the command that waits for its end
}

// enqueue lets a call wait.
func (s *step) enqueue(caller *Party, dest Destination) { s.enqueueSince(caller, dest, s.at) }

// enqueueSince lets a call wait as if it had waited since then.
func (s *step) enqueueSince(caller *Party, dest Destination, since time.Time) {
	c := s.call()
	c.Music = false // that of another queue is not this one's
	c.Queue = &QueueWait{Name: dest.Queue, Number: dest.Number, Music: dest.Music, Since: since}
	if caller.Leg.State == LegArrived && !caller.Leg.Joined {
		s.do(AnswerLeg{Channel: caller.Leg.Channel})
	}
	if !caller.Leg.Joined {
		s.joinLegs(caller)
	}
	s.queueEvent(EventQueued, caller, CallStateOK)
	s.waits(PartyID(0), nil)
}

// waiter is the party that waits.
func (c *Call) waiter() *Party {
	for i := range c.Parties {
		if p := &c.Parties[i]; p.alive() && (c.Queue == nil || p.ID != c.Queue.Offer) {
			return p
		}
	}
	return nil
}

// enqueueInstead lets the one who is left wait, after a transfer or a redirection to a queue.
func (s *step) enqueueInstead(dest Destination) {
	if p := s.call().waiter(); p != nil {
		s.enqueue(p, dest)
	}
}

// nowWaits tells the DN that waits now instead of talking to who has transferred it.
func (s *step) nowWaits(by *Party) {
	c := s.call()
	if p := c.waiter(); p != nil && c.Queue != nil && p.Told {
		s.tell(p, Event{
			Kind: EventPartyChanged, CallState: CallStateTransferred, Other: routePoint(c.Queue.Number), Third: by.view(&s.i, s.n),
		})
	}
}

// routePoint is the other party of who calls a queue.
func routePoint(number string) PartyView {
	return PartyView{DN: DN(number), Number: number, Role: RoleDestination, State: PartyRinging}
}

// queueMoves lets the primary call wait where its consultation waited.
func (s *step) queueMoves(prim, cons int) {
	wait := s.i.nth(cons).Queue
	if wait == nil {
		return
	}
	kept := *wait
	s.on(cons, func() { s.notWaiting(GoneRouted) })
	s.on(prim, func() {
		c := s.call()
		kept.Playing, kept.Reply = "", 0
		c.Queue, c.Music = &kept, false
		if kept.Offer == 0 {
			s.waits(0, nil)
		}
	})
}

// queueEvent tells what happens at the route point itself.
func (s *step) queueEvent(kind EventKind, caller *Party, why CallState) {
	c := s.call()
	s.publish(Event{
		Kind: kind, CallState: why, Other: caller.view(&s.i, s.n), Audience: []DN{DN(c.Queue.Number)},
		This: routePoint(c.Queue.Number),
	})
}

// waits tells that the call waits, again if an offer has failed.
func (s *step) waits(offered PartyID, failed error) {
	c := s.call()
	e := TellQueue{Waiting: &Waiting{Queue: c.Queue.Name, Since: c.Queue.Since, Failed: failed}, Call: c.ID}
	if p := c.party(offered); p != nil {
		e.Waiting.Offered = p.DN
	}
	if p := c.party(c.Queue.Offer); p != nil {
		e.Waiting.Ringing = p.DN
	}
	s.do(e)
}

// notWaiting ends the waiting.
func (s *step) notWaiting(why GoneReason) {
	c := s.call()
	s.silence(ErrNotWaiting)
	kind, state := EventDiverted, CallStateOK
	var from *QueueWait
	switch why {
	case GoneAbandoned, GoneEnded:
		kind = EventAbandoned
	case GoneRouted:
		state = CallStateRedirected
	case GoneAnswered:
		from = &QueueWait{Name: c.Queue.Name, Number: c.Queue.Number, Music: c.Queue.Music, Since: c.Queue.Since}
	}
	if len(c.Parties) > 0 {
		s.queueEvent(kind, cmp.Or(c.waiter(), &c.Parties[0]), state)
	}
	s.do(TellQueue{Call: c.ID, Gone: why})
	c.From, c.Queue = from, nil
}

// waitEnds says that it is no caller who ends the waiting.
func (s *step) waitEnds() {
	if q := s.call().Queue; q != nil {
		q.Ended = true
	}
}

// endWaiting ends the waiting with the call.
func (s *step) endWaiting() {
	switch q := s.call().Queue; {
	case q == nil:
	case q.Ended:
		s.notWaiting(GoneEnded)
	default:
		s.notWaiting(GoneAbandoned)
	}
}

// silence ends an announcement that plays.
func (s *step) silence(why error) {
	q := s.call().Queue
	if q.Playing == "" {
		return
	}
	s.do(StopMedia{Server: s.i.Server, ID: q.Playing})
	s.do(Reply{Token: q.Reply, Err: why})
	q.Playing, q.Reply = "", 0
}

// offer rings a DN for a waiting call, or calls the number that it is routed to.
func (s *step) offer(in doOffer) {
	c := s.call()
	var err error
	switch {
	case c.Queue == nil:
		err = ErrNotWaiting
	case c.Queue.Offer != 0 && !in.Route:
		err = &StateError{Call: c.ID, Verb: "offer", State: PartyRinging, Why: "it is being offered to another DN"}
	}
	if err != nil {
		s.do(Reply{Token: in.Reply, Err: err})
		return
	}
	if p := c.party(c.Queue.Offer); p != nil {
		c.Queue.Offer = 0
		s.release(p, CallStateRedirected, causeNormal)
	}
	caller := c.waiter()
	switch {
	case in.Route && in.Dest.Queue != "":
		s.notWaiting(GoneRouted)
		s.enqueue(caller, in.Dest)
		s.do(Reply{Token: in.Reply})
	case in.Route && !in.Dest.Treatment.IsZero():
		s.notWaiting(GoneRouted)
		s.handBack(caller, in.Dest.Treatment)
		s.do(Reply{Token: in.Reply})
	default:
		s.silence(ErrNotWaiting)
		as := CallingReady
		if in.Route {
			as = CallingDN
		}
		p := s.ringAs(as, in.Dest, 0)
		p.Reply, p.Ready = in.Reply, !in.Route
		c.Queue.Offer, c.Queue.Routed = p.ID, in.Route
	}
}

// offerFailed lets a call wait on. It reports false if the party was no offer.
func (s *step) offerFailed(p *Party, cause int, err error) bool {
	c := s.call()
	if c.Queue == nil || c.Queue.Offer != p.ID {
		return false
	}
	c.Queue.Offer = 0
	s.release(p, callStateOf(cause), cause)
	s.waits(p.ID, err)
	return true
}

// playToCaller plays to the caller instead of the music.
func (s *step) playToCaller(in doAnnounce) {
	c := s.call()
	if c.Queue == nil || c.Queue.Offer != 0 || c.Queue.Playing != "" || !c.waiter().Leg.Joined {
		s.do(Reply{Token: in.Reply, Err: ErrNotWaiting})
		return
	}
	c.Queue.Playing, c.Queue.Reply = s.nextID("p"), in.Reply
	s.music()
	s.do(PlayMedia{Playback: NewPlayback{ID: c.Queue.Playing, Bridge: c.Bridge, Media: in.Media}})
}

// played goes on with the music.
func (s *step) played(in Played) {
	n := s.i.find(func(c *Call) bool { return c.Queue != nil && c.Queue.Playing == in.ID })
	if n < 0 {
		return
	}
	s.n = n
	q := s.call().Queue
	var err error
	if in.Failed {
		err = ErrNotPlayed
	}
	s.do(Reply{Token: q.Reply, Err: err})
	q.Playing, q.Reply = "", 0
}

// digit takes a key that a party has pressed.
func (s *step) digit(in Digit) {
	if p := s.byChannel(in.Channel); p != nil && s.call().Queue != nil {
		s.do(TellQueue{Call: s.call().ID, Digit: in.Digit})
	}
}

// stillWaiting takes up a waiting call after a restart or a gap, which may have swallowed the end of an announcement.
func (s *step) stillWaiting(restarted bool) {
	c := s.call()
	caller := c.waiter()
	if caller == nil {
		return // it hung up meanwhile: this step ends the call
	}
	if restarted {
		c.Queue.Reply = 0 // who waited for it died with us
	}
	s.silence(ErrNotPlayed)
	if caller.Leg.State == LegArrived { // one that is up is joined by rejoin
		s.do(AnswerLeg{Channel: caller.Leg.Channel})
		if !caller.Leg.Joined {
			s.joinLegs(caller)
		}
	}
	if restarted {
		s.waits(0, nil)
	}
}
