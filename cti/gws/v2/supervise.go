package v2

import (
	"cmp"
	"errors"

	"sidecar/access"
	"sidecar/agent"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti/gws"
)

func (s *Server) deviceOperation(r *gws.Request) (any, error) {
	o, err := readOperation(r)
	if err != nil {
		return nil, err
	}
	v, err := s.owned(r, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	cmd := agent.Command{DN: v.Number}
	switch o.OperationName {
	case "DoNotDisturbOn":
		cmd.Verb = agent.VerbDNDOn
	case "DoNotDisturbOff":
		cmd.Verb = agent.VerbDNDOff
	case "ForwardCallsOff":
		cmd.Verb = agent.VerbCancelForward
	case "ForwardCallsOn":
		cmd.Verb, cmd.To = agent.VerbSetForward, o.Destination.PhoneNumber
		if err = access.Number("destination.phoneNumber", cmd.To); err != nil {
			return nil, err
		}
	default:
		return status{}, s.supervise(r, o, v.Number)
	}
	_, err = s.o.Access.Command(r.Context(), r.Login.Principal, cmd)
	return status{}, err
}

// supervise does the operations of supervisors. One who supervises the target already changes to the other mode.
func (s *Server) supervise(r *gws.Request, o *operation, own string) error {
	p := r.Login.Principal
	cmd := bridge.Monitor{Supervisor: bridge.DN(own), Scope: bridge.ScopeCall, Next: bridge.MonitorAll}
	switch o.OperationName {
	case "ListenIn":
		cmd.Mode = bridge.MonitorMute
	case "Coach":
		cmd.Mode = bridge.MonitorCoach
	case "BargeIn":
		cmd.Mode = bridge.MonitorConnect
	case "CancelSupervisorMonitoring":
	default:
		return unknownOperation(o.OperationName)
	}
	if !p.Can(auth.VerbSupervise) {
		return &auth.ForbiddenError{Verb: auth.VerbSupervise, Role: p.Role}
	}
	target, err := s.target(p, o)
	if err != nil && !(cmd.Mode == "" && access.Missing(err)) { // who cancels may mean all
		return err
	}
	if cmd.Mode == "" {
		return s.cancel(r, own, target)
	}
	for _, m := range s.o.Access.Monitors(p, "") {
		if m.Supervisor == own && string(m.Target) == target && m.State != bridge.MonitorEnded {
			_, err = s.o.Access.SwitchMonitor(r.Context(), p, m.ID, cmd.Mode)
			return err
		}
	}
	switch o.SupervisorMonitoringScope {
	case "", "Call":
	case "Agent":
		cmd.Scope = bridge.ScopeAgent
	default:
		return &auth.FieldError{Field: "supervisorMonitoringScope", Rule: "must be Call or Agent"}
	}
	switch o.SupervisorMonitoringMode {
	case "", "AllCalls":
	case "NextCall":
		cmd.Next = bridge.MonitorOne
	default:
		return &auth.FieldError{Field: "supervisorMonitoringMode", Rule: "must be NextCall or AllCalls"}
	}
	cmd.Target = bridge.DN(target)
	_, err = s.o.Access.Monitor(r.Context(), p, cmd)
	return err
}

// target is the DN that is to be supervised, by number or by the address of its device.
func (s *Server) target(p auth.Principal, o *operation) (string, error) {
	if number := cmp.Or(o.PhoneNumber, o.Destination.PhoneNumber); number != "" {
		return number, access.Number("phoneNumber", number)
	}
	if o.TargetDeviceURI == "" {
		return "", &auth.FieldError{Field: "targetDeviceUri", Rule: "is missing: name the device, or its phoneNumber"}
	}
	for _, v := range s.o.Access.Agents(p) {
		if DeviceID(v.Number) == lastOf(o.TargetDeviceURI) {
			return v.Number, nil
		}
	}
	return "", errNotFound
}

// cancel ends the supervisions of a device, of one target or of all.
func (s *Server) cancel(r *gws.Request, own, target string) error {
	p := r.Login.Principal
	found := false
	for _, m := range s.o.Access.Monitors(p, "") {
		if m.Supervisor != own || target != "" && string(m.Target) != target || m.State == bridge.MonitorEnded {
			continue
		}
		found = true
		if _, err := s.o.Access.StopMonitor(r.Context(), p, m.ID); err != nil && !errors.Is(err, bridge.ErrMonitorNotFound) {
			return err
		}
	}
	if !found {
		return bridge.ErrMonitorNotFound
	}
	return nil
}
