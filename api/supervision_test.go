package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/api"
	"sidecar/auth"
	"sidecar/bridge"
)

// monitorRig has supervisions of 5001 (red) and 5002 (blue).
func monitorRig(t *testing.T) (r *rig, got *[]any) {
	t.Helper()
	r, got = newRig(t), &[]any{}
	view := bridge.MonitorView{
		ID: "M1", Supervisor: "5010", Target: "5001", Mode: bridge.MonitorMute, Scope: bridge.ScopeCall, Next: bridge.MonitorOne,
		Call: "C", State: bridge.MonitorActive, By: "boss", Since: time.UnixMilli(1700000000123),
	}
	other := view
	other.ID, other.Target = "M2", "5002"
	r.engine.monitors = []bridge.MonitorView{view, other}
	r.engine.monitor = func(cmd any) (bridge.MonitorView, error) {
		*got = append(*got, cmd)
		return view, r.err
	}
	return r, got
}

func TestStartMonitor(t *testing.T) {
	t.Parallel()
	r, got := monitorRig(t)
	usual := bridge.Monitor{
		Supervisor: "5010", Class: "wide", Target: "5001", By: "boss", Op: "op",
		Mode: bridge.MonitorMute, Scope: bridge.ScopeCall, Next: bridge.MonitorOne,
	}
	change := func(edit func(m *bridge.Monitor)) bridge.Monitor {
		m := usual
		edit(&m)
		return m
	}
	for body, want := range map[string]bridge.Monitor{
		`{"target": "5001"}`: usual,
		`{"target": "5001", "supervisor": "5010", "mode": "coach", "scope": "agent", "next": "all"}`: change(func(m *bridge.Monitor) {
			m.Mode, m.Scope, m.Next = bridge.MonitorCoach, bridge.ScopeAgent, bridge.MonitorAll
		}),
		`{"target": "5001", "supervisorNumber": "+49 170 1"}`: change(func(m *bridge.Monitor) { m.Supervisor, m.SupervisorNumber = "", "+49 170 1" }),
		`{"call": "C"}`:                   change(func(m *bridge.Monitor) { m.Call = "C" }), // 5002 is not of the team
		`{"call": "C", "target": "5001"}`: change(func(m *bridge.Monitor) { m.Call = "C" }),
	} {
		a := r.send("POST", "/api/v1/monitors", r.boss, body, "Operation-Id", "op")
		require.Equal(t, http.StatusCreated, a.status, a.body)
		require.Equal(t, "/api/v1/monitors/M1", a.header.Get("Location"))
		require.JSONEq(t, `{"id": "M1", "supervisor": "5010", "target": "5001", "mode": "mute", "scope": "call", "next": "one", "call": "C",
			"state": "active", "by": "boss", "since": "2023-11-14T22:13:20.123Z"}`, a.body)
		require.Equal(t, []any{want}, *got, body)
		*got = nil
		entries := r.audit.take()
		require.Len(t, entries, 1)
		require.Equal(t, []string{"boss", "start-monitor", "5001"}, []string{entries[0].Actor, entries[0].Action, entries[0].Subject})
		require.Equal(t, "done", entries[0].Detail["result"])
		require.Equal(t, string(want.Mode), entries[0].Detail["mode"])
	}
}

func TestStartMonitorRefused(t *testing.T) {
	t.Parallel()
	r, got := monitorRig(t)
	long := strings.Repeat("5", 65)
	for _, c := range []struct {
		token, body string
		status      int
		code, field string
	}{
		{r.agent, `{"target": "5001"}`, 403, "forbidden", ""},
		{r.boss, `{"target": "5002"}`, 403, "forbidden", "target"},
		{r.boss, `{"target": "5001", "supervisor": "5002"}`, 403, "forbidden", "supervisor"},
		{r.boss, `{}`, 422, "invalid_field", "target"},
		{r.boss, `{"target": "5010"}`, 422, "invalid_field", "target"},
		{r.boss, `{"target": "5001", "supervisor": "5010", "supervisorNumber": "030"}`, 422, "invalid_field", "supervisorNumber"},
		{r.admin, `{"target": "5001"}`, 422, "invalid_field", "supervisor"},
		{r.admin, `{"target": "6001", "supervisor": "5010"}`, 422, "unknown_dn", "target"},
		{r.admin, `{"target": "5001", "supervisor": "6001"}`, 422, "unknown_dn", "supervisor"},
		{r.admin, `{"call": "C", "supervisor": "5010"}`, 422, "ambiguous_party", "target"},
		{r.admin, `{"call": "D", "target": "5002", "supervisor": "5010"}`, 422, "not_a_party", "target"},
		{r.boss, `{"call": "FOREIGN"}`, 422, "call_not_found", "call"},
		{r.boss, `{"call": "NONE", "target": "5001"}`, 422, "call_not_found", "call"},
		{r.boss, `{"target": "5001", "mode": "shout"}`, 422, "invalid_field", "mode"},
		{r.boss, `{"target": "5001", "scope": "all"}`, 422, "invalid_field", "scope"},
		{r.boss, `{"target": "5001", "next": 2}`, 422, "invalid_field", "next"},
		{r.boss, `{"target": "` + long + `"}`, 422, "invalid_field", "target"},
		{r.boss, `{"target": "5001", "supervisorNumber": "` + long + `"}`, 422, "invalid_field", "supervisorNumber"},
		{r.boss, `{"target": "5001", "supervisorNumber": "a@b"}`, 422, "invalid_field", "supervisorNumber"},
		{r.boss, `{"target": 5001}`, 422, "invalid_field", "target"},
		{r.boss, `{"target": "5001", "dn": "5001"}`, 422, "invalid_field", "dn"},
	} {
		p := r.send("POST", "/api/v1/monitors", c.token, c.body).problem(c.status, c.code)
		require.Equal(t, c.field, p.Field, c.body)
	}
	require.Empty(t, *got)
}

func TestMonitorErrorsNameThePhone(t *testing.T) {
	t.Parallel()
	r, _ := monitorRig(t)
	for _, c := range []struct {
		body  string
		err   error
		code  string
		field string
	}{
		{`{"target": "5001"}`, &bridge.TargetError{Number: "5010", Rule: "registration", Why: "no phone", Unreachable: true}, "unreachable", "supervisor"},
		{`{"target": "5001", "supervisorNumber": "030"}`, &bridge.TargetError{Number: "030", Rule: "trunk", Why: "full", Unreachable: true}, "unreachable", "supervisorNumber"},
		{`{"target": "5001"}`, &bridge.TargetError{Number: "5001", Rule: "registration", Why: "no phone", Unreachable: true}, "unreachable", "target"},
		{`{"target": "5001"}`, &bridge.StateError{Verb: "monitor", State: bridge.PartyHeld, Why: "done by the SIP Server"}, "state_conflict", ""},
	} {
		r.err = c.err
		p := r.send("POST", "/api/v1/monitors", r.boss, c.body).problem(http.StatusConflict, c.code)
		require.Equal(t, c.field, p.Field)
		require.Equal(t, c.code, r.audit.take()[0].Detail["result"], "an attempt is recorded too")
	}
}

func TestSwitchAndStopMonitor(t *testing.T) {
	t.Parallel()
	r, got := monitorRig(t)
	a := r.send("POST", "/api/v1/monitors/M1/mode", r.boss, `{"mode": "coach"}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Equal(t, http.StatusOK, r.send("DELETE", "/api/v1/monitors/M1", r.boss, "").status)
	require.Equal(t, []any{switched{"M1", bridge.MonitorCoach}, stopped{"M1"}}, *got)
	entries := r.audit.take()
	require.Equal(t, "switch-monitor", entries[0].Action)
	require.Equal(t, map[string]string{"monitor": "M1", "from": "mute", "mode": "coach", "result": "done"}, entries[0].Detail)
	require.Equal(t, []string{"stop-monitor", "5001"}, []string{entries[1].Action, entries[1].Subject})
	*got = nil

	for _, id := range []string{"M2", "NONE"} { // that of another team is not there either
		p := r.send("POST", "/api/v1/monitors/"+id+"/mode", r.boss, `{"mode": "coach"}`).problem(http.StatusNotFound, "monitor_not_found")
		require.Equal(t, "id", p.Field)
		r.send("DELETE", "/api/v1/monitors/"+id, r.boss, "").problem(http.StatusNotFound, "monitor_not_found")
	}
	r.send("POST", "/api/v1/monitors/M1/mode", r.agent, `{"mode": "mute"}`).problem(http.StatusForbidden, "forbidden")
	r.send("DELETE", "/api/v1/monitors/M1", r.agent, "").problem(http.StatusForbidden, "forbidden")
	for body, field := range map[string]string{`{}`: "mode", `{"mode": "x"}`: "mode", `{"mode": 1}`: "mode", `{"mode": "mute", "x": 1}`: "x"} {
		p := r.send("POST", "/api/v1/monitors/M1/mode", r.boss, body).problem(http.StatusUnprocessableEntity, "invalid_field")
		require.Equal(t, field, p.Field)
	}
	require.Empty(t, *got)
	for _, err := range []error{bridge.ErrMonitorNotFound, bridge.ErrMonitorField, bridge.ErrSwitchUnavailable} {
		r.err = err
		require.GreaterOrEqual(t, r.send("DELETE", "/api/v1/monitors/M1", r.boss, "").status, 400)
		require.NotEqual(t, "done", r.audit.take()[0].Detail["result"])
	}
}

func TestMonitorsThatAUserSees(t *testing.T) {
	t.Parallel()
	r, _ := monitorRig(t)
	ids := func(list []api.Monitor) string {
		var out []string
		for _, m := range list {
			out = append(out, m.ID)
		}
		return strings.Join(out, " ")
	}
	for token, want := range map[string]string{r.boss: "M1", r.admin: "M1 M2"} {
		var list api.MonitorList
		require.NoError(t, json.Unmarshal([]byte(r.send("GET", "/api/v1/monitors", token, "").body), &list))
		require.Equal(t, want, ids(list.Monitors))
		var c api.Call
		require.NoError(t, json.Unmarshal([]byte(r.send("GET", "/api/v1/calls/C", token, "").body), &c))
		require.Equal(t, want, ids(c.Monitors))
	}
	r.send("GET", "/api/v1/monitors", r.agent, "").problem(http.StatusForbidden, "forbidden")
	require.NotContains(t, r.send("GET", "/api/v1/calls/C", r.agent, "").body, "monitors", "the agent is not told")
	require.NotContains(t, r.send("GET", "/api/v1/calls/D", r.admin, "").body, "monitors")
}

func TestAuditPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.audit.entries = []auth.AuditEntry{
		{ID: 9, Time: time.UnixMilli(1700000000123), Actor: "boss", Action: "hangup", Subject: "C", Detail: map[string]string{"result": "done"}},
		{ID: 7, Time: time.UnixMilli(1700000000000), Actor: "boss", Action: "transfer", Subject: "5001"},
	}
	a := r.send("GET", "/api/v1/audit?limit=1&before=12", r.boss, "")
	require.JSONEq(t, `{"next": 9, "entries": [{"id": 9, "time": "2023-11-14T22:13:20.123Z", "user": "boss", "action": "hangup", "subject": "C", "detail": {"result": "done"}}]}`, a.body)
	require.Equal(t, auth.AuditQuery{Actors: []string{"5001", "boss"}, Before: 12, Limit: 2}, r.audit.asked, "a supervisor sees the own team's")

	a = r.send("GET", "/api/v1/audit", r.admin, "")
	require.NotContains(t, a.body, `"next"`)
	require.Contains(t, a.body, `"detail":{}`)
	require.Equal(t, auth.AuditQuery{Limit: 101}, r.audit.asked)

	r.send("GET", "/api/v1/audit", r.agent, "").problem(http.StatusForbidden, "forbidden")
	for query, field := range map[string]string{"limit=0": "limit", "limit=1001": "limit", "before=0": "before", "before=x": "before", "after=1": "after"} {
		p := r.send("GET", "/api/v1/audit?"+query, r.admin, "").problem(http.StatusUnprocessableEntity, "invalid_field")
		require.Equal(t, field, p.Field, query)
	}
}

func TestSupervisorsCommandsAreAudited(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.audit.err = errors.New("the audit is full")
	r.engine.hangup = func(bridge.Hangup) (bridge.CallView, error) { return call("C", bridge.PartyReleased, "5001"), nil }
	r.engine.makeCall = func(bridge.MakeCall) (bridge.CallView, error) { return call("N", bridge.PartyInitiated, "5001"), nil }
	dial := `{"from": "5001", "to": "030"}`
	for _, token := range []string{r.agent, r.boss} {
		require.Equal(t, http.StatusOK, r.send("POST", "/api/v1/calls/C/hangup", token, "").status, "a full audit stops no command")
		require.Equal(t, http.StatusCreated, r.send("POST", "/api/v1/calls", token, dial).status)
	}
	entries := r.audit.take()
	require.Len(t, entries, 2, "the agent's own calls are nobody else's")
	require.Equal(t, []string{"boss", "hangup", "C"}, []string{entries[0].Actor, entries[0].Action, entries[0].Subject})
	require.Equal(t, []string{"boss", "make-call", "5001", "030", "N"}, []string{entries[1].Actor, entries[1].Action, entries[1].Subject, entries[1].Detail["to"], entries[1].Detail["call"]})
	require.Contains(t, r.log.String(), "audit_lost")
}

func TestMakeCallWithCallerIDAndData(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var got bridge.MakeCall
	r.engine.makeCall = func(cmd bridge.MakeCall) (bridge.CallView, error) {
		got = cmd
		return call("N", bridge.PartyInitiated, "5001"), r.err
	}
	const body = `{"from": "5001", "to": "0301", "callerId": "+49301", "userData": {"a": "x"}}`
	require.Equal(t, http.StatusCreated, r.send("POST", "/api/v1/calls", r.agent, body).status)
	require.Equal(t, bridge.MakeCall{From: "5001", To: "0301", PickUp: true, CallerID: "+49301", UserData: bridge.UserDataOf(map[string]string{"a": "x"})}, got)

	r.err = fmt.Errorf("5001: %w", bridge.ErrCallerID)
	p := r.send("POST", "/api/v1/calls", r.agent, body).problem(http.StatusUnprocessableEntity, "caller_id_refused")
	require.Equal(t, "callerId", p.Field)
	for _, id := range []string{"anonymous", "+", "49 30", strings.Repeat("1", 33)} {
		p := r.send("POST", "/api/v1/calls", r.agent, `{"from": "5001", "to": "0301", "callerId": "`+id+`"}`).problem(http.StatusUnprocessableEntity, "invalid_field")
		require.Equal(t, "callerId", p.Field)
	}
}
