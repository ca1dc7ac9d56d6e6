//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/config"
	"sidecar/internal/phone"
)

// An agent's day: log in, ready, a call, after-call work until its timer, a call that rings out, do not disturb, a
// forward. A published CometD client hears of all, the lamp of the DN shows it, and killing the daemon loses nothing.
func TestADayOfAnAgent(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "agents: {wrap_up: 2s}\ncalls: {ring_timeout: 10s}\n")
	first, second, customer := s.agentPhone("5001", phone.RingOnly), s.agentPhone("5002", phone.RingOnly), s.customerPhone()
	s.inService("5001", "5002")
	feed := s.listen(9, "5001")
	s.lamp("5001", "NOT_INUSE", "Idle")

	s.agentDoes("5001", "login", "")
	s.lamp("5001", "BUSY", "Busy")
	s.agentDoes("5001", "ready", "")
	s.lamp("5001", "NOT_INUSE", "Idle")
	feed.hears("LoggedIn", "NotReady", "Ready")

	cust := dial(t, customer, "8000", customerTone)
	a := incoming(t, first, 0)
	s.lamp("5001", "RINGING", "Ringing")
	a.SendTone(agentTone)
	require.NoError(t, a.Answer(soon(t)))
	talk(t, cust, customerTone, a, agentTone)
	s.lamp("5001", "INUSE", "InUse")
	require.Equal(t, "HandlingInboundCall", s.agentOf("5001").Activity)
	require.NoError(t, cust.Hangup(soon(t)))
	ended(t, a)
	feed.hears("LoggedIn", "NotReady", "Ready", "Reserved", "AfterCallWork", "Ready")
	s.lamp("5001", "NOT_INUSE", "Idle")

	cust = dial(t, customer, "8000", customerTone) // nobody answers
	ended(t, cust)
	feed.hears("LoggedIn", "NotReady", "Ready", "Reserved", "AfterCallWork", "Ready", "Reserved", "NotReady")
	require.Equal(t, "no_answer", s.agentOf("5001").Reason)
	s.agentDoes("5002", "dnd-on", "")
	s.agentDoes("5001", "not-ready", `{"reason": "lunch"}`)
	s.lamp("5001", "BUSY", "Busy")

	s.killSidecar()
	s.setLamp("5001", "RINGING") // as an Asterisk may have it that saw other times
	s.startSidecar()
	s.waitReady()
	s.inService("5001", "5002")
	s.lamp("5001", "BUSY", "Busy")
	again := s.agentOf("5001")
	require.Equal(t, "NotReady lunch 5001", again.State+" "+again.Reason+" "+again.AgentID)
	require.True(t, s.agentOf("5002").DND)
	s.as("5002", http.MethodPost, "/api/v1/agents/5001/ready", nil).want(http.StatusForbidden)

	s.agentDoes("5001", "set-forward", `{"to": "5002"}`)
	cause := ended(t, dial(t, customer, "8000", customerTone))
	require.Equal(t, 17, cause.Q850, "the DN that the call is sent to is not to be disturbed")
	s.agentDoes("5002", "dnd-off", "")
	cust = dial(t, customer, "8000", customerTone)
	b := incoming(t, second, secondTone)
	talk(t, cust, customerTone, b, secondTone)
	require.NoError(t, cust.Hangup(soon(t)))
	ended(t, b)
	s.requireNoLeftovers()
}

// agentState is a DN with its agent as REST shows it.
type agentState struct {
	AgentID, State, Reason, Activity string
	DND                              bool
}

func (s *system) agentOf(dn string) agentState {
	s.t.Helper()
	var a agentState
	s.as("supervisor", http.MethodGet, "/api/v1/agents/"+dn, nil).want(http.StatusOK).into(&a)
	return a
}

// agentDoes gives a command as the DN's own user.
func (s *system) agentDoes(dn, verb, body string) {
	s.t.Helper()
	var payload any
	if body != "" {
		payload = body
	}
	s.as(dn, http.MethodPost, "/api/v1/agents/"+dn+"/"+verb, payload).want(http.StatusOK)
}

// lamp waits until Asterisk has that state for the DN, and its hint shows it to whoever subscribes.
func (s *system) lamp(dn, state, hint string) {
	s.t.Helper()
	s.eventually("the lamp of "+dn+" is "+state, func() bool {
		var got struct{ State string }
		require.NoError(s.t, json.Unmarshal(s.ari(http.MethodGet, "deviceStates/Stasis:dn-"+dn), &got))
		return got.State == state && strings.Contains(s.pbx.RequireCLI("core show hint "+dn), "State:"+hint)
	})
}

func (s *system) setLamp(dn, state string) {
	s.t.Helper()
	s.ari(http.MethodPut, "deviceStates/Stasis:dn-"+dn+"?deviceState="+state)
}

// ari is a request to Asterisk beside the sidecar.
func (s *system) ari(method, path string) []byte {
	s.t.Helper()
	secrets, err := config.OpenSecrets(filepath.Join(s.dir, "var"))
	require.NoError(s.t, err)
	password, err := secrets.ARIPassword(config.Asterisk{ID: "pbx1"})
	require.NoError(s.t, err)
	req, err := http.NewRequestWithContext(s.t.Context(), method, fmt.Sprintf("http://127.0.0.1:%d/ari/%s", s.ports.HTTP, path), nil)
	require.NoError(s.t, err)
	req.SetBasicAuth("sidecar", password.Reveal())
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	var body json.RawMessage
	if resp.StatusCode != http.StatusNoContent {
		require.NoError(s.t, json.NewDecoder(resp.Body).Decode(&body))
	}
	require.Less(s.t, resp.StatusCode, http.StatusBadRequest, "%s", body)
	return body
}

// hears waits until the agent's own events are these, in this order.
func (l *listener) hears(want ...string) {
	l.t.Helper()
	heard := func() []string {
		l.mu.Lock()
		defer l.mu.Unlock()
		var names []string
		for _, e := range l.events {
			if e.DNState != nil && e.Name != "InService" && e.Name != "OutOfService" {
				names = append(names, e.Name)
			}
		}
		return names
	}
	eventually(l.t, fmt.Sprintf("%s hears %q", l.name, want), func() bool { return len(heard()) >= len(want) })
	require.Equal(l.t, want, heard())
}

// Whoever was answered that an agent's state has changed finds it changed, also when the daemon is killed in the same moment.
func TestAgentStateThatWasAnsweredSurvivesAKill(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "")
	s.agentDoes("5001", "login", "")
	for n := range 20 {
		reason := fmt.Sprintf("reason %d", n)
		s.agentDoes("5001", "not-ready", fmt.Sprintf(`{"reason": %q}`, reason))
		s.killSidecar()
		s.startSidecar()
		s.waitReady()
		got := s.agentOf("5001")
		require.Equal(t, "NotReady "+reason+" 5001", got.State+" "+got.Reason+" "+got.AgentID, "kill %d", n+1)
	}
}
