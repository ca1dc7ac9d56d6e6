package agent_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/agent"
)

func TestForemost(t *testing.T) {
	t.Parallel()
	order := []agent.Activity{
		agent.HandlingInboundCall, agent.HandlingOutboundCall, agent.HandlingConsultCall, agent.HandlingInternalCall,
		agent.ReceivingCall, agent.InitiatingCall, agent.CallOnHold,
	}
	for i, most := range order {
		calls := slices.Clone(order[i:])
		slices.Reverse(calls)
		require.Equal(t, most, agent.Foremost(calls), "whichever came first")
	}
	require.Equal(t, agent.Idle, agent.Foremost(nil))
}
