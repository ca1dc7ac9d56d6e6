package access

import (
	"cmp"
	"context"

	"sidecar/auth"
	"sidecar/bridge"
)

// Monitors are the supervisions that p sees, of one call or (when call is empty) of all.
func (a *Access) Monitors(p auth.Principal, call bridge.CallID) []bridge.MonitorView {
	if !p.Can(auth.VerbSupervise) {
		return nil
	}
	var out []bridge.MonitorView
	for _, m := range a.o.Engine.Monitors() {
		if SeesMonitor(p, m) && (call == "" || m.Call == call) {
			out = append(out, m)
		}
	}
	return out
}

// Monitor begins a supervision. Without Supervisor and SupervisorNumber the user's only DN is called; without Target the
// only DN in Call that the user sees is supervised. Class and By are not looked at.
func (a *Access) Monitor(ctx context.Context, p auth.Principal, cmd bridge.Monitor) (bridge.MonitorView, error) {
	if !p.Can(auth.VerbSupervise) {
		return bridge.MonitorView{}, &auth.ForbiddenError{Verb: auth.VerbSupervise, Role: p.Role}
	}
	cmd.Class, cmd.By = a.Class(p), p.User
	err := a.monitorPhone(p, &cmd)
	if err == nil {
		err = a.monitorTarget(p, &cmd)
	}
	if err != nil {
		return bridge.MonitorView{}, err
	}
	cmd.Op = cmd.Op.For(p.ID(), cmd)
	v, err := a.o.Engine.Monitor(ctx, cmd)
	a.Record(ctx, p, "start-monitor", cmp.Or(string(cmd.Target), string(cmd.Call)), map[string]string{
		"supervisor": string(cmd.Supervisor) + cmd.SupervisorNumber, "call": string(cmd.Call),
		"mode": string(cmd.Mode), "scope": string(cmd.Scope), "next": string(cmd.Next), "monitor": string(v.ID),
	}, err)
	if err != nil {
		return bridge.MonitorView{}, aboutMonitor(err, cmd)
	}
	if cmd.Op != "" && !SeesMonitor(p, v) {
		return bridge.MonitorView{}, ErrOpTaken
	}
	return v, nil
}

// SwitchMonitor changes whom the supervisor's voice reaches.
func (a *Access) SwitchMonitor(ctx context.Context, p auth.Principal, id bridge.MonitorID, mode bridge.MonitorMode) (bridge.MonitorView, error) {
	before, err := a.monitor(p, id)
	if err != nil {
		return bridge.MonitorView{}, err
	}
	v, err := a.o.Engine.SwitchMonitor(ctx, id, mode)
	a.Record(ctx, p, "switch-monitor", string(before.Target), map[string]string{"monitor": string(id), "from": string(before.Mode), "mode": string(mode)}, err)
	return v, err
}

// StopMonitor ends a supervision.
func (a *Access) StopMonitor(ctx context.Context, p auth.Principal, id bridge.MonitorID) (bridge.MonitorView, error) {
	before, err := a.monitor(p, id)
	if err != nil {
		return bridge.MonitorView{}, err
	}
	v, err := a.o.Engine.StopMonitor(ctx, id)
	a.Record(ctx, p, "stop-monitor", string(before.Target), map[string]string{"monitor": string(id), "call": string(before.Call)}, err)
	return v, err
}

// monitor finds a supervision that the user sees.
func (a *Access) monitor(p auth.Principal, id bridge.MonitorID) (bridge.MonitorView, error) {
	if !p.Can(auth.VerbSupervise) {
		return bridge.MonitorView{}, &auth.ForbiddenError{Verb: auth.VerbSupervise, Role: p.Role}
	}
	for _, m := range a.o.Engine.Monitors() {
		if m.ID == id && SeesMonitor(p, m) {
			return m, nil
		}
	}
	return bridge.MonitorView{}, bridge.ErrMonitorNotFound
}

// monitorPhone finds the phone that is called for the supervisor.
func (a *Access) monitorPhone(p auth.Principal, cmd *bridge.Monitor) error {
	switch {
	case cmd.Supervisor != "" && cmd.SupervisorNumber != "":
		return &auth.FieldError{Field: "supervisorNumber", Rule: "must be missing when supervisor is given"}
	case cmd.SupervisorNumber != "":
		return nil
	case cmd.Supervisor == "" && len(p.DNs) == 1:
		cmd.Supervisor = bridge.DN(p.DNs[0])
	case cmd.Supervisor == "":
		return &auth.FieldError{Field: "supervisor", Rule: "is missing: name the DN or supervisorNumber, since you have not one DN of your own"}
	}
	if !p.MayUseDN(string(cmd.Supervisor)) {
		return &auth.ForbiddenError{Verb: auth.VerbSupervise, Role: p.Role, Field: "supervisor", DN: string(cmd.Supervisor)}
	}
	return a.KnownDN("supervisor", string(cmd.Supervisor))
}

// monitorTarget finds the DN that is supervised: the named one, or the only one in the call that the user sees.
func (a *Access) monitorTarget(p auth.Principal, cmd *bridge.Monitor) error {
	switch {
	case cmd.Target == "" && cmd.Call == "":
		return &auth.FieldError{Field: "target", Rule: "is missing: name the DN or the call to supervise"}
	case cmd.Target != "" && !p.MaySeeDN(string(cmd.Target)):
		return &auth.ForbiddenError{Verb: auth.VerbSupervise, Role: p.Role, Field: "target", DN: string(cmd.Target)}
	case cmd.Target != "" && cmd.Target == cmd.Supervisor:
		return &auth.FieldError{Field: "target", Rule: "must not be the supervisor's own DN"}
	}
	if cmd.Target != "" {
		if err := a.KnownDN("target", string(cmd.Target)); err != nil {
			return err
		}
	}
	if cmd.Call == "" {
		return nil
	}
	v, found := a.o.Engine.Call(cmd.Call)
	switch {
	case !found:
		return &FieldError{Field: "call", Err: a.unknown(p, cmd.Call)}
	case !Sees(p, v):
		return &FieldError{Field: "call", Err: bridge.ErrCallNotFound}
	}
	if cmd.Target != "" && !v.Has(cmd.Target) {
		return &FieldError{Field: "target", Err: bridge.ErrNotAParty}
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
			return &FieldError{Field: "target", Rule: "must be given, since several DNs are in this call", Err: bridge.ErrAmbiguousParty}
		default:
			cmd.Target = party.DN
		}
	}
	return nil
}
