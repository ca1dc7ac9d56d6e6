package bridge

import "slices"

// holdFor holds a party's call because its leg is needed elsewhere.
func (s *step) holdFor(p *Party) {
	if p.State == PartyEstablished {
		p.State = PartyHeld
		s.tell(p, Event{Kind: EventHeld, CallState: CallStateOK})
	}
}

// park takes a party's leg out of the bridge; it hears nothing.
func (s *step) park(p *Party) {
	p.Leg.Hold = HoldEngine
	s.leaveBridge(p)
}

func (s *step) leaveBridge(p *Party) {
	if s.call().Bridged && p.Leg.heard() { // whether its joining has been heard of or not
		s.do(LeaveLegs{Bridge: s.call().Bridge, Channels: []ChannelID{p.Leg.Channel}})
	}
	s.rejoined(p, nil)
	p.Leg.Joined, p.Leg.ToldHeld = false, false // Asterisk tells who leaves a bridge that it is held no more
}

// takeLeg takes the leg from a party, for it to be given to another.
func (s *step) takeLeg(p *Party) Leg {
	s.leaveBridge(p)
	leg := p.Leg
	p.Leg = Leg{}
	s.recordElsewhere(p)
	return leg
}

// backInto puts the leg of a party that was held back into its call.
func (s *step) backInto(p *Party) {
	if p.Leg.Hold == HoldEngine {
		p.Leg.Hold = HoldNone
	}
	if p.Leg.talks() {
		s.joinLegs(p)
	}
	s.freePhone(p)
	s.followHold(p)
}

// freePhone has a phone that holds by itself stop that, where the engine needs it to talk.
func (s *step) freePhone(p *Party) {
	if p.Leg.Hold == HoldGateway && p.Leg.Can.Hold && p.Asked.Verb == "" {
		p.Asked = Asked{Verb: PhoneRetrieve}
		s.do(AskPhone{Leg: p.Leg.Name, Party: p.ID, Verb: PhoneRetrieve})
	}
}

// inBridge reports whether the party's leg belongs into the call's bridge once it is up.
func (p *Party) inBridge() bool {
	return p.alive() && (p.State == PartyEstablished || p.State == PartyHeld) && p.Leg.usable() && p.Leg.Hold != HoldEngine
}

// mute keeps what a party says, or hears, from being heard.
func (s *step) mute(in doMute) {
	verb := CanMuteOn
	if !in.On {
		verb = CanMuteOff
	}
	if p := s.call().livingDN(in.By); p != nil && p.talks() && p.Leg.usable() && p.Leg.Mute.with(in.Direction, in.On) == p.Leg.Mute {
		s.do(Reply{Token: in.Reply}) // it is so already
		return
	}
	p, err := s.actor(in.By, verb)
	if err == nil {
		p.Leg.Mute, p.Leg.Muted = p.Leg.Mute.with(in.Direction, in.On), true
		if !p.resuming() {
			s.do(MuteLeg{Channel: p.Leg.Channel, Direction: in.Direction, On: in.On})
		}
		kind := EventMuteOff
		if in.On {
			kind = EventMuteOn
		}
		s.tell(p, Event{Kind: kind, CallState: CallStateOK, Reference: in.Op})
	}
	s.do(Reply{Token: in.Reply, Err: err})
}

// with is the mute with a direction added or taken away.
func (m Mute) with(d Mute, on bool) Mute {
	in, out := m == MuteIn || m == MuteBoth, m == MuteOut || m == MuteBoth
	if d != MuteOut {
		in = on
	}
	if d != MuteIn {
		out = on
	}
	switch {
	case in && out:
		return MuteBoth
	case in:
		return MuteIn
	case out:
		return MuteOut
	default:
		return ""
	}
}

// dtmf sends digits to everybody else in the call.
func (s *step) dtmf(in doDTMF) {
	p, err := s.actor(in.By, CanSendDTMF)
	if err == nil {
		for _, other := range s.call().others(p.ID) {
			if slices.Contains([]LegState{LegUp, LegArrived, LegRinging, LegDialed}, other.Leg.State) {
				s.do(SendDigits{Channel: other.Leg.Channel, Digits: in.Digits})
			}
		}
		s.tell(p, Event{Kind: EventDTMFSent, CallState: CallStateOK, Digits: in.Digits, Reference: in.Op})
	}
	s.do(Reply{Token: in.Reply, Err: err})
}
