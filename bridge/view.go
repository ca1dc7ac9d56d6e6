package bridge

import "time"

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
}

// Outside reports whether the party is not one of our DNs.
func (p PartyView) Outside() bool { return p.DN == "" }

// IsZero reports whether there is no party.
func (p PartyView) IsZero() bool { return p.ID == 0 }

// Has reports whether dn is a living party of the call. Outside parties have no DN.
func (c CallView) Has(dn DN) bool {
	for _, p := range c.Parties {
		if dn != "" && p.DN == dn && p.State != PartyReleased {
			return true
		}
	}
	return false
}
