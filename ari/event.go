package ari

import (
	"encoding/json"
	"slices"
	"time"
)

// EventType names a kind of event, as StasisStart.
type EventType string

// Types of the events that the client itself adds to the stream.
const (
	EventTypeConnected    EventType = "ari.Connected"
	EventTypeDisconnected EventType = "ari.Disconnected"
	EventTypeReplaced     EventType = "ari.Replaced"
)

// Event is one of the generated event types (as *StasisStart), *UnknownEvent, or
// one the client adds: *Connected, *Disconnected, *Replaced.
type Event interface {
	// Type names the kind.
	Type() EventType
	// Server names the Asterisk it came from.
	Server() ServerID
	// At is the time Asterisk put on it, or the client on its own events.
	At() time.Time

	setServer(ServerID)
}

// decodable is an event that Asterisk sends.
type decodable interface{ Event }

// ChannelEvent is an event that speaks of channels.
type ChannelEvent interface {
	Event
	Channels() []*ChannelData
}

// BridgeEvent is an event that speaks of bridges.
type BridgeEvent interface {
	Event
	Bridges() []*BridgeData
}

// Header is what every event carries.
type Header struct {
	Application string `json:"application"`
	AsteriskID  string `json:"asterisk_id"`
	Timestamp   Time   `json:"timestamp"`

	server ServerID
}

// Server names the Asterisk the event came from.
func (h *Header) Server() ServerID { return h.server }

// At is when Asterisk made the event.
func (h *Header) At() time.Time { return h.Timestamp.Time }

func (h *Header) setServer(id ServerID) { h.server = id }

// UnknownEvent is an event whose type this package does not know, or whose
// content does not fit its type (then Err says why).
type UnknownEvent struct {
	Header

	Name EventType
	Raw  json.RawMessage
	Err  error
}

// Type returns the type Asterisk gave.
func (e *UnknownEvent) Type() EventType { return e.Name }

// Connected says that the event socket is up, the application registered and
// the configured event sources subscribed. Events from here on are complete;
// what happened before needs a Snapshot.
type Connected struct {
	Header

	// Version and StartedAt identify the Asterisk process.
	Version   string
	StartedAt time.Time
	// Restarted says that it is another process than at the previous Connected.
	Restarted bool
}

// Type returns EventTypeConnected.
func (*Connected) Type() EventType { return EventTypeConnected }

// Disconnected opens a gap: events are lost from Since until the next Connected.
type Disconnected struct {
	Header

	// Since is when the connection last proved to be alive.
	Since time.Time
	// Err says why, as ErrHalfOpen, ErrQueueFull, ErrReplaced.
	Err error
}

// Type returns EventTypeDisconnected.
func (*Disconnected) Type() EventType { return EventTypeDisconnected }

// Replaced says that another connection owns the application now. It follows
// the Disconnected of our connection; the client stands by until Resume.
type Replaced struct{ Header }

// Type returns EventTypeReplaced.
func (*Replaced) Type() EventType { return EventTypeReplaced }

// present drops what the event did not carry.
func present[T any](all ...*T) []*T {
	return slices.DeleteFunc(all, func(v *T) bool { return v == nil })
}
