package cti_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/cti"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running gives a feed that is appending until the test ends.
func running(t *testing.T, o cti.FeedOptions) *cti.Feed {
	t.Helper()
	f := cti.NewFeed(o)
	run(t, f)
	return f
}

func run(t *testing.T, f *cti.Feed) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := f.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
}

func subscribe(t *testing.T, f *cti.Feed, o cti.SubscribeOptions) *cti.Subscription {
	t.Helper()
	s, err := f.Subscribe(o)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// callEvent is number n of an interaction.
func callEvent(interaction string, n int, dn string) bridge.Event {
	this := dnParty(2, dn, bridge.RoleDestination, bridge.PartyRinging)
	e := happened(1, bridge.EventRinging, inbound(bridge.PartyRinging, this), this, bridge.PartyView{})
	e.ID, e.N = fmt.Sprintf("%s-%d", interaction, n), n
	return e
}

func publish(f *cti.Feed, interaction string, from, to int) {
	for n := from; n <= to; n++ {
		f.PublishCall(callEvent(interaction, n, "5001"))
	}
}

// collect reads n events and keeps their ids.
func collect(t *testing.T, s *cti.Subscription, n int) (ids []string) {
	t.Helper()
	for len(ids) < n {
		batch, err := s.Next(t.Context())
		require.NoError(t, err)
		for _, e := range batch {
			ids = append(ids, e.Event.ID)
		}
	}
	require.Len(t, ids, n)
	return ids
}

func wantIDs(interaction string, from, to int) (ids []string) {
	for n := from; n <= to; n++ {
		ids = append(ids, fmt.Sprintf("%s-%d", interaction, n))
	}
	return ids
}

func TestFeedNumbersEventsWithoutHoles(t *testing.T) {
	t.Parallel()
	f := running(t, cti.FeedOptions{AgentOf: func(dn string) string { return "agent of " + dn }})
	s := subscribe(t, f, cti.SubscribeOptions{})
	publish(f, "a", 1, 2)
	f.PublishDN(agent.Event{ID: "dn-1", Kind: agent.InService, DN: agent.View{Number: "5001"}})

	var got []*cti.Entry
	for len(got) < 3 {
		batch, err := s.Next(t.Context())
		require.NoError(t, err)
		got = append(got, batch...)
	}
	for i, e := range got {
		require.Equal(t, uint64(i+1), e.Event.Seq)
		require.Equal(t, e.Event.Seq, e.Event.Attributes.EventSequenceNumber)
		require.Equal(t, cti.Cursor{Epoch: s.Start().Epoch, Seq: e.Event.Seq}, e.Event.Cursor)
		require.Equal(t, "agent of 5001", e.Event.AgentID)
		want, err := json.Marshal(e.Event)
		require.NoError(t, err)
		require.Equal(t, string(want), string(e.Data))
	}
	require.Equal(t, "EventDNBackInService", got[2].Event.MessageType)
	require.Equal(t, got[2].Event.Cursor, f.Head())
}

func TestFeedKeepsTheOrderOfEachPublisher(t *testing.T) {
	t.Parallel()
	const publishers, each = 8, 500
	f := running(t, cti.FeedOptions{})
	s := subscribe(t, f, cti.SubscribeOptions{Buffer: publishers * each})
	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() { publish(f, fmt.Sprint(p), 1, each) })
	}
	last, seq := map[byte]int{}, uint64(0)
	for n := 0; n < publishers*each; {
		batch, err := s.Next(t.Context())
		require.NoError(t, err)
		for _, e := range batch {
			n++
			seq++
			require.Equal(t, seq, e.Event.Seq)
			var id int
			_, err := fmt.Sscanf(e.Event.ID[2:], "%d", &id)
			require.NoError(t, err)
			require.Equal(t, last[e.Event.ID[0]]+1, id)
			last[e.Event.ID[0]] = id
		}
	}
	wg.Wait()
}

func TestFeedGivesASubscriberWhatItMaySee(t *testing.T) {
	t.Parallel()
	f := running(t, cti.FeedOptions{})
	s := subscribe(t, f, cti.SubscribeOptions{Filter: func(e *cti.Event) bool { return e.DN == "5002" }})
	f.PublishCall(callEvent("a", 1, "5001"))
	f.PublishCall(callEvent("a", 2, "5002"))
	f.PublishCall(callEvent("a", 3, "5001"))
	f.PublishCall(callEvent("a", 4, "5002"))
	require.Equal(t, []string{"a-2", "a-4"}, collect(t, s, 2))
}

func TestFeedReplaysFromTheCursor(t *testing.T) {
	t.Parallel()
	f := running(t, cti.FeedOptions{})
	s := subscribe(t, f, cti.SubscribeOptions{})
	publish(f, "a", 1, 5)
	collect(t, s, 5)
	at := f.Head()
	at.Seq = 2
	again := subscribe(t, f, cti.SubscribeOptions{Since: at, Filter: func(e *cti.Event) bool { return e.ID != "a-4" }})
	require.Equal(t, at, again.Start())
	require.Equal(t, 3, again.Backlog())
	publish(f, "a", 6, 7)
	require.Equal(t, []string{"a-3", "a-5", "a-6", "a-7"}, collect(t, again, 4))

	upToDate := subscribe(t, f, cti.SubscribeOptions{Since: f.Head()})
	publish(f, "a", 8, 8)
	require.Equal(t, []string{"a-8"}, collect(t, upToDate, 1))
}

// Four events are in memory, eight in the log.
func TestFeedRefusesCursorsItCantContinueFrom(t *testing.T) {
	t.Parallel()
	f := running(t, cti.FeedOptions{Retain: 4, Log: cti.NewMemoryLog(8)})
	s := subscribe(t, f, cti.SubscribeOptions{})
	since := func(seq int) cti.SubscribeOptions {
		return cti.SubscribeOptions{Since: cti.Cursor{Epoch: f.Head().Epoch, Seq: uint64(seq)}}
	}
	for n := 1; n <= 12; n++ {
		publish(f, "a", n, n)
		collect(t, s, 1)
		for seq := range 14 {
			again, err := f.Subscribe(since(seq))
			switch {
			case seq < n-8: // it may show with the first look at the log only
				if err == nil {
					_, err = again.Next(t.Context())
				}
				require.ErrorIs(t, err, cti.ErrTooOld, "%d of %d", seq, n)
				_, err = f.Subscribe(since(seq))
				require.ErrorIs(t, err, cti.ErrTooOld, "%d of %d, again", seq, n)
			case seq > n:
				require.ErrorIs(t, err, cti.ErrUnknownEpoch, "%d of %d", seq, n)
			default:
				require.NoError(t, err, "%d of %d", seq, n)
				require.Equal(t, n-seq, again.Backlog())
				if seq < n {
					require.Equal(t, wantIDs("a", seq+1, n), collect(t, again, n-seq))
				}
				again.Close()
			}
		}
	}
	_, err := f.Subscribe(cti.SubscribeOptions{Since: cti.Cursor{Epoch: "other", Seq: 10}})
	require.ErrorIs(t, err, cti.ErrUnknownEpoch)
	require.Equal(t, 4, f.Stats().Retained)
	require.NotEqual(t, f.Head().Epoch, cti.NewFeed(cti.FeedOptions{}).Head().Epoch)
}

func TestSlowSubscriberIsCutOffAndOthersGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := running(t, cti.FeedOptions{})
		slow := subscribe(t, f, cti.SubscribeOptions{Buffer: 3})
		quick := subscribe(t, f, cti.SubscribeOptions{})
		publish(f, "a", 1, 5)
		synctest.Wait()
		require.Equal(t, 1, f.Stats().Subscribers)
		require.Equal(t, uint64(1), f.Stats().Slow)

		require.Equal(t, wantIDs("a", 1, 3), collect(t, slow, 3), "what was queued is contiguous and is still given")
		_, err := slow.Next(t.Context())
		require.ErrorIs(t, err, cti.ErrSlowConsumer)
		require.Equal(t, wantIDs("a", 1, 5), collect(t, quick, 5))

		back := subscribe(t, f, cti.SubscribeOptions{Since: cti.Cursor{Epoch: f.Head().Epoch, Seq: 3}})
		require.Equal(t, wantIDs("a", 4, 5), collect(t, back, 2))
	})
}

func TestPublishingNeverWaits(t *testing.T) {
	t.Parallel()
	f := cti.NewFeed(cti.FeedOptions{Intake: 10}) // nobody runs it
	publish(f, "a", 1, 1000)
	require.True(t, f.Stats().Degraded)
	require.LessOrEqual(t, f.Stats().Waiting, 10)
}

func TestEventsPublishedBeforeTheEndAreHandedOut(t *testing.T) {
	t.Parallel()
	for range 20 { // both of Run's cases are ready, either may be taken
		f := cti.NewFeed(cti.FeedOptions{})
		publish(f, "a", 1, 3)
		s := subscribe(t, f, cti.SubscribeOptions{})
		require.NoError(t, f.Run(canceled(t)))
		require.Equal(t, wantIDs("a", 1, 3), collect(t, s, 3))
		_, err := s.Next(t.Context())
		require.ErrorIs(t, err, cti.ErrFeedClosed)
		_, err = f.Subscribe(cti.SubscribeOptions{})
		require.ErrorIs(t, err, cti.ErrFeedClosed)
	}
}

func TestNextEndsWithItsContextAndWithClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := running(t, cti.FeedOptions{})
		s := subscribe(t, f, cti.SubscribeOptions{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := s.Next(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)

		var wg sync.WaitGroup
		wg.Go(func() {
			if _, reason := s.Next(t.Context()); reason == nil {
				t.Error("Next returned without a reason")
			}
		})
		synctest.Wait()
		s.Close()
		wg.Wait()
		_, err = s.Next(t.Context())
		require.ErrorIs(t, err, cti.ErrUnsubscribed)
		require.Zero(t, f.Stats().Subscribers)
	})
}

// Subscribing, closing and publishing at once must lose nothing between position and events.
func TestSubscribersThatComeAndGo(t *testing.T) {
	t.Parallel()
	f := running(t, cti.FeedOptions{})
	keep := subscribe(t, f, cti.SubscribeOptions{Buffer: 10000})
	var wg sync.WaitGroup
	wg.Go(func() { publish(f, "a", 1, 2000) })
	for range 4 {
		wg.Go(func() {
			for range 20 {
				s, err := f.Subscribe(cti.SubscribeOptions{})
				if err != nil {
					t.Error(err)
					return
				}
				want := s.Start().Seq
				batch, err := s.Next(canceled(t))
				for _, e := range batch {
					want++
					if e.Event.Seq != want {
						t.Errorf("event %d where %d was due", e.Event.Seq, want)
					}
				}
				if err == nil && len(batch) == 0 {
					t.Error("nothing and no reason")
				}
				s.Close()
			}
		})
	}
	wg.Wait()
	require.Equal(t, wantIDs("a", 1, 2000), collect(t, keep, 2000))
}

func canceled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// Who wants little moves on with the feed, and past nothing that waits for it.
func TestThePositionOfWhoWantsLittle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := running(t, cti.FeedOptions{Retain: 4})
		first := f.Head()
		wants := func(e *cti.Event) bool { return e.DN == "5009" }
		position := func(s *cti.Subscription) string {
			at, ok := s.Position()
			if !ok {
				return ""
			}
			return at.String()
		}
		quiet := func(s *cti.Subscription) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := s.Next(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		s := subscribe(t, f, cti.SubscribeOptions{Filter: wants})
		require.Equal(t, first.String(), position(s))
		publish(f, "a", 1, 10)
		synctest.Wait()
		require.Equal(t, f.Head().String(), position(s))
		f.PublishCall(callEvent("b", 1, "5009"))
		publish(f, "a", 11, 20)
		synctest.Wait()
		require.Empty(t, position(s), "one waits")
		require.Equal(t, []string{"b-1"}, collect(t, s, 1))
		require.Equal(t, f.Head().String(), position(s))

		late := subscribe(t, f, cti.SubscribeOptions{Since: first, Filter: wants})
		require.Empty(t, position(late), "it has not read the log")
		require.Equal(t, []string{"b-1"}, collect(t, late, 1))
		quiet(late)
		require.Equal(t, f.Head().String(), position(late))
		late.Close()
		require.Empty(t, position(late))
	})
}
