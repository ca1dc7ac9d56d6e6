package ari

import (
	"crypto/rand"
	"log/slog"
)

// Ids of things inside one Asterisk. They are unique on their server only.
type (
	// ServerID names one Asterisk, as the configuration calls it.
	ServerID string
	// ChannelID names a channel.
	ChannelID string
	// BridgeID names a bridge.
	BridgeID string
	// PlaybackID names a playback.
	PlaybackID string
	// RecordingName names a recording, live or stored.
	RecordingName string
)

// Key names a thing among all servers.
type Key[ID ~string] struct {
	Server ServerID
	ID     ID
}

// NewChannelID returns an id no channel has had: staged creation needs ids of
// our own choice, so that interest exists before the channel does.
func NewChannelID() ChannelID { return ChannelID(rand.Text()) }

// NewBridgeID returns an id no bridge has had.
func NewBridgeID() BridgeID { return BridgeID(rand.Text()) }

// NewPlaybackID returns an id no playback has had.
func NewPlaybackID() PlaybackID { return PlaybackID(rand.Text()) }

// Secret is a password that does not print.
type Secret string

const masked = "********"

// String hides the secret from fmt.
func (Secret) String() string { return masked }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return masked }

// LogValue hides the secret from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(masked) }

// MarshalText hides the secret from encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }
