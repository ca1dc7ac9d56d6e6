package gws

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"

	"sidecar/access"
	"sidecar/agent"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti"
)

// GuideREST are the commands of the integration guide's dialect, under /api/v2.
type GuideREST struct {
	*REST

	access *access.Access
}

// guideError is what goes wrong, in this dialect.
type guideError struct {
	Error   string          `json:"error"` // for programs
	Message string          `json:"message"`
	Field   string          `json:"field,omitempty"`
	State   string          `json:"state,omitempty"`
	Calls   []bridge.CallID `json:"calls,omitempty"` // that may be meant
}

type guideLogin struct {
	Token     string   `json:"token"`
	ExpiresIn int      `json:"expiresIn"` // seconds
	DN        string   `json:"dn"`        // the first of DNs
	DNs       []string `json:"dns"`
	User      string   `json:"user"`
}

type guideCall struct {
	Call cti.Call `json:"call"`
}

type guideCalls struct {
	Calls []cti.Call `json:"calls"`
}

type guideAgent struct {
	DN       string         `json:"dn"`
	AgentID  string         `json:"agentId,omitempty"`
	State    agent.State    `json:"state"`
	WorkMode agent.WorkMode `json:"workMode,omitempty"`
	Reason   string         `json:"reason,omitempty"`
	DND      bool           `json:"dnd"`
	Forward  string         `json:"forwardTo,omitempty"`
}

// guideBody is what any command may bring.
type guideBody struct {
	DN          string          `json:"dn"`
	Destination string          `json:"destination"`
	To          string          `json:"to"` // the same
	CallerID    string          `json:"callerId"`
	Purpose     string          `json:"purpose"`
	Digits      string          `json:"digits"`
	Direction   string          `json:"direction"`
	Member      string          `json:"member"`
	Call        string          `json:"call"` // the other one
	UserData    bridge.UserData `json:"userData"`
	Keys        []string        `json:"keys"`
	Reason      string          `json:"reason"`
	WorkMode    string          `json:"workMode"`
	Seconds     int             `json:"seconds"`
}

// NewGuideREST makes the commands. Refuse of c is made here.
func NewGuideREST(c REST, a *access.Access) *GuideREST {
	c.Refuse = refuseGuide
	return &GuideREST{REST: &c, access: a}
}

// Mount adds the commands to a mux that may serve others below /api/v2 too.
func (g *GuideREST) Mount(mux *http.ServeMux) {
	const calls = "/api/v2/me/calls"
	for pattern, handler := range map[string]http.Handler{
		"POST /api/v2/login":               g.Open(g.login),
		"POST /api/v2/logout":              g.Handle(g.logout),
		"POST " + calls:                    g.Handle(g.makeCall),
		"GET " + calls + "/active":         g.Handle(g.calls),
		"POST " + calls + "/{id}/{verb}":   g.Handle(g.command),
		"DELETE " + calls + "/{id}/hangup": g.Handle(g.command),
	} {
		mux.Handle(pattern, handler)
	}
	for name, verb := range agentVerbs() {
		mux.Handle("POST /api/v2/me/"+name, g.Handle(func(r *Request) (any, error) { return g.agent(r, verb) }))
	}
}

func (g *GuideREST) login(r *Request) (any, error) {
	var body struct {
		User     string `json:"user"`
		Username string `json:"username"`
		Password string `json:"password"`
	}
	name, password, basic := r.BasicAuth()
	if !basic {
		if err := r.Read(&body, false); err != nil {
			return nil, err
		}
		name, password = cmp.Or(body.User, body.Username), body.Password
	}
	if name == "" || password == "" {
		return nil, &auth.FieldError{Field: "user", Rule: "is missing: send user and password, or Basic credentials"}
	}
	login, err := g.Logins.Login(r.Request, name, password)
	if err != nil {
		return nil, err
	}
	r.SetCookie(g.Cookie(login, r.Request))
	reply := guideLogin{
		Token: login.Token.Value, ExpiresIn: int(time.Until(login.Token.ExpiresAt).Seconds()), User: login.User, DNs: login.DNs,
	}
	if len(login.DNs) > 0 {
		reply.DN = login.DNs[0]
	} else {
		reply.DNs = []string{}
	}
	return reply, nil
}

func (g *GuideREST) logout(r *Request) (any, error) {
	if err := g.Logins.Logout(r.Context(), r.Login); err != nil {
		return nil, err
	}
	g.Sessions.EndLogin(r.Login.Token.Value)
	r.SetCookie(g.Cookie(access.Login{}, r.Request))
	return struct{}{}, nil
}

func (g *GuideREST) calls(r *Request) (any, error) {
	reply := guideCalls{Calls: []cti.Call{}}
	for _, v := range g.access.Calls(r.Login.Principal) {
		if mine, err := MineIn(r.Login.Principal, v); err == nil && v.Has(mine.DN) {
			reply.Calls = append(reply.Calls, mine.Shown(time.Now()))
		}
	}
	return reply, nil
}

func (g *GuideREST) makeCall(r *Request) (any, error) {
	var body guideBody
	if err := r.Read(&body, false); err != nil {
		return nil, err
	}
	op, err := r.Op()
	if err != nil {
		return nil, err
	}
	dn, err := ownDN(r.Login.Principal, body.DN)
	if err != nil {
		return nil, err
	}
	to := cmp.Or(body.Destination, body.To)
	if err = cmp.Or(access.Number("destination", to), access.CallerID("callerId", body.CallerID)); err != nil {
		return nil, err
	}
	v, err := g.access.MakeCall(r.Context(), r.Login.Principal, bridge.MakeCall{
		From: bridge.DN(dn), To: to, CallerID: body.CallerID, UserData: body.UserData, Op: op,
	})
	if err != nil {
		return nil, err
	}
	return guideCall{Mine{Call: v, DN: bridge.DN(dn)}.Shown(time.Now())}, nil
}

// command is done to a call that is named, or to the one that "active" means.
func (g *GuideREST) command(r *Request) (any, error) {
	name := r.PathValue("verb")
	if r.Method == http.MethodDelete {
		name = "hangup"
	}
	verb, purpose, ok := guideVerb(name)
	if !ok {
		return nil, &unknownVerbError{name}
	}
	var body guideBody
	if err := r.Read(&body, true); err != nil {
		return nil, err
	}
	cmd, err := body.command(verb, purpose)
	if err != nil {
		return nil, err
	}
	if cmd.Op, err = r.Op(); err != nil {
		return nil, err
	}
	mine, err := g.mine(r, verb, bridge.CallID(r.PathValue("id")))
	if err != nil {
		return nil, err
	}
	cmd.Call, cmd.DN = mine.Call.ID, string(mine.DN)
	v, err := g.access.Do(r.Context(), r.Login.Principal, cmd)
	if err != nil {
		return nil, err
	}
	return guideCall{Mine{Call: v, DN: mine.DN}.Shown(time.Now())}, nil
}

func (g *GuideREST) mine(r *Request, verb access.Verb, id bridge.CallID) (Mine, error) {
	p := r.Login.Principal
	if id == "active" {
		mine, err := Active(p, g.access.Calls(p), verb)
		if _, none := errors.AsType[*NoActiveError](err); none {
			err = cmp.Or(g.access.Elsewhere(p, func(v *bridge.CallView) bool {
				_, other := Active(p, []bridge.CallView{*v}, verb)
				return other == nil
			}), err)
		}
		return mine, err
	}
	return MineOf(g.access, p, id)
}

func (b *guideBody) command(verb access.Verb, purpose bridge.ConsultPurpose) (access.Command, error) {
	cmd := access.Command{
		Verb: verb, To: cmp.Or(b.Destination, b.To), Purpose: cmp.Or(purpose, bridge.ConsultPurpose(b.Purpose), bridge.ConsultTransfer),
		Other: bridge.CallID(b.Call), Member: b.Member, Direction: cmp.Or(bridge.Mute(b.Direction), bridge.MuteIn), Digits: b.Digits,
		Data: b.UserData, Keys: b.Keys,
	}
	return cmd, CheckCommand(cmd)
}

func (g *GuideREST) agent(r *Request, verb agent.Verb) (any, error) {
	var body guideBody
	if err := r.Read(&body, true); err != nil {
		return nil, err
	}
	dn, err := ownDN(r.Login.Principal, body.DN)
	if err != nil {
		return nil, err
	}
	if body.Seconds < 0 || body.Seconds > maxAfterCallWork {
		return nil, &auth.FieldError{Field: "seconds", Rule: fmt.Sprintf("must be 0 to %d", maxAfterCallWork)}
	}
	v, err := g.access.Command(r.Context(), r.Login.Principal, agent.Command{
		DN: dn, Verb: verb, Mode: agent.WorkMode(body.WorkMode), Reason: body.Reason, To: cmp.Or(body.Destination, body.To),
		For: time.Duration(body.Seconds) * time.Second,
	})
	if err != nil {
		return nil, err
	}
	return guideAgent{
		DN: v.Number, AgentID: v.Agent.AgentID, State: v.Agent.State, WorkMode: v.Agent.Mode, Reason: v.Agent.Reason, DND: v.DND, Forward: v.Forward,
	}, nil
}

func refuseGuide(err error) (status int, reply any) {
	if none, ok := errors.AsType[*NoActiveError](err); ok {
		return http.StatusNotFound, guideError{Error: "no_active_call", Message: none.Error()}
	}
	if several, ok := errors.AsType[*SeveralError](err); ok {
		return http.StatusConflict, guideError{Error: "several_calls", Message: several.Error(), Calls: several.Calls}
	}
	if unknown, ok := errors.AsType[*unknownVerbError](err); ok {
		return http.StatusNotFound, guideError{Error: "unknown_command", Message: unknown.Error()}
	}
	o, ok := access.OutcomeOf(err)
	if !ok {
		return http.StatusInternalServerError, guideError{Error: "internal", Message: "something went wrong here: see the log"}
	}
	if o.Field == "to" { // of the REST API; here it has another name
		o.Field = "destination"
	}
	return o.Status, guideError{Error: o.Code, Message: o.Detail, Field: o.Field, State: o.State}
}
