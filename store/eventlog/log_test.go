package eventlog_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/store/eventlog"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(lifeDir); dir != "" {
		life(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func options(dir string) eventlog.Options {
	return eventlog.Options{
		Name: "sidecar", Node: "n1", Dir: dir, Replicas: 1, KeepFor: time.Hour, KeepBytes: 64 << 20, Sync: time.Second,
	}
}

func open(t testing.TB, o eventlog.Options) (*eventlog.Log, cti.LogState) {
	t.Helper()
	l, err := eventlog.New(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l, ready(t, l)
}

// patience bounds waits; nothing is said about how long one took.
const patience = time.Minute

func ready(t testing.TB, l *eventlog.Log) (state cti.LogState) {
	t.Helper()
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var err error
		state, err = l.Open(ctx)
		if err != nil {
			t.Logf("not yet: %v", err)
		}
		return err == nil
	}, patience, 50*time.Millisecond)
	return state
}

func record(node string, n int) cti.Record {
	return cti.Record{
		ID: fmt.Sprintf("%s-%d", node, n), Mark: fmt.Sprintf("mark-%s-%d", node, n), Node: node, Kind: cti.RecordAgent, DN: "5001", Audience: []bridge.DN{"5001", "*7#"},
		Data: fmt.Appendf(nil, `{"event":"Ringing","eventId":"%s-%d"}`, node, n),
	}
}

func records(node string, from, to int) (list []cti.Record) {
	for n := from; n <= to; n++ {
		list = append(list, record(node, n))
	}
	return list
}

func ids(list []cti.Stored) (out []string) {
	for _, r := range list {
		out = append(out, r.ID)
	}
	return out
}

func wantIDs(node string, from, to int) (out []string) {
	for n := from; n <= to; n++ {
		out = append(out, fmt.Sprintf("%s-%d", node, n))
	}
	return out
}

// followed reads on until there are n records.
func followed(t testing.TB, l *eventlog.Log, after uint64, n int) (got []cti.Stored) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := l.Follow(ctx, after, func(batch []cti.Stored) {
		if got = append(got, batch...); len(got) >= n {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, got, n)
	return got
}

func TestRecordsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	l, state := open(t, options(t.TempDir()))
	require.Equal(t, uint64(1), state.First)
	require.Zero(t, state.Last)
	require.NotEmpty(t, state.Epoch)
	want := []cti.Record{
		record("n1", 1),
		{ID: "c-1", Node: "n1", Kind: cti.RecordCall, Audience: []bridge.DN{"5001"}, Data: []byte(`{}`)},
		{ID: "gap-1", Mark: "the gap", Node: "n1", Kind: cti.RecordGap, Data: []byte{}},
	}
	last, err := l.Append(t.Context(), want)
	require.NoError(t, err)
	require.Equal(t, uint64(3), last)
	read, err := l.Read(t.Context(), 0, 10)
	require.NoError(t, err)
	for _, got := range [][]cti.Stored{read, followed(t, l, 0, 3)} {
		require.Len(t, got, 3)
		for i := range got {
			require.Equal(t, uint64(i+1), got[i].Seq)
			require.Equal(t, want[i], got[i].Record)
		}
	}
	mark, err := l.LastOf(t.Context(), "n1")
	require.NoError(t, err)
	require.Equal(t, "the gap", mark)
	mark, err = l.LastOf(t.Context(), "n2")
	require.NoError(t, err)
	require.Empty(t, mark)
}

func TestARecordIsStoredOnce(t *testing.T) {
	t.Parallel()
	l, _ := open(t, options(t.TempDir()))
	_, err := l.Append(t.Context(), records("n1", 1, 3))
	require.NoError(t, err)
	last, err := l.Append(t.Context(), records("n1", 1, 5)) // the acknowledgement was lost
	require.NoError(t, err)
	require.Equal(t, uint64(5), last)
	require.Equal(t, wantIDs("n1", 1, 5), ids(followed(t, l, 0, 5)))
	last, err = l.Append(t.Context(), records("n1", 2, 3))
	require.NoError(t, err)
	require.Equal(t, uint64(3), last)
}

func TestTheLogOutlivesItsServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, before := open(t, options(dir))
	_, err := l.Append(t.Context(), records("n1", 1, 1000))
	require.NoError(t, err)
	require.NoError(t, l.Close())
	l, after := open(t, options(dir))
	require.Equal(t, cti.LogState{Epoch: before.Epoch, First: 1, Last: 1000}, after)
	require.Equal(t, wantIDs("n1", 1, 1000), ids(followed(t, l, 0, 1000)))
	read, err := l.Read(t.Context(), 990, 5)
	require.NoError(t, err)
	require.Equal(t, wantIDs("n1", 991, 995), ids(read))
	read, err = l.Read(t.Context(), 1000, 5)
	require.NoError(t, err)
	require.Empty(t, read)
}

// What was not forced to the disk may be missing when the kernel went down: its numbers may be used again.
func TestThePowerWasLost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, before := open(t, options(dir))
	require.NoError(t, l.Close())
	require.NoFileExists(t, filepath.Join(dir, "running"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "running"), []byte("another run of the kernel\n"), 0o600))
	l, after := open(t, options(dir))
	require.NotEqual(t, before.Epoch, after.Epoch)
	require.NoError(t, l.Close())
	l, again := open(t, options(dir))
	require.Equal(t, after.Epoch, again.Epoch, "once is enough")
	require.NoError(t, l.Close())

	require.NoError(t, os.WriteFile(filepath.Join(dir, "running"), []byte("another run of the kernel\n"), 0o600))
	synced := options(dir)
	synced.Sync = 0
	_, always := open(t, synced)
	require.Equal(t, after.Epoch, always.Epoch, "nothing can be missing")
}

func TestOldRecordsGo(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir())
	o.KeepBytes = 1 << 20
	l, _ := open(t, o)
	for n := 0; n < 10000; n += 500 {
		_, err := l.Append(t.Context(), records("n1", n+1, n+500))
		require.NoError(t, err)
	}
	state := ready(t, l)
	require.Equal(t, uint64(10000), state.Last)
	require.Greater(t, state.First, uint64(1))
	_, err := l.Read(t.Context(), state.First-2, 5)
	require.ErrorIs(t, err, cti.ErrTooOld)
	require.ErrorIs(t, l.Follow(t.Context(), 0, func([]cti.Stored) {}), cti.ErrTooOld)
	read, err := l.Read(t.Context(), state.First-1, 5)
	require.NoError(t, err)
	require.Len(t, read, 5)

	o.KeepBytes, o.KeepFor = 2<<20, 2*time.Hour // other settings are taken over
	require.NoError(t, l.Close())
	_, after := open(t, o)
	require.Equal(t, state, after)
}

// TestFollowingCostsNoMoreWithTime is not parallel: it counts goroutines.
func TestFollowingCostsNoMoreWithTime(t *testing.T) {
	l, _ := open(t, options(t.TempDir()))
	ctx, cancel := context.WithCancel(t.Context())
	came := make(chan int, 1)
	var following sync.WaitGroup
	following.Go(func() { _ = l.Follow(ctx, 0, func(batch []cti.Stored) { came <- len(batch) }) })
	defer following.Wait()
	defer cancel()
	goroutinesAfter := func(from, to int) int {
		for n := from; n <= to; n++ {
			_, err := l.Append(t.Context(), records("n1", n, n))
			require.NoError(t, err)
			require.Equal(t, 1, <-came)
		}
		return runtime.NumGoroutine()
	}
	early := goroutinesAfter(1, 20)
	require.Less(t, goroutinesAfter(21, 320), early+100)
}

// Less may be kept from one start to the next, and more again.
func TestTheLimitChanges(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir())
	for i, keep := range []int64{2 << 30, 1 << 20, 4 << 30} {
		o.KeepBytes = keep
		l, state := open(t, o)
		require.EqualValues(t, i, state.Last)
		_, err := l.Append(t.Context(), records("n1", i+1, i+1))
		require.NoError(t, err)
		require.NoError(t, l.Close())
	}
}
