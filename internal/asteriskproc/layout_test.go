package asteriskproc_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/asteriskproc"
)

func TestConfDirInsideTheInstanceIsRefused(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	conf := filepath.Join(state, "etc")
	require.NoError(t, os.Mkdir(conf, 0o700))
	kept := filepath.Join(conf, "pjsip.conf")
	require.NoError(t, os.WriteFile(kept, nil, 0o600))

	_, err := asteriskproc.Start(t.Context(), asteriskproc.Options{ConfDir: conf, StateDir: state})
	require.ErrorIs(t, err, asteriskproc.ErrConfDir)
	require.FileExists(t, kept)
}

// A project may be checked out at a deep place; a socket's path may not be as long.
func TestStateDirWithALongPath(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), strings.Repeat("deep down/", 13))
	conf := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(conf, "modules.conf"), []byte("[modules]\nautoload = no\n"), 0o600))

	i, err := asteriskproc.Start(t.Context(), asteriskproc.Options{ConfDir: conf, StateDir: state})
	require.NoError(t, err)
	out, err := i.CLI(t.Context(), "core show version")
	require.NoError(t, err)
	require.Contains(t, out, "Asterisk 22.")
	shell, err := exec.CommandContext(t.Context(), "sh", "-c", i.CLICommand()+" 'core show version'").CombinedOutput()
	require.NoError(t, err, string(shell))
	require.Equal(t, out, string(shell), "what asteriskrun tells the operator to type works in a path with spaces")
	require.NoError(t, i.Close())
	require.FileExists(t, filepath.Join(state, "log", "full"))
}

func TestMissingRootIsNamed(t *testing.T) {
	t.Parallel()
	_, err := asteriskproc.OpenRoot(t.TempDir())
	require.ErrorIs(t, err, asteriskproc.ErrNoRoot)
	require.ErrorContains(t, err, "scripts/asterisk-install.sh")
}

func TestFileReplacedInConfDirIsSeenByReload(t *testing.T) {
	t.Parallel()
	conf := t.TempDir()
	write := func(text string) {
		t.Helper()
		next := filepath.Join(conf, ".next")
		require.NoError(t, os.WriteFile(next, []byte(text), 0o600))
		require.NoError(t, os.Rename(next, filepath.Join(conf, "extensions.conf")))
	}
	write("[before]\nexten => 1,1,Hangup()\n")
	require.NoError(t, os.WriteFile(filepath.Join(conf, "modules.conf"), []byte("[modules]\nautoload = no\nload = pbx_config.so\n"), 0o600))
	i, err := asteriskproc.Start(t.Context(), asteriskproc.Options{ConfDir: conf})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, i.Close()) })

	write("[after]\nexten => 1,1,Hangup()\n")
	_, err = i.CLI(t.Context(), "dialplan reload")
	require.NoError(t, err)
	out, err := i.CLI(t.Context(), "dialplan show after")
	require.NoError(t, err)
	require.Contains(t, out, "Hangup")
	out, err = i.CLI(t.Context(), "dialplan show before")
	require.NoError(t, err)
	require.Contains(t, out, "no existence of 'before'")
}

// A recording that has no directory to go to fails only when somebody makes one.
func TestBareInstanceHasItsSpool(t *testing.T) {
	t.Parallel()
	i, err := asteriskproc.Start(t.Context(), asteriskproc.Options{ConfDir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, i.Close()) })

	for _, dir := range []string{"monitor", "outgoing", "recording", "system", "tmp", "voicemail"} {
		require.DirExists(t, filepath.Join(i.StateDir(), "spool", dir))
	}
	require.NotContains(t, i.Log(), filepath.Join(i.StateDir(), "spool"))
}
