package v3

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"sidecar/bridge"
)

// switchModes are the commands of a supervisor for the call that it listens to.
func switchModes() map[string]bridge.MonitorMode {
	return map[string]bridge.MonitorMode{
		"switch-to-listen-in": bridge.MonitorMute, "switch-to-coaching": bridge.MonitorCoach, "switch-to-barge-in": bridge.MonitorConnect,
	}
}

// startMonitoring supervises a DN from its present or next call on.
func (s *Server) startMonitoring(ctx context.Context, r *request) (*reply, error) {
	at, err := s.seatOf(r)
	if err != nil {
		return nil, err
	}
	d := &r.in.Data
	if d.PhoneNumberToMonitor == "" {
		return nil, missing()
	}
	cmd := bridge.Monitor{Supervisor: bridge.DN(at.dn), Target: bridge.DN(d.PhoneNumberToMonitor), Op: r.op}
	if cmd.Mode, err = oneOf("monitoringMode", d.MonitoringMode, bridge.MonitorMute, bridge.MonitorCoach, bridge.MonitorConnect); err != nil {
		return nil, err
	}
	if cmd.Scope, err = oneOf("monitoringScope", d.MonitoringScope, bridge.ScopeCall, bridge.ScopeAgent); err != nil {
		return nil, err
	}
	switch d.MonitoringNextCallType {
	case "", "OneCall":
		cmd.Next = bridge.MonitorOne
	case "AllCalls":
		cmd.Next = bridge.MonitorAll
	default:
		return nil, badParameter("monitoringNextCallType must be OneCall or AllCalls")
	}
	_, err = s.o.Access.Monitor(ctx, r.who, cmd)
	return nil, err
}

// oneOf reads a name of the API, such as Mute, as ours; none is the first.
func oneOf[T ~string](field, given string, known ...T) (T, error) {
	if given == "" {
		return known[0], nil
	}
	i := slices.IndexFunc(known, func(k T) bool { return strings.EqualFold(string(k), given) })
	if i < 0 {
		names := make([]string, len(known))
		for n, k := range known {
			names[n] = capital(string(k))
		}
		return known[0], badParameter(field + " must be one of " + strings.Join(names, ", "))
	}
	return known[i], nil
}

// stopMonitoring ends the supervisions of a DN that the user's DN began.
func (s *Server) stopMonitoring(ctx context.Context, r *request) (*reply, error) {
	at, err := s.seatOf(r)
	if err != nil {
		return nil, err
	}
	number := r.in.Data.PhoneNumber
	if number == "" {
		return nil, missing()
	}
	found := false
	for _, m := range s.o.Access.Monitors(r.who, "") {
		if m.Supervisor != at.dn || string(m.Target) != number {
			continue
		}
		found = true
		s.operations.expect(r.id, r.started, effect{user: r.who.ID(), dn: at.dn, event: string(bridge.EventMonitoringCancelled)})
		if _, err = s.o.Access.StopMonitor(ctx, r.who, m.ID); err != nil {
			return nil, err
		}
	}
	if !found {
		return nil, &refusal{http.StatusInternalServerError, http.StatusInternalServerError, "no supervision of " + number + " by " + at.dn}
	}
	return nil, nil //nolint:nilnil // accepted
}

// switchMonitoring changes whom the supervisor's voice reaches.
func (s *Server) switchMonitoring(ctx context.Context, r *request, at seat, mode bridge.MonitorMode) (*reply, error) {
	if _, err := oneOf("monitoringScope", r.in.Data.MonitoringScope, bridge.ScopeCall, bridge.ScopeAgent); err != nil {
		return nil, err
	}
	v, _, err := s.find(r.who, at, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	for _, m := range s.o.Access.Monitors(r.who, v.ID) {
		if m.Supervisor == at.dn {
			s.expectCall(r, at.dn, v.ID, bridge.EventPrivateInfo)
			_, err = s.o.Access.SwitchMonitor(ctx, r.who, m.ID, mode)
			return nil, err
		}
	}
	return nil, &refusal{http.StatusConflict, http.StatusConflict, "only who supervises the call can: start-monitoring comes first"}
}
