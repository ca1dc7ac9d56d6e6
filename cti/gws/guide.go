package gws

import (
	"strings"

	"sidecar/cti"
	"sidecar/cti/bayeux"
)

// The channels of the integration guide's dialect.
const (
	ChannelAgentEvents = "/user/agent/events"
	ChannelCallState   = "/call/state"
)

// Guide is the integration guide's dialect: a Bayeux server with the channels /user/agent/events and /call/state, which carry the
// feed's own events. Besides, it takes commands to our own agent pages, see Command.
type Guide struct {
	*Sessions

	pages *pages
}

// NewGuide starts the dialect; Close ends it. Mount it on /cometd and /cometd/.
func NewGuide(o Options) (*Guide, error) {
	g := &Guide{pages: newPages()}
	sessions, err := NewSessions(o, Dialect{
		Name: "guide dialect",
		Streams: map[string]Stream{
			ChannelAgentEvents: {Topic: cti.TopicAgent, Snapshot: true},
			ChannelCallState:   {Topic: cti.TopicCall, Snapshot: true},
		},
		Subscribe: func(m *Member, channel string) error {
			if strings.HasPrefix(channel, ChannelPagePrefix) {
				return mayListen(m, channel)
			}
			reason := "there are " + ChannelAgentEvents + ", " + ChannelCallState + " and " + ChannelPagePrefix + "<page id> only"
			return &bayeux.DeniedError{Reason: reason, Err: errChannel}
		},
		// Pages acknowledge commands; everything else goes one way.
		Publish:   func(m *Member, channel string) bool { return channel == ChannelPageAcks && m.ownsDN() },
		OnMessage: g.onMessage,
	})
	if err != nil {
		return nil, err
	}
	g.Sessions = sessions
	return g, nil
}
