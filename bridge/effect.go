package bridge

import "time"

// Effect is something the machine wants done. Effects of one interaction run one after the other, in order,
// outside the actor; those with a result post it back as an Input.
type Effect interface{ isEffect() }

type (
	// CreateLeg reserves the DN or the cap and creates the channel: LegFailed if it can't be done.
	CreateLeg struct {
		Leg  NewLeg
		Caps []Cap
		As   Calling // how its DN is called
	}
	// DialLeg rings the channel: LegFailed if it can't be done.
	DialLeg struct {
		Channel, Caller ChannelID
		Timeout         time.Duration
	}
	// AnswerLeg answers a channel that came to us.
	AnswerLeg struct{ Channel ChannelID }
	// RingLeg lets the caller hear ringing.
	RingLeg struct{ Channel ChannelID }
	// OpenLeg lets the caller hear what comes before the answer.
	OpenLeg struct{ Channel ChannelID }
	// HangupLeg ends a channel; one that is gone already comes back as LegChanged.
	HangupLeg struct {
		Channel ChannelID
		Cause   int
		Phone   string // the leg of our gateway to hang up, where no switch of ours has a channel
	}
	// AskPhone tells a phone of our gateway what to do, beside the other effects: PhoneReplied.
	AskPhone struct {
		Leg   string
		Party PartyID
		Verb  PhoneVerb
	}
	// ContinueLeg gives the channel back to the switch's own plan.
	ContinueLeg struct {
		Channel ChannelID
		To      Treatment
	}
	// ReferLeg answers a phone's REFER.
	ReferLeg struct {
		Channel ChannelID
		Phone   string // the leg of our gateway that answers it, empty: the switch does
		OK      bool
	}
	// JoinLegs puts channels into the call's bridge: Joined.
	JoinLegs struct {
		Bridge   BridgeID
		Channels []ChannelID
		Parties  []PartyID
	}
	// LeaveLegs takes channels out of a bridge.
	LeaveLegs struct {
		Bridge   BridgeID
		Channels []ChannelID
	}
	// MuteLeg keeps what a channel says, or hears, from being heard, or ends that.
	MuteLeg struct {
		Channel   ChannelID
		Direction Mute
		On        bool
	}
	// HoldLeg tells the far end of a channel that it is held, or no more.
	HoldLeg struct {
		Channel ChannelID
		On      bool
	}
	// IdentifyPeer tells the device of a channel with whom it is connected now.
	IdentifyPeer struct {
		Channel      ChannelID
		Number, Name string
	}
	// SendDigits sends digits to the device of a channel.
	SendDigits struct {
		Channel ChannelID
		Digits  string
	}
	// PlayMusic starts or ends music in the bridge.
	PlayMusic struct {
		Bridge BridgeID
		Class  string // empty: that of the engine
		On     bool
	}
	// PlayMedia plays an announcement: Played. StopMedia ends it.
	PlayMedia struct{ Playback NewPlayback }
	StopMedia struct {
		Server ServerID
		ID     string
	}
	// SnoopLeg makes a channel that hears another: LegFailed if it can't be done.
	SnoopLeg struct{ Snoop NewSnoop }
	// RecordLeg begins to write what a channel hears to a file: Recorded, also if it can't be done.
	RecordLeg struct {
		Channel ChannelID
		Name    string
	}
	// PauseRecording stops writing for a while, or goes on.
	PauseRecording struct {
		Server ServerID
		Name   string
		On     bool
	}
	// HandOver gives a finished recording away.
	HandOver struct {
		Call      CallID
		Recording Recording
	}
	// TellQueue tells the queues what became of a waiting call: one of the three.
	TellQueue struct {
		Call    CallID
		Waiting *Waiting
		Gone    GoneReason
		Digit   string
	}
	// DestroyBridge removes the bridge.
	DestroyBridge struct{ Bridge BridgeID }
	// FreeDN ends the DN's part in the interaction, FreeCaps the channel's part in all caps.
	FreeDN   struct{ DN DN }
	FreeCaps struct{ Channel ChannelID }
	// ForgetCall and ForgetLeg tell of what the record has no more.
	ForgetCall struct{ Call Call }
	ForgetLeg  struct {
		Channel ChannelID
		Name    string
	}
	// OccupyDN counts a call that the DN began itself.
	OccupyDN struct{ DN DN }
	// StartTimer arms the ringing timer of a party: RingTimeout.
	StartTimer struct {
		Party PartyID
		At    time.Time
	}
	// Reply answers the waiting command.
	Reply struct {
		Token int
		Err   error
	}
)

// Calling says as what a DN is called.
type Calling string

// The ways.
const (
	CallingDN    Calling = ""      // by somebody: its forward and its do-not-disturb count
	CallingReady Calling = "ready" // by a queue, as an agent who is ready
	CallingOwn   Calling = "own"   // for a call of its own
)

func (CreateLeg) isEffect()      {}
func (DialLeg) isEffect()        {}
func (AnswerLeg) isEffect()      {}
func (RingLeg) isEffect()        {}
func (OpenLeg) isEffect()        {}
func (HangupLeg) isEffect()      {}
func (AskPhone) isEffect()       {}
func (ContinueLeg) isEffect()    {}
func (ReferLeg) isEffect()       {}
func (JoinLegs) isEffect()       {}
func (PlayMusic) isEffect()      {}
func (PlayMedia) isEffect()      {}
func (StopMedia) isEffect()      {}
func (TellQueue) isEffect()      {}
func (SnoopLeg) isEffect()       {}
func (RecordLeg) isEffect()      {}
func (PauseRecording) isEffect() {}
func (HandOver) isEffect()       {}
func (LeaveLegs) isEffect()      {}
func (MuteLeg) isEffect()        {}
func (HoldLeg) isEffect()        {}
func (IdentifyPeer) isEffect()   {}
func (SendDigits) isEffect()     {}
func (DestroyBridge) isEffect()  {}
func (FreeDN) isEffect()         {}
func (FreeCaps) isEffect()       {}
func (OccupyDN) isEffect()       {}
func (ForgetCall) isEffect()     {}
func (ForgetLeg) isEffect()      {}
func (StartTimer) isEffect()     {}
func (Reply) isEffect()          {}
