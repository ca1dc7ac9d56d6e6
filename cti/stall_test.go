package cti_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/bridge"
	"sidecar/cti"
)

var errAway = errors.New("the store is away")

// moodyLog is a log that can be away, hang, or lose acknowledgements.
type moodyLog struct {
	*cti.MemoryLog

	mu     sync.Mutex
	away   bool          // requests fail
	hang   chan struct{} // requests hang, whatever their context says
	unsaid bool          // what is stored is not acknowledged
	mute   bool          // what is stored is not handed out
	forgot bool          // nor to those who have been following
	full   bool          // it takes nothing, and can be asked
	slow   time.Duration // how long it takes to append
	late   time.Duration // how long it takes to read
	deaf   bool          // what is stored is not acknowledged, and it can be asked
	asked  []string      // ids that it was to append
}

func newMoodyLog() *moodyLog { return &moodyLog{MemoryLog: cti.NewMemoryLog(1 << 16)} }

func (l *moodyLog) set(change func(*moodyLog)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

func (l *moodyLog) mood() moodyLog {
	l.mu.Lock()
	defer l.mu.Unlock()
	return moodyLog{away: l.away, hang: l.hang, unsaid: l.unsaid, mute: l.mute, forgot: l.forgot, full: l.full, slow: l.slow, late: l.late, deaf: l.deaf}
}

func (l *moodyLog) Open(ctx context.Context) (cti.LogState, error) {
	if m := l.mood(); m.away {
		return cti.LogState{}, errAway
	}
	return l.MemoryLog.Open(ctx)
}

func (l *moodyLog) Append(ctx context.Context, records []cti.Record) (uint64, error) {
	m := l.mood()
	if m.hang != nil {
		<-m.hang
	}
	time.Sleep(m.slow)
	if m.away || m.full {
		return 0, errAway
	}
	l.set(func(l *moodyLog) {
		for _, r := range records {
			l.asked = append(l.asked, r.ID)
		}
	})
	last, err := l.MemoryLog.Append(ctx, records)
	if m.unsaid || m.deaf {
		<-ctx.Done()
		return 0, errAway
	}
	return last, err
}

func (l *moodyLog) Read(ctx context.Context, after uint64, limit int) ([]cti.Stored, error) {
	select {
	case <-time.After(l.mood().late):
		return l.MemoryLog.Read(ctx, after, limit)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (l *moodyLog) LastOf(ctx context.Context, node string) (string, error) {
	if m := l.mood(); m.away || m.unsaid {
		return "", errAway
	}
	return l.MemoryLog.LastOf(ctx, node)
}

func (l *moodyLog) Has(ctx context.Context, r *cti.Record, since time.Time) (bool, error) {
	if m := l.mood(); m.away || m.unsaid {
		return false, errAway
	}
	return l.MemoryLog.Has(ctx, r, since)
}

func (l *moodyLog) Follow(ctx context.Context, after uint64, take func([]cti.Stored)) error {
	l.set(func(l *moodyLog) { l.forgot = false })
	return l.MemoryLog.Follow(ctx, after, func(batch []cti.Stored) {
		if l.mood().forgot {
			<-ctx.Done()
			return
		}
		for l.mood().mute {
			select {
			case <-ctx.Done():
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
		take(batch)
	})
}

// logged are the ids in the log.
func (l *moodyLog) logged(t *testing.T) (ids []string) {
	t.Helper()
	all, err := l.Read(t.Context(), 0, 1<<16)
	require.NoError(t, err)
	for _, r := range all {
		ids = append(ids, r.ID)
	}
	return ids
}

func stallable(t *testing.T, o cti.FeedOptions) (*cti.Feed, *moodyLog) {
	t.Helper()
	l := newMoodyLog()
	o.Log, o.Node = l, "n1"
	f := cti.NewFeed(o)
	require.NoError(t, f.Open(t.Context()))
	run(t, f)
	return f, l
}

// The log is away for a while, in each of the ways in which it can be.
func TestAStalledLog(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(*moodyLog){
		"fails":                   func(l *moodyLog) { l.away = true },
		"hangs":                   func(l *moodyLog) { l.hang = make(chan struct{}) },
		"loses acknowledgements":  func(l *moodyLog) { l.unsaid = true },
		"does not give them back": func(l *moodyLog) { l.mute = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f, l := stallable(t, cti.FeedOptions{})
				s := subscribe(t, f, cti.SubscribeOptions{})
				publish(f, "a", 1, 3)
				collect(t, s, 3)
				seen := f.Head()
				l.set(away)
				publish(f, "a", 4, 5)
				time.Sleep(1900 * time.Millisecond)
				require.False(t, f.Stats().Degraded, "a hiccup is none of the clients' business")
				time.Sleep(3 * time.Second)
				stats := f.Stats()
				require.True(t, stats.Stalled)
				require.Equal(t, uint64(1), stats.Stalls)
				var err error
				for err == nil {
					_, err = s.Next(t.Context())
				}
				require.ErrorIs(t, err, cti.ErrStalled)
				_, err = f.Subscribe(cti.SubscribeOptions{})
				require.ErrorIs(t, err, cti.ErrStalled)
				for n := 6; n <= 2000; n++ { // publishing goes on, at the pace of calls
					publish(f, "a", n, n)
					time.Sleep(time.Millisecond)
				}
				l.set(func(l *moodyLog) {
					if l.hang != nil {
						close(l.hang)
					}
					l.away, l.hang, l.unsaid, l.mute = false, nil, false, false
				})
				require.NoError(t, f.Wait(t.Context()))
				require.False(t, f.Stats().Stalled)
				require.Zero(t, f.Stats().Spooled)
				require.Zero(t, f.Stats().Lost)
				back := subscribe(t, f, cti.SubscribeOptions{Since: seen, Buffer: 4000})
				require.Equal(t, wantIDs("a", 4, 2000), collect(t, back, 1997), "each once, in order")
				require.Equal(t, wantIDs("a", 1, 2000), l.logged(t))
				publish(f, "a", 2001, 2001)
				require.Equal(t, []string{"a-2001"}, collect(t, back, 1))
			})
		})
	}
}

// What does not fit into the spool is given up, and a gap in the log says so to everybody.
func TestAFullSpoolMakesAGap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, l := stallable(t, cti.FeedOptions{Spool: cti.NewMemorySpool(10)})
		publish(f, "a", 1, 1)
		synctest.Wait()
		seen := f.Head()
		l.set(func(l *moodyLog) { l.away = true })
		for n := 2; n <= 40; n++ {
			publish(f, "a", n, n)
			time.Sleep(time.Second)
		}
		require.Equal(t, 10, f.Stats().Spooled)
		l.set(func(l *moodyLog) { l.away = false })
		require.NoError(t, f.Wait(t.Context()))
		publish(f, "a", 41, 42)
		synctest.Wait()
		logged := l.logged(t)
		require.Len(t, logged, 14)
		require.Equal(t, wantIDs("a", 1, 11), logged[:11])
		require.Contains(t, logged[11], "gap-n1-")
		require.Equal(t, wantIDs("a", 41, 42), logged[12:])
		require.Equal(t, uint64(29), f.Stats().Lost)
		_, err := f.Subscribe(cti.SubscribeOptions{Since: seen})
		require.ErrorIs(t, err, cti.ErrTooOld, "whoever has not seen the gap needs a snapshot")
		s := subscribe(t, f, cti.SubscribeOptions{})
		publish(f, "a", 43, 43)
		require.Equal(t, []string{"a-43"}, collect(t, s, 1))
	})
}

func TestAFullIntakeMakesAGap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, l := stallable(t, cti.FeedOptions{Intake: 4})
		s := subscribe(t, f, cti.SubscribeOptions{})
		hang := make(chan struct{})
		l.set(func(l *moodyLog) { l.hang = hang })
		publish(f, "a", 1, 1)
		synctest.Wait() // the appender hangs with a-1
		publish(f, "a", 2, 5)
		require.False(t, f.Stats().Degraded)
		publish(f, "a", 6, 6) // one too many
		require.True(t, f.Stats().Degraded)
		publish(f, "a", 7, 7)
		l.set(func(l *moodyLog) { l.hang = nil })
		close(hang)
		synctest.Wait()
		require.Equal(t, []string{"a-1"}, collect(t, s, 1))
		_, err := s.Next(t.Context())
		require.ErrorIs(t, err, cti.ErrGap)
		stats := f.Stats()
		require.False(t, stats.Degraded)
		require.Equal(t, uint64(5), stats.Lost)
		require.Equal(t, uint64(1), stats.Gaps)
		require.Equal(t, "a-7", l.logged(t)[2])
	})
}

// Whoever would tell an event again after a restart is told when that is no longer needed: not before the log or the spool has it,
// and also when it was given up.
func TestWhenKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, l := stallable(t, cti.FeedOptions{Intake: 4})
		var mu sync.Mutex
		var list []string
		tell := func(n int) {
			publish(f, "a", n, n)
			f.WhenKept(func() {
				mu.Lock()
				defer mu.Unlock()
				list = append(list, fmt.Sprintf("a-%d", n))
			})
		}
		kept := func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(list)
		}
		tell(1)
		synctest.Wait()
		require.Equal(t, wantIDs("a", 1, 1), kept())
		l.set(func(l *moodyLog) { l.slow = time.Second })
		tell(2)
		time.Sleep(900 * time.Millisecond)
		require.Len(t, kept(), 1, "the log has not said that it has it")
		time.Sleep(200 * time.Millisecond)
		require.Len(t, kept(), 2)
		l.set(func(l *moodyLog) { l.slow, l.away = 0, true })
		tell(3)
		time.Sleep(time.Second)
		require.Len(t, kept(), 2, "nobody has it")
		time.Sleep(2 * time.Second)
		require.Equal(t, 1, f.Stats().Spooled)
		require.Len(t, kept(), 3, "the spool has it")
		l.set(func(l *moodyLog) { l.away = false })
		require.NoError(t, f.Wait(t.Context()))
		hang := make(chan struct{})
		l.set(func(l *moodyLog) { l.hang = hang })
		for n := 4; n <= 9; n++ { // five are too many
			tell(n)
			synctest.Wait()
		}
		require.Len(t, kept(), 3)
		l.set(func(l *moodyLog) { l.hang = nil })
		close(hang)
		synctest.Wait()
		require.Equal(t, uint64(5), f.Stats().Lost)
		require.Equal(t, wantIDs("a", 1, 9), kept(), "in order")
	})
}

// A log that is away at the start is waited for; what was published meanwhile is not lost.
func TestTheLogComesLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newMoodyLog()
		l.away = true
		f := cti.NewFeed(cti.FeedOptions{Log: l, Node: "n1"})
		require.ErrorIs(t, f.Open(t.Context()), errAway)
		run(t, f)
		publish(f, "a", 1, 3)
		time.Sleep(time.Minute)
		require.True(t, f.Stats().Degraded)
		l.set(func(l *moodyLog) { l.away = false })
		require.NoError(t, f.Wait(t.Context()))
		require.Equal(t, wantIDs("a", 1, 3), l.logged(t))
		require.Equal(t, uint64(3), f.Head().Seq)
	})
}

// The process ends while events are in the spool, and after some of them were stored without its knowing.
func TestTheSpoolOfAnEarlierRunComesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, spool := newMoodyLog(), cti.NewMemorySpool(1000)
		life := func(from, to int, during func(f *cti.Feed)) {
			f := cti.NewFeed(cti.FeedOptions{Log: l, Node: "n1", Spool: spool})
			ctx, cancel := context.WithCancel(t.Context())
			var work sync.WaitGroup
			work.Go(func() { _ = f.Run(ctx) })
			publish(f, "a", from, to)
			time.Sleep(time.Minute)
			if during != nil {
				during(f)
			}
			cancel()
			work.Wait()
		}
		life(1, 3, nil)
		l.set(func(l *moodyLog) { l.unsaid = true })
		life(4, 9, nil)
		require.Equal(t, 6, spool.Len())
		l.set(func(l *moodyLog) { l.unsaid = false })
		life(8, 12, func(f *cti.Feed) { require.Zero(t, f.Stats().Spooled) }) // two are told again after the restart
		require.Equal(t, wantIDs("a", 1, 12), l.logged(t))
	})
}

// However little is kept in memory, what an earlier run has appended is not appended again.
func TestWhatIsToldAgainIsKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newMoodyLog()
		life := func(to int) {
			f := cti.NewFeed(cti.FeedOptions{Log: l, Node: "n1", Retain: 4})
			ctx, cancel := context.WithCancel(t.Context())
			var work sync.WaitGroup
			work.Go(func() { _ = f.Run(ctx) })
			publish(f, "a", 1, to)
			synctest.Wait()
			require.Equal(t, 4, f.Stats().Retained)
			cancel()
			work.Wait()
		}
		life(50)
		l.set(func(l *moodyLog) { l.asked = nil })
		life(51)
		require.Equal(t, wantIDs("a", 51, 51), l.asked)
	})
}

// However long ago the last step of a call was, it is not appended again after a restart; what the log does not have is, also when it
// has waited in the spool.
func TestWhatIsToldAgainIsLookedFor(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]bool{"at once": false, "by the spool": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newMoodyLog()
				live(t, cti.FeedOptions{Log: l, Node: "n1"}, func(f *cti.Feed) {
					publish(f, "long", 1, 2)
					publish(f, "a", 1, 5000)
					synctest.Wait()
				})
				l.set(func(l *moodyLog) { l.asked, l.away = nil, away })
				live(t, cti.FeedOptions{Log: l, Node: "n1"}, func(f *cti.Feed) {
					for _, e := range []bridge.Event{callEvent("long", 2, "5001"), callEvent("long", 3, "5001"), callEvent("a", 5000, "5001")} {
						e.Time = time.Now().Add(-time.Hour)
						f.RepublishCall(e)
					}
					publish(f, "a", 5001, 5001)
					time.Sleep(10 * time.Second)
					l.set(func(l *moodyLog) { l.away = false })
					require.NoError(t, f.Wait(t.Context()))
					synctest.Wait()
				})
				require.Equal(t, []string{"long-3", "a-5001"}, l.asked)
			})
		})
	}
}

// What is read from the log is the same as what was handed out at once.
func TestReplayIsWhatWasHandedOut(t *testing.T) {
	t.Parallel()
	l := newMoodyLog()
	f := running(t, cti.FeedOptions{Log: l, Node: "n1", Retain: 8})
	require.NoError(t, f.Wait(t.Context()))
	s := subscribe(t, f, cti.SubscribeOptions{Buffer: 1000})
	at := s.Start()
	for i, c := range callCases() {
		c.event.ID = fmt.Sprintf("c-%d", i)
		f.PublishCall(c.event)
	}
	n := len(callCases())
	publish(f, "a", 1, 100)
	live := entries(t, s, n+100)
	again := entries(t, subscribe(t, f, cti.SubscribeOptions{Since: at}), n+100)
	other := running(t, cti.FeedOptions{Log: l, Node: "n2"}) // after a restart, or at another sidecar
	require.NoError(t, other.Wait(t.Context()))
	there := entries(t, subscribe(t, other, cti.SubscribeOptions{Since: at}), n+100)
	for i := range live {
		require.JSONEq(t, string(live[i].Data), string(again[i].Data))
		require.Equal(t, string(live[i].Data), string(again[i].Data))
		require.Equal(t, string(live[i].Data), string(there[i].Data))
		require.Equal(t, live[i].Event.Audience, again[i].Event.Audience)
		require.Equal(t, live[i].Event.Topic, there[i].Event.Topic)
		require.Equal(t, "n1", there[i].Event.Node)
	}
}

func entries(t *testing.T, s *cti.Subscription, n int) (got []*cti.Entry) {
	t.Helper()
	for len(got) < n {
		batch, err := s.Next(t.Context())
		require.NoError(t, err)
		got = append(got, batch...)
	}
	require.Len(t, got, n)
	return got
}

func FuzzDecodeRecord(f *testing.F) {
	for _, c := range encodeCases() {
		r, err := cti.RecordOf("n1", c.event)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(r.Kind), r.Data)
	}
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		entry, err := cti.DecodeRecord(&cti.Stored{Seq: 7, Record: cti.Record{ID: "x", Node: "n1", Kind: cti.RecordKind(kind), Data: data}}, "e")
		if err != nil {
			require.ErrorIs(t, err, cti.ErrBadRecord)
			return
		}
		require.NotEmpty(t, entry.Event.ID)
		require.Equal(t, uint64(7), entry.Event.Seq)
	})
}

// A server that forgets who follows it says nothing: the reader comes again by itself.
func TestAForgottenReaderFollowsAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, l := stallable(t, cti.FeedOptions{})
		s := subscribe(t, f, cti.SubscribeOptions{})
		publish(f, "a", 1, 3)
		collect(t, s, 3)
		seen := f.Head()
		l.set(func(l *moodyLog) { l.forgot = true })
		publish(f, "a", 4, 5)
		time.Sleep(4 * time.Second)
		require.False(t, f.Stats().Stalled)
		require.Equal(t, wantIDs("a", 4, 5), collect(t, subscribe(t, f, cti.SubscribeOptions{Since: seen}), 2))
	})
}

// One that was forgotten while the log did not take anything either comes again, too.
func TestAReaderForgottenDuringAStallFollowsAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, l := stallable(t, cti.FeedOptions{})
		publish(f, "a", 1, 3)
		synctest.Wait()
		seen := f.Head()
		l.set(func(l *moodyLog) { l.away = true })
		publish(f, "a", 4, 5)
		time.Sleep(4 * time.Second)
		require.True(t, f.Stats().Stalled)
		l.set(func(l *moodyLog) { l.away, l.forgot = false, true })
		time.Sleep(10 * time.Second)
		require.False(t, f.Stats().Stalled)
		require.Equal(t, wantIDs("a", 4, 5), collect(t, subscribe(t, f, cti.SubscribeOptions{Since: seen}), 2))
	})
}

// What is done behind events may take its time, on a slow disk: the next events don't wait for it, and the end does.
func TestEventsDontWaitForWhatIsDoneBehindThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, _ := stallable(t, cti.FeedOptions{})
		done := make(chan int, 3)
		for n := range cap(done) {
			publish(f, "a", n+1, n+1)
			f.WhenKept(func() { time.Sleep(time.Minute); done <- n })
			synctest.Wait()
			require.EqualValues(t, n+1, f.Head().Seq, "it is handed out at once")
		}
		require.Empty(t, done)
		for n := range cap(done) {
			require.Equal(t, n, <-done, "in order")
		}
	})
}

// A log that answers slowly, on a busy machine, is opened all the same.
func TestALogThatIsSlowToRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		before, l := stallable(t, cti.FeedOptions{})
		publish(before, "a", 1, 2000)
		synctest.Wait()
		l.set(func(l *moodyLog) { l.late = 3 * time.Second })
		f := cti.NewFeed(cti.FeedOptions{Log: l, Node: "n2"})
		require.NoError(t, f.Open(t.Context()))
		require.Equal(t, uint64(2000), f.Head().Seq)
		l.set(func(l *moodyLog) { l.late = 11 * time.Second })
		require.Error(t, cti.NewFeed(cti.FeedOptions{Log: l, Node: "n3"}).Open(t.Context()), "one that does not answer is not")
	})
}
