package api

import (
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
	failures := []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
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
	r := &in.Body
	v, err := s.access.Monitor(ctx, principalOf(ctx), bridge.Monitor{
		Supervisor: bridge.DN(r.Supervisor), SupervisorNumber: r.SupervisorNumber, Target: bridge.DN(r.Target), Call: bridge.CallID(r.Call),
		Mode: bridge.MonitorMode(r.Mode), Scope: bridge.MonitorScope(r.Scope), Next: bridge.MonitorNext(r.Next), Op: bridge.OpID(in.Op),
	})
	if err != nil {
		return nil, err
	}
	return &startedMonitor{Location: monitorsPath + "/" + string(v.ID), Body: monitorOf(v)}, nil
}

func (s *server) switchMonitor(ctx context.Context, in *modeInput) (*monitorOutput, error) {
	v, err := s.access.SwitchMonitor(ctx, principalOf(ctx), bridge.MonitorID(in.ID), bridge.MonitorMode(in.Body.Mode))
	if err != nil {
		return nil, err
	}
	return &monitorOutput{Body: monitorOf(v)}, nil
}

func (s *server) stopMonitor(ctx context.Context, in *MonitorPath) (*monitorOutput, error) {
	v, err := s.access.StopMonitor(ctx, principalOf(ctx), bridge.MonitorID(in.ID))
	if err != nil {
		return nil, err
	}
	return &monitorOutput{Body: monitorOf(v)}, nil
}

// monitors are the supervisions that p sees, of one call or (when call is empty) of all.
func (s *server) monitors(p auth.Principal, call bridge.CallID) []Monitor {
	out := []Monitor{}
	for _, m := range s.access.Monitors(p, call) {
		out = append(out, monitorOf(m))
	}
	return out
}

func monitorOf(v bridge.MonitorView) Monitor {
	return Monitor{
		ID: string(v.ID), Supervisor: v.Supervisor, Target: string(v.Target), Mode: string(v.Mode), Scope: string(v.Scope),
		Next: string(v.Next), Call: string(v.Call), State: string(v.State), By: v.By, Since: stamp(v.Since),
	}
}
