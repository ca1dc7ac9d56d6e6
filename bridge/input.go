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
	Leg     string // of our gateway, when the phone is one of its
	Dest    Destination
	Refused error // why Called leads nowhere

	UserData UserData
}

// LegChanged is a change of a channel of ours.
type LegChanged struct {
	Channel ChannelID
	Change  LegChange
	Cause   int  // Q.850, for LegIsGone
	Phone   bool // told by our gateway, not by the switch
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
	LegIsSilent  LegChange = "media lost" // nothing comes from its phone; for our gateway to tell
	LegIsAudible LegChange = "media back"
)

// LegFailed is the result of a CreateLeg or DialLeg that did not work.
type LegFailed struct {
	Channel ChannelID
	Dialed  bool // it was the DialLeg: the channel is there
	Err     error
}

// Joined is the result of a JoinLegs.
type Joined struct {
	Bridge  BridgeID // who has left it meanwhile is not meant; zero: that of the first party's call
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
	Lost      []PartyID     // whose legs died with our gateway
	Grace     time.Duration // how long their phones may take to be back
	Restarted bool          // we are new: effects that were queued are lost; after a gap alone they are done or still will be
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
	Ready   bool          // only if an agent is ready there
	PickUp  bool          // its phone is to answer when it rings
	RingFor time.Duration // how long the DN's own phone rings
	Op      OpID
	Reply   int

	UserData UserData
}

// doHangup ends the call for everybody.
type doHangup struct {
	Op    OpID
	Reply int
}

// PhoneVerb is something that a phone can be told to do.
type PhoneVerb string

// The verbs.
const (
	PhoneAnswer   PhoneVerb = "answer"
	PhoneHold     PhoneVerb = "hold"
	PhoneRetrieve PhoneVerb = "retrieve"
)

// doPhone has the phone of By do something.
type doPhone struct {
	By    DN
	Verb  PhoneVerb
	Reply int
}

// PhoneReplied is the result of an AskPhone.
type PhoneReplied struct {
	Party PartyID
	Verb  PhoneVerb
	Err   error
}

// doReject refuses the call that rings at By.
type doReject struct {
	By    DN
	Reply int
}

// SwitchCalled begins the interaction with a call of a switch that mixes itself: we command the one leg of the DN.
type SwitchCalled struct {
	Channel  ChannelID
	Leg      string
	DN       DN
	Number   string
	Inbound  bool
	Internal bool // Number is a DN of ours
}

// doTransfer is a single-step transfer, by command or by the phone's REFER.
type doTransfer struct {
	By      DN
	Channel ChannelID // whose phone asks for it by REFER, zero for a command
	Phone   bool      // the REFER came to our gateway, which answers it
	Dest    Destination
	Op      OpID
	Reply   int
}

func (t doTransfer) refer() bool { return t.Channel != ChannelID{} }

// doConsult holds the call for By and calls Dest in another one.
type doConsult struct {
	By      DN
	Dest    Destination
	ID      CallID // of the call to begin
	ConnID  ConnID
	Data    UserData
	Purpose ConsultPurpose
	Mute    bool // completed as a transfer as soon as the target is being called
	Op      OpID
	Reply   int
}

// CompleteVerb is what is done with two calls of a DN.
type CompleteVerb = Capability

// doComplete does something with the two calls of By: complete, alternate, reconnect, merge.
type doComplete struct {
	By    DN
	Verb  CompleteVerb
	Op    OpID
	Reply int
}

// doAdd calls a further party into the call.
type doAdd struct {
	By    DN
	Dest  Destination
	Op    OpID
	Reply int
}

// doDrop takes a party out of the call.
type doDrop struct {
	By     DN
	Member string // DN or number
	Op     OpID
	Reply  int
}

// doRelease lets By leave.
type doRelease struct {
	By    DN
	Op    OpID
	Reply int
}

// doRedirect calls Dest in the place of By, where the call rings.
type doRedirect struct {
	By    DN
	Dest  Destination
	Op    OpID
	Reply int
}

// doMute mutes or unmutes the leg of By.
type doMute struct {
	By        DN
	Direction Mute
	On        bool
	Op        OpID
	Reply     int
}

// doDTMF sends digits to those with whom By talks.
type doDTMF struct {
	By     DN
	Digits string
	Op     OpID
	Reply  int
}

// doData changes the user data.
type doData struct {
	By    DN
	Verb  Capability // attach, update or delete
	Data  UserData
	Keys  []string
	Op    OpID
	Reply int
}

// doOffer calls a DN for a call that waits in a queue, or takes the call elsewhere.
type doOffer struct {
	Dest  Destination
	Route bool
	Op    OpID
	Reply int
}

// doAnnounce plays to a waiting caller.
type doAnnounce struct {
	Media []string
	Reply int
}

// doRecord does something with the recording of the call; without By it is the settings that want it.
type doRecord struct {
	By     DN
	Verb   Capability
	Reason string
	Prompt string // sound that tells the parties, empty for none
	Op     OpID
	Reply  int
}

// Forwarded says that the DN of a CreateLeg sends its calls on.
type Forwarded struct {
	Channel ChannelID
	Dest    Destination
}

// referredAt says at which channel a phone asked for a transfer, where that is not its leg's own: the phone is at another
// server than its call.
type referredAt struct{ Channel, At ChannelID }

// doReferRefused answers a REFER whose target can't be called or whose kind we don't do.
type doReferRefused struct {
	Channel ChannelID
	Phone   bool
}

// Adopted is a conversation that the switch has and nobody here knows any more: after it was out of reach for so long
// that its calls were taken as ended.
type Adopted struct{ Legs []AdoptedLeg }

// AdoptedLeg is one of the two or more who talk.
type AdoptedLeg struct {
	Channel ChannelID
	DN      DN // empty for an outside party
	Number  string
	Name    string
	Leg     string
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
func (doPhone) isInput()        {}
func (doReject) isInput()       {}
func (PhoneReplied) isInput()   {}
func (SwitchCalled) isInput()   {}
func (doTransfer) isInput()     {}
func (doReferRefused) isInput() {}
func (referredAt) isInput()     {}
func (doConsult) isInput()      {}
func (doComplete) isInput()     {}
func (doAdd) isInput()          {}
func (doDrop) isInput()         {}
func (doRelease) isInput()      {}
func (doRedirect) isInput()     {}
func (doMute) isInput()         {}
func (doDTMF) isInput()         {}
func (doData) isInput()         {}
func (doOffer) isInput()        {}
func (doAnnounce) isInput()     {}
func (Forwarded) isInput()      {}
func (doRecord) isInput()       {}

// command is an input whose sender waits for a reply.
type command interface {
	Input
	token() int
}

func (in doMakeCall) token() int { return in.Reply }
func (in doHangup) token() int   { return in.Reply }
func (in doTransfer) token() int { return in.Reply }
func (in doPhone) token() int    { return in.Reply }
func (in doReject) token() int   { return in.Reply }
func (in doConsult) token() int  { return in.Reply }
func (in doComplete) token() int { return in.Reply }
func (in doAdd) token() int      { return in.Reply }
func (in doDrop) token() int     { return in.Reply }
func (in doRelease) token() int  { return in.Reply }
func (in doRedirect) token() int { return in.Reply }
func (in doMute) token() int     { return in.Reply }
func (in doDTMF) token() int     { return in.Reply }
func (in doData) token() int     { return in.Reply }
func (in doOffer) token() int    { return in.Reply }
func (in doAnnounce) token() int { return in.Reply }
func (in doRecord) token() int   { return in.Reply }

// stamped carries the time to the machine, which has no clock.
type stamped struct {
	At    time.Time
	Call  CallID // that a command is about, empty: the one that the interaction began with
	Input Input
}
