package gws

import (
	"fmt"
	"slices"
	"strings"

	"sidecar/access"
	"sidecar/auth"
	"sidecar/bridge"
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

// Active finds the call that a command which names none means, by where the principal's own DNs stand in their calls: answer means
// the one that rings; hold, transfer, dtmf and what else is done while talking, the established one; retrieve, the held one;
// release, the established one, else one that rings or is dialled, else the held one. It fails with *NoActiveError or
// *SeveralError.
func Active(p auth.Principal, calls []bridge.CallView, verb access.Verb) (bridge.CallView, error) {
	var all []bridge.PartyState
	for _, states := range tiers(verb) {
		all = append(all, states...)
		var found []bridge.CallView
		for _, v := range calls {
			if slices.ContainsFunc(v.Parties, func(party bridge.PartyView) bool {
				return access.Owns(p, party.DN) && slices.Contains(states, party.State) && (party.Role != bridge.RoleObserver || observes(verb))
			}) {
				found = append(found, v)
			}
		}
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			several := &SeveralError{Verb: verb}
			for _, v := range found {
				several.Calls = append(several.Calls, v.ID)
			}
			return bridge.CallView{}, several
		}
	}
	return bridge.CallView{}, &NoActiveError{Verb: verb, States: all}
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
	case access.Answer, access.Reject, access.Redirect:
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
