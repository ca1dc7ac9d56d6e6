package config_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/config"
)

const exampleFile = "../sidecar.example.yaml"

func TestExampleEqualsTheDefault(t *testing.T) {
	t.Parallel()
	cfg, sources, err := config.Load(exampleFile, nil)
	require.NoError(t, err)
	require.Equal(t, config.Default(), cfg)

	var missing []string
	_, err = cfg.YAML(func(path string) string {
		if sources.Of(path).Layer != config.LayerFile {
			missing = append(missing, path)
		}
		return ""
	})
	require.NoError(t, err)
	require.Empty(t, missing, "settings that the example does not show")
}

// The lines of the example site have a # before YAML, while prose has "# " before its first letter.
func TestExampleSiteLoads(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(exampleFile)
	require.NoError(t, err)
	commented := regexp.MustCompile(`^#(\w|  )`)
	var site []string
	_, after, found := strings.Cut(string(text), "# An example site")
	require.True(t, found)
	for line := range strings.SplitSeq(after, "\n") {
		if commented.MatchString(line) {
			site = append(site, line[1:])
		}
	}
	cfg, _, err := load(t, strings.Join(site, "\n"))
	require.NoError(t, err)
	require.Equal(t, "genesys_sip_server", cfg.Trunks[0].Name)
	require.Equal(t, "192.168.210.81:5060", cfg.Trunks[0].Host)
	dns, err := cfg.ExpandDNs()
	require.NoError(t, err)
	require.Len(t, dns, 21)
	require.Equal(t, "Team lead", dns[0].CallerID)
	require.Equal(t, "GenesysAgent{dn}!", dns[0].Password.Reveal())
}
