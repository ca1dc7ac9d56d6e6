package said_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/testkit/said"
)

// told is a test that keeps what it logs.
type told struct {
	testing.TB
	dir, log string
}

func (t *told) ArtifactDir() string             { return t.dir }
func (t *told) Helper()                         {}
func (t *told) Logf(format string, args ...any) { t.log += fmt.Sprintf(format, args...) }

func TestTheEndIsShownAndAllIsKept(t *testing.T) {
	t.Parallel()
	inner := &told{TB: t, dir: t.TempDir()}
	all := strings.Repeat("before\n", 1000) + "the end\n"
	said.Keep(inner, "a daemon", all)
	require.Contains(t, inner.log, "the end")
	require.Less(t, strings.Count(inner.log, "before"), 100)
	kept, err := os.ReadFile(filepath.Join(inner.dir, "a_daemon.log"))
	require.NoError(t, err)
	require.Equal(t, all, string(kept))
}
