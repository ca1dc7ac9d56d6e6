package auth

import (
	"slices"
	"strconv"
	"time"
)

// Principal is a user who has proved who they are, with the DNs that this gives.
//
// An agent sees and uses the DNs of its own. A supervisor sees those of the team's members and may act for them;
// a supervisor without a team sees every DN. An admin sees every DN.
type Principal struct {
	UserID      UserID
	User        string
	DisplayName string
	Role        Role
	Team        string
	DNs         []string // own DNs, sorted
	Scope       []string // DNs that are seen, sorted; not used when SeesAll
	TokenID     string
	ExpiresAt   time.Time // end of the token
}

func (b Bearer) principal() Principal {
	p := Principal{
		UserID: b.ID, User: b.Name, DisplayName: b.DisplayName, Role: b.Role, Team: b.Team,
		DNs: b.DNs, Scope: b.DNs,
	}
	if b.Role == RoleSupervisor && b.Team != "" {
		p.Scope = slices.Concat(b.DNs, b.TeamDNs)
		slices.Sort(p.Scope)
		p.Scope = slices.Compact(p.Scope)
	}
	return p
}

// ID names the principal for as long as the user exists, also when the user's name changes.
func (p Principal) ID() string { return strconv.FormatInt(int64(p.UserID), 10) }

// Can reports whether the principal's role may use the verb at all.
func (p Principal) Can(v Verb) bool { return p.Role.Can(v) }

// SeesAll reports whether no DN is hidden from the principal.
func (p Principal) SeesAll() bool {
	return p.Role == RoleAdmin || p.Role == RoleSupervisor && p.Team == ""
}

// MaySeeDN reports whether the principal may know of the DN's calls and state.
func (p Principal) MaySeeDN(dn string) bool {
	if p.SeesAll() {
		return true
	}
	_, found := slices.BinarySearch(p.Scope, dn)
	return found
}

// MayUseDN reports whether the principal may act as the DN: it is its own, or that of somebody it may act for.
func (p Principal) MayUseDN(dn string) bool {
	if _, own := slices.BinarySearch(p.DNs, dn); own {
		return true
	}
	return p.Can(VerbActForOthers) && p.MaySeeDN(dn)
}
