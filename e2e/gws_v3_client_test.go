//go:build e2e

package e2e_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

// The published client does an agent's work, from its login to its logout.
func TestWorkspaceClient(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "recording: {enabled: true}\nagents: {reasons: [lunch, training]}\n")
	first, second, customer := s.agentPhone("5001", phone.RingOnly), s.agentPhone("5002", phone.RingOnly), s.customerPhone()
	s.inService("5001", "5002")
	c := s.workspaceClient("5001", "-")
	started := c.must("", "initialize", map[string]string{"token": s.token("5001")})
	var user struct {
		UserName, EmployeeID, AgentLogin, DefaultPlace string
		DBID                                           int
	}
	require.NoError(t, json.Unmarshal(started.User, &user))
	require.Equal(t, []string{"5001", "5001", "5001"}, []string{user.UserName, user.AgentLogin, user.DefaultPlace})
	require.NotZero(t, user.DBID)
	c.must("", "activateChannels", "5001", "5001")
	c.saw("the login", func(m *v3Message) bool { return m.DN != nil && m.DN.AgentState == "NotReady" })
	c.must("voice", "ready")
	c.saw("ready", func(m *v3Message) bool { return m.DN != nil && m.DN.AgentState == "Ready" })
	c.must("voice", "notReady", "AuxWork", "lunch")
	c.saw("not ready", func(m *v3Message) bool {
		return m.DN != nil && len(m.DN.Reasons) == 1 && m.DN.Reasons[0].Value == "lunch"
	})
	_, _, _ = first, second, customer
}
