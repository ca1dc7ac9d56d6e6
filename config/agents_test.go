package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLoadRefusesAgents(t *testing.T) {
	t.Parallel()
	const at = "sidecar.yaml:1: agents."
	testRefusals(t, []refusal{
		{"wrap up", "agents: {wrap_up: 5h}", at + `wrap_up: "5h0m0s": must be from 0s, for none, to 4h`},
		{"wrap up before the call", "agents: {wrap_up: -1s}", at + `wrap_up: "-1s": must be from 0s, for none, to 4h`},
		{"kind", "agents: {wrap_up_after: [Inbound]}", at + `wrap_up_after[0]: "Inbound": must be one of inbound, internal, outbound, consult`},
		{"no answer", "agents: {no_answer: fired}", at + `no_answer: "fired": must be one of not_ready, logged_out, unchanged`},
		{"no reason", "agents: {no_answer_reason: ''}", at + `no_answer_reason: write 1 to 64 bytes without control characters`},
		{"reason", "agents: {reasons: [" + strings.Repeat("x", 65) + "]}", at + `reasons[0]: "` + strings.Repeat("x", 65) + `": write 1 to 64 bytes without control characters`},
		{"absence", "agents: {absence_logout: 10ms}", at + `absence_logout: "10ms": must be 0s, for never, or 1s at least`},
	})
}

func TestLoadAgents(t *testing.T) {
	t.Parallel()
	cfg, _, err := load(t, "agents: {wrap_up: 30s, wrap_up_after: [inbound, consult], no_answer: unchanged, absence_logout: 0s, reasons: [lunch]}")
	require.NoError(t, err)
	require.Equal(t, 30*time.Second, cfg.Agents.WrapUp)
	require.Equal(t, []string{"inbound", "consult"}, cfg.Agents.WrapUpAfter)
	require.Equal(t, []string{"lunch"}, cfg.Agents.Reasons)
}
