package bridge

import "slices"

// Two calls of a DN that began apart become one: the older interaction takes the parties of the younger, which gives them.
// Taking is recorded first, so that a crash between the two leaves a leg claimed twice and never lost; the restart then
// gives it again (Engine.Restore).

// doTake adds the parties of another interaction's call.
type doTake struct {
	By      DN
	Verb    CompleteVerb // complete-transfer, or else a conference
	Parties []Party
	From    ConnID
	Data    UserData
	Refer   bool // the phone of By asked for it on its leg here
	Phone   bool // which it did through our gateway
}

// doGive lets the parties of a call go that another interaction has taken.
type doGive struct {
	By       DN
	Verb     CompleteVerb
	Channels []ChannelID
	Refer    bool
	Phone    bool
}

// strayed says of a channel that the interaction which gave it had asked for it to be joined, and the answer came only now.
type strayed struct{ Channel ChannelID }

func (doTake) isInput()  {}
func (doGive) isInput()  {}
func (strayed) isInput() {}

// bringBack puts a leg into its call's bridge again.
func (s *step) bringBack(in strayed) {
	if p := s.byChannel(in.Channel); p != nil && p.inBridge() && p.Leg.talks() {
		s.joinLegs(p)
	}
}

func (v doTake) why() CallState { return whyCompleted(v.Verb) }
func (v doGive) why() CallState { return whyCompleted(v.Verb) }

func whyCompleted(verb CompleteVerb) CallState {
	if verb == CanCompleteTransfer {
		return CallStateTransferred
	}
	return CallStateConferenced
}

// take adds the parties. They keep their channels, and hear the call as soon as they are in its bridge.
func (s *step) take(in doTake) {
	c := s.call()
	by := c.livingDN(in.By)
	if by == nil {
		return
	}
	others, conference := EventPartyChanged, in.Verb != CanCompleteTransfer
	if conference {
		others = EventPartyAdded
		s.backInto(by)
	} else {
		s.quit(by, Event{Kind: EventReleased, CallState: in.why(), Cause: causeNormal})
		s.dropReferring(by, in.Refer, in.Phone)
	}
	id := by.ID
	if data, err := c.UserData.Update(in.Data); err == nil {
		c.UserData = data
	}
	var moved []PartyID
	for _, p := range in.Parties {
		p.Leg.Joined, p.Third, p.Away = false, id, false
		if conference {
			p.Role = RoleNewParty
		}
		added := s.join(p)
		if p.DN != "" {
			s.do(OccupyDN{DN: p.DN})
		}
		if added.inBridge() && added.Leg.talks() {
			s.joinLegs(added)
		}
		moved = append(moved, added.ID)
	}
	s.told(moved, others, in.why(), in.From)
}

// give lets go of those who have been taken.
func (s *step) give(in doGive) {
	c := s.call()
	if by := c.livingDN(in.By); by != nil {
		s.quit(by, Event{Kind: EventReleased, CallState: in.why(), Cause: causeNormal})
		s.dropReferring(by, in.Refer, in.Phone)
	}
	var stay []Party
	var free []DN
	for _, p := range c.Parties {
		if !p.given(in.Channels) {
			stay = append(stay, p)
			continue
		}
		s.replyAsked(&p, &StateError{Call: c.ID, Verb: string(p.Asked.Verb), State: p.State, Why: "the call became one with another meanwhile"})
		s.rejoined(&p, nil)
		if p.DN != "" {
			free = append(free, p.DN)
		}
	}
	c.Parties = stay
	for _, dn := range free {
		if s.i.legsOf(dn) == 0 {
			s.do(FreeDN{DN: dn})
		}
	}
	s.stopRecording(c.recording())
}

func (p *Party) given(channels []ChannelID) bool { return slices.Contains(channels, p.Leg.Channel) }

// dropReferring ends the leg of a party that has transferred; a phone that asked for it is told first.
func (s *step) dropReferring(p *Party, refer, phone bool) {
	if refer && p.Leg.usable() {
		s.answerRefer(p, phone, true)
	}
	s.dropLeg(p, causeNormal)
}
