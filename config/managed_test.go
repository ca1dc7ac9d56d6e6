package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/config"
)

func TestManagedDNsComeBackAsSaved(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "var")
	groups := []config.DNGroup{
		{
			Numbers:    []string{"6001-6003", "0815"},
			DNSettings: config.DNSettings{Owner: "phone", Password: "on-{dn}-phone", Fallback: config.Target{Kind: config.TargetHangup}, Codecs: []string{"alaw"}, MaxCalls: 3},
			Overrides:  map[string]config.DNSettings{"6002": {CallerID: "yes"}},
		},
		{Numbers: []string{"7001"}},
	}
	require.NoError(t, config.SaveManagedDNs(dir, groups))
	got, err := config.LoadManagedDNs(dir)
	require.NoError(t, err)
	require.Equal(t, groups, got)
	info, err := os.Stat(filepath.Join(dir, config.ManagedFile))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing of the writing stays")
}

func TestManagedDNsAreNoneWithoutFile(t *testing.T) {
	t.Parallel()
	got, err := config.LoadManagedDNs(t.TempDir())
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestLoadAddsManagedDNs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, config.SaveManagedDNs(dir, []config.DNGroup{{Numbers: []string{"6001"}, DNSettings: config.DNSettings{Owner: "phone"}}}))
	cfg, sources, err := config.Load("", []string{"SIDECAR_DATA_DIR=" + dir})
	require.NoError(t, err)
	dns, err := cfg.ExpandDNs()
	require.NoError(t, err)
	require.Len(t, dns, 21)
	require.Equal(t, "phone", dns[20].Owner)
	require.Equal(t, config.LayerManaged, sources.Of("dns[1].owner").Layer)
	require.Regexp(t, `^dns\.yaml:\d+$`, sources.Of("dns[1].owner").Name)
	require.Equal(t, config.LayerDefault, sources.Of("dns[0].owner").Layer)
	require.Equal(t, config.LayerDefault, sources.Of("dns").Layer)
}

func TestLoadNamesBothPlacesOfADuplicateManagedDN(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, config.SaveManagedDNs(dir, []config.DNGroup{{Numbers: []string{"5003"}}}))
	_, _, err := config.Load("", []string{"SIDECAR_DATA_DIR=" + dir})
	require.ErrorContains(t, err, `dns[1].numbers[0]: "5003": duplicate DN, already in dns[0].numbers[0]`)
	require.ErrorContains(t, err, "dns.yaml:")
}

func TestLoadRefusesUnknownKeyOfManagedDNs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, config.ManagedFile), []byte("dns:\n- numbers: [6001]\n  onwer: phone\n"), 0o600))
	_, _, err := config.Load("", []string{"SIDECAR_DATA_DIR=" + dir})
	require.EqualError(t, err, "dns.yaml:3: dns[1].onwer: unknown key; nearest valid key: dns[1].owner")
	_, err = config.LoadManagedDNs(dir)
	require.EqualError(t, err, "dns.yaml:3: dns[0].onwer: unknown key; nearest valid key: dns[0].owner")
}

func TestYAMLMasksSecretsAndRemarksEachValue(t *testing.T) {
	t.Parallel()
	cfg, sources, err := load(t, "asterisk: [{password: hunter2hunter2}]\n")
	require.NoError(t, err)
	text, err := cfg.YAML(func(path string) string { return sources.Of(path).String() })
	require.NoError(t, err)
	require.NotContains(t, string(text), "hunter2")
	require.Contains(t, string(text), "password: '********' # sidecar.yaml:1\n")
	require.Contains(t, string(text), "app: sidecar # default\n")
	require.Contains(t, string(text), "trunks: [] # default\n")
	require.Contains(t, string(text), "transports: [udp, tcp] # default\n")
}

func TestYAMLReadsBackAsTheSameConfiguration(t *testing.T) {
	t.Parallel()
	want := config.Default()
	text, err := want.YAML(nil)
	require.NoError(t, err)
	got, _, err := load(t, string(text))
	require.NoError(t, err)
	want.DataDir, got.DataDir = "", ""
	want.DNs[0].Password = "********"
	require.Equal(t, want, got)
}
