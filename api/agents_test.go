package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/agent"
	"sidecar/api"
	"sidecar/auth"
)

// desks is the API over the real registry, with the DNs 5001 to 5004.
type desks struct {
	*system

	dns *agent.Registry
}

func newDesks(t *testing.T) desks {
	t.Helper()
	dns := agent.NewRegistry("n1", agent.Fanout{})
	dns.SetPolicy(agent.Policy{WrapUp: time.Minute, Reasons: []string{"lunch", "briefing"}})
	for _, dn := range []string{"5001", "5002", "5003", "5004", "999"} {
		dns.Add(dn, 2)
	}
	t.Cleanup(dns.Close)
	return desks{newSystem(t, func(o *api.Options) { o.Agents = dns }), dns}
}

// do gives a command and wants it done.
func (d desks) do(token, path, body string) api.Agent {
	d.t.Helper()
	a := d.send("POST", "/api/v1/agents/"+path, token, body)
	require.Equal(d.t, http.StatusOK, a.status, a.body)
	return d.agent(a)
}

func (d desks) agent(a answer) api.Agent {
	d.t.Helper()
	var out api.Agent
	require.NoError(d.t, json.Unmarshal([]byte(a.body), &out))
	return out
}

func TestAnAgentsCommands(t *testing.T) {
	t.Parallel()
	d := newDesks(t)
	token := d.user("alice", auth.RoleAgent, "", "5001")
	got := d.agent(d.send("GET", "/api/v1/agents/5001", token, ""))
	require.Equal(t, "LoggedOut", got.State)
	require.Equal(t, []string{"login", "dnd-on", "set-forward"}, got.Capabilities)

	got = d.do(token, "5001/login", "")
	require.Equal(t, "alice", got.AgentID)
	require.Equal(t, "NotReady", got.State)
	require.Equal(t, "AuxWork", got.WorkMode)
	require.Equal(t, "AutoIn", got.LoginMode)
	require.Equal(t, []string{"logout", "ready", "not-ready", "after-call-work", "dnd-on", "set-forward"}, got.Capabilities)
	require.Equal(t, "alice", d.do(token, "5001/login", `{"agentId": "ALICE"}`).AgentID, "once is enough")

	got = d.do(token, "5001/ready", `{"workMode": "ManualIn"}`)
	require.Equal(t, "Ready", got.State)
	require.Equal(t, "ManualIn", got.WorkMode)
	require.NotEmpty(t, got.ReadySince)
	got = d.do(token, "5001/not-ready", `{"reason": "lunch", "workMode": "WalkAway"}`)
	require.Equal(t, "lunch", got.Reason)
	require.Equal(t, "WalkAway", got.WorkMode)
	got = d.do(token, "5001/after-call-work", `{"seconds": 30}`)
	require.Equal(t, "AfterCallWork", got.State)
	require.NotEmpty(t, got.Until)
	require.Empty(t, d.do(token, "5001/after-call-work", "").Until, "ManualIn: without end")
	require.True(t, d.do(token, "5001/dnd-on", "").DND)
	require.False(t, d.do(token, "5001/dnd-off", "").DND)
	got = d.do(token, "5001/set-forward", `{"to": "5002"}`)
	require.Equal(t, "5002", got.ForwardTo)
	require.Contains(t, got.Capabilities, "cancel-forward")
	require.Empty(t, d.do(token, "5001/cancel-forward", "").ForwardTo)
	got = d.do(token, "5001/logout", "")
	require.Equal(t, "LoggedOut", got.State)
	require.Empty(t, got.Reason, "by themselves")
}

func TestASupervisorsCommands(t *testing.T) {
	t.Parallel()
	d := newDesks(t)
	d.user("alice", auth.RoleAgent, "sales", "5001", "5002")
	d.user("bob", auth.RoleAgent, "sales", "5002")
	d.user("carol", auth.RoleAgent, "support", "5003")
	token := d.user("sue", auth.RoleSupervisor, "sales", "5004")
	require.Equal(t, "alice", d.do(token, "5001/login", `{"agentId": "Alice"}`).AgentID, "the name as it is written")
	require.Equal(t, "Ready", d.do(token, "5001/ready", "").State)
	require.Equal(t, "sue", d.do(token, "5004/login", "").AgentID)

	p := d.send("POST", "/api/v1/agents/5002/login", token, `{"agentId": "alice"}`).problem(http.StatusConflict, "agent_logged_in")
	require.Equal(t, "agent alice is logged in on DN 5001: log out there first, or have a supervisor force the login", p.Detail)
	require.Equal(t, "5002", d.do(token, "5002/login", `{"agentId": "alice", "force": true}`).DN)
	forced := d.agent(d.send("GET", "/api/v1/agents/5001", token, ""))
	require.Equal(t, "LoggedOut", forced.State)
	require.Equal(t, "forced", forced.Reason)
	d.audit.take()
	require.Equal(t, "forced", d.do(token, "5002/logout", "").Reason, "not by themselves")
	d.send("POST", "/api/v1/agents/5002/ready", token, "").problem(http.StatusConflict, "not_logged_in")
	d.do(token, "5004/ready", "") // the own DN concerns nobody else
	entries := d.audit.take()
	require.Len(t, entries, 2)
	require.Equal(t, "sue agent-logout 5002", entries[0].Actor+" "+entries[0].Action+" "+entries[0].Subject)
	require.Equal(t, map[string]string{"result": "done", "reason": "forced"}, entries[0].Detail)
	require.Equal(t, "not_logged_in", entries[1].Detail["result"], "an attempt is recorded too")

	var list api.AgentList
	require.NoError(t, json.Unmarshal([]byte(d.send("GET", "/api/v1/agents", token, "").body), &list))
	dns := []string{}
	for _, a := range list.Agents {
		dns = append(dns, a.DN)
	}
	require.Equal(t, []string{"5001", "5002", "5004"}, dns, "the team's")
	d.send("POST", "/api/v1/agents/5003/logout", token, "").problem(http.StatusForbidden, "forbidden")
	d.send("GET", "/api/v1/agents/5003", token, "").problem(http.StatusForbidden, "forbidden")
}

func TestAgentsOfEverybody(t *testing.T) {
	t.Parallel()
	d := newDesks(t)
	token := d.user("root", auth.RoleAdmin, "")
	var list api.AgentList
	require.NoError(t, json.Unmarshal([]byte(d.send("GET", "/api/v1/agents", token, "").body), &list))
	require.Len(t, list.Agents, 5)
	require.Equal(t, "999", list.Agents[0].DN)
}

func TestAgentsRefusals(t *testing.T) {
	t.Parallel()
	d := newDesks(t)
	agents := map[string]string{
		"alice": d.user("alice", auth.RoleAgent, "sales", "5001"), "bob": d.user("bob", auth.RoleAgent, "sales", "5001", "5002"),
		"sue": d.user("sue", auth.RoleSupervisor, "sales", "5003"), "root": d.user("root", auth.RoleAdmin, ""),
	}
	disabled := true
	d.user("gone", auth.RoleAgent, "sales", "5001")
	_, err := d.users.Change(t.Context(), "gone", auth.Change{Disabled: &disabled})
	require.NoError(t, err)
	d.do(agents["alice"], "5001/login", "")
	for _, c := range []struct {
		user, path, body string
		status           int
		code, field      string
		says             string
	}{
		{"alice", "5002/ready", "", 403, "forbidden", "dn", "5002"},
		{"alice", "5002/login", "", 403, "forbidden", "dn", "5002"},
		{"alice", "7001/ready", "", 403, "forbidden", "dn", "7001"},
		{"root", "7001/ready", "", 404, "dn_not_found", "dn", "see dns in the configuration"},
		{"bob", "5001/login", "", 409, "agent_logged_in", "", "agent alice is logged in on DN 5001"},
		{"bob", "5002/ready", "", 409, "not_logged_in", "", "5002: no agent is logged in"},
		{"bob", "5002/logout", "", 409, "not_logged_in", "", "5002"},
		{"bob", "5002/not-ready", `{"reason": "lunch"}`, 409, "not_logged_in", "", "5002"},
		{"bob", "5002/after-call-work", "", 409, "not_logged_in", "", "5002"},
		{"bob", "5001/login", `{"force": true}`, 403, "forbidden", "", "force a login"},
		{"bob", "5002/login", `{"agentId": "alice"}`, 422, "invalid_field", "agentId", "only a supervisor"},
		{"sue", "5001/login", "", 422, "invalid_field", "agentId", "must name the agent"},
		{"sue", "5001/login", `{"agentId": "nobody"}`, 422, "invalid_field", "agentId", "name of a user"},
		{"sue", "5001/login", `{"agentId": "gone"}`, 422, "invalid_field", "agentId", "not disabled"},
		{"sue", "5002/login", `{"agentId": "alice"}`, 422, "invalid_field", "agentId", "whose own the DN is"},
		{"alice", "5001/login", `{"workMode": "AuxWork"}`, 422, "invalid_field", "workMode", ""},
		{"alice", "5001/ready", `{"workMode": "WalkAway"}`, 422, "invalid_field", "workMode", ""},
		{"alice", "5001/not-ready", `{"workMode": "AutoIn"}`, 422, "invalid_field", "workMode", ""},
		{"alice", "5001/not-ready", `{"reason": "golf"}`, 422, "invalid_field", "reason", "must be one of lunch, briefing"},
		{"alice", "5001/not-ready", `{"reason": "` + strings.Repeat("x", 65) + `"}`, 422, "invalid_field", "reason", ""},
		{"alice", "5001/after-call-work", `{"seconds": -1}`, 422, "invalid_field", "seconds", ""},
		{"alice", "5001/after-call-work", `{"seconds": 14401}`, 422, "invalid_field", "seconds", ""},
		{"alice", "5001/after-call-work", `{"minutes": 1}`, 422, "invalid_field", "minutes", ""},
		{"alice", "5001/set-forward", `{"to": "5001"}`, 422, "invalid_field", "to", "other than the DN's own"},
		{"alice", "5001/set-forward", `{"to": "a;b"}`, 422, "invalid_field", "to", ""},
		{"alice", "5001/set-forward", `{}`, 422, "invalid_field", "to", "is missing"},
		{"alice", "5001/set-forward", "", 400, "bad_request", "", ""},
		{"alice", "5001/ready", `{"workMode":`, 400, "bad_request", "body", "invalid JSON"},
	} {
		before, _ := d.dns.View("5001")
		p := d.send("POST", "/api/v1/agents/"+c.path, agents[c.user], c.body).problem(c.status, c.code)
		require.Equal(t, c.field, p.Field, "%s %s", c.path, c.body)
		require.Contains(t, p.Detail, c.says, "%s %s", c.path, c.body)
		after, _ := d.dns.View("5001")
		require.Equal(t, before, after, "%s %s", c.path, c.body)
	}
	d.send("GET", "/api/v1/agents/7001", agents["root"], "").problem(http.StatusNotFound, "dn_not_found")
	d.send("GET", "/api/v1/agents/5002", agents["alice"], "").problem(http.StatusForbidden, "forbidden")
	d.send("POST", "/api/v1/agents/5001/sing", agents["alice"], "").problem(http.StatusNotFound, "not_found")
}
