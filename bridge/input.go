package bridge

import "time"

// Input is something that happens to an interaction: a fact of the switch, a command, a timer, a result.
type Input interface{ isInput() }

// Arrived is a channel that came to us and begins the interaction.
type Arrived struct {
	Channel ChannelID
	Up      bool // it was answered before it reached us
	From    DN   // the DN that calls, empty for a trunk
	Number  string
	Name    string
	Called  string
	Dest    Destination
	Refused error // why Called leads nowhere
}

// LegChanged is a change of a channel of ours.
type LegChanged struct {
	Channel ChannelID
	Change  LegChange
	Cause   int // Q.850, for LegIsGone
}

// LegChange says what a channel did.
type LegChange string

// What channels do.
const (
	LegIsCreated LegChange = "created"
	LegIsRinging LegChange = "ringing"
	LegIsHeard   LegChange = "heard" // early media: an announcement, or the network's own ringing tone
	LegIsUp      LegChange = "up"
	LegIsHeld    LegChange = "held"
	LegIsBack    LegChange = "retrieved"
	LegIsGone    LegChange = "gone"
)

// LegFailed is the result of a CreateLeg or DialLeg that did not work.
type LegFailed struct {
	Channel ChannelID
	Dialed  bool // it was the DialLeg: the channel is there
	Err     error
}

// Joined is the result of a JoinLegs.
type Joined struct {
	Parties []PartyID
	Err     error
}

// AnswerFailed is the result of an AnswerLeg that did not work.
type AnswerFailed struct{ Channel ChannelID }

// Undecided says of a CreateLeg, DialLeg, JoinLegs or AnswerLeg that nobody knows what became of it, and that the server
// is out of reach.
type Undecided struct{ Effect Effect }

// RingTimeout is the end of the time that a party may ring.
type RingTimeout struct{ Party PartyID }

// Reconciled compares the interaction with what the switch really has, after a gap.
type Reconciled struct {
	Channels  map[string]ChannelFact
	Bridges   map[string][]string
	Restarted bool // we are new: effects that were queued are lost; after a gap alone they are done or still will be
}

// ChannelFact is a channel as the switch lists it.
type ChannelFact struct {
	State   LegChange // LegIsCreated (down), LegIsRinging or LegIsUp
	Arrived *Arrival  // how it came to us, for channels that we did not make
	Called  Endpoint  // where it went, for channels that we made
}

// SwitchLost says that the server is out of reach for good: its calls are over.
type SwitchLost struct{}

// doMakeCall begins an interaction with a DN's own phone.
type doMakeCall struct {
	From    DN
	Dest    Destination
	RingFor time.Duration // how long the DN's own phone rings
	Op      OpID
	Reply   int
}

// doHangup ends the call for everybody.
type doHangup struct {
	Op    OpID
	Reply int
}

// doTransfer is a single-step transfer, by command or by the phone's REFER.
type doTransfer struct {
	By      DN
	Channel ChannelID // whose phone asks for it by REFER, zero for a command
	Dest    Destination
	Op      OpID
	Reply   int
}

func (t doTransfer) refer() bool { return t.Channel != ChannelID{} }

// doReferRefused answers a REFER whose target can't be called or whose kind we don't do.
type doReferRefused struct{ Channel ChannelID }

// Adopted is a conversation that the switch has and nobody here knows any more: after it was out of reach for so long
// that its calls were taken as ended.
type Adopted struct{ Legs []AdoptedLeg }

// AdoptedLeg is one of the two or more who talk.
type AdoptedLeg struct {
	Channel ChannelID
	DN      DN // empty for an outside party
	Number  string
	Name    string
	Trunk   bool // it came to us from a trunk
}

func (Adopted) isInput()        {}
func (Arrived) isInput()        {}
func (LegChanged) isInput()     {}
func (LegFailed) isInput()      {}
func (Joined) isInput()         {}
func (AnswerFailed) isInput()   {}
func (Undecided) isInput()      {}
func (RingTimeout) isInput()    {}
func (Reconciled) isInput()     {}
func (SwitchLost) isInput()     {}
func (doMakeCall) isInput()     {}
func (doHangup) isInput()       {}
func (doTransfer) isInput()     {}
func (doReferRefused) isInput() {}

// stamped carries the time to the machine, which has no clock.
type stamped struct {
	At    time.Time
	Input Input
}
