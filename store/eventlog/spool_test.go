package eventlog_test

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/cti"
	"sidecar/store/eventlog"
)

func spool(t *testing.T, path string, limit int64) *eventlog.Spool {
	t.Helper()
	s, err := eventlog.OpenSpool(path, limit, "n1", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestTheSpoolKeepsOrderThroughARestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "dir", "events.spool")
	s := spool(t, path, 1<<20)
	require.NoError(t, s.Put(records("n1", 1, 3)))
	gap := cti.Record{ID: "gap", Node: "n1", Kind: cti.RecordGap}
	require.NoError(t, s.Put([]cti.Record{gap}))
	require.NoError(t, s.Drop(1))
	require.NoError(t, s.Put(records("n1", 4, 4)))
	want := append(records("n1", 2, 3), gap, record("n1", 4))
	got, err := s.Peek(10)
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, err = s.Peek(2)
	require.NoError(t, err)
	require.Equal(t, want[:2], got)
	require.Equal(t, 4, s.Len())
	require.NoError(t, s.Close())

	s = spool(t, path, 1<<20)
	require.Equal(t, 5, s.Len(), "what was dropped is there again")
	require.NoError(t, s.Drop(5))
	require.Zero(t, s.Len())
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Zero(t, info.Size())
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestTheSpoolTakesAllOrNone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.spool")
	s := spool(t, path, 1000)
	require.NoError(t, s.Put(records("n1", 1, 3)))
	require.ErrorIs(t, s.Put(records("n1", 4, 99)), cti.ErrSpoolFull)
	require.Equal(t, 3, s.Len())
	require.NoError(t, s.Drop(1))
	require.NoError(t, s.Put(records("n1", 4, 4)), "there is room again")
	got, err := s.Peek(9)
	require.NoError(t, err)
	require.Equal(t, records("n1", 2, 4), got)
}

func TestABrokenSpool(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.spool")
	s := spool(t, path, 1<<20)
	require.NoError(t, s.Put(records("n1", 1, 2)))
	require.NoError(t, s.Close())
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = io.WriteString(file, `{"id":"cut sho`)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	s = spool(t, path, 1<<20)
	require.NoError(t, s.Put(records("n1", 3, 3)))
	got, err := s.Peek(9)
	require.NoError(t, err)
	require.Equal(t, records("n1", 1, 3), got)
	require.NoError(t, s.Close())
}

// The file is damaged while it is in use, in each of the ways in which it can be: what is before that is given, then a gap, and what
// came after it is set aside.
func TestASpoolDamagedInUse(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(text []byte, third int) []byte{
		"overwritten": func(text []byte, third int) []byte { copy(text[third+20:], "\x00\xff\x17nonsense"); return text },
		"cut":         func(text []byte, third int) []byte { return text[:third+5] },
		"a line less": func(text []byte, third int) []byte { return append(text[:third:third], text[third+len(text)/5-7:]...) },
		"empty":       func([]byte, int) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "events.spool")
			var said bytes.Buffer
			s, err := eventlog.OpenSpool(path, 1<<20, "n1", slog.New(slog.NewTextHandler(&said, nil)))
			require.NoError(t, err)
			defer func() { _ = s.Close() }()
			require.NoError(t, s.Put(records("n1", 1, 5)))
			require.NoError(t, s.Drop(1))
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			damaged := damage(text, bytes.Index(text, []byte(`{"id":"n1-3"`)))
			require.NoError(t, os.WriteFile(path, damaged, 0o600))

			got, err := s.Peek(9)
			require.NoError(t, err)
			gap := got[len(got)-1]
			require.Equal(t, cti.Record{ID: gap.ID, Mark: gap.ID, Node: "n1", Kind: cti.RecordGap}, gap)
			if len(damaged) > 0 {
				require.Equal(t, append(records("n1", 2, 2), gap), got)
			}
			require.Equal(t, len(got), s.Len())
			again, err := s.Peek(9)
			require.NoError(t, err)
			require.Equal(t, got, again)
			aside, err := filepath.Glob(path + ".bad-*")
			require.NoError(t, err)
			require.Len(t, aside, 1)
			kept, err := os.ReadFile(aside[0])
			require.NoError(t, err)
			require.Equal(t, string(damaged), string(kept))
			require.Contains(t, said.String(), "level=ERROR")
			require.Contains(t, said.String(), aside[0])

			require.NoError(t, s.Put(records("n1", 6, 6)))
			require.NoError(t, s.Drop(len(got)))
			got, err = s.Peek(9)
			require.NoError(t, err)
			require.Equal(t, records("n1", 6, 6), got)
		})
	}
}

// A broken line costs what is behind it, not the start: a gap stands for that, and the file is set aside.
func TestADamagedSpool(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]string{"no JSON": "\x00\xff\x17nonsense", "no event": "{}"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "events.spool")
			s := spool(t, path, 1<<20)
			require.NoError(t, s.Put(records("n1", 1, 4)))
			require.NoError(t, s.Close())
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			lines := strings.SplitAfter(string(text), "\n")
			lines[2] = broken + "\n"
			damaged := strings.Join(lines, "")
			require.NoError(t, os.WriteFile(path, []byte(damaged), 0o600))

			var said bytes.Buffer
			s, err = eventlog.OpenSpool(path, 1<<20, "n1", slog.New(slog.NewTextHandler(&said, nil)))
			require.NoError(t, err)
			require.NoError(t, s.Put(records("n1", 5, 5)))
			require.NoError(t, s.Close())
			aside, err := filepath.Glob(path + ".bad-*")
			require.NoError(t, err)
			require.Len(t, aside, 1)
			kept, err := os.ReadFile(aside[0])
			require.NoError(t, err)
			require.Equal(t, damaged, string(kept))
			require.Contains(t, said.String(), "level=ERROR")
			require.Contains(t, said.String(), aside[0])

			s = spool(t, path, 1<<20) // it is whole again
			got, err := s.Peek(9)
			require.NoError(t, err)
			require.Len(t, got, 4)
			gap := got[2]
			require.NotEmpty(t, gap.ID)
			require.Equal(t, cti.Record{ID: gap.ID, Mark: gap.ID, Node: "n1", Kind: cti.RecordGap}, gap)
			require.Equal(t, append(append(records("n1", 1, 2), gap), record("n1", 5)), got)
			aside, err = filepath.Glob(path + ".bad-*")
			require.NoError(t, err)
			require.Len(t, aside, 1)
		})
	}
}
