package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/config"
)

func runConfig(t *testing.T, o *options, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := newConfigCmd(o)
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "site.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func environ(entries ...string) func() []string { return func() []string { return entries } }

func TestConfigShowPrintsOriginsAndMasks(t *testing.T) {
	t.Parallel()
	o := &options{
		configFile: writeConfig(t, "log:\n  level: debug\n"),
		environ:    environ("SIDECAR_ASTERISK_0_PASSWORD=hunter2hunter2", "SIDECAR_NODE=west"),
	}
	out, err := runConfig(t, o, "show")
	require.NoError(t, err)
	require.Contains(t, out, "level: debug # site.yaml:2\n")
	require.Contains(t, out, "node: west # SIDECAR_NODE\n")
	require.Contains(t, out, "password: '********' # SIDECAR_ASTERISK_0_PASSWORD\n")
	require.Contains(t, out, "format: text # default\n")
	require.NotContains(t, out, "hunter2")
}

func TestConfigShowTakesFileFromEnvironment(t *testing.T) {
	t.Parallel()
	o := &options{environ: environ("SIDECAR_CONFIG=" + writeConfig(t, "node: north\n"))}
	out, err := runConfig(t, o, "show")
	require.NoError(t, err)
	require.Contains(t, out, "node: north # site.yaml:1\n")
}

func TestConfigFlagWinsOverEnvironment(t *testing.T) {
	t.Parallel()
	o := &options{configFile: writeConfig(t, "node: south\n"), environ: environ("SIDECAR_CONFIG=" + writeConfig(t, "node: north\n"))}
	out, err := runConfig(t, o, "show")
	require.NoError(t, err)
	require.Contains(t, out, "node: south # site.yaml:1\n")
}

func TestConfigCheck(t *testing.T) {
	t.Parallel()
	out, err := runConfig(t, &options{environ: environ()}, "check")
	require.NoError(t, err)
	require.Equal(t, "the configuration is valid\n", out)
	_, err = runConfig(t, &options{configFile: writeConfig(t, "nod: x\n"), environ: environ()}, "check")
	require.EqualError(t, err, "site.yaml:1: nod: unknown key; nearest valid key: node")
}

func TestConfigRefusesMissingFile(t *testing.T) {
	t.Parallel()
	_, err := runConfig(t, &options{configFile: filepath.Join(t.TempDir(), "none.yaml"), environ: environ()}, "show")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "none.yaml is not there")
}

func TestLoadWithSecretsMakesThem(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	o := &options{environ: environ("SIDECAR_DATA_DIR=" + dir)}
	_, secrets, err := o.loadWithSecrets()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, config.SecretsFile), secrets.Path())
	require.FileExists(t, secrets.Path())
}
