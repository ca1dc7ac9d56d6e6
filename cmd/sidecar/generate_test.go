package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

func run(t *testing.T, cmd *cobra.Command, stdin string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd.SetArgs(append([]string{}, args...)) // nil would mean the arguments of the test binary
	cmd.SetIn(bytes.NewBufferString(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// place is a data directory with a configuration file.
func place(t *testing.T, text string) *options {
	t.Helper()
	return &options{configFile: writeConfig(t, text), environ: environ("SIDECAR_DATA_DIR=" + t.TempDir())}
}

func TestGenerateWritesAndCheckSeesTheDifference(t *testing.T) {
	t.Parallel()
	o := place(t, "dns: [{numbers: ['5001-5003']}]\n")
	dir := filepath.Join(t.TempDir(), "etc")
	var exit *exitError
	_, err := run(t, newGenerateCmd(o), "", "--out", dir, "--check")
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 1, exit.code)
	require.NoDirExists(t, dir, "a check writes nothing")

	_, err = run(t, newGenerateCmd(o), "", "--out", dir)
	require.NoError(t, err)
	out, err := run(t, newGenerateCmd(o), "", "--out", dir, "--check")
	require.NoError(t, err, "secrets are made once")
	require.Empty(t, out)

	pjsip := filepath.Join(dir, "pjsip.conf")
	text, err := os.ReadFile(pjsip)
	require.NoError(t, err)
	require.Contains(t, string(text), "from site.yaml.")
	require.NoError(t, os.WriteFile(pjsip, bytes.ReplaceAll(text, []byte("max_contacts = 1"), []byte("max_contacts = 9")), 0o600))
	out, err = run(t, newGenerateCmd(o), "", "--out", dir, "--diff")
	require.NoError(t, err, "--diff only shows")
	require.Contains(t, out, "-max_contacts = 9\n+max_contacts = 1\n")
	_, err = run(t, newGenerateCmd(o), "", "--out", dir, "--check")
	require.ErrorAs(t, err, &exit)
}

func TestGenerateRefuses(t *testing.T) {
	t.Parallel()
	o := place(t, "asterisk: [{id: pbx1, url: 'http://127.0.0.1:9', request_timeout: 100ms}]\n")
	dir := filepath.Join(t.TempDir(), "etc")
	for name, args := range map[string][]string{
		"exclude each other": {"--check", "--apply"},
		"there is pbx1":      {"--asterisk", "pbx9"},
		"out of reach":       {"--apply"},
	} {
		_, err := run(t, newGenerateCmd(o), "", append(args, "--out", dir)...)
		require.ErrorContains(t, err, name)
		require.NoDirExists(t, dir)
	}
}

func TestGenerateSaysWhatItWrote(t *testing.T) {
	t.Parallel()
	o := place(t, "dns: [{numbers: ['5001']}]\n")
	dir := filepath.Join(t.TempDir(), "etc")
	out, err := run(t, newGenerateCmd(o), "", "--out", dir)
	require.NoError(t, err)
	require.Regexp(t, `^[0-9]+ files in `+dir+`, changed: .*pjsip.conf`, out)
	out, err = run(t, newGenerateCmd(o), "", "--out", dir)
	require.NoError(t, err)
	require.Regexp(t, `^[0-9]+ files in `+dir+`, changed: none\n$`, out)
}

// What somebody wrote by hand is worth more than anything that can be generated anew.
func TestGenerateKeepsAHandWrittenFile(t *testing.T) {
	t.Parallel()
	const byHand = "; years of work\n"
	o := place(t, "dns: [{numbers: ['5001']}]\n")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pjsip.conf"), []byte(byHand), 0o600))
	out, err := run(t, newGenerateCmd(o), "", "--out", dir)
	require.NoError(t, err)
	require.Contains(t, out, "the originals are in "+filepath.Join(dir, ".before-sidecar")+": pjsip.conf\n")

	for _, text := range []string{"dns: [{numbers: ['5001-5002']}]\n", "dns: [{numbers: ['5003']}]\n"} {
		require.NoError(t, os.WriteFile(o.configFile, []byte(text), 0o600))
		out, err = run(t, newGenerateCmd(o), "", "--out", dir)
		require.NoError(t, err)
		require.NotContains(t, out, "originals", "said once")
	}
	kept, err := os.ReadFile(filepath.Join(dir, ".before-sidecar", "pjsip.conf"))
	require.NoError(t, err)
	require.Equal(t, byHand, string(kept))
}

func TestGenerateSeveralServers(t *testing.T) {
	t.Parallel()
	first, second := filepath.Join(t.TempDir(), "etc"), filepath.Join(t.TempDir(), "etc")
	two := func(dir string) *options {
		return place(t, "asterisk:\n  - {id: pbx1, sip_address: '192.0.2.1:5060', config_dir: "+first+"}\n"+
			"  - {id: pbx2, sip_address: '192.0.2.2:5060', url: 'http://192.0.2.2:8089', config_dir: "+dir+"}\n")
	}
	_, err := run(t, newGenerateCmd(two(second)), "")
	require.NoError(t, err)
	for dir, peer := range map[string]string{first: "[peer-pbx2](peer)", second: "[peer-pbx1](peer)"} {
		pjsip, errRead := os.ReadFile(filepath.Join(dir, "pjsip.conf"))
		require.NoError(t, errRead)
		require.Contains(t, string(pjsip), peer)
	}
	_, err = run(t, newGenerateCmd(two(first)), "")
	require.ErrorContains(t, err, "name one with --asterisk: pbx1, pbx2")
	other := filepath.Join(t.TempDir(), "etc")
	_, err = run(t, newGenerateCmd(two(second)), "", "--out", other)
	require.ErrorIs(t, err, errOneDirectory)
	_, err = run(t, newGenerateCmd(two(second)), "", "--out", other, "--asterisk", "pbx2")
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(other, "http.conf"))
	require.NoError(t, err)
	require.Contains(t, string(text), "bindaddr = 192.0.2.2")
}
