package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"sidecar/agent"
	"sidecar/auth"
	"sidecar/bridge"
)

// Agents gives the agents' states and takes their commands.
type Agents interface {
	All() []agent.View
	View(dn string) (agent.View, bool)
	Do(cmd agent.Command) (agent.View, error)
}

// Agent is a DN with the agent who works there.
type Agent struct {
	DN           string   `json:"dn"`
	AgentID      string   `json:"agentId,omitempty" doc:"Missing while nobody is logged in"`
	State        string   `json:"state" enum:"LoggedOut,NotReady,Ready,AfterCallWork"`
	WorkMode     string   `json:"workMode,omitempty" enum:"AutoIn,ManualIn,AuxWork,AfterCallWork,LegalGuard,NoCallDisconnect,WalkAway" doc:"Of the state"`
	LoginMode    string   `json:"loginMode,omitempty" enum:"AutoIn,ManualIn" doc:"AutoIn: after-call work ends by its timer; ManualIn: the agent ends it"`
	Reason       string   `json:"reason,omitempty" doc:"Why not ready, or why logged out"`
	Since        string   `json:"since,omitempty" format:"date-time" doc:"Of the state"`
	Until        string   `json:"until,omitempty" format:"date-time" doc:"When after-call work ends by itself"`
	DND          bool     `json:"dnd" doc:"Do not disturb is on"`
	ForwardTo    string   `json:"forwardTo,omitempty" doc:"Where calls to the DN go"`
	InService    bool     `json:"inService" doc:"Whether a phone is registered"`
	Activity     string   `json:"activity" enum:"Idle,InitiatingCall,ReceivingCall,HandlingInboundCall,HandlingInternalCall,HandlingOutboundCall,HandlingConsultCall,CallOnHold"`
	Reserved     bool     `json:"reserved" doc:"A call is offered to the agent"`
	Calls        int      `json:"calls" doc:"Calls the DN is in"`
	ReadySince   string   `json:"readySince,omitempty" format:"date-time" doc:"Ready and without a call since; who waits longest is called first"`
	LastCallEnd  string   `json:"lastCallEnd,omitempty" format:"date-time"`
	Capabilities []string `json:"capabilities" nullable:"false" doc:"The commands that would change something now, by the end of their paths"`
}

// AgentList is the list of agents.
type AgentList struct {
	Agents []Agent `json:"agents" nullable:"false"`
}

type agentsOutput struct{ Body AgentList }

type agentOutput struct{ Body Agent }

// AgentPath names a DN.
type AgentPath struct {
	DN string `path:"dn" maxLength:"32"`
}

// AgentLogin says who works at the DN from now on.
type AgentLogin struct {
	AgentID  string `json:"agentId,omitempty" maxLength:"64" doc:"Name of the user; missing: your own"`
	WorkMode string `json:"workMode,omitempty" enum:"AutoIn,ManualIn" doc:"Missing: AutoIn"`
	Force    bool   `json:"force,omitempty" doc:"Log out whoever is in the way; for supervisors"`
}

// AgentReady makes ready.
type AgentReady struct {
	WorkMode string `json:"workMode,omitempty" enum:"AutoIn,ManualIn" doc:"Missing: that of the login"`
}

// AgentNotReady says why the agent is not ready.
type AgentNotReady struct {
	WorkMode string `json:"workMode,omitempty" enum:"AuxWork,AfterCallWork,LegalGuard,NoCallDisconnect,WalkAway" doc:"Missing: AuxWork"`
	Reason   string `json:"reason,omitempty" maxLength:"64" doc:"One of agents.reasons of the configuration, if there are any" example:"lunch"`
}

// AgentAfterCallWork asks for time after a call, or for more of it.
type AgentAfterCallWork struct {
	Seconds int `json:"seconds,omitempty" minimum:"0" maximum:"14400" doc:"From now on; missing: agents.wrap_up of the configuration, or without end for ManualIn"`
}

// AgentForward says where calls to the DN go.
type AgentForward struct {
	To string `json:"to" minLength:"1" maxLength:"64" pattern:"^[0-9A-Za-z+*#(). /_-]+$" patternDescription:"a number" example:"5002"`
}

type (
	agentInput      struct{ AgentPath }
	agentLoginInput struct {
		AgentPath
		Body *AgentLogin
	}
	agentReadyInput struct {
		AgentPath
		Body *AgentReady
	}
	agentNotReadyInput struct {
		AgentPath
		Body *AgentNotReady
	}
	agentAfterCallWorkInput struct {
		AgentPath
		Body *AgentAfterCallWork
	}
	agentForwardInput struct {
		AgentPath
		Body AgentForward
	}
)

const agentsPath = "/api/v1/agents"

func (s *server) registerAgents() {
	register(s, endpoint{
		id: "list-agents", method: http.MethodGet, path: agentsPath, tag: "agents", verb: auth.VerbViewDNs,
		summary: "List the DNs that the user sees with the agents who work there",
	}, s.listAgents)
	register(s, endpoint{
		id: "get-agent", method: http.MethodGet, path: agentsPath + "/{dn}", tag: "agents", verb: auth.VerbViewDNs,
		summary: "Get a DN with the agent who works there", errors: []int{http.StatusNotFound},
	}, s.getAgent)
	register(s, agentCommand(agent.VerbLogin, "Log an agent in on the DN; the agent is not ready then"), s.loginAgent)
	register(s, agentCommand(agent.VerbLogout, "Log the agent out"), s.plainAgentCommand(agent.VerbLogout))
	register(s, agentCommand(agent.VerbReady, "Make the agent ready, which also ends after-call work"),
		func(ctx context.Context, in *agentReadyInput) (*agentOutput, error) {
			body := orZero(in.Body)
			return s.agent(ctx, agent.Command{DN: in.DN, Verb: agent.VerbReady, Mode: agent.WorkMode(body.WorkMode)})
		})
	register(s, agentCommand(agent.VerbNotReady, "Make the agent not ready"),
		func(ctx context.Context, in *agentNotReadyInput) (*agentOutput, error) {
			body := orZero(in.Body)
			return s.agent(ctx, agent.Command{DN: in.DN, Verb: agent.VerbNotReady, Mode: agent.WorkMode(body.WorkMode), Reason: body.Reason})
		})
	register(s, agentCommand(agent.VerbAfterCallWork, "Begin or extend after-call work"),
		func(ctx context.Context, in *agentAfterCallWorkInput) (*agentOutput, error) {
			length := time.Duration(orZero(in.Body).Seconds) * time.Second
			return s.agent(ctx, agent.Command{DN: in.DN, Verb: agent.VerbAfterCallWork, For: length})
		})
	register(s, agentCommand(agent.VerbDNDOn, "Let callers find the DN busy"), s.plainAgentCommand(agent.VerbDNDOn))
	register(s, agentCommand(agent.VerbDNDOff, "Let the DN be called again"), s.plainAgentCommand(agent.VerbDNDOff))
	register(s, agentCommand(agent.VerbSetForward, "Send calls to the DN to another number"),
		func(ctx context.Context, in *agentForwardInput) (*agentOutput, error) {
			return s.agent(ctx, agent.Command{DN: in.DN, Verb: agent.VerbSetForward, To: in.Body.To})
		})
	register(s, agentCommand(agent.VerbCancelForward, "Let calls to the DN come to the DN again"), s.plainAgentCommand(agent.VerbCancelForward))
}

func agentCommand(verb agent.Verb, summary string) endpoint {
	id := string(verb) + "-agent"
	if verb == agent.VerbReady || verb == agent.VerbNotReady || verb == agent.VerbAfterCallWork {
		id = "agent-" + string(verb)
	}
	return endpoint{
		id: id, method: http.MethodPost, path: agentsPath + "/{dn}/" + string(verb), tag: "agents", verb: auth.VerbViewDNs, summary: summary,
		errors: []int{http.StatusNotFound, http.StatusConflict},
	}
}

func (s *server) plainAgentCommand(verb agent.Verb) func(context.Context, *agentInput) (*agentOutput, error) {
	return func(ctx context.Context, in *agentInput) (*agentOutput, error) {
		return s.agent(ctx, agent.Command{DN: in.DN, Verb: verb})
	}
}

func (s *server) listAgents(ctx context.Context, _ *struct{}) (*agentsOutput, error) {
	p := principalOf(ctx)
	views := slices.DeleteFunc(s.Agents.All(), func(v agent.View) bool { return !p.MaySeeDN(v.Number) })
	slices.SortFunc(views, func(a, b agent.View) int { // 999 before 5001
		return cmp.Or(cmp.Compare(len(a.Number), len(b.Number)), cmp.Compare(a.Number, b.Number))
	})
	out := &agentsOutput{Body: AgentList{Agents: make([]Agent, 0, len(views))}}
	for _, v := range views {
		out.Body.Agents = append(out.Body.Agents, agentOf(v))
	}
	return out, nil
}

func (s *server) getAgent(ctx context.Context, in *AgentPath) (*agentOutput, error) {
	if p := principalOf(ctx); !p.MaySeeDN(in.DN) {
		return nil, &auth.ForbiddenError{Verb: auth.VerbViewDNs, Role: p.Role, Field: "dn", DN: in.DN}
	}
	v, ok := s.Agents.View(in.DN)
	if !ok {
		return nil, agentProblem(agent.ErrUnknownDN)
	}
	return &agentOutput{Body: agentOf(v)}, nil
}

func (s *server) loginAgent(ctx context.Context, in *agentLoginInput) (*agentOutput, error) {
	p, body := principalOf(ctx), orZero(in.Body)
	if body.Force && !p.Can(auth.VerbActForOthers) {
		return nil, &auth.ForbiddenError{Verb: "force a login", Role: p.Role}
	}
	if !p.MayUseDN(in.DN) {
		return nil, &auth.ForbiddenError{Verb: auth.Verb(agent.VerbLogin), Role: p.Role, Field: "dn", DN: in.DN}
	}
	name, err := s.agentID(ctx, p, in.DN, body.AgentID)
	if err != nil {
		return nil, err
	}
	return s.agent(ctx, agent.Command{
		DN: in.DN, Verb: agent.VerbLogin, AgentID: name, Mode: agent.WorkMode(body.WorkMode), Force: body.Force,
	})
}

// agentID is the user who is to work at the DN, which must be one of the user's own: everybody for themselves, and a
// supervisor for the team.
func (s *server) agentID(ctx context.Context, p auth.Principal, dn, asked string) (string, error) {
	field := func(rule string) error { return &auth.FieldError{Field: "agentId", Rule: rule} }
	if _, own := slices.BinarySearch(p.DNs, dn); own && (asked == "" || strings.EqualFold(asked, p.User)) {
		return p.User, nil
	}
	switch {
	case asked == "":
		return "", field("must name the agent: the DN is not one of your own")
	case !p.Can(auth.VerbActForOthers):
		return "", field("must be your own name: only a supervisor logs in others")
	}
	u, err := s.Users.User(ctx, asked)
	switch {
	case errors.Is(err, auth.ErrUserNotFound):
		return "", field("must be the name of a user")
	case err != nil:
		return "", err
	case u.Disabled:
		return "", field("must be a user who is not disabled")
	case !slices.Contains(u.DNs, dn):
		return "", field("must be a user whose own the DN is")
	}
	return u.Name, nil
}

// agent lets those who may use the DN command the agent there.
func (s *server) agent(ctx context.Context, cmd agent.Command) (*agentOutput, error) {
	p := principalOf(ctx)
	if !p.MayUseDN(cmd.DN) {
		return nil, &auth.ForbiddenError{Verb: auth.Verb(cmd.Verb), Role: p.Role, Field: "dn", DN: cmd.DN}
	}
	if cmd.Verb == agent.VerbLogout && !slices.Contains(p.DNs, cmd.DN) {
		cmd.Reason = agent.ReasonForced
	}
	v, err := s.Agents.Do(cmd)
	if err != nil {
		err = agentProblem(err)
	}
	if !owns(p, bridge.DN(cmd.DN)) {
		detail := map[string]string{"agent": cmd.AgentID, "reason": cmd.Reason, "to": cmd.To}
		s.audit(ctx, "agent-"+string(cmd.Verb), cmd.DN, detail, err)
	}
	if err != nil {
		return nil, err
	}
	return &agentOutput{Body: agentOf(v)}, nil
}

// agentProblem says in the words of the API why a command was refused.
func agentProblem(err error) error {
	if e, ok := errors.AsType[*agent.FieldError](err); ok {
		return newProblem(http.StatusUnprocessableEntity, "invalid_field", e.Error()).at(e.Field, e.Rule)
	}
	if e, ok := errors.AsType[*agent.LoggedInError](err); ok {
		return newProblem(http.StatusConflict, "agent_logged_in", e.Error())
	}
	switch {
	case errors.Is(err, agent.ErrUnknownDN):
		return newProblem(http.StatusNotFound, "dn_not_found", errUnknownDN.Error()).at("dn", errUnknownDN.Error())
	case errors.Is(err, agent.ErrNotLoggedIn):
		p := newProblem(http.StatusConflict, "not_logged_in", err.Error())
		p.State = string(agent.LoggedOut)
		return p
	}
	return err
}

func agentOf(v agent.View) Agent {
	a := Agent{
		DN: v.Number, AgentID: v.Agent.AgentID, State: string(v.Agent.State), WorkMode: string(v.Agent.Mode), LoginMode: string(v.Agent.Login),
		Reason: v.Agent.Reason, Since: stamp(v.Agent.Since), Until: stamp(v.Agent.Until), DND: v.DND, ForwardTo: v.Forward,
		InService: v.InService, Activity: string(v.Activity), Reserved: v.Reserved, Calls: v.Calls,
		ReadySince: stamp(v.ReadySince), LastCallEnd: stamp(v.LastCallEnd), Capabilities: []string{},
	}
	for _, verb := range v.Verbs() {
		a.Capabilities = append(a.Capabilities, string(verb))
	}
	return a
}

func orZero[T any](body *T) T {
	if body == nil {
		return *new(T)
	}
	return *body
}
