package eventlog_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/cti"
	"sidecar/store/eventlog"
)

const fullDisk = "SIDECAR_TEST_FULL_DISK" // set for the process whose files can't grow

// limitFiles lets no file of this process grow beyond size: writing more fails, as on a full disk.
func limitFiles(t *testing.T, size uint64) {
	t.Helper()
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	limit.Cur = min(size, limit.Max)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
}

// The disk is full for a while: the log says so, and takes events again when there is room, without a restart.
func TestTheLogGoesOnAfterAFullDisk(t *testing.T) {
	t.Parallel()
	if os.Getenv(fullDisk) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), fullDisk+"=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return
	}
	l, state := open(t, options(filepath.Join(t.TempDir(), "log")))
	_, err := l.Append(t.Context(), records("n1", 1, 10))
	require.NoError(t, err)
	require.NoError(t, l.Check(t.Context()))
	limitFiles(t, 16<<10)
	stored := 10
	for l.Check(t.Context()) == nil { // what fails for want of time alone is tried again
		require.Less(t, stored, 10_000)
		if _, err = try(l, records("n1", stored+1, stored+10)); err == nil {
			stored += 10
		}
	}
	require.ErrorContains(t, l.Check(t.Context()), "file too large")
	stored += 10
	limitFiles(t, 1<<40)
	require.Eventually(t, func() bool {
		_, err = try(l, records("n1", stored-9, stored))
		return err == nil
	}, patience, 100*time.Millisecond)
	require.NoError(t, l.Check(t.Context()))
	got := followed(t, l, 0, stored)
	require.Len(t, got, stored)
	for i := range got {
		require.Equal(t, record("n1", i+1).ID, got[i].ID, "each once, in order")
	}
	after, err := l.Open(t.Context())
	require.NoError(t, err)
	require.Equal(t, state.Epoch, after.Epoch)
}

// try appends for as long as the feed would wait.
func try(l *eventlog.Log, list []cti.Record) (uint64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return l.Append(ctx, list)
}
