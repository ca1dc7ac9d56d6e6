package v2

import (
	"sidecar/cti/gws"
)

// listOf answers with the addresses of resources, and with themselves if the request asked for their fields.
func listOf[T any](r *gws.Request, items []T, uri func(T) string) list {
	out := list{URIs: []string{}}
	for _, item := range items {
		out.URIs = append(out.URIs, uri(item))
	}
	if r.URL.Query().Get("fields") != "" {
		out.Resources = items
	}
	return out
}

func (s *Server) devices(r *gws.Request) (any, error) {
	devices := s.devicesOf(r.Login.Principal)
	return struct {
		list

		Devices []device `json:"devices"`
	}{listOf(r, devices, func(d device) string { return d.URI }), devices}, nil
}

func (s *Server) device(r *gws.Request) (any, error) {
	v, err := s.owned(r, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return struct {
		status

		Device device `json:"device"`
	}{Device: s.deviceOf(r.Login.Principal, v)}, nil
}

func (s *Server) calls(r *gws.Request) (any, error) {
	calls := s.callsOf(r.Login.Principal)
	return struct {
		list

		Calls []call `json:"calls"`
	}{listOf(r, calls, func(c call) string { return c.URI }), calls}, nil
}

func (s *Server) call(r *gws.Request) (any, error) {
	mine, err := s.mine(r)
	if err != nil {
		return nil, err
	}
	for _, c := range s.callsOf(r.Login.Principal) {
		if c.ID == mine.Call.ID {
			return struct {
				status

				Call call `json:"call"`
			}{Call: c}, nil
		}
	}
	return nil, errNotFound
}

func (s *Server) channels(r *gws.Request) (any, error) {
	channels := s.channelsOf(r.Login.Principal)
	return listOf(r, channels, func(c channel) string { return c.URI }), nil
}

func (s *Server) channel(r *gws.Request) (any, error) {
	channels := s.channelsOf(r.Login.Principal)
	if len(channels) == 0 {
		return nil, errNotFound
	}
	return struct {
		status

		Channel channel `json:"channel"`
	}{Channel: channels[0]}, nil
}

func (s *Server) features(r *gws.Request) (any, error) {
	return listOf(r, featuresOf(r.Login.Principal), func(f feature) string { return f.URI }), nil
}

// service is a part of the contact center that a desktop depends on.
type service struct {
	link

	ID    string `json:"id"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	State string `json:"state"`
}

func (s *Server) services(r *gws.Request) (any, error) {
	all := []service{{link: link{URI: Base + "/services/voice", Path: "/services/voice"}, ID: "voice", Name: "sidecar", Type: "Voice", State: "Available"}}
	return listOf(r, all, func(s service) string { return s.URI }), nil
}

func empty(r *gws.Request) (any, error) {
	return listOf(r, []link{}, func(l link) string { return l.URI }), nil
}

func (s *Server) settings(*gws.Request) (any, error) {
	type resources struct {
		AgentStates []agentState `json:"agentStates"`
	}
	return struct {
		status

		Resources resources `json:"resources"`
	}{Resources: resources{AgentStates: s.agentStates()}}, nil
}

func noSettings(*gws.Request) (any, error) {
	return struct {
		status

		Settings struct{} `json:"settings"`
	}{}, nil
}

func contactCenter(*gws.Request) (any, error) {
	type center struct {
		ID                 string   `json:"id"`
		BusinessAttributes []string `json:"businessAttributes"`
	}
	return struct {
		status

		ContactCenter center `json:"contactCenter"`
	}{ContactCenter: center{ID: guid("contact-center", ""), BusinessAttributes: []string{}}}, nil
}

// contact is what is known of the user as somebody to be called: nothing of others.
func (s *Server) contact(r *gws.Request) (any, error) {
	u := userOf(r.Login.Principal)
	if r.PathValue("id") != u.ID {
		return nil, errNotFound
	}
	type contact struct {
		link

		ID           string   `json:"id"`
		Type         string   `json:"type"`
		UserName     string   `json:"userName"`
		FirstName    string   `json:"firstName"`
		LastName     string   `json:"lastName"`
		PhoneNumbers []string `json:"phoneNumbers"`
	}
	numbers := append([]string{}, r.Login.DNs...)
	return struct {
		status

		Contact contact `json:"contact"`
	}{Contact: contact{
		link: link{URI: Base + "/contacts/" + u.ID, Path: "/contacts/" + u.ID}, ID: u.ID, Type: "User", UserName: u.UserName,
		FirstName: u.FirstName, LastName: u.LastName, PhoneNumbers: numbers,
	}}, nil
}

func (s *Server) version(*gws.Request) (any, error) {
	return struct {
		status

		Version string `json:"version"`
	}{Version: s.o.Version}, nil
}

// annex is what a SIP Server would have as the options of the DN's switch.
func (s *Server) annex(r *gws.Request) (any, error) {
	v, err := s.owned(r, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	settings := map[string]string{}
	if s.o.Annex != nil {
		settings = s.o.Annex(v.Number)
	}
	return struct {
		status

		Settings map[string]string `json:"settings"`
	}{Settings: settings}, nil
}

// internalOperation takes the events that desktops send to the switch for programs that listen there. There are none here.
func (s *Server) internalOperation(r *gws.Request) (any, error) {
	o, err := readOperation(r)
	if err != nil {
		return nil, err
	}
	if o.OperationName != "SendUserEvent" {
		return nil, unknownOperation(o.OperationName)
	}
	if o.DeviceID != "" {
		if _, err = s.owned(r, o.DeviceID); err != nil {
			return nil, err
		}
	}
	return status{}, nil
}
