package api

import (
	"cmp"
	"context"
	"net/http"

	"sidecar/auth"
	"sidecar/bridge"
)

// Monitor is a supervision as supervisors see it.
type Monitor struct {
	ID         string `json:"id"`
	Supervisor string `json:"supervisor" doc:"DN or number of the phone that listens"`
	Target     string `json:"target" doc:"The DN that is supervised"`
	Mode       string `json:"mode" enum:"mute,coach,connect" doc:"Whom the supervisor's voice reaches: nobody, the agent, everybody"`
	Scope      string `json:"scope" enum:"call,agent" doc:"Whether it stays with the call or with the agent"`
	Next       string `json:"next" enum:"one,all" doc:"How many calls of the agent"`
	Call       string `json:"call,omitempty" doc:"Missing while it waits for one"`
	State      string `json:"state" enum:"waiting,ringing,active,ended"`
	By         string `json:"by" doc:"The user who asked for it"`
	Since      string `json:"since" format:"date-time"`
}

// MonitorList is the list of supervisions.
type MonitorList struct {
	Monitors []Monitor `json:"monitors" nullable:"false"`
}

// MonitorRequest begins a supervision.
type MonitorRequest struct {
	Supervisor       string `json:"supervisor,omitempty" maxLength:"32" doc:"The DN whose phone is called; without it and supervisorNumber: the user's only DN" example:"5010"`
	SupervisorNumber string `json:"supervisorNumber,omitempty" maxLength:"64" pattern:"^[0-9A-Za-z+*#(). /_-]+$" patternDescription:"a number" doc:"The outside number that is called instead"`
	Target           string `json:"target,omitempty" maxLength:"32" doc:"The DN to supervise" example:"5001"`
	Call             string `json:"call,omitempty" maxLength:"64" doc:"The call to supervise; with target: only while that DN is in it"`
	Mode             string `json:"mode,omitempty" enum:"mute,coach,connect" default:"mute" doc:"Whom the supervisor's voice reaches: nobody, the agent, everybody"`
	Scope            string `json:"scope,omitempty" enum:"call,agent" default:"call" doc:"Whether it stays with the call or with the agent"`
	Next             string `json:"next,omitempty" enum:"one,all" default:"one" doc:"How many calls of the agent; a target without a call is supervised from its next one on"`
}

// ModeRequest changes the mode of a supervision.
type ModeRequest struct {
	Mode string `json:"mode" enum:"mute,coach,connect"`
}

// MonitorPath names a supervision.
type MonitorPath struct {
	ID string `path:"id" maxLength:"64"`
}

type (
	monitorsOutput struct{ Body MonitorList }
	monitorOutput  struct{ Body Monitor }
	monitorInput   struct {
		OperationID
		Body MonitorRequest
	}
	modeInput struct {
		MonitorPath
		Body ModeRequest
	}
	startedMonitor struct {
		Location string `header:"Location"`
		Body     Monitor
	}
)

const monitorsPath = "/api/v1/monitors"

func (s *server) registerSupervision() {
	failures := []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusNotImplemented}
	add := func(id, method, path, summary string) endpoint {
		return endpoint{id: id, method: method, path: monitorsPath + path, tag: "supervision", verb: auth.VerbSupervise, summary: summary}
	}
	register(s, add("list-monitors", http.MethodGet, "", "List the supervisions of the DNs that the user sees"), s.listMonitors)
	start := add("start-monitor", http.MethodPost, "", "Supervise a DN or a call: listen, coach or barge in")
	start.status, start.errors = http.StatusCreated, failures[1:]
	register(s, start, s.startMonitor)
	mode := add("switch-monitor", http.MethodPost, "/{id}/mode", "Switch between listening, coaching and barging in")
	mode.errors = failures
	register(s, mode, s.switchMonitor)
	stop := add("stop-monitor", http.MethodDelete, "/{id}", "End a supervision")
	stop.status, stop.errors = http.StatusOK, failures
	register(s, stop, s.stopMonitor)
}

func (s *server) listMonitors(ctx context.Context, _ *struct{}) (*monitorsOutput, error) {
	return &monitorsOutput{Body: MonitorList{Monitors: s.monitors(principalOf(ctx), "")}}, nil
}

func (s *server) startMonitor(ctx context.Context, in *monitorInput) (*startedMonitor, error) {
	p := principalOf(ctx)
	cmd, err := s.monitorCommand(p, &in.Body)
	if err != nil {
		return nil, err
	}
	cmd.Op = bridge.OpID(in.Op)
	v, err := s.Engine.Monitor(ctx, cmd)
	s.audit(ctx, "start-monitor", cmp.Or(string(cmd.Target), string(cmd.Call)), map[string]string{
		"supervisor": string(cmd.Supervisor) + cmd.SupervisorNumber, "call": string(cmd.Call),
		"mode": string(cmd.Mode), "scope": string(cmd.Scope), "next": string(cmd.Next), "monitor": string(v.ID),
	}, err)
	if err != nil {
		return nil, aboutMonitor(err, cmd)
	}
	if in.Op != "" && !seesMonitor(p, v) {
		return nil, errOpTaken
	}
	return &startedMonitor{Location: monitorsPath + "/" + string(v.ID), Body: monitorOf(v)}, nil
}

// monitorCommand checks whom the user may supervise, and with which phone.
func (s *server) monitorCommand(p auth.Principal, r *MonitorRequest) (bridge.Monitor, error) {
	cmd := bridge.Monitor{
		Supervisor: bridge.DN(r.Supervisor), SupervisorNumber: r.SupervisorNumber, Class: s.class(p),
		Target: bridge.DN(r.Target), Call: bridge.CallID(r.Call), By: p.User,
		Mode: bridge.MonitorMode(r.Mode), Scope: bridge.MonitorScope(r.Scope), Next: bridge.MonitorNext(r.Next),
	}
	if err := s.monitorPhone(p, &cmd); err != nil {
		return cmd, err
	}
	return cmd, s.monitorTarget(p, &cmd)
}

// monitorPhone finds the phone that is called for the supervisor.
func (s *server) monitorPhone(p auth.Principal, cmd *bridge.Monitor) error {
	switch {
	case cmd.Supervisor != "" && cmd.SupervisorNumber != "":
		return invalid("supervisorNumber", "must be missing when supervisor is given")
	case cmd.SupervisorNumber != "":
		return nil
	case cmd.Supervisor == "" && len(p.DNs) == 1:
		cmd.Supervisor = bridge.DN(p.DNs[0])
	case cmd.Supervisor == "":
		return invalid("supervisor", "is missing: name the DN or supervisorNumber, since you have not one DN of your own")
	}
	if !p.MayUseDN(string(cmd.Supervisor)) {
		return &auth.ForbiddenError{Verb: auth.VerbSupervise, Role: p.Role, Field: "supervisor", DN: string(cmd.Supervisor)}
	}
	return s.knownDN("supervisor", string(cmd.Supervisor))
}

// monitorTarget finds the DN that is supervised: the named one, or the only one in the call that the user sees.
func (s *server) monitorTarget(p auth.Principal, cmd *bridge.Monitor) error {
	switch {
	case cmd.Target == "" && cmd.Call == "":
		return invalid("target", "is missing: name the DN or the call to supervise")
	case cmd.Target != "" && !p.MaySeeDN(string(cmd.Target)):
		return &auth.ForbiddenError{Verb: auth.VerbSupervise, Role: p.Role, Field: "target", DN: string(cmd.Target)}
	case cmd.Target != "" && cmd.Target == cmd.Supervisor:
		return invalid("target", "must not be the supervisor's own DN")
	}
	if cmd.Target != "" {
		if err := s.knownDN("target", string(cmd.Target)); err != nil {
			return err
		}
	}
	if cmd.Call == "" {
		return nil
	}
	v, found := s.Engine.Call(cmd.Call)
	if !found || !sees(p, v) {
		return newProblem(http.StatusUnprocessableEntity, "call_not_found", "call: "+bridge.ErrCallNotFound.Error()).
			at("call", bridge.ErrCallNotFound.Error())
	}
	if cmd.Target != "" && !v.Has(cmd.Target) {
		return newProblem(http.StatusUnprocessableEntity, "not_a_party", "target: "+bridge.ErrNotAParty.Error()).
			at("target", bridge.ErrNotAParty.Error())
	}
	return soleTarget(p, v, cmd)
}

// soleTarget names the DN of a call that was named alone.
func soleTarget(p auth.Principal, v bridge.CallView, cmd *bridge.Monitor) error {
	if cmd.Target != "" {
		return nil
	}
	for _, party := range v.Parties {
		switch {
		case party.DN == "" || party.State == bridge.PartyReleased || party.DN == cmd.Supervisor || !p.MaySeeDN(string(party.DN)):
		case cmd.Target != "":
			return newProblem(http.StatusUnprocessableEntity, "ambiguous_party", "target: several DNs are in this call: name the one to supervise").
				at("target", "must be given, since several DNs are in this call")
		default:
			cmd.Target = party.DN
		}
	}
	return nil
}

func (s *server) switchMonitor(ctx context.Context, in *modeInput) (*monitorOutput, error) {
	before, err := s.monitor(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	v, err := s.Engine.SwitchMonitor(ctx, before.ID, bridge.MonitorMode(in.Body.Mode))
	s.audit(ctx, "switch-monitor", string(before.Target), map[string]string{"monitor": in.ID, "from": string(before.Mode), "mode": in.Body.Mode}, err)
	if err != nil {
		return nil, err
	}
	return &monitorOutput{Body: monitorOf(v)}, nil
}

func (s *server) stopMonitor(ctx context.Context, in *MonitorPath) (*monitorOutput, error) {
	before, err := s.monitor(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	v, err := s.Engine.StopMonitor(ctx, before.ID)
	s.audit(ctx, "stop-monitor", string(before.Target), map[string]string{"monitor": in.ID, "call": string(before.Call)}, err)
	if err != nil {
		return nil, err
	}
	return &monitorOutput{Body: monitorOf(v)}, nil
}

// monitor finds a supervision that the user sees.
func (s *server) monitor(ctx context.Context, id string) (bridge.MonitorView, error) {
	for _, m := range s.Engine.Monitors() {
		if m.ID == bridge.MonitorID(id) && seesMonitor(principalOf(ctx), m) {
			return m, nil
		}
	}
	return bridge.MonitorView{}, bridge.ErrMonitorNotFound
}

// monitors are the supervisions that p sees, of one call or (when call is empty) of all.
func (s *server) monitors(p auth.Principal, call bridge.CallID) []Monitor {
	out := []Monitor{}
	if !p.Can(auth.VerbSupervise) {
		return out
	}
	for _, m := range s.Engine.Monitors() {
		if seesMonitor(p, m) && (call == "" || m.Call == call) {
			out = append(out, monitorOf(m))
		}
	}
	return out
}

// seesMonitor reports whether it is about a DN that p sees. Agents see no supervision at all.
func seesMonitor(p auth.Principal, m bridge.MonitorView) bool {
	return p.Can(auth.VerbSupervise) && p.MaySeeDN(string(m.Target))
}

func monitorOf(v bridge.MonitorView) Monitor {
	return Monitor{
		ID: string(v.ID), Supervisor: v.Supervisor, Target: string(v.Target), Mode: string(v.Mode), Scope: string(v.Scope),
		Next: string(v.Next), Call: string(v.Call), State: string(v.State), By: v.By, Since: stamp(v.Since),
	}
}
