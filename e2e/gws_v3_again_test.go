//go:build e2e

package e2e_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

// After the sidecar was killed the published client does not come back by itself: it has no way to. Its commands are refused as those of
// somebody without a session; when its page initializes it anew, with the token that it has, it finds the call that goes on.
func TestWorkspaceAfterRestart(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "")
	first, customer := s.agentPhone("5001", phone.RingOnly), s.customerPhone()
	s.inService("5001")
	token := s.token("5001")
	c := s.workspaceClient("5001", "-")
	c.must("", "initialize", object{"token": token})
	c.must("", "activateChannels", "5001", "5001")
	c.must("voice", "ready")
	cust, agent := conversation(t, customer, first)
	call := c.call("Established")

	s.killSidecar()
	s.startSidecar()
	s.waitReady()
	refused := c.do("voice", "holdCall", call.ID)
	require.Equal(t, http.StatusForbidden, refused.Status)
	require.Contains(t, string(refused.Body), `"code":603`)
	c.forget()
	c.must("", "initialize", object{"token": token})
	c.must("", "activateChannels", "5001", "5001")
	c.saw("the agent, who is at work still", func(m *v3Message) bool { return m.DN != nil && m.DN.AgentState == "Ready" })
	found := c.call("Established")
	require.Equal(t, []string{call.ID, call.CallUUID}, []string{found.ID, found.CallUUID})
	talk(t, cust, customerTone, agent, agentTone)
	c.must("voice", "holdCall", call.ID)
	c.call("Held")
	c.must("voice", "releaseCall", call.ID)
	ended(t, agent)
	ended(t, cust)
	c.call("Released")
	s.requireNoLeftovers()
}

// Who has logged out may begin again, in the same page, with a token of a new login: the old one has ended with the session.
func TestWorkspaceAfterLogout(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "")
	first, customer := s.agentPhone("5001", phone.RingOnly), s.customerPhone()
	s.inService("5001")
	token := s.token("5001")
	c, other := s.workspaceClient("5001", "-"), s.workspaceClient("5001", "-")
	for _, tab := range []*workspaceClient{c, other} {
		tab.must("", "initialize", object{"token": token})
	}
	c.must("", "activateChannels", "5001", "5001")
	other.must("", "destroy")
	c.must("voice", "ready") // the other tab goes on
	c.saw("ready", func(m *v3Message) bool { return m.DN != nil && m.DN.AgentState == "Ready" })
	c.must("", "destroy")
	s.eventually("the agent is logged out", func() bool { return s.agentOf("5001").State == "LoggedOut" })
	for _, tab := range []*workspaceClient{c, other} { // the client does not wait for the reply to its logout
		s.eventually("the session has ended", func() bool { return tab.do("http", "get", "/current-session").Status == http.StatusForbidden })
	}
	s.eventually("the token has ended with them", func() bool {
		return s.as("5001", http.MethodGet, "/api/v1/calls", nil).status == http.StatusUnauthorized
	})
	require.Equal(t, http.StatusForbidden, c.do("", "initialize", object{"token": token}).Status, "the token has ended")

	c.forget()
	c.must("", "initialize", object{"token": s.freshToken("5001")})
	require.Equal(t, http.StatusConflict, c.do("voice", "ready").Status, "the voice channel is to be activated again")
	c.must("", "activateChannels", "5001", "5001")
	c.must("voice", "ready")
	cust, agent := conversation(t, customer, first)
	call := c.call("Established")
	c.must("voice", "releaseCall", call.ID)
	ended(t, agent)
	ended(t, cust)
	c.call("Released")
	s.requireNoLeftovers()
}

// freshToken is that of a new login.
func (s *system) freshToken(user string) string {
	s.t.Helper()
	s.mu.Lock()
	delete(s.tokens, user)
	s.mu.Unlock()
	return s.token(user)
}
