package store_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/store"
)

type record struct{ N int }

func openJournal(t *testing.T, path string) *store.Journal[record] {
	t.Helper()
	j, err := store.OpenJournal[record](path, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func TestJournalKeepsTheLatestOfEachKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "calls.journal")
	j := openJournal(t, path)
	require.NoError(t, j.Put("a", record{1}))
	require.NoError(t, j.Put("b", record{2}))
	require.NoError(t, j.Put("a", record{3}))
	require.NoError(t, j.Delete("b"))
	// Not closed: a killed process does not close it either.
	list, err := openJournal(t, path).All()
	require.NoError(t, err)
	require.Equal(t, []record{{3}}, list)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestJournalDropsACutTailOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "calls.journal")
	whole := `{"key":"a","record":{"N":1}}` + "\n"
	require.NoError(t, os.WriteFile(path, []byte(whole+`{"key":"a","rec`), 0o600))
	list, err := openJournal(t, path).All()
	require.NoError(t, err)
	require.Equal(t, []record{{1}}, list)

	require.NoError(t, os.WriteFile(path, []byte("{broken\n"+whole), 0o600))
	_, err = store.OpenJournal[record](path, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "line 1 is broken")
}

func TestJournalCompacts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "calls.journal")
	j, err := store.OpenJournal[string](path, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	big := strings.Repeat("x", 1<<20)
	for range 20 {
		require.NoError(t, j.Put("a", big))
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(12<<20))
	require.NoError(t, j.Close())
	require.ErrorIs(t, j.Put("a", ""), store.ErrJournalClosed)
}
