package v2

import (
	"errors"
	"slices"
	"strings"

	"sidecar/agent"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/gws"
)

// user is the agent with what was asked for besides.
type user struct {
	link

	ID        string   `json:"id"`
	UserName  string   `json:"userName"`
	FirstName string   `json:"firstName"`
	LastName  string   `json:"lastName"`
	Roles     []string `json:"roles"`
	Enabled   bool     `json:"enabled"`
	LoginCode string   `json:"loginCode,omitempty"`

	Features     []feature `json:"features,omitzero"`
	Devices      []device  `json:"devices,omitzero"`
	Channels     []channel `json:"channels,omitzero"`
	Calls        []call    `json:"calls,omitzero"`
	Interactions []string  `json:"interactions,omitzero"`
	Chats        []string  `json:"chats,omitzero"`
}

// feature is something that a desktop may offer.
type feature struct {
	link

	ID string `json:"id"`
}

// channel is a medium with the agent's state in it.
type channel struct {
	link

	ID           string    `json:"id"`
	Name         string    `json:"name"`
	Available    bool      `json:"available"`
	UserState    userState `json:"userState"`
	DoNotDisturb string    `json:"doNotDisturb"`
	DeviceURI    string    `json:"deviceUri"`
}

// list is a reply with several resources: their addresses, and themselves if the request asked for fields.
type list struct {
	status

	URIs      []string `json:"uris"`
	Resources any      `json:"resources,omitempty"`
}

func (s *Server) me(r *gws.Request) (any, error) {
	p := r.Login.Principal
	u := userOf(p)
	for sub := range strings.SplitSeq(r.URL.Query().Get("subresources"), ",") {
		all := sub == "*"
		if all || sub == "features" {
			u.Features = featuresOf(p)
		}
		if all || sub == "devices" {
			u.Devices = s.devicesOf(p)
		}
		if all || sub == "channels" {
			u.Channels = s.channelsOf(p)
		}
		if all || sub == "calls" {
			u.Calls = s.callsOf(p)
		}
		if all || sub == "interactions" {
			u.Interactions = []string{}
		}
		if all || sub == "chats" {
			u.Chats = []string{}
		}
	}
	return struct {
		status

		User user `json:"user"`
	}{User: u}, nil
}

func userOf(p auth.Principal) user {
	first, last, _ := strings.Cut(p.DisplayName, " ")
	u := user{
		link: link{URI: Base + "/users/" + userID(p), Path: "/users/" + userID(p)}, ID: userID(p), UserName: p.User,
		FirstName: first, LastName: last, Roles: []string{"ROLE_AGENT"}, Enabled: true, LoginCode: p.User,
	}
	if p.Can(auth.VerbSupervise) {
		u.Roles = append(u.Roles, "ROLE_SUPERVISOR")
	}
	if p.Can(auth.VerbManageUsers) {
		u.Roles = append(u.Roles, "ROLE_ADMIN")
	}
	return u
}

func featuresOf(p auth.Principal) []feature {
	ids := []string{"api-voice", "api-voice-outbound"}
	if p.Can(auth.VerbSupervise) {
		ids = append(ids, "api-supervisor-monitoring", "api-supervisor-agent-control")
	}
	features := make([]feature, 0, len(ids))
	for _, id := range ids {
		features = append(features, feature{ID: id, link: link{URI: Base + "/features/" + id, Path: "/features/" + id}})
	}
	return features
}

// views are the principal's own DNs as they stand.
func (s *Server) views(p auth.Principal) []agent.View {
	return slices.DeleteFunc(s.o.Access.Agents(p), func(v agent.View) bool { return !slices.Contains(p.DNs, v.Number) })
}

func (s *Server) devicesOf(p auth.Principal) []device {
	devices := []device{}
	for _, v := range s.views(p) {
		devices = append(devices, s.deviceOf(p, v))
	}
	return devices
}

func (s *Server) channelsOf(p auth.Principal) []channel {
	channels := []channel{}
	for _, v := range s.views(p) {
		d := s.deviceOf(p, v)
		channels = append(channels, channel{
			link: link{URI: Base + "/me/channels/voice", Path: "/channels/voice"}, ID: channelVoice, Name: channelVoice,
			Available: v.InService, UserState: d.UserState, DoNotDisturb: d.DoNotDisturb, DeviceURI: d.URI,
		})
	}
	return channels
}

// callsOf are the calls of the principal's own DNs, as they are told on the channel of calls.
func (s *Server) callsOf(p auth.Principal) []call {
	calls := []call{}
	for _, e := range s.stand(p) {
		if e.Call != nil {
			calls = append(calls, s.callOf(&e))
		}
	}
	return calls
}

func (s *Server) stand(p auth.Principal) []cti.Event {
	own := func(dn bridge.DN) bool { return slices.Contains(p.DNs, string(dn)) }
	return cti.Snapshot(s.o.Sessions.Snapshot, cti.TopicAgent, cti.Cursor{}, now(), own)
}

func (s *Server) meOperation(r *gws.Request) (any, error) {
	o, err := readOperation(r)
	if err != nil {
		return nil, err
	}
	switch o.OperationName {
	case "StartContactCenterSession":
		return s.startSession(r, o)
	case "EndContactCenterSession":
		for _, v := range s.views(r.Login.Principal) {
			_, err := s.o.Access.Command(r.Context(), r.Login.Principal, agent.Command{DN: v.Number, Verb: agent.VerbLogout})
			if err != nil && !errors.Is(err, agent.ErrNotLoggedIn) {
				return nil, err
			}
		}
		return status{}, nil
	}
	return nil, unknownOperation(o.OperationName)
}

// started is what became of one channel that a session is to begin with.
type started struct {
	Channel       string     `json:"channel"`
	StatusCode    statusCode `json:"statusCode"`
	StatusMessage string     `json:"statusMessage,omitempty"`
}

// startSession logs the agent in on the own DNs. Channels besides voice are not there; the others are begun all the same.
func (s *Server) startSession(r *gws.Request, o *operation) (any, error) {
	channels := o.Channels
	if len(channels) == 0 {
		channels = []string{channelVoice}
	}
	reply := struct {
		status

		Succeeded []started `json:"succeeded"`
		Failed    []started `json:"failed"`
	}{Succeeded: []started{}, Failed: []started{}}
	for _, name := range channels {
		err := errNotFound
		if name == channelVoice {
			err = s.login(r)
		}
		if err == nil {
			reply.Succeeded = append(reply.Succeeded, started{Channel: name})
			continue
		}
		_, code, message := outcome(err)
		reply.Failed = append(reply.Failed, started{Channel: name, StatusCode: code, StatusMessage: message})
		reply.StatusCode = statusPartial
	}
	return reply, nil
}

func (s *Server) login(r *gws.Request) error {
	p := r.Login.Principal
	if len(p.DNs) == 0 {
		return &auth.FieldError{Field: "channels", Rule: "voice needs a DN of your own"}
	}
	for _, dn := range p.DNs {
		if v, err := s.o.Access.Agent(p, dn); err == nil && v.Agent.AgentID == p.User {
			return nil
		}
	}
	_, err := s.o.Access.Command(r.Context(), p, agent.Command{DN: p.DNs[0], Verb: agent.VerbLogin})
	return err
}
