package bridge

import (
	"context"
	"time"
)

// Legs is what the engine asks of the switch about single channels. Every call has a deadline in its context. An error
// is the server's refusal, or wraps ErrUnknownOutcome: asking again does no harm then.
// What happens to a channel afterwards comes back as a fact (Engine.Leg). Hanging up or leaving a channel that
// is gone is no error.
type Legs interface {
	// Create makes an outgoing channel under the id we chose and does not ring it yet.
	Create(ctx context.Context, leg NewLeg) error
	// Dial rings a created channel, for at most timeout.
	Dial(ctx context.Context, ch, caller ChannelID, timeout time.Duration) error
	Answer(ctx context.Context, ch ChannelID) error
	// Ring lets the caller on ch hear that the destination rings.
	Ring(ctx context.Context, ch ChannelID) error
	// Open lets the caller on ch hear media before the answer.
	Open(ctx context.Context, ch ChannelID) error
	// Hangup ends the channel with a Q.850 cause.
	Hangup(ctx context.Context, ch ChannelID, cause int) error
	// Continue hands the channel back to the switch's own plan, for what the engine does not do itself.
	Continue(ctx context.Context, ch ChannelID, to Treatment) error
	// ReferResult tells a phone what became of the transfer that it asked for, and waits a moment for it to hang up.
	ReferResult(ctx context.Context, ch ChannelID, ok bool) error
}

// Mixer is what the engine asks of the switch about bridges. A bridge that is gone is no error.
type Mixer interface {
	// Join makes the bridge if there is none under that id, and puts the channels into it.
	Join(ctx context.Context, br BridgeID, chs []ChannelID) error
	Music(ctx context.Context, br BridgeID, class string, on bool) error
	Destroy(ctx context.Context, br BridgeID) error
}

// Switch is a PBX under our command.
type Switch interface {
	Legs
	Mixer
	Media
}

// NewLeg is an outgoing channel to make.
type NewLeg struct {
	Channel    ChannelID
	To         Endpoint
	Originator ChannelID // the channel on whose behalf, zero for click-to-dial
	CallerNum  string    // shown to the called party
	CallerName string
	CallID     CallID
	Leg        string // by which the phone's side finds the channel, empty for an outside number
	Resume     bool   // a page of ours is to answer by itself: it is in the call already
}

// Phones is what the engine asks of the phones whose legs end in our own gateway. A leg is named as in Leg.Name; one that
// the gateway does not have can do nothing. Requests return when the phone has acknowledged, or with the deadline of their
// context; what the phone does then comes back as a fact (Engine.Phone).
type Phones interface {
	// Abilities says what the phone can be told to do at this moment. It does no I/O.
	Abilities(leg string) PhoneAbilities
	// Lost reports whether a leg of that name would be in the gateway, and is not. It does no I/O.
	Lost(dn DN, leg string) bool
	// Answer is no error for a call that is answered already; Hold, Retrieve and Hangup likewise.
	Answer(ctx context.Context, leg string) error
	Hold(ctx context.Context, leg string) error
	Retrieve(ctx context.Context, leg string) error
	Hangup(ctx context.Context, leg string) error
	// ReferResult tells a phone what became of the transfer that it asked for.
	ReferResult(ctx context.Context, leg string, ok bool) error
}

// PhoneAbilities is what a phone can be told to do. Hold stands for retrieve too.
type PhoneAbilities struct{ Answer, Hold bool }

// Endpoint is where an outgoing channel goes: a DN, or a number through a trunk.
type Endpoint struct {
	DN     DN
	Trunk  string
	Number string
}

// Treatment is a place in the switch's own dial plan.
type Treatment struct {
	Context   string
	Extension string
}

// IsZero reports whether there is no treatment.
func (t Treatment) IsZero() bool { return t == Treatment{} }

// Plan says where a number leads. It does no I/O.
type Plan interface {
	// Inbound finds the destination of a number that a trunk delivered. The error is a *TargetError.
	Inbound(trunk, called string, at time.Time) (Destination, error)
	// Dial finds the destination of a number that a DN or a user dialled; an empty class is that of the DN. The error is a *TargetError.
	Dial(from DN, class, number string) (Destination, error)
	// Shows reports whether a DN may show a number instead of its own to whom it calls.
	Shows(from DN, number string) bool
}

// Destination is where a call goes.
type Destination struct {
	Endpoint  Endpoint  // zero when Treatment is set
	Treatment Treatment // done by the switch's own plan: messages, voicemail
	Queue     string    // the route point that the number leads to; Endpoint and Treatment are zero then
	Music     string    // class of the music that callers hear there
	Dialled   string    // the number as it was dialled
	Number    string    // shown to other parties
	CallerID  string    // number to show instead of the caller's own, empty: the caller's own
	Caps      []Cap     // what it counts against
	Fallback  Treatment // when nobody can be reached there
	Timeout   time.Duration
}

// Cap is a number of calls at once that may not be exceeded, such as those of a class of the dial rules or of a trunk.
type Cap struct {
	Name  string
	Limit int
}

// Agents decides whether a DN can take another call.
type Agents interface {
	// Reserve counts a call at dn; the error says why it can't take one: ErrUnreachable, ErrBusy or a *ForwardedError.
	Reserve(dn DN, interaction InteractionID, as Calling) error
	// Occupy counts a call that exists already, such as one the DN itself began.
	Occupy(dn DN, interaction InteractionID)
	// Free ends what Reserve or Occupy began. A second Free does nothing.
	Free(dn DN, interaction InteractionID)
}

// Journal keeps the interactions through a restart. Put returns when the record would survive our own death.
type Journal interface {
	Put(id string, i Interaction) error
	Delete(id string) error
}

// Orders keeps the orders of supervisors through a restart, as Journal does interactions.
type Orders interface {
	Put(id string, o MonitorOrder) error
	Delete(id string) error
}

// Feed takes events in the order in which they happen. None of its methods waits.
type Feed interface {
	Publish(e Event)
	// Republish takes an event that may have been published before a restart: who has it drops it by its id.
	Republish(e Event)
	// WhenKept calls done, from a goroutine of its own, when all that was published before would survive our own death.
	WhenKept(done func())
}
