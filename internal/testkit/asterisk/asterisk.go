package asterisk

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/internal/asteriskproc"
)

const (
	logTailLines = 60
	// startTimeout is for ten thousand endpoints on a busy machine; one that has exited is seen at once.
	startTimeout = 4 * time.Minute
)

// Options say what to start.
type Options struct {
	// ConfDir is a directory of .conf files, generated or made by [MinimalConf].
	ConfDir string
}

// Instance is a running Asterisk that ends with its test. CLI, Log, Kill and Stop come from asteriskproc.
type Instance struct {
	*asteriskproc.Instance

	t testing.TB
}

// Root returns the installed Asterisk and fails the test if there is none.
func Root(t testing.TB) asteriskproc.Root {
	t.Helper()
	root, err := asteriskproc.FindRoot()
	require.NoError(t, err)
	return root
}

// Start runs an Asterisk with the configuration of o.ConfDir and returns when it has booted fully. It is stopped when the
// test ends, and the end of its log is printed if the test failed.
func Start(t testing.TB, o Options) *Instance {
	t.Helper()
	// Not t.TempDir: its path holds the test's name and is often too long for the control socket.
	proc, err := asteriskproc.Start(t.Context(), asteriskproc.Options{ConfDir: o.ConfDir, Root: Root(t), StartTimeout: startTimeout})
	require.NoError(t, err)
	i := &Instance{Instance: proc, t: t}
	t.Cleanup(i.finish)
	return i
}

// Restart starts Asterisk again with the same directories, ending it first if it still runs.
func (i *Instance) Restart() {
	i.t.Helper()
	require.NoError(i.t, i.Instance.Restart(i.t.Context()))
}

// slowBoot is what pjproject says of Asterisk's own modules when the SIP stack is at work before all are loaded.
const slowBoot = "registered during operation. Enable PJSIP_SAFE_MODULE"

// Warnings returns the WARNING and ERROR lines of the log, but for those that come of a slow boot alone.
func (i *Instance) Warnings() []string {
	return slices.DeleteFunc(i.Instance.Warnings(), func(line string) bool { return strings.Contains(line, slowBoot) })
}

// RequireCLI runs one command of the Asterisk command line and fails the test if it can't.
func (i *Instance) RequireCLI(command string) string {
	i.t.Helper()
	out, err := i.CLI(i.t.Context(), command)
	require.NoError(i.t, err)
	return out
}

func (i *Instance) finish() {
	i.Stop()
	if i.t.Failed() {
		i.t.Logf("the log of asterisk ends with:\n%s", asteriskproc.Tail(i.Log(), logTailLines))
	}
	if err := i.Close(); err != nil {
		i.t.Errorf("remove the directories of asterisk: %v", err)
	}
}
