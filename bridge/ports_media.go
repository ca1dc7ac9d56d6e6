package bridge

import "context"

// Media is what the engine asks of the switch about what is heard on channels. What happens afterwards comes back as a
// fact: Engine.Leg for snoop channels, Engine.Played, Engine.Recorded. Ids of playbacks and names of recordings are
// <interaction>.<suffix>, as those of channels are. Ending what has ended, and beginning again what lasts under the same
// id, is no error. To hold, mute or hear a channel that is gone is one.
type Media interface {
	// Leave takes channels out of a bridge. They stay up, alone, and hear nothing.
	Leave(ctx context.Context, br BridgeID, chs []ChannelID) error
	// Hold tells the far end of ch that it is held, or retrieved.
	Hold(ctx context.Context, ch ChannelID, on bool) error
	// Identify tells the device on ch with whom it is connected now.
	Identify(ctx context.Context, ch ChannelID, number, name string) error
	// Mute ends or restores what is heard of ch, and what it hears, wherever it is.
	Mute(ctx context.Context, ch ChannelID, m Mute, on bool) error
	// SendDTMF sends digits towards the device on ch.
	SendDTMF(ctx context.Context, ch ChannelID, digits string) error
	// Snoop makes a channel that hears another. It comes as LegIsCreated when it can be joined or recorded, and as
	// LegIsGone at its end, which is also that of the channel it hears.
	Snoop(ctx context.Context, s NewSnoop) error
	// Play begins an announcement; its end comes as Engine.Played.
	Play(ctx context.Context, p NewPlayback) error
	StopPlay(ctx context.Context, server ServerID, id string) error
	// Record begins to write what comes from a channel to a file, in WAV of 8 kHz; its end comes as Engine.Recorded.
	Record(ctx context.Context, ch ChannelID, name string) error
	// PauseRecording stops writing, or goes on; the file has nothing of the pause.
	PauseRecording(ctx context.Context, server ServerID, name string, on bool) error
	StopRecording(ctx context.Context, server ServerID, name string) error
}

// Mute is a direction of sound at a channel.
type Mute string

// The directions.
const (
	MuteIn   Mute = "in"   // what its party says is not heard
	MuteOut  Mute = "out"  // its party hears nothing
	MuteBoth Mute = "both" // both
)

// SnoopHear is what a snoop channel hears of another.
type SnoopHear string

// What it may hear.
const (
	HearNothing SnoopHear = "none" // for whispering only
	HearIn      SnoopHear = "in"   // what the party says
	HearOut     SnoopHear = "out"  // what the party hears
	HearBoth    SnoopHear = "both" // the two mixed
)

// NewSnoop is a channel to make that hears another.
type NewSnoop struct {
	Channel ChannelID
	Of      ChannelID
	Hear    SnoopHear
	Whisper bool // what is played into Channel, the party of Of hears, and nobody else
}

// NewPlayback is an announcement to play to a channel, or to everybody in a bridge.
type NewPlayback struct {
	ID      string
	Channel ChannelID // or
	Bridge  BridgeID
	Media   []string // one after the other: sound:hello, recording:name, tone:ring, digits:123
}
