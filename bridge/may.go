package bridge

import "slices"

// maxParties is how many may be in a conference.
const maxParties = 20

// needsAnswer is why a call that is not established takes no command.
const needsAnswer = "an established call is needed"

// why says why a party of the n-th call can't give a command now; nothing if it can. It is the one source of what is
// listed as a capability and of what is refused.
func (i *Interaction) why(n int, p *Party, verb Capability) string {
	c := i.nth(n)
	if p.Role == RoleObserver {
		return i.whyObserver(p, verb)
	}
	if c.Controller == ControlSwitch {
		return c.whySwitch(p, verb)
	}
	talks := p.talks()
	switch verb {
	case CanRelease, CanClear, CanAttachUserData, CanUpdateUserData, CanDeleteUserDataPair:
		return ""
	case CanAnswer, CanHold, CanRetrieve:
		_, why := p.may(PhoneVerb(verb))
		return why
	case CanRedirect:
		if p.Role == RoleOrigination || p.State != PartyRinging || p.Leg.State == LegUp {
			return "only a DN that is called, and rings, can redirect"
		}
	case CanSingleStepTransfer:
		if p.Away {
			return awayWhy
		}
		return c.mayTransfer(p)
	case CanInitiateTransfer, CanInitiateConference:
		return i.whyConsult(c, p)
	case CanCompleteTransfer, CanCompleteConference, CanMerge, CanAlternate, CanReconnect:
		return i.whyPair(p, verb)
	case CanSingleStepConference:
		return c.whyAdd(p)
	case CanDeleteFromConference:
		if !talks || c.talking() < 3 {
			return "a conference is needed"
		}
	case CanSendDTMF, CanMuteOn, CanMuteOff:
		switch {
		case p.Away:
			return awayWhy
		case !talks || !p.Leg.usable():
			return needsAnswer
		case verb == CanMuteOff && p.Leg.Mute == "":
			return "it is not muted"
		case verb == CanMuteOn && p.Leg.Mute == MuteBoth:
			return "it is muted both ways"
		}
	case CanStartRecording, CanStopRecording, CanPauseRecording, CanResumeRecording:
		return c.whyRecord(verb)
	default:
		if _, switches := modeOf(verb); switches {
			return "only who supervises the call can"
		}
		return "it is no command for a party of a call"
	}
	return ""
}

const (
	awayWhy      = "its phone is in another call of the DN: complete, alternate or reconnect"
	transferring = "a transfer is under way"
	waiting      = "the call waits in a queue"
	oneWaits     = "only one party can wait in a queue"
)

// whySwitch is why for a call that a switch with call control of its own mixes.
func (c *Call) whySwitch(p *Party, verb Capability) string {
	switch verb {
	case CanRelease, CanClear, CanAttachUserData, CanUpdateUserData, CanDeleteUserDataPair:
		return ""
	case CanAnswer, CanHold, CanRetrieve:
		if verb != CanAnswer && !p.Leg.Can.Hold && (p.State == PartyEstablished || p.State == PartyHeld) {
			return "its phone takes no such command, use the phone"
		}
		_, why := p.may(PhoneVerb(verb))
		return why
	default:
		return doneBySwitch
	}
}

// whyAdd says why nobody can be called into the call now.
func (c *Call) whyAdd(p *Party) string {
	switch {
	case !p.talks():
		return needsAnswer
	case c.Transfer != nil:
		return transferring
	case c.Queue != nil:
		return waiting
	case len(c.others(0)) >= maxParties:
		return "a conference has 20 parties at most"
	}
	return ""
}

func (i *Interaction) whyConsult(c *Call, p *Party) string {
	switch _, _, paired := i.pair(p.DN); {
	case p.State != PartyEstablished && p.State != PartyHeld:
		return needsAnswer
	case c.Transfer != nil:
		return transferring
	case c.Queue != nil:
		return waiting
	case paired || p.Away:
		return "the DN has a second call already"
	case p.Leg.Hold == HoldSwitch, p.Leg.Hold == HoldGateway && !p.Leg.Can.Hold:
		return "its phone holds the call: retrieve it at the phone first"
	case p.Leg.State != LegUp:
		return needsAnswer
	}
	return ""
}

// whyPair is why for what takes two calls of the DN.
func (i *Interaction) whyPair(p *Party, verb Capability) string {
	prim, cons, ok := i.pair(p.DN)
	if !ok {
		return "a second call of the DN is needed, such as a consultation"
	}
	first, second := i.nth(prim), i.nth(cons)
	switch {
	case first.Transfer != nil || second.Transfer != nil:
		return transferring
	case verb == CanReconnect:
		return ""
	case first.livingDN(p.DN).resuming() || second.livingDN(p.DN).resuming():
		return "its phone is being called again"
	case !first.answered():
		return "somebody is still being called into the first call"
	case verb == CanCompleteTransfer && second.Queue != nil && len(first.others(first.livingDN(p.DN).ID)) > 1:
		return oneWaits
	case !second.answered() && verb != CanCompleteTransfer:
		return "the consultation is not answered yet"
	case verb != CanAlternate && len(first.others(0))+len(second.others(0))-2 > maxParties:
		return "a conference has 20 parties at most"
	}
	return ""
}

// answered reports whether nobody in the call still dials or rings.
func (c *Call) answered() bool {
	for _, p := range c.Parties {
		if p.alive() && p.State != PartyEstablished && p.State != PartyHeld {
			return false
		}
	}
	return true
}

// talking counts those who talk or are held.
func (c *Call) talking() int {
	return c.talkingWithout(nil)
}

// talkingWithout is talking, some left aside.
func (c *Call) talkingWithout(ids []PartyID) int {
	n := 0
	for _, p := range c.Parties {
		if p.talks() && !slices.Contains(ids, p.ID) {
			n++
		}
	}
	return n
}

// actor finds the party of the call that gives a command, and says why it can't.
func (s *step) actor(by DN, verb Capability) (*Party, error) {
	c := s.call()
	p := s.acts(by)
	if p == nil {
		return nil, ErrNotAParty
	}
	if why := s.i.why(s.n, p, verb); why != "" {
		return nil, &StateError{Call: c.ID, Verb: string(verb), State: p.State, Why: why}
	}
	return p, nil
}

// acts is the party of a DN in the call, or the supervisor's who has that DN.
func (s *step) acts(by DN) *Party {
	if p := s.call().livingDN(by); p != nil {
		return p
	}
	return s.i.observer(s.n, by)
}

// listed are the capabilities in the order in which they are shown: an array, since every step looks at them.
func listed() [29]Capability {
	return [...]Capability{
		CanRelease, CanClear, CanSingleStepTransfer, CanAnswer, CanHold, CanRetrieve, CanRedirect,
		CanInitiateTransfer, CanInitiateConference, CanCompleteTransfer, CanCompleteConference, CanAlternate, CanReconnect, CanMerge,
		CanSingleStepConference, CanDeleteFromConference, CanSendDTMF, CanMuteOn, CanMuteOff,
		CanAttachUserData, CanUpdateUserData, CanDeleteUserDataPair,
		CanStartRecording, CanStopRecording, CanPauseRecording, CanResumeRecording,
		CanSwitchToListenIn, CanSwitchToCoaching, CanSwitchToBargeIn,
	}
}

// capabilities are the commands that would be accepted from this party now, and change something.
func (p *Party) capabilities(i *Interaction, n int) []Capability {
	if p.DN == "" || !p.alive() {
		return nil
	}
	var can []Capability
	for _, verb := range listed() {
		if i.why(n, p, verb) != "" {
			continue
		}
		if verb == CanAnswer || verb == CanHold || verb == CanRetrieve {
			if done, _ := p.may(PhoneVerb(verb)); done {
				continue
			}
		}
		can = append(can, verb)
	}
	return can
}
