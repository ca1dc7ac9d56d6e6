package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/config"
)

// load writes a file and loads it, with a data directory of its own.
func load(t *testing.T, yaml string, env ...string) (*config.Config, *config.Sources, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sidecar.yaml")
	require.NoError(t, os.WriteFile(path, []byte(yaml), 0o600))
	return config.Load(path, append(env, "SIDECAR_DATA_DIR="+t.TempDir()))
}

func TestLoadCountsVariablesOfAList(t *testing.T) {
	t.Parallel()
	env := make([]string, 0, 12)
	for i := range 12 {
		env = append(env, fmt.Sprintf("SIDECAR_DNS_%d_NUMBERS=%d", i, 6000+i))
	}
	cfg, _, err := load(t, "", env...)
	require.NoError(t, err)
	require.Len(t, cfg.DNs, 12)
	require.Equal(t, []string{"6011"}, cfg.DNs[11].Numbers)
}

func TestLoadWithoutFileGivesTheDefault(t *testing.T) {
	t.Parallel()
	cfg, sources, err := config.Load("", nil)
	require.NoError(t, err)
	require.Equal(t, config.Default(), cfg)
	require.Equal(t, config.Origin{Layer: config.LayerDefault}, sources.Of("http.listen"))
}

func TestLoadLayersEnvironmentOverFileOverDefault(t *testing.T) {
	t.Parallel()
	cfg, sources, err := load(t, `
http:
  listen: 127.0.0.1:9000
  drain_timeout: 3s
asterisk:
  - id: west
    url: http://127.0.0.1:8088
dns:
  - numbers: [6001-6002, 0815]
    owner: phone
    fallback: number:+4930123
    overrides:
      6001: {max_calls: 5}
trunks:
  - {name: carrier, host: "192.0.2.1:5060"}
schedules:
  Office: {timezone: Europe/Berlin, weekly: [mon-fri 08:00-18:00]}
dial_rules:
  default_trunk: carrier
  classes:
    Night: {allow: ["+49"], max_concurrent: 2}
`, "SIDECAR_HTTP_LISTEN=127.0.0.1:9001", "SIDECAR_NODE_ID=7", "SIDECAR_ASTERISK_0_PASSWORD=correct-horse",
		"SIDECAR_ASTERISK_1_ID=east", "SIDECAR_ASTERISK_0_SIP_ADDRESS=192.0.2.2:5060", "SIDECAR_ASTERISK_1_SIP_ADDRESS=192.0.2.3:5060", "SIDECAR_ASTERISK_1_URL=http://127.0.0.2:8088", "SIDECAR_NETWORK_TRANSPORTS=tcp,udp",
		"SIDECAR_DIAL_RULES_CLASSES_NIGHT_MAX_CONCURRENT=3", "SIDECAR_DIAL_RULES_ROLES_SUPERVISOR=Night",
		"SIDECAR_DNS_0_OVERRIDES_6001_CLASS=Night", "HOME=/root", "SIDECAR_LOG_LEVEL=")
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:9001", cfg.HTTP.Listen)
	require.Equal(t, 3*time.Second, cfg.HTTP.DrainTimeout)
	require.Equal(t, 7, cfg.NodeID)
	require.Equal(t, "info", cfg.Log.Level)
	require.Len(t, cfg.Asterisk, 2)
	require.Equal(t, "west", cfg.Asterisk[0].ID)
	require.Equal(t, 5*time.Second, cfg.Asterisk[0].RequestTimeout, "an Asterisk of the file starts from the default")
	require.Equal(t, config.Secret("correct-horse"), cfg.Asterisk[0].Password)
	require.Equal(t, "east", cfg.Asterisk[1].ID)
	require.Equal(t, "sidecar", cfg.Asterisk[1].App)
	require.Equal(t, []string{"tcp", "udp"}, cfg.Network.Transports)
	require.Equal(t, []string{"6001-6002", "0815"}, cfg.DNs[0].Numbers)
	require.Equal(t, config.Target{Kind: config.TargetNumber, Value: "+4930123"}, cfg.DNs[0].Fallback)
	require.Equal(t, config.DNSettings{MaxCalls: 5, Class: "Night"}, cfg.DNs[0].Overrides["6001"])
	require.Equal(t, "udp", cfg.Trunks[0].Transport)
	require.Equal(t, "Europe/Berlin", cfg.Schedules["Office"].Timezone)
	require.Equal(t, config.DialClass{Allow: []string{"+49"}, MaxConcurrent: 3}, cfg.DialRules.Classes["Night"])
	require.Contains(t, cfg.DialRules.Classes, "default")
	require.Equal(t, "Night", cfg.DialRules.Roles["supervisor"])
	require.Equal(t, "default", cfg.DialRules.Roles["admin"])

	require.Equal(t, config.Origin{Layer: config.LayerEnvironment, Name: "SIDECAR_HTTP_LISTEN"}, sources.Of("http.listen"))
	require.Equal(t, config.Origin{Layer: config.LayerFile, Name: "sidecar.yaml:4"}, sources.Of("http.drain_timeout"))
	require.Equal(t, config.Origin{Layer: config.LayerFile, Name: "sidecar.yaml:7"}, sources.Of("asterisk[0].url"))
	require.Equal(t, config.Origin{Layer: config.LayerDefault}, sources.Of("asterisk[0].app"))
	require.Equal(t, "SIDECAR_ASTERISK_0_PASSWORD", sources.Of("asterisk[0].password").String())
}
