package cti_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/cti"
)

// live runs a feed for as long as during takes, as one run of the process.
func live(t *testing.T, o cti.FeedOptions, during func(f *cti.Feed)) {
	t.Helper()
	f := cti.NewFeed(o)
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { _ = f.Run(ctx) })
	during(f)
	cancel()
	work.Wait()
}

// The process ends while the log is away, and is started again before it is back: then it tells the last step of each living call
// again, which the log may have had as its very last before it went away. What is in the spool before it must not be taken for stored.
func TestWhatIsToldAgainIsNoMarkInTheSpool(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, spool := newMoodyLog(), cti.NewMemorySpool(1000)
		o := cti.FeedOptions{Log: l, Node: "n1", Spool: spool}
		live(t, o, func(f *cti.Feed) {
			publish(f, "a", 1, 1)
			publish(f, "b", 1, 3)
			time.Sleep(time.Second)
			l.set(func(l *moodyLog) { l.away = true })
			publish(f, "a", 2, 5)
			time.Sleep(time.Minute)
		})
		for range 2 {
			live(t, o, func(f *cti.Feed) {
				publish(f, "b", 3, 3) // of a call that stands as it stood
				time.Sleep(time.Minute)
			})
		}
		live(t, o, func(f *cti.Feed) {
			publish(f, "a", 6, 6)
			time.Sleep(time.Minute)
			l.set(func(l *moodyLog) { l.away, l.asked = false, nil })
			require.NoError(t, f.Wait(t.Context()))
			require.Zero(t, f.Stats().Spooled)
		})
		require.Equal(t, append(append(wantIDs("a", 1, 1), wantIDs("b", 1, 3)...), wantIDs("a", 2, 6)...), l.logged(t))
		require.NotContains(t, l.asked, "b-3", "the log forgets ids after a while, and would store it twice")
	})
}

// The log comes back, stores a batch of the spool without saying so, and is away again for longer than it remembers ids.
func TestWhatWasStoredWhileCatchingUpIsNotAppendedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, l := stallable(t, cti.FeedOptions{})
		l.set(func(l *moodyLog) { l.away = true })
		publish(f, "a", 1, 9)
		time.Sleep(10 * time.Second)
		l.set(func(l *moodyLog) { l.away, l.deaf = false, true })
		time.Sleep(time.Second)
		l.set(func(l *moodyLog) { l.away = true })
		time.Sleep(5 * time.Minute)
		require.Equal(t, wantIDs("a", 1, 9), l.logged(t))
		l.set(func(l *moodyLog) { l.away, l.deaf, l.asked = false, false, nil })
		require.NoError(t, f.Wait(t.Context()))
		require.Empty(t, l.asked)
		require.Zero(t, f.Stats().Spooled)
	})
}

// A log that can be read and takes nothing, as on a full disk, is stalled from the start when events wait for it.
func TestAFullLogAtTheStartIsStalled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		spool := cti.NewMemorySpool(10)
		require.NoError(t, spool.Put([]cti.Record{{ID: "a-1", Mark: "m", Node: "n1", Kind: cti.RecordAgent, Data: []byte(`{"event":"Ringing","eventId":"a-1"}`)}}))
		l := newMoodyLog()
		l.full = true
		f := cti.NewFeed(cti.FeedOptions{Log: l, Node: "n1", Spool: spool})
		require.NoError(t, f.Open(t.Context()))
		run(t, f)
		time.Sleep(time.Minute)
		require.True(t, f.Stats().Stalled)
		_, err := f.Subscribe(cti.SubscribeOptions{})
		require.ErrorIs(t, err, cti.ErrStalled)
		l.set(func(l *moodyLog) { l.full = false })
		require.NoError(t, f.Wait(t.Context()))
		require.Equal(t, []string{"a-1"}, l.logged(t))
	})
}

// Whoever stops the daemon does not wait until a slow log has taken the whole spool: the rest is for the next start.
func TestTheEndDoesNotWaitForTheSpool(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, spool := newMoodyLog(), cti.NewMemorySpool(1<<16)
		l.away = true
		f := cti.NewFeed(cti.FeedOptions{Log: l, Node: "n1", Spool: spool})
		ctx, cancel := context.WithCancel(t.Context())
		var work sync.WaitGroup
		work.Go(func() { _ = f.Run(ctx) })
		publish(f, "a", 1, 5_000)
		time.Sleep(time.Minute)
		l.set(func(l *moodyLog) { l.away, l.slow = false, time.Second })
		time.Sleep(3 * time.Second)
		cancel()
		asked := time.Now()
		work.Wait()
		require.Less(t, time.Since(asked), 10*time.Second)
		require.Positive(t, spool.Len())
		l.set(func(l *moodyLog) { l.slow = 0 })
		live(t, cti.FeedOptions{Log: l, Node: "n1", Spool: spool}, func(f *cti.Feed) { require.NoError(t, f.Wait(t.Context())) })
		require.Equal(t, wantIDs("a", 1, 5_000), l.logged(t))
	})
}

// The log answers at the very moment when it is given up: whatever comes first, the feed goes on without another event.
func TestAnAnswerAtTheLastMoment(t *testing.T) {
	t.Parallel()
	for range 300 {
		synctest.Test(t, func(t *testing.T) {
			f, l := stallable(t, cti.FeedOptions{})
			l.set(func(l *moodyLog) { l.slow = 2 * time.Second })
			publish(f, "a", 1, 1)
			time.Sleep(3 * time.Second)
			l.set(func(l *moodyLog) { l.slow = 0 })
			time.Sleep(time.Minute)
			require.False(t, f.Stats().Stalled)
		})
	}
}

// anotherLog begins anew while it is followed.
type anotherLog struct {
	mu  sync.Mutex
	now *cti.MemoryLog
	cut context.CancelFunc // of Follow
}

func (l *anotherLog) log() *cti.MemoryLog {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *anotherLog) Open(ctx context.Context) (cti.LogState, error) { return l.log().Open(ctx) }

func (l *anotherLog) Append(ctx context.Context, records []cti.Record) (uint64, error) {
	return l.log().Append(ctx, records)
}

func (l *anotherLog) LastOf(ctx context.Context, node string) (string, error) {
	return l.log().LastOf(ctx, node)
}

func (l *anotherLog) Has(ctx context.Context, r *cti.Record, since time.Time) (bool, error) {
	return l.log().Has(ctx, r, since)
}

func (l *anotherLog) Read(ctx context.Context, after uint64, limit int) ([]cti.Stored, error) {
	time.Sleep(time.Second) // those who were cut off are faster
	return l.log().Read(ctx, after, limit)
}

func (l *anotherLog) Follow(ctx context.Context, after uint64, take func([]cti.Stored)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.mu.Lock()
	l.cut = cancel
	l.mu.Unlock()
	return l.log().Follow(ctx, after, take)
}

// A log with a past takes the place of another, as when one was put back from a backup: whoever comes while it is read is not told
// that past as news.
func TestThePastOfAnotherLogIsNoNews(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		past := cti.NewMemoryLog(100)
		live(t, cti.FeedOptions{Log: past, Node: "n2"}, func(f *cti.Feed) { publish(f, "old", 1, 20); time.Sleep(time.Second) })
		l := &anotherLog{now: cti.NewMemoryLog(100)}
		f := cti.NewFeed(cti.FeedOptions{Log: l, Node: "n1"})
		require.NoError(t, f.Open(t.Context()))
		run(t, f)
		publish(f, "a", 1, 1)
		synctest.Wait()
		before := subscribe(t, f, cti.SubscribeOptions{})
		l.mu.Lock()
		l.now = past
		l.cut()
		l.mu.Unlock()
		_, err := before.Next(t.Context())
		require.ErrorIs(t, err, cti.ErrGap)
		s := subscribe(t, f, cti.SubscribeOptions{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		entries, err := s.Next(ctx)
		require.Empty(t, entries)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, uint64(20), s.Start().Seq)
	})
}
