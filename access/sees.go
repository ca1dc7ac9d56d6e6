package access

import (
	"slices"

	"sidecar/auth"
	"sidecar/bridge"
)

// Sees reports whether a DN that the principal sees is in the call, or was when the call ended.
func Sees(p auth.Principal, v bridge.CallView) bool {
	if p.SeesAll() {
		return true
	}
	return slices.ContainsFunc(v.Parties, func(party bridge.PartyView) bool {
		living := party.State != bridge.PartyReleased || !v.EndedAt.IsZero()
		return living && party.DN != "" && p.MaySeeDN(string(party.DN))
	})
}

// Saw reports whether a DN that the principal sees is or was in the call.
func Saw(p auth.Principal, v bridge.CallView) bool {
	return p.SeesAll() || slices.ContainsFunc(v.Parties, func(party bridge.PartyView) bool {
		return party.DN != "" && p.MaySeeDN(string(party.DN))
	})
}

// SeesMonitor reports whether the supervision is about a DN that the principal sees. Agents see no supervision at all.
func SeesMonitor(p auth.Principal, m bridge.MonitorView) bool {
	return p.Can(auth.VerbSupervise) && p.MaySeeDN(string(m.Target))
}

// Shown is the call as the principal may see it.
func Shown(p auth.Principal, v bridge.CallView) bridge.CallView {
	if p.SeesAll() {
		return v
	}
	return v.For(func(dn bridge.DN) bool { return p.MaySeeDN(string(dn)) })
}

// Owns reports whether the DN is the user's own: what they do with it concerns nobody else.
func Owns(p auth.Principal, dn bridge.DN) bool { return slices.Contains(p.DNs, string(dn)) }

// ownsAny reports whether one of the user's DNs is in the call.
func ownsAny(p auth.Principal, v bridge.CallView) bool {
	return slices.ContainsFunc(v.Parties, func(party bridge.PartyView) bool { return Owns(p, party.DN) })
}

// actingDN is the DN that a command acts as: the named one, else the only one in the call that the principal may
// use, those who left counting only when nobody else is there.
func actingDN(p auth.Principal, v bridge.CallView, named string, verb auth.Verb) (bridge.DN, error) {
	if named != "" {
		if !p.MayUseDN(named) {
			return "", &auth.ForbiddenError{Verb: verb, Role: p.Role, Field: "dn", DN: named}
		}
		return bridge.DN(named), nil
	}
	var living, left []bridge.DN
	for _, party := range v.Parties {
		switch {
		case party.DN == "" || !p.MayUseDN(string(party.DN)):
		case party.State == bridge.PartyReleased:
			left = append(left, party.DN)
		default:
			living = append(living, party.DN)
		}
	}
	candidates := living
	if len(living) == 0 {
		candidates = left
	}
	switch len(candidates) {
	case 0:
		return "", nil // the engine says what is wrong with the call
	case 1:
		return candidates[0], nil
	}
	return "", bridge.ErrAmbiguousParty
}
