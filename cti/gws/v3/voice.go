package v3

import (
	"cmp"
	"context"
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"

	"sidecar/access"
	"sidecar/agent"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti"
)

func (s *Server) voiceRoutes() {
	for path, verb := range map[string]agent.Verb{
		"login": agent.VerbLogin, "logout": agent.VerbLogout, "ready": agent.VerbReady, "not-ready": agent.VerbNotReady,
		"dnd-on": agent.VerbDNDOn, "dnd-off": agent.VerbDNDOff, "set-forward": agent.VerbSetForward, "cancel-forward": agent.VerbCancelForward,
	} {
		s.post("/voice/"+path, func(ctx context.Context, r *request) (*reply, error) {
			at, err := s.seatOf(r)
			if err != nil {
				return nil, err
			}
			return nil, s.agentCommand(ctx, r, verb, at.dn)
		})
	}
	s.post("/users/{dbid}/voice/{verb}", s.superviseAgent)
	s.post("/supervisor/voice/{verb}", s.superviseAgent)
	s.get("/voice/calls", s.listCalls)
	s.post("/voice/make-call", s.makeCall)
	s.post("/voice/send-user-event", s.sendUserEvent)
	s.post("/voice/start-monitoring", s.startMonitoring)
	s.post("/voice/stop-monitoring", s.stopMonitoring)
	s.post("/voice/calls/{id}/{verb}", s.callCommand)
}

// agentCommand does an agent's command. When it changes nothing there is no event, and the desktop is told how things stand.
func (s *Server) agentCommand(ctx context.Context, r *request, verb agent.Verb, dn string) error {
	d := &r.in.Data
	cmd := agent.Command{DN: dn, Verb: verb, Mode: agent.WorkMode(d.AgentWorkMode), Reason: r.in.reason(), To: d.ForwardTo}
	if verb == agent.VerbSetForward && cmd.To == "" {
		return missing()
	}
	if verb == agent.VerbNotReady && cmd.Mode == agent.ModeAfterCallWork && cmd.Reason == "" { // which needs no reason
		cmd.Verb, cmd.Mode = agent.VerbAfterCallWork, ""
	}
	before, err := s.o.Access.Agent(r.who, dn)
	if err != nil {
		return err
	}
	s.expectAgent(r, dn, verb)
	after, err := s.o.Access.Command(ctx, r.who, cmd)
	if err != nil {
		return err
	}
	if same(before, after) {
		state := dnOf(after, s.o.SwitchName, r.who.Can(auth.VerbSupervise))
		note := Notification{MessageType: "DnStateChanged", DN: &state, PhoneNumber: dn, OperationID: r.id}
		r.later(func() { s.feed.tell(ChannelVoice, note, s.sessions.at(dn)...) })
	}
	return nil
}

// same reports whether a command has changed nothing that an event tells.
func same(a, b agent.View) bool {
	return a.Agent == b.Agent && a.DND == b.DND && a.Forward == b.Forward
}

func (s *Server) listCalls(_ context.Context, r *request) (*reply, error) {
	at, err := s.seatOf(r)
	if err != nil {
		return nil, err
	}
	return done(map[string]any{"calls": s.calls(r.who, at)}), nil
}

func (s *Server) makeCall(ctx context.Context, r *request) (*reply, error) {
	at, err := s.seatOf(r)
	if err != nil {
		return nil, err
	}
	d := &r.in.Data
	if d.Destination == "" {
		return nil, missing()
	}
	if d.Destination == at.dn {
		s.invalidDestination(r, at.dn, ownDN)
		return nil, nil //nolint:nilnil // accepted
	}
	_, err = s.o.Access.MakeCall(ctx, r.who, bridge.MakeCall{
		From: bridge.DN(at.dn), To: d.Destination, CallerID: d.OutboundCallerID, UserData: d.UserData.Data, Op: r.op,
	})
	return s.destined(r, at.dn, err)
}

// destined tells a destination that can't be called as T-Server does: the command is accepted, and an error follows.
func (s *Server) destined(r *request, dn string, err error) (*reply, error) {
	o, known := access.OutcomeOf(err)
	if err == nil || !known || o.Code != "impossible_number" {
		return nil, err
	}
	s.invalidDestination(r, dn, o.Detail)
	return nil, nil //nolint:nilnil // accepted
}

const ownDN = "a DN can't call itself"

func (s *Server) invalidDestination(r *request, dn, why string) {
	note := Notification{
		MessageType: "EventError", PhoneNumber: dn, OperationID: r.id,
		Error: &Error{Code: errorInvalidDestination, Message: "Invalid Destination DN: " + why},
	}
	r.later(func() { s.feed.tell(ChannelVoice, note, s.sessions.at(dn)...) })
}

// sendUserEvent gives data to the desktops at the user's own DN, or at the DNs of a call that it is in.
func (s *Server) sendUserEvent(_ context.Context, r *request) (*reply, error) {
	at, err := s.seatOf(r)
	if err != nil {
		return nil, err
	}
	d := &r.in.Data
	if len(d.UserData.Data) == 0 {
		return nil, missing()
	}
	dns := []string{at.dn}
	if id := d.CallUUID + d.ConnID; id != "" {
		v, _, err := s.find(r.who, at, cmp.Or(d.CallUUID, d.ConnID))
		if err != nil {
			return nil, err
		}
		dns = nil
		for _, p := range v.Parties {
			if p.DN != "" && p.State != bridge.PartyReleased {
				dns = append(dns, string(p.DN))
			}
		}
	}
	for _, dn := range dns {
		note := Notification{MessageType: "EventUserEvent", PhoneNumber: dn, UserData: &d.UserData}
		if dn == at.dn {
			note.OperationID = r.id
		}
		r.later(func() { s.feed.tell(ChannelVoice, note, s.sessions.at(dn)...) })
	}
	return nil, nil //nolint:nilnil // accepted
}

// find finds a call of the user's DN by its ConnID or UUID. Others' calls are as unknown as those that never were.
func (s *Server) find(who auth.Principal, at seat, id string) (v bridge.CallView, party bridge.PartyView, err error) {
	is := func(v *bridge.CallView) bool {
		return strings.EqualFold(v.ConnID.String(), id) || string(v.ID) == id
	}
	dn := bridge.DN(at.dn)
	for _, list := range [][]bridge.CallView{s.o.Access.Calls(who), s.o.Released(dn)} {
		for i := range list {
			if p, ok := partyOf(&list[i], dn); ok && is(&list[i]) {
				return list[i], p, nil
			}
		}
	}
	err = s.o.Access.Elsewhere(who, func(v *bridge.CallView) bool {
		_, ok := partyOf(v, dn)
		return ok && is(v)
	})
	if err == nil {
		err = unknownCall(id)
	}
	return v, party, err
}

// unknownCall names the id, as the API does.
func unknownCall(id string) *refusal {
	if len(id) > maxOperation {
		id = id[:maxOperation]
	}
	return &refusal{http.StatusInternalServerError, http.StatusInternalServerError, "Call " + id + " not found"}
}

// newOperation makes an id for a client that has not chosen one.
func newOperation() string { return rand.Text() }

// opOf keeps the operations of users apart, who may choose the same ids, and those of different commands, since not every client
// chooses a new one each time: to the engine the same id means the same command once more.
func opOf(who auth.Principal, path, id string) bridge.OpID {
	return bridge.OpID(opPrefix(who.ID()) + strconv.FormatInt(dbid("path", path), 36) + ":" + id)
}

func opPrefix(user string) string { return "ws" + user + ":" }

// operationOf is the client's own id of the command that an event is the effect of; empty for those of others.
func (s *Server) operationOf(user string, e *cti.Event) string {
	if rest, ours := strings.CutPrefix(string(e.Attributes.ReferenceID), opPrefix(user)); ours {
		_, id, _ := strings.Cut(rest, ":")
		return id
	}
	return s.operations.cause(user, e)
}

// expectCall says which event of a call a command will cause.
func (s *Server) expectCall(r *request, dn string, call bridge.CallID, kinds ...bridge.EventKind) {
	for _, kind := range kinds {
		s.operations.expect(r.id, r.started, effect{user: r.who.ID(), dn: dn, call: call, event: string(kind)})
	}
}
