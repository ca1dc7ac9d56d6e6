package api

import (
	"context"
	"net/http"
	"time"

	"sidecar/access"
	"sidecar/agent"
	"sidecar/auth"
)

// Agents gives the agents' states and takes their commands.
type Agents = access.Agents

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
	views := s.access.Agents(principalOf(ctx))
	out := &agentsOutput{Body: AgentList{Agents: make([]Agent, 0, len(views))}}
	for _, v := range views {
		out.Body.Agents = append(out.Body.Agents, agentOf(v))
	}
	return out, nil
}

func (s *server) getAgent(ctx context.Context, in *AgentPath) (*agentOutput, error) {
	v, err := s.access.Agent(principalOf(ctx), in.DN)
	if err != nil {
		return nil, err
	}
	return &agentOutput{Body: agentOf(v)}, nil
}

func (s *server) loginAgent(ctx context.Context, in *agentLoginInput) (*agentOutput, error) {
	body := orZero(in.Body)
	return s.agent(ctx, agent.Command{
		DN: in.DN, Verb: agent.VerbLogin, AgentID: body.AgentID, Mode: agent.WorkMode(body.WorkMode), Force: body.Force,
	})
}

func (s *server) agent(ctx context.Context, cmd agent.Command) (*agentOutput, error) {
	v, err := s.access.Command(ctx, principalOf(ctx), cmd)
	if err != nil {
		return nil, err
	}
	return &agentOutput{Body: agentOf(v)}, nil
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
