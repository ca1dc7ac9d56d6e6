package agent_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/agent"
)

type events []agent.Event

func (e *events) PublishDN(event agent.Event) {
	if event.Kind != agent.ActivityChanged {
		*e = append(*e, event)
	}
}

func TestServiceChangesAreToldOnce(t *testing.T) {
	t.Parallel()
	var got events
	r := agent.NewRegistry("n1", &got)
	r.Add("5001", 2)
	r.SetService("pbx1", "5001", false) // it begins so
	r.SetService("pbx1", "5001", true)
	r.SetService("pbx1", "5001", true)
	r.SetService("pbx1", "5001", false)
	r.SetService("pbx1", "genesys_sip_server", true) // an endpoint that is no DN
	require.Len(t, got, 2)
	require.Equal(t, agent.InService, got[0].Kind)
	require.True(t, got[0].DN.InService)
	require.Equal(t, agent.OutOfService, got[1].Kind)
	require.NotEqual(t, got[0].ID, got[1].ID)
}

func TestADNIsInServiceWhileAnyServerHasItsPhone(t *testing.T) {
	t.Parallel()
	var got events
	r := agent.NewRegistry("n1", &got)
	r.Add("5001", 2)
	r.SetService("pbx1", "5001", true)
	r.SetService("pbx2", "5001", false) // knows the endpoint, but nobody has registered there
	require.NoError(t, r.Reserve("5001", "a"))
	require.Equal(t, []string{"pbx1"}, r.Servers("5001"))
	r.SetService("pbx2", "5001", true)
	require.Equal(t, []string{"pbx1", "pbx2"}, r.Servers("5001"))
	r.SetService("pbx1", "5001", false)
	require.Equal(t, []string{"pbx2"}, r.Servers("5001"))
	require.Empty(t, r.Servers("6001"), "no DN")
	require.Len(t, got, 1)
	require.True(t, r.All()[0].InService)
	r.SetService("pbx2", "5001", false)
	require.Len(t, got, 2)
	require.Equal(t, agent.OutOfService, got[1].Kind)
	require.ErrorIs(t, r.Reserve("5001", "b"), agent.ErrOutOfService)
}

func TestReserve(t *testing.T) {
	t.Parallel()
	r := agent.NewRegistry("n1", &events{})
	r.Add("5001", 2)
	require.ErrorIs(t, r.Reserve("5001", "a"), agent.ErrOutOfService)
	require.ErrorIs(t, r.Reserve("6001", "a"), agent.ErrUnknownDN)
	r.SetService("pbx1", "5001", true)
	require.NoError(t, r.Reserve("5001", "a"))
	require.NoError(t, r.Reserve("5001", "a"), "the same call counts once")
	r.Occupy("5001", "b")
	require.ErrorIs(t, r.Reserve("5001", "c"), agent.ErrMaxCalls)
	require.Equal(t, 2, r.All()[0].Calls)
	r.Free("5001", "a")
	r.Free("5001", "a")
	require.NoError(t, r.Reserve("5001", "c"))
}
