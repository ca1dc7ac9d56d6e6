package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/config"
)

func TestLoadRefusesRecordings(t *testing.T) {
	t.Parallel()
	const at = "sidecar.yaml:1: recording."
	testRefusals(t, []refusal{
		{"direction", "recording: {auto: [{direction: sideways}]}", at + `auto[0].direction: "sideways": must be one of inbound, outbound, internal, any`},
		{"unknown DN", "recording: {auto: [{dns: [5001-5002, 5019-5021]}]}", at + `auto[0].dns[1]: "5019-5021": no DN 5021 is defined under dns`},
		{"no DN", "recording: {auto: [{dns: [all]}]}", at + `auto[0].dns[0]: "all": not a DN: write 1 to 15 digits, or a range such as 5001-5020`},
		{"prompt", "recording: {consent_prompt: 'a b.wav'}", at + `consent_prompt: "a b.wav": write the name of a sound file, without its ending`},
		{"days", "recording: {keep_days: -1}", at + `keep_days: "-1": must be 0, for no limit, or more`},
		{"bytes", "recording: {max_bytes: 10GB}", at + `max_bytes: "10GB": not a whole number`},
		{"free", "recording: {min_free_bytes: -5}", at + `min_free_bytes: "-5": must be 0, for no limit, or more`},
		{"key", "recording: {keep_day: 5}", at + `keep_day: unknown key; nearest valid key: recording.keep_days`},
	})
}

func TestLoadReadsRecordings(t *testing.T) {
	t.Parallel()
	cfg, _, err := load(t, `
recording:
  enabled: true
  auto: [{dns: [5001-5003], direction: inbound}, {dns: [5009]}]
  max_bytes: 500000000000
`, "SIDECAR_RECORDING_AGENTS_MAY_LISTEN=true")
	require.NoError(t, err)
	require.True(t, cfg.Recording.AgentsMayListen)
	require.Equal(t, 500_000_000_000, cfg.Recording.MaxBytes)
	inbound, both := cfg.Recording.Auto[0], cfg.Recording.Auto[1]
	require.True(t, inbound.Covers("5002", config.DirectionInbound))
	require.False(t, inbound.Covers("5002", config.DirectionInternal))
	require.False(t, inbound.Covers("5004", config.DirectionInbound))
	require.True(t, both.Covers("5009", config.DirectionOutbound))
	require.True(t, config.AutoRecord{Direction: config.DirectionAny}.Covers("5020", config.DirectionInternal))
}
