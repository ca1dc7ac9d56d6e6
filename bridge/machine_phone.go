package bridge

import "fmt"

// phone has the phone of a party do something. The reply waits for the phone to acknowledge; the change itself comes as a
// fact.
func (s *step) phone(in doPhone) {
	p := s.acts(in.By)
	if p == nil {
		s.do(Reply{Token: in.Reply, Err: ErrNotAParty})
		return
	}
	if p.Role == RoleObserver && in.Verb != PhoneAnswer {
		_, err := s.actor(in.By, Capability(in.Verb))
		s.do(Reply{Token: in.Reply, Err: err})
		return
	}
	if s.call().Controller == ControlAsterisk && in.Verb != PhoneAnswer && p.engineHolds(in.Verb) {
		s.holdByEngine(p, in)
		return
	}
	done, why := p.may(in.Verb)
	switch {
	case why != "":
		s.do(Reply{Token: in.Reply, Err: &StateError{Call: s.call().ID, Verb: string(in.Verb), State: p.State, Why: why}})
	case done:
		s.do(Reply{Token: in.Reply})
	case p.Asked.Verb == in.Verb:
		p.Asked.Replies = append(p.Asked.Replies, in.Reply)
	default:
		p.Asked = Asked{Verb: in.Verb, Replies: []int{in.Reply}}
		s.do(AskPhone{Leg: p.Leg.Name, Party: p.ID, Verb: in.Verb})
	}
}

// pickUp has the phone of a DN answer the call that it makes. One that can't be told, or refuses, goes on ringing.
func (s *step) pickUp(p *Party) {
	p.PickUp = false
	if done, why := p.may(PhoneAnswer); !done && why == "" {
		p.Asked = Asked{Verb: PhoneAnswer}
		s.do(AskPhone{Leg: p.Leg.Name, Party: p.ID, Verb: PhoneAnswer})
	}
}

// may says why a party's phone can't be told to do something now, nothing if it can. Done is what it has done already:
// agents press the button of the desktop and that of the phone.
func (p *Party) may(verb PhoneVerb) (done bool, why string) {
	if p.Asked.Verb != "" && p.Asked.Verb != verb {
		return false, "its phone is being told to " + string(p.Asked.Verb)
	}
	talks := p.State == PartyEstablished || p.State == PartyHeld
	switch verb {
	case PhoneAnswer:
		switch {
		case talks || p.Leg.State == LegUp:
			return true, ""
		case p.Leg.State != LegRinging || p.State != PartyRinging && p.State != PartyInitiated:
			return false, "only a phone that rings can answer"
		case !p.Leg.Can.Answer:
			return false, "its phone takes no such command, answer at the phone"
		}
	case PhoneHold, PhoneRetrieve:
		switch {
		case !talks:
			return false, "an established call is needed"
		case (verb == PhoneHold) == (p.State == PartyHeld):
			return true, ""
		case p.Away:
			return false, awayWhy
		case verb == PhoneRetrieve && p.Leg.Hold != HoldEngine && !p.Leg.Can.Hold:
			return false, "its phone holds the call and takes no such command, use the phone"
		}
	}
	return false, ""
}

// engineHolds reports whether it is the engine that holds or retrieves, since the phone can't or does not know of it.
func (p *Party) engineHolds(verb PhoneVerb) bool {
	if verb == PhoneHold {
		return !p.Leg.Can.Hold && p.State == PartyEstablished
	}
	return p.Leg.Hold == HoldEngine && p.State == PartyHeld
}

// holdByEngine takes the leg out of the call, or puts it back.
func (s *step) holdByEngine(p *Party, in doPhone) {
	if done, why := p.may(in.Verb); done || why != "" {
		s.do(Reply{Token: in.Reply, Err: &StateError{Call: s.call().ID, Verb: string(in.Verb), State: p.State, Why: why}})
		return
	}
	if in.Verb == PhoneHold {
		s.park(p) // first, so that the event lists what can be done now
		s.holdFor(p)
	} else {
		s.backInto(p)
		if p.Leg.talks() { // the switch may refuse
			p.Rejoin = in.Reply
			return
		}
	}
	s.do(Reply{Token: in.Reply})
}

// rejoined answers the command that waits until a party is back in its call.
func (s *step) rejoined(p *Party, err error) {
	if p.Rejoin != 0 {
		s.do(Reply{Token: p.Rejoin, Err: err})
		p.Rejoin = 0
	}
}

// notRetrieved puts a party back on hold that the switch would not let into its call again.
func (s *step) notRetrieved(p *Party, err error) {
	p.Leg.Hold = HoldEngine
	s.holdFor(p)
	s.rejoined(p, fmt.Errorf("retrieve: %w", err))
}

// doneAsAsked answers who waits for a phone that has done what it was told, as its fact proves: the acknowledgement may
// come later.
func (s *step) doneAsAsked(p *Party) {
	if p.Asked.Verb == "" {
		return
	}
	if done, _ := p.may(p.Asked.Verb); done {
		s.replyAsked(p, nil)
	}
}

func (s *step) phoneReplied(in PhoneReplied) {
	p := s.party(in.Party)
	if w := s.i.watching(in.Party); w != nil {
		p = &w.Party
	}
	if p != nil && p.Asked.Verb == in.Verb {
		s.replyAsked(p, in.Err)
	}
}

// replyAsked answers the commands that wait for a phone.
func (s *step) replyAsked(p *Party, err error) {
	for _, token := range p.Asked.Replies {
		s.do(Reply{Token: token, Err: err})
	}
	p.Asked = Asked{}
}

// reject refuses a call that rings, as its phone would by saying that it is busy.
func (s *step) reject(in doReject) {
	c := s.call()
	p := s.acts(in.By)
	switch {
	case p == nil:
		s.do(Reply{Token: in.Reply, Err: ErrNotAParty})
	case p.State != PartyRinging && p.State != PartyAlerting || p.Leg.State == LegUp:
		s.do(Reply{Token: in.Reply, Err: &StateError{Call: c.ID, Verb: "reject", State: p.State, Why: "only a DN that is called, and rings, can reject"}})
	case p.Role == RoleObserver:
		s.endWatch(s.i.watching(p.ID), WatchLeft, CallStateOK, causeBusy)
		s.do(Reply{Token: in.Reply})
	default:
		s.failed(p, causeBusy, ErrBusy)
		s.do(Reply{Token: in.Reply})
	}
}

// phoneChanged takes what our gateway says of a leg that has a channel at the switch, and reports whether that is all.
// The switch tells of the channel itself; the gateway of what it never hears.
func (s *step) phoneChanged(p *Party, change LegChange) bool {
	switch change {
	case LegIsHeld:
		s.hold(p, HoldGateway)
	case LegIsBack:
		s.hold(p, HoldNone)
	case LegIsSilent, LegIsAudible:
		p.Leg.MediaLost = change == LegIsSilent
		s.music()
	case LegIsCreated, LegIsRinging, LegIsHeard, LegIsUp, LegIsGone:
	}
	return true
}

// hold takes a phone's hold or its end. What the engine holds stays so.
func (s *step) hold(p *Party, hold Hold) {
	if !p.Leg.usable() || p.Leg.Hold == HoldEngine {
		return
	}
	p.Leg.Hold = hold
	s.followHold(p)
}

// followHold brings a party in line with its phone, which may hold before the call is known to be established.
func (s *step) followHold(p *Party) {
	switch held := p.Leg.Hold != HoldNone; {
	case held && p.State == PartyEstablished:
		p.State = PartyHeld
		s.tell(p, Event{Kind: EventHeld, CallState: CallStateOK})
	case !held && p.State == PartyHeld:
		p.State = PartyEstablished
		s.tell(p, Event{Kind: EventRetrieved, CallState: CallStateOK})
	}
}

// music plays or ends music in the bridge as the call needs it now.
func (s *step) music() {
	c := s.call()
	if want := c.Bridged && c.wantsMusic(); want != c.Music {
		c.Music = want
		s.do(PlayMusic{Bridge: c.Bridge, Class: c.musicClass(), On: want})
	}
	s.tellHeld()
}

// tellHeld tells the far end of an outside party that waits for who holds it, and of one that waits no more. It hears the
// bridge's music all the while: Asterisk only signals (moh_passthrough).
func (s *step) tellHeld() {
	c := s.call()
	for i := range c.Parties {
		p := &c.Parties[i]
		held := c.Music && c.Queue == nil && c.Transfer == nil && p.State == PartyEstablished
		if p.DN != "" || p.Leg.State != LegUp || p.Leg.ToldHeld == held {
			continue
		}
		p.Leg.ToldHeld = held
		s.do(HoldLeg{Channel: p.Leg.Channel, On: held})
	}
}

// musicClass is that of the queue where the call waits, empty for the usual one.
func (c *Call) musicClass() string {
	if c.Queue != nil {
		return c.Queue.Music
	}
	return ""
}

// wantsMusic reports whether somebody waits in the bridge: for the target of a transfer, or for the one other party, who
// holds or whose page is being loaded anew. Among several a hold silences nobody.
func (c *Call) wantsMusic() bool {
	if c.Queue != nil {
		return c.Queue.Playing == ""
	}
	if c.Transfer != nil && c.Transfer.Committed {
		return true
	}
	here, away := 0, 0
	for i := range c.Parties {
		switch p := &c.Parties[i]; {
		case p.State != PartyEstablished && p.State != PartyHeld:
		case p.Leg.MediaLost, p.State == PartyHeld:
			away++
		default:
			here++
		}
	}
	return away > 0 && here < 2 && here+away > 1
}
