package gws

import (
	"context"
	"slices"

	"sidecar/cti"
	"sidecar/cti/bayeux"
)

// Dialect says what the sessions of one kind of clients are about.
type Dialect struct {
	Name    string // for logs and errors
	Streams map[string]Stream
	// Patterns are those that may be subscribed to. They give the streams that they cover; all else that a pattern covers must be
	// everybody's to see.
	Patterns []string

	// Subscribe decides on the channels that are none of Streams, and never on patterns; nil: there are no others. A
	// *bayeux.DeniedError chooses the words of the refusal.
	Subscribe func(m *Member, channel string) error
	// Publish decides whether a client may send to a channel; nil: it goes one way.
	Publish func(m *Member, channel string) bool
	// OnSubscribe tells of a subscription, before the events of its stream. What it delivers leaves in the same response.
	OnSubscribe func(s *bayeux.Session, m *Member, channel string)
	// OnMessage takes what Publish let through.
	OnMessage func(ctx context.Context, s *bayeux.Session, e bayeux.Event)
}

// Stream is what the feed gives on a channel.
type Stream struct {
	Topic cti.Topic
	Own   bool // only what concerns the DNs of the client's own, not all that it sees
	// Snapshot tells newcomers how things stand. Without it they are expected to ask, and are told only when events were lost.
	Snapshot bool
	// Encode gives the messages that an event is told by, as values for encoding/json: none, if it is not told. Nil: the event's own
	// JSON. It is called by several goroutines, also for events of a snapshot.
	Encode func(m *Member, e *cti.Event) []any
	// Begin makes an Encode for one subscription, in place of Encode, where what is told depends on what was told before. It is made anew
	// when the events begin anew; one goroutine at a time calls it.
	Begin func(m *Member) func(e *cti.Event) []any
}

func (d *Dialect) stream(channel string) (Stream, bool) {
	s, ok := d.Streams[channel]
	return s, ok
}

// covered are the channels of streams that a subscription is about.
func (d *Dialect) covered(subscription string) []string {
	var names []string
	for name := range d.Streams {
		if bayeux.Covers(subscription, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
