package gatewaylegs_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/agent"
	"sidecar/bridge/gatewaylegs"
)

func TestLost(t *testing.T) {
	t.Parallel()
	l := gatewaylegs.New(agent.NewRegistry("n1", agent.Fanout{}), slog.New(slog.DiscardHandler))
	require.False(t, l.Lost("5001", "g-2"), "nobody knows yet")
	l, _ = attached()
	require.True(t, l.Lost("5001", "g-2"))
	require.False(t, l.Lost("5001", "g-1"))
	require.False(t, l.Lost("5002", "g-2"))
}
