package v3

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"sidecar/agent"
	"sidecar/auth"
)

const channelVoice = "voice"

// activate begins the agent's work at a DN. A place is the DN of its name.
func (s *Server) activate(ctx context.Context, r *request) (*reply, error) {
	d := &r.in.Data
	at := &seat{dn: cmp.Or(d.DN, d.PlaceName), agentID: d.AgentID, autoComplete: d.AutoCompleteCall == nil || *d.AutoCompleteCall}
	if at.dn == "" {
		return nil, missing()
	}
	at.place = at.dn
	if d.DynamicPhoneNumber != "" {
		return nil, badParameter("dynamicPhoneNumber is not supported: a DN has the phone that is registered for it")
	}
	if len(d.Channels) > 0 && !slices.Contains(d.Channels, channelVoice) {
		return s.noMedia(ctx, r)
	}
	before, err := s.o.Access.Agent(r.who, at.dn)
	if err != nil {
		return nil, err
	}
	login := agent.Command{DN: at.dn, Verb: agent.VerbLogin, AgentID: agentName(r.who, d.AgentID), Mode: agent.WorkMode(d.AgentWorkMode)}
	was := s.sessions.sit(r.who.UserID, at) // before, or the login's own event would find nobody
	if !slices.Contains(r.who.DNs, at.dn) {
		s.feed.renew(ctx, r.who.UserID)
	}
	s.expectAgent(r, at.dn, agent.VerbLogin)
	after, err := s.o.Access.Command(ctx, r.who, login)
	if err != nil {
		s.sessions.sit(r.who.UserID, was)
		return nil, err
	}
	r.later(func() { s.feed.seated(r.who, *at, before.Agent != after.Agent) })
	if wanted := slices.DeleteFunc(slices.Clone(d.Channels), func(c string) bool { return c == channelVoice }); len(wanted) > 0 {
		return &reply{Status: Status{Code: codePartial, Message: "there is no other channel than voice: " + strings.Join(wanted, ", ")}}, nil
	}
	return done(nil), nil
}

// agentName is the user behind an agent id: desktops give the employee id, the login or the DN, which here all name the user.
func agentName(who auth.Principal, id string) string {
	if slices.Contains(who.DNs, id) {
		return ""
	}
	return id
}

// deactivate ends the agent's work at the DN.
func (s *Server) deactivate(ctx context.Context, r *request) (*reply, error) {
	at, err := s.seatOf(r)
	if err != nil {
		return nil, err
	}
	s.expectAgent(r, at.dn, agent.VerbLogout)
	if _, err = s.o.Access.Command(ctx, r.who, agent.Command{DN: at.dn, Verb: agent.VerbLogout, Reason: r.in.reason()}); err != nil {
		return nil, err
	}
	s.sessions.sit(r.who.UserID, nil)
	return done(nil), nil
}

// noMedia answers for the channels besides voice: there are none.
func (s *Server) noMedia(context.Context, *request) (*reply, error) {
	return &reply{Status: Status{Code: codePartial, Message: "there is no other channel than voice"}}, nil
}

// seatOf is where the user works.
func (s *Server) seatOf(r *request) (seat, error) {
	at, ok := s.sessions.seat(r.who.UserID)
	if !ok {
		return seat{}, &refusal{http.StatusConflict, http.StatusConflict, "the voice channel is not active: activate-channels comes first"}
	}
	if !r.who.MayUseDN(at.dn) { // the user has been changed
		s.sessions.sit(r.who.UserID, nil)
		return seat{}, unauthorized()
	}
	return at, nil
}

// expectAgent says which events an agent's command will cause, so that they carry its id. A login is told by two.
func (s *Server) expectAgent(r *request, dn string, verb agent.Verb) {
	kinds := map[agent.Verb][]agent.EventKind{
		agent.VerbLogin: {agent.Login}, agent.VerbLogout: {agent.Logout}, agent.VerbReady: {agent.BecameReady},
		agent.VerbNotReady: {agent.BecameNotReady, agent.BecameAfterCallWork}, agent.VerbDNDOn: {agent.DNDOn}, agent.VerbDNDOff: {agent.DNDOff},
		agent.VerbSetForward: {agent.ForwardSet}, agent.VerbCancelForward: {agent.ForwardCanceled},
	}[verb]
	for _, kind := range kinds {
		s.operations.expect(r.id, r.started, effect{user: r.who.ID(), dn: dn, event: string(kind)})
	}
}
