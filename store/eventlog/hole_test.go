package eventlog_test

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/cti"
	"sidecar/store/eventlog"
)

// blocks are the files with events, the oldest first.
func blocks(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "sidecar-events", "msgs", "*.blk"))
	require.NoError(t, err)
	slices.SortFunc(list, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	require.Greater(t, len(list), 2)
	return list
}

func half(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, info.Size()/2))
}

// several are options with which the stream soon has several files.
func several(dir string) eventlog.Options {
	o := options(dir)
	o.KeepBytes = 16 << 20
	return o
}

// manyEvents fill three files; a feed reads the last of them at its start.
const manyEvents = 7500

// many gives the files of a log that has several, as they are after a kill and after a stop in good order.
func many(t *testing.T) (killedDir, stoppedDir string) {
	t.Helper()
	dir := t.TempDir()
	l, _ := open(t, several(dir))
	for n := 1; n <= manyEvents; n += 250 {
		list := records("n1", n, n+249)
		for i := range list {
			list[i].Data = append(bytes.TrimSuffix(list[i].Data, []byte("}")), append(append([]byte(`,"pad":"`), bytes.Repeat([]byte("x"), 1300)...), `"}`...)...)
		}
		_, err := l.Append(t.Context(), list)
		require.NoError(t, err)
	}
	left := killed(t, dir)
	require.NoError(t, l.Close())
	return left, dir
}

// A file in the middle, or the last one after a stop in good order, is lost or cut: whoever comes to the hole is told of it, once, and
// what is behind it can be had.
func TestAHoleIsNoticed(t *testing.T) {
	t.Parallel()
	wasKilled, wasStopped := many(t)
	middle := func(list []string) string { return list[len(list)/2] }
	last := func(list []string) string { return list[len(list)-1] }
	remove := func(t *testing.T, path string) { t.Helper(); require.NoError(t, os.Remove(path)) }
	for name, c := range map[string]struct {
		of     string
		damage func(t *testing.T, path string)
		which  func([]string) string
	}{
		"a file lost, killed":  {wasKilled, remove, middle},
		"a file lost, stopped": {wasStopped, remove, middle},
		"a file cut, killed":   {wasKilled, half, middle},
		"the last file lost":   {wasStopped, remove, last},
		"the last file cut":    {wasStopped, half, last},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := killed(t, c.of)
			c.damage(t, c.which(blocks(t, dir)))
			var said bytes.Buffer
			o := several(dir)
			o.Logger = slog.New(slog.NewTextHandler(&said, nil))
			l, state := open(t, o)
			require.EqualValues(t, manyEvents, state.Last)
			var all []cti.Stored
			for at := state.First - 1; at < state.Last; at = all[len(all)-1].Seq {
				batch, err := l.Read(t.Context(), at, 250)
				require.NoError(t, err)
				require.NotEmpty(t, batch)
				all = append(all, batch...)
			}
			hole := slices.IndexFunc(all, func(r cti.Stored) bool { return r.Kind == cti.RecordGap })
			require.Positive(t, hole)
			from, to := all[hole-1].Seq+1, all[hole].Seq
			require.Less(t, from, to)
			for i, r := range all {
				require.Equal(t, i == hole, r.Kind == cti.RecordGap)
				if i != hole && i != 0 {
					require.Equal(t, all[i-1].Seq+1, r.Seq)
					require.Equal(t, record("n1", int(r.Seq)).ID, r.ID)
				}
			}
			require.Contains(t, said.String(), "has a hole")
			_, err := l.Append(t.Context(), records("n1", manyEvents+1, manyEvents+1))
			require.NoError(t, err)
			followed := followed(t, l, 0, len(all)+1)
			require.Equal(t, to, followed[hole].Seq)
			require.Equal(t, cti.RecordGap, followed[hole].Kind)

			goneOver(t, l, state.Epoch, from, to)
		})
	}
}

// goneOver has a feed on a log with a hole: it opens, and knows who has missed something.
func goneOver(t *testing.T, l *eventlog.Log, epoch string, from, to uint64) {
	t.Helper()
	f := cti.NewFeed(cti.FeedOptions{Node: "n1", Log: l, Retain: 10})
	require.NoError(t, f.Open(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { _ = f.Run(ctx) })
	defer work.Wait()
	defer cancel()
	for _, seen := range []uint64{from - 1, 0, to - 1} {
		s, err := f.Subscribe(cti.SubscribeOptions{Since: cti.Cursor{Epoch: epoch, Seq: seen}})
		if err == nil {
			_, err = s.Next(t.Context())
			s.Close()
		}
		require.ErrorIs(t, err, cti.ErrTooOld, seen)
	}
	require.EqualValues(t, 1, f.Stats().Gaps)
	s, err := f.Subscribe(cti.SubscribeOptions{Since: cti.Cursor{Epoch: epoch, Seq: to}})
	require.NoError(t, err)
	defer s.Close()
	got, err := s.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, to+1, got[0].Event.Seq)
}

// Somebody deletes an event while the log is in use.
func TestADeletedEventIsAHole(t *testing.T) {
	t.Parallel()
	nats := external(t, nil)
	l, _ := open(t, shared("n1", nats))
	_, err := l.Append(t.Context(), records("n1", 1, 9))
	require.NoError(t, err)
	deleteMessages(t, nats.ClientURL(), 4, 8, 9)
	got, err := l.Read(t.Context(), 0, 5)
	require.NoError(t, err)
	kinds := func(list []cti.Stored) (out []cti.RecordKind) {
		for _, r := range list {
			out = append(out, r.Kind)
		}
		return out
	}
	agent, gap := cti.RecordAgent, cti.RecordGap
	require.Equal(t, []cti.RecordKind{agent, agent, agent, gap, agent, agent}, kinds(got))
	got, err = l.Read(t.Context(), 6, 5)
	require.NoError(t, err)
	require.Equal(t, []cti.RecordKind{agent}, kinds(got))
	got, err = l.Read(t.Context(), 7, 5)
	require.NoError(t, err)
	require.Equal(t, []cti.RecordKind{gap}, kinds(got))
	require.EqualValues(t, 9, got[0].Seq)
	got, err = l.Read(t.Context(), 9, 5)
	require.NoError(t, err)
	require.Empty(t, got)
}
