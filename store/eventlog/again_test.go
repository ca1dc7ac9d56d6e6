package eventlog_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/store/eventlog"
)

// atServer gives the stream of the site as its operator has it.
func atServer(t testing.TB, url string, do func(jetstream.JetStream, jetstream.Stream)) {
	t.Helper()
	conn, err := nats.Connect(url, nats.Token("a-token-for-tests"))
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	stream, err := js.Stream(t.Context(), "site-events")
	require.NoError(t, err)
	do(js, stream)
}

// forgetful lets the server of a log forget ids at once.
func forgetful(t testing.TB, url string) {
	t.Helper()
	atServer(t, url, func(js jetstream.JetStream, stream jetstream.Stream) {
		config := stream.CachedInfo().Config
		config.Duplicates = 100 * time.Millisecond
		_, err := js.UpdateStream(t.Context(), config)
		require.NoError(t, err)
	})
}

func deleteMessages(t testing.TB, url string, numbers ...uint64) {
	t.Helper()
	atServer(t, url, func(_ jetstream.JetStream, stream jetstream.Stream) {
		for _, n := range numbers {
			require.NoError(t, stream.DeleteMsg(t.Context(), n))
		}
	})
}

// forgotten waits until the server has forgotten ids.
func forgotten(t testing.TB, l *eventlog.Log) {
	t.Helper()
	first, err := l.Append(t.Context(), records("other", 1, 1))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		seq, err := l.Append(t.Context(), records("other", 1, 1))
		return err == nil && seq > first
	}, patience, 20*time.Millisecond)
}

func lived(t testing.TB, l *eventlog.Log, during func(*cti.Feed)) {
	t.Helper()
	f := cti.NewFeed(cti.FeedOptions{Node: "a", Log: l})
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { _ = f.Run(ctx) })
	defer work.Wait()
	defer cancel()
	require.Eventually(t, func() bool { return !f.Stats().Stalled }, patience, time.Millisecond, "it is open")
	during(f)
}

// The last step of a call is not appended again after a kill, however much was appended since, and however long ago it was.
func TestALongCallIsToldOnce(t *testing.T) {
	t.Parallel()
	nats := external(t, nil)
	l, _ := open(t, shared("a", nats))
	forgetful(t, nats.ClientURL())
	step := func(call string, n int) []bridge.Event {
		ringing := proofEvent(n)
		ringing.ID, ringing.Time = fmt.Sprintf("%s-%d", call, 2*n), time.Now()
		changed := ringing
		changed.Kind, changed.ID = bridge.EventCallChanged, fmt.Sprintf("%s-%d", call, 2*n+1)
		return []bridge.Event{ringing, changed}
	}
	long := step("long", 1)
	var after uint64
	lived(t, l, func(f *cti.Feed) {
		for _, e := range long {
			f.PublishCall(e)
		}
		for n := range 2000 {
			for _, e := range step("a", n) {
				f.PublishCall(e)
			}
		}
		require.Eventually(t, func() bool { return f.Head().Seq == 4002 }, patience, time.Millisecond)
	})
	forgotten(t, l)
	lived(t, l, func(f *cti.Feed) {
		after = f.Head().Seq
		for _, e := range append(long, step("long", 2)[0]) {
			f.RepublishCall(e)
		}
		require.Eventually(t, func() bool { return f.Head().Seq > after }, patience, time.Millisecond)
	})
	require.Equal(t, []string{"long-4"}, ids(followed(t, l, after, 1)))
	require.Equal(t, after+1, ready(t, l).Last)
}
