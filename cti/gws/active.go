package gws

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sidecar/access"
	"sidecar/agent"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti"
)

// NoActiveError says that none of the principal's calls is in a state that the command is for.
type NoActiveError struct {
	Verb   access.Verb
	States []bridge.PartyState
}

func (e *NoActiveError) Error() string {
	states := make([]string, len(e.States))
	for i, s := range e.States {
		states[i] = strings.ToLower(string(s))
	}
	return fmt.Sprintf("%s: none of your calls is %s", e.Verb, strings.Join(states, " or "))
}

// SeveralError says that a command could mean any of several calls.
type SeveralError struct {
	Verb  access.Verb
	Calls []bridge.CallID
}

func (e *SeveralError) Error() string {
	ids := make([]string, len(e.Calls))
	for i, id := range e.Calls {
		ids[i] = string(id)
	}
	return fmt.Sprintf("%s: several calls may be meant, name one of them: %s", e.Verb, strings.Join(ids, ", "))
}

// Mine is a call with the DN of the principal's own that is in it.
type Mine struct {
	Call bridge.CallView
	DN   bridge.DN
}

// MineIn finds the principal's own DN in a call: what is done to one's own calls is done as it, also by a supervisor who may act as
// others. A DN that has left counts when no other is there. It fails with bridge.ErrCallNotFound or bridge.ErrAmbiguousParty.
func MineIn(p auth.Principal, v bridge.CallView) (Mine, error) {
	var living, left []bridge.DN
	for _, party := range v.Parties {
		switch {
		case !access.Owns(p, party.DN) || slices.Contains(living, party.DN) || slices.Contains(left, party.DN):
		case party.State == bridge.PartyReleased:
			left = append(left, party.DN)
		default:
			living = append(living, party.DN)
		}
	}
	if len(living) == 0 {
		living = left
	}
	switch len(living) {
	case 0:
		return Mine{}, bridge.ErrCallNotFound
	case 1:
		return Mine{Call: v, DN: living[0]}, nil
	}
	return Mine{}, bridge.ErrAmbiguousParty
}

// MineOf is MineIn for a call that is named; it fails with what access refuses it for, too.
func MineOf(a *access.Access, p auth.Principal, id bridge.CallID) (Mine, error) {
	v, err := a.Call(p, id)
	if err != nil {
		return Mine{}, err
	}
	return MineIn(p, v)
}

// one shows a single call of a DN.
type one struct{ Mine }

func (o one) Calls() []bridge.CallView { return []bridge.CallView{o.Call} }
func (o one) DNs() []agent.View        { return []agent.View{{Number: string(o.DN)}} }

// Shown is the call as its DN is told of it.
func (m Mine) Shown(now time.Time) cti.Call {
	own := func(dn bridge.DN) bool { return dn == m.DN }
	for _, e := range cti.Snapshot(one{m}, cti.TopicAgent, cti.Cursor{}, now, own) {
		if e.Call != nil {
			return *e.Call
		}
	}
	return cti.Call{
		ID: m.Call.ID, ConnID: m.Call.ConnID, ParentConnID: m.Call.Parent, Type: m.Call.Type, State: cti.StateReleased,
		ANI: m.Call.ANI, DNIS: m.Call.DNIS, Participants: []cti.Participant{}, UserData: bridge.UserDataObject(m.Call.UserData),
	}
}

// Active finds the call that a command which names none means, by where the principal's own DNs stand in their calls: answer means
// the one that rings, else one that is being made, for which the own phone rings first; hold, transfer, dtmf and what else is done
// while talking, the established one; retrieve, the held one; release, the established one, else one that rings or is dialled, else
// the held one. It fails with *NoActiveError or *SeveralError.
func Active(p auth.Principal, calls []bridge.CallView, verb access.Verb) (Mine, error) {
	var all []bridge.PartyState
	for _, states := range tiers(verb) {
		all = append(all, states...)
		var found []Mine
		for _, v := range calls {
			for _, party := range v.Parties {
				if access.Owns(p, party.DN) && slices.Contains(states, party.State) && (party.Role != bridge.RoleObserver || observes(verb)) {
					found = append(found, Mine{Call: v, DN: party.DN})
				}
			}
		}
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			several := &SeveralError{Verb: verb}
			for _, m := range found {
				several.Calls = append(several.Calls, m.Call.ID)
			}
			if several.Calls = slices.Compact(several.Calls); len(several.Calls) == 1 {
				return Mine{}, bridge.ErrAmbiguousParty
			}
			return Mine{}, several
		}
	}
	return Mine{}, &NoActiveError{Verb: verb, States: all}
}

// tiers are the states that a verb is for: the first that a call is in counts.
func tiers(verb access.Verb) [][]bridge.PartyState {
	const (
		talking = bridge.PartyEstablished
		ringing = bridge.PartyRinging
		held    = bridge.PartyHeld
	)
	calling := []bridge.PartyState{bridge.PartyDialing, bridge.PartyInitiated}
	switch verb {
	case access.Answer: // whose own phone is rung first for a call that it makes
		return [][]bridge.PartyState{{ringing}, {bridge.PartyInitiated}}
	case access.Reject, access.Redirect:
		return [][]bridge.PartyState{{ringing}}
	case access.Retrieve:
		return [][]bridge.PartyState{{held}}
	case access.Release, access.AttachData, access.UpdateData, access.DeleteData:
		return [][]bridge.PartyState{{talking}, append(calling, ringing), {held}}
	case access.CompleteTransfer, access.CompleteConference, access.Alternate, access.Reconnect:
		return [][]bridge.PartyState{{talking}, calling, {held}} // a consult call may be completed, and ended, while it rings
	default:
		return [][]bridge.PartyState{{talking}}
	}
}

// observes reports whether a supervisor may mean the call that he listens to.
func observes(verb access.Verb) bool { return verb == access.Answer || verb == access.Release }
