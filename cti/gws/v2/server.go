package v2

import (
	"fmt"
	"net/http"
	"time"

	"sidecar/access"
	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/bayeux"
	"sidecar/cti/gws"
)

// Options are what a Server needs.
type Options struct {
	Access   *access.Access
	Sessions gws.Options                               // of the notifications
	REST     gws.REST                                  // Sessions and Refuse are made here
	CallOf   func(bridge.ConnID) (bridge.CallID, bool) // the living call of a ConnID, as far as it is known at once
	Annex    func(dn string) map[string]string         // what a SIP Server would have as the options of the DN's switch; nil: nothing
	Reasons  []string                                  // for being not ready
	NoAnswer NoAnswer
	WrapUp   func(bridge.CallType) time.Duration // after-call work after such a call; nil: none
	Version  string
}

// NoAnswer is what becomes of an agent who lets a call ring out.
type NoAnswer struct {
	After  time.Duration // how long it rings; 0: not always as long
	Action agent.State   // NotReady, LoggedOut, or empty: nothing
}

// Server is the dialect.
type Server struct {
	// Constant.
	o        Options
	sessions *gws.Sessions
	rest     gws.REST
}

// New starts the dialect; closing its Notifications ends it.
func New(o Options) (*Server, error) {
	s := &Server{o: o, rest: o.REST}
	sessions, err := gws.NewSessions(o.Sessions, gws.Dialect{
		Name: "GWS API v2",
		Streams: map[string]gws.Stream{
			ChannelCalls:   {Topic: cti.TopicAgent, Own: true, Encode: s.encodeCall},
			ChannelDevices: {Topic: cti.TopicAgent, Own: true, Encode: s.encodeDevice},
		},
		Patterns:  []string{PatternMe},
		Subscribe: allow,
	})
	if err != nil {
		return nil, fmt.Errorf("notifications: %w", err)
	}
	s.sessions = sessions
	s.rest.Sessions, s.rest.Refuse = sessions, refuse
	return s, nil
}

// allow lets desktops subscribe to the channels on which nothing comes here.
func allow(_ *gws.Member, channel string) error {
	switch channel {
	case ChannelMe, ChannelUsers, ChannelServices, ChannelMyWorkbins, ChannelWorkbins:
		return nil
	}
	return &bayeux.DeniedError{Reason: "there is no such channel", Err: errNotFound}
}

// Notifications is the Bayeux server: mount it on /api/v2/notifications and on the same with a slash.
func (s *Server) Notifications() *gws.Sessions { return s.sessions }

// Mount adds the API to a mux. What nothing else there answers below /api/v2/ and /internal-api/ is not found.
func (s *Server) Mount(mux *http.ServeMux) {
	for pattern, command := range map[string]gws.Command{
		"GET " + Base + "/me":                            s.me,
		"GET " + Base + "/me/{$}":                        s.me,
		"POST " + Base + "/me":                           s.meOperation,
		"GET " + Base + "/me/devices":                    s.devices,
		"GET " + Base + "/me/devices/{id}":               s.device,
		"GET " + Base + "/devices/{id}":                  s.device,
		"POST " + Base + "/me/devices/{id}":              s.deviceOperation,
		"POST " + Base + "/me/devices/{id}/calls":        s.dial,
		"GET " + Base + "/devices/{id}/settings/tserver": s.annex,
		"GET " + Base + "/me/calls":                      s.calls,
		"GET " + Base + "/me/calls/{id}":                 s.call,
		"POST " + Base + "/me/calls/{id}":                s.callOperation,
		"GET " + Base + "/me/channels":                   s.channels,
		"GET " + Base + "/me/channels/voice":             s.channel,
		"POST " + Base + "/me/channels/voice":            s.channelOperation,
		"GET " + Base + "/me/features":                   s.features,
		"GET " + Base + "/me/groups":                     empty,
		"GET " + Base + "/groups":                        empty,
		"GET " + Base + "/services":                      s.services,
		"GET " + Base + "/contacts/{id}":                 s.contact,
		"GET " + Base + "/diagnostics/version":           s.version,
		"GET " + Base + "/me/settings/{section}":         noSettings,
		"GET /internal-api/me/settings":                  s.settings,
		"GET /internal-api/contact-center":               contactCenter,
		"POST /internal-api/operations":                  s.internalOperation,
		Base + "/":                                       notFound,
		"/internal-api/":                                 notFound,
	} {
		mux.Handle(pattern, s.rest.Handle(command))
	}
}

func notFound(*gws.Request) (any, error) { return nil, errNotFound }

// owned is a DN of the principal's own, as it stands.
func (s *Server) owned(r *gws.Request, id string) (agent.View, error) {
	for _, dn := range r.Login.DNs {
		if DeviceID(dn) == id {
			return s.o.Access.Agent(r.Login.Principal, dn)
		}
	}
	return agent.View{}, errNotFound
}
