package follow_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/follow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type stand struct{}

func (stand) Calls() []bridge.CallView { return nil }
func (stand) DNs() []agent.View {
	return []agent.View{{Number: "5001", InService: true}, {Number: "5002"}}
}

func everybody(bridge.DN) bool { return true }

func event(n int, dn bridge.DN, kind bridge.EventKind) bridge.Event {
	party := bridge.PartyView{ID: 1, DN: dn, Number: string(dn), State: bridge.PartyHeld}
	return bridge.Event{
		ID: fmt.Sprintf("e-%d", n), N: n, Kind: kind, This: party, Audience: []bridge.DN{dn}, Time: time.Now(),
		Call: bridge.CallView{ID: "C", Parties: []bridge.PartyView{party}},
	}
}

func options(feed *cti.Feed, w follow.Want) follow.Options {
	return follow.Options{
		Feed: feed, Snapshot: stand{}, Sees: everybody,
		Wants: func(e *cti.Event) bool { return w.Match(e, everybody) },
	}
}

// run lets the feed append until the test ends, and gives what stops it sooner.
func run(t *testing.T, feed *cti.Feed) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = feed.Run(ctx) })
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return stop
}

func names(t *testing.T, f *follow.Follower) (out []string, last cti.Cursor) {
	t.Helper()
	messages, err := f.Next(t.Context())
	require.NoError(t, err)
	for i, m := range messages {
		require.JSONEq(t, string(m.Data), string(m.Data))
		require.Equal(t, m.Name, m.Event.Name)
		if m.Event.Snapshot {
			require.Equal(t, i < len(messages)-1, m.Cursor.IsZero(), "only the end of a snapshot can be gone on from")
		}
		last = m.Cursor
		out = append(out, fmt.Sprint(m.Event.DN, ":", m.Name))
	}
	return out, last
}

func TestAGapIsTold(t *testing.T) {
	t.Parallel()
	feed := cti.NewFeed(cti.FeedOptions{Intake: 2})
	f, err := follow.New(options(feed, follow.Want{DNs: []string{"5001"}}))
	require.NoError(t, err)
	defer f.Close()
	got, _ := names(t, f)
	require.Equal(t, []string{"5001:InService", ":SnapshotComplete"}, got)
	for n := range 9 {
		feed.PublishCall(event(n, "5001", bridge.EventHeld))
	}
	run(t, feed)
	got, _ = names(t, f)
	require.Equal(t, []string{":Reset", "5001:InService", ":SnapshotComplete"}, got[len(got)-3:])
}

func TestLostPlacesLearnOfEnds(t *testing.T) {
	t.Parallel()
	feed := cti.NewFeed(cti.FeedOptions{})
	stop := run(t, feed)
	feed.PublishCall(event(1, "5002", bridge.EventReleased))
	feed.PublishCall(event(2, "5001", bridge.EventHeld))
	feed.PublishCall(event(3, "5001", bridge.EventReleased))
	require.Eventually(t, func() bool { return feed.Head().Seq == 3 }, time.Minute, time.Millisecond)
	o := options(feed, follow.Want{DNs: []string{"5001"}})
	o.Since = cti.Cursor{Epoch: "before", Seq: 7}
	f, err := follow.New(o)
	require.NoError(t, err)
	got, at := names(t, f)
	require.Equal(t, []string{"5001:Released", ":Reset", "5001:InService", ":SnapshotComplete"}, got)
	require.Equal(t, feed.Head(), at)

	o.Since = cti.Cursor{Epoch: at.Epoch, Seq: 1}
	again, err := follow.New(o)
	require.NoError(t, err)
	got, at = names(t, again)
	require.Equal(t, []string{"5001:Held", "5001:Released"}, got)
	require.Equal(t, feed.Head(), at)
	again.Close()

	stop()
	_, err = f.Next(t.Context())
	require.ErrorIs(t, err, cti.ErrFeedClosed)
	_, err = follow.New(o)
	require.ErrorIs(t, err, cti.ErrFeedClosed)
}

func TestSlowReadersGoOn(t *testing.T) {
	t.Parallel()
	feed := cti.NewFeed(cti.FeedOptions{})
	run(t, feed)
	o := options(feed, follow.Want{Topics: []cti.Topic{cti.TopicAgent}, Types: []string{"Held"}})
	o.Buffer = 2
	f, err := follow.New(o)
	require.NoError(t, err)
	defer f.Close()
	got, _ := names(t, f)
	require.Equal(t, []string{":SnapshotComplete"}, got)
	for n := range 5 {
		feed.PublishCall(event(n, "5001", bridge.EventHeld))
	}
	require.Eventually(t, func() bool { return feed.Stats().Slow == 1 && feed.Head().Seq == 5 }, time.Minute, time.Millisecond)
	got, _ = names(t, f)
	_, err = f.Next(t.Context())
	require.ErrorIs(t, err, cti.ErrSlowConsumer)
	require.NoError(t, f.Resume())
	rest, last := names(t, f)
	require.Len(t, append(got, rest...), 5)
	require.Equal(t, feed.Head(), last)
}

func TestTypes(t *testing.T) {
	t.Parallel()
	types := follow.Types()
	require.Subset(t, types, []string{"Ringing", "Established", "Released", "Ready", "InService", "Queued"})
	require.NotContains(t, types, "")
	require.IsIncreasing(t, types)
}

// Each condition counts, and all together; whoever may not see an event does not want it either.
func TestWant(t *testing.T) {
	t.Parallel()
	e := &cti.Event{
		Name: "Held", Topic: cti.TopicAgent, Node: "a", DN: "5001", Audience: []bridge.DN{"5001", "5002"}, Call: &cti.Call{ID: "C"},
	}
	for name, c := range map[string]struct {
		want follow.Want
		is   bool
	}{
		"all":            {follow.Want{}, true},
		"its DN":         {follow.Want{DNs: []string{"5009", "5001"}}, true},
		"another DN":     {follow.Want{DNs: []string{"5009"}}, false},
		"unseen DN":      {follow.Want{DNs: []string{"5002"}}, false},
		"its call":       {follow.Want{Calls: []string{"C", "D"}}, true},
		"another call":   {follow.Want{Calls: []string{"D"}}, false},
		"its name":       {follow.Want{Types: []string{"Held"}}, true},
		"another name":   {follow.Want{Types: []string{"Ringing"}}, false},
		"its topic":      {follow.Want{Topics: []cti.Topic{cti.TopicAgent}}, true},
		"another topic":  {follow.Want{Topics: []cti.Topic{cti.TopicCall}}, false},
		"its node":       {follow.Want{Node: "a"}, true},
		"another node":   {follow.Want{Node: "b"}, false},
		"one is missing": {follow.Want{DNs: []string{"5001"}, Calls: []string{"C"}, Types: []string{"Ringing"}}, false},
	} {
		require.Equal(t, c.is, c.want.Match(e, func(dn bridge.DN) bool { return dn == "5001" }), name)
	}
	shown := *e
	shown.Node, shown.Call = "", nil
	require.True(t, (&follow.Want{Node: "b"}).Match(&shown, everybody), "a snapshot comes from nobody")
	require.False(t, (&follow.Want{Calls: []string{"C"}}).Match(&shown, everybody), "a DN is no call")
}
