package store_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/store"
)

// disk is one on which only room bytes are left. Like a real one it takes what fits before it says so.
type disk struct {
	room       int
	syncErr    error
	noTruncate bool
}

func (d *disk) wrap(f store.JournalFile) store.JournalFile { return &onDisk{JournalFile: f, disk: d} }

type onDisk struct {
	store.JournalFile

	disk *disk
}

func (f *onDisk) Write(p []byte) (int, error) {
	if len(p) <= f.disk.room {
		f.disk.room -= len(p)
		return f.JournalFile.Write(p)
	}
	n, err := f.JournalFile.Write(p[:f.disk.room])
	f.disk.room = 0
	if err == nil {
		err = syscall.ENOSPC
	}
	return n, err
}

func (f *onDisk) Sync() error {
	if f.disk.syncErr != nil {
		return f.disk.syncErr
	}
	return f.JournalFile.Sync()
}

func (f *onDisk) Truncate(size int64) error {
	if f.disk.noTruncate {
		return syscall.EIO
	}
	return f.JournalFile.Truncate(size)
}

const plenty = 1 << 30

func journalOn[T any](t *testing.T, d *disk) (*store.Journal[T], string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "calls.journal")
	j, err := store.OpenJournalOn[T](path, d.wrap, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.Close() })
	return j, path
}

func TestJournalIsWholeAfterAFullDisk(t *testing.T) {
	t.Parallel()
	d := &disk{room: plenty}
	j, path := journalOn[record](t, d)
	require.NoError(t, j.Put("a", record{1}))
	d.room = 10
	require.ErrorIs(t, j.Put("b", record{2}), syscall.ENOSPC)
	d.room = plenty
	require.NoError(t, j.Put("c", record{3}))

	list, err := openJournal(t, path).All()
	require.NoError(t, err)
	require.ElementsMatch(t, []record{{1}, {3}}, list)
}

func TestJournalWritesNothingBehindHalfALine(t *testing.T) {
	t.Parallel()
	d := &disk{room: plenty, noTruncate: true}
	j, path := journalOn[record](t, d)
	require.NoError(t, j.Put("a", record{1}))
	d.room = 10
	require.ErrorIs(t, j.Put("b", record{2}), syscall.ENOSPC)
	d.room = plenty
	require.ErrorIs(t, j.Put("c", record{3}), syscall.EIO)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(text), "\n"))

	d.noTruncate = false
	require.NoError(t, j.Put("c", record{3}))
	list, err := openJournal(t, path).All()
	require.NoError(t, err)
	require.ElementsMatch(t, []record{{1}, {3}}, list)
}

func TestJournalSurvivesACompactionThatFails(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 1<<20)
	for name, fail := range map[string]func(*disk){
		"write": func(d *disk) { d.room = 2<<20 + 1000 }, // enough for the record that sets it off
		"sync":  func(d *disk) { d.syncErr = syscall.EIO },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &disk{room: plenty}
			j, path := journalOn[string](t, d)
			for _, key := range []string{"a", "b", "c", "d", "e", "f", "g"} {
				require.NoError(t, j.Put(key, big))
			}
			fail(d)
			require.NoError(t, j.Put("h", big), "the record itself was written")
			require.NoFileExists(t, path+".new")
			d.room, d.syncErr = plenty, nil
			require.NoError(t, j.Put("i", "last"))

			again, err := store.OpenJournal[string](path, slog.New(slog.DiscardHandler))
			require.NoError(t, err)
			list, err := again.All()
			require.NoError(t, err)
			require.Len(t, list, 9)
			require.NoError(t, again.Close())
		})
	}
}

func TestJournalIsNotReplacedByHalfOfItself(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "calls.journal")
	whole := `{"key":"a","record":{"N":1}}` + "\n" + `{"key":"b","record":{"N":2}}` + "\n"
	require.NoError(t, os.WriteFile(path, []byte(whole), 0o600))
	_, err := store.OpenJournalOn[record](path, (&disk{room: 40}).wrap, slog.New(slog.DiscardHandler))
	require.ErrorIs(t, err, syscall.ENOSPC)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, whole, string(text))
	require.NoFileExists(t, path+".new")
}
