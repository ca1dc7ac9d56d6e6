package bridge

import (
	"slices"
	"time"
)

// CallType is T-Library's CallType.
type CallType string

// The call types.
const (
	CallInternal CallType = "Internal"
	CallInbound  CallType = "Inbound"
	CallOutbound CallType = "Outbound"
	CallConsult  CallType = "Consult"
)

// Controller says who mixes a call's media: asterisk (we command everything) or switch (a SIP Server mixes, we command one leg).
type Controller string

// The controllers.
const (
	ControlAsterisk Controller = "asterisk"
	ControlSwitch   Controller = "switch"
)

// Role is T-Library's role of a party.
type Role string

// The roles of parties.
const (
	RoleOrigination Role = "RoleOrigination"
	RoleDestination Role = "RoleDestination"
	RoleNewParty    Role = "RoleNewParty"
	RoleObserver    Role = "RoleObserver" // a supervisor, who is no party of the conversation
)

// Capability is a command that a party may give in its present state.
type Capability string

// The capabilities, as the Workspace API spells them.
const (
	CanRelease            Capability = "release"
	CanClear              Capability = "clear"
	CanSingleStepTransfer Capability = "single-step-transfer"
	CanAnswer             Capability = "answer"
	CanHold               Capability = "hold"
	CanRetrieve           Capability = "retrieve"
)

// CallView is a call as it stands. It is a value of its own: the engine never changes one it has given out.
type CallView struct {
	ID          CallID
	ConnID      ConnID
	Parent      ConnID // of the call that it is a consultation for
	Interaction InteractionID
	Type        CallType
	Controller  Controller
	State       PartyState // the most advanced of its parties' states
	ANI         string     // calling number
	DNIS        string     // number that was called
	Parties     []PartyView
	UserData    UserData
	Recording   RecordingState
	StartedAt   time.Time
	AnsweredAt  time.Time // zero before the answer
	EndedAt     time.Time // zero while the call lives
}

// PartyView is a party as it stands. Released parties stay in the call's list until the call ends.
type PartyView struct {
	ID           PartyID
	DN           DN     // empty for an outside party
	Number       string // the DN, or the outside number
	Name         string // caller id name, when known
	Role         Role
	State        PartyState
	Capabilities []Capability
	JoinedAt     time.Time // when it was established, zero before
	MediaLost    bool      // nothing comes from its phone at the moment
	Observes     *Observes // of a supervisor
}

// Observes is what a supervisor does in a call.
type Observes struct {
	Monitor   MonitorID
	Target    DN // who is supervised; empty while only outside parties are left
	Mode      MonitorMode
	Scope     MonitorScope
	VisibleTo []DN // who may know of him
}

// For is the call as it is shown to those who see some DNs: without the supervisors that none of them may know of.
func (c CallView) For(sees func(DN) bool) CallView {
	hidden := func(p PartyView) bool { return p.Observes != nil && !slices.ContainsFunc(p.Observes.VisibleTo, sees) }
	if slices.ContainsFunc(c.Parties, hidden) {
		c.Parties = slices.DeleteFunc(slices.Clone(c.Parties), hidden)
	}
	return c
}

// Outside reports whether the party is not one of our DNs.
func (p PartyView) Outside() bool { return p.DN == "" }

// IsZero reports whether there is no party. A route point has a role and no id.
func (p PartyView) IsZero() bool { return p.ID == 0 && p.Role == "" }

// Has reports whether dn is a living party of the call. Outside parties have no DN.
func (c CallView) Has(dn DN) bool {
	for _, p := range c.Parties {
		if dn != "" && p.DN == dn && p.State != PartyReleased {
			return true
		}
	}
	return false
}
