package eventlog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/cti/live"
	"sidecar/store/eventlog"
)

// watched keeps what a watch has handed over, as it stands.
type watched struct {
	mu      sync.Mutex
	there   map[string]string
	seen    map[string]string // also what has gone since
	written map[string]time.Time
	began   bool
}

func watch(t *testing.T, s live.Store) *watched {
	t.Helper()
	w := &watched{there: map[string]string{}, seen: map[string]string{}, written: map[string]time.Time{}}
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() {
		_ = s.Watch(ctx, func(entries []live.Entry) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.began = true
			for _, e := range entries {
				name := e.Node + " " + string(e.Kind) + " " + e.ID
				if delete(w.there, name); len(e.Value) > 0 {
					w.there[name], w.seen[name], w.written[name] = string(e.Value), string(e.Value), e.Written
				}
			}
		})
	})
	t.Cleanup(func() { cancel(); work.Wait() })
	require.Eventually(t, func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.began }, patience, time.Millisecond)
	return w
}

func (w *watched) comesTo(t *testing.T, want map[string]string) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		w.mu.Lock()
		defer w.mu.Unlock()
		require.Equal(c, want, w.there)
	}, patience, 10*time.Millisecond)
}

// hasSeen waits until all these have come, whatever has become of them.
func (w *watched) hasSeen(t *testing.T, want map[string]string) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		w.mu.Lock()
		defer w.mu.Unlock()
		require.Equal(c, want, w.seen)
	}, patience, 10*time.Millisecond)
}

// What a sidecar has told is there until it takes it back, or its life is over: the server removes it then, and says so.
func TestLiveStateEnds(t *testing.T) {
	t.Parallel()
	nats := external(t, nil)
	l, _ := open(t, shared("a", nats))
	other, _ := open(t, shared("b", nats))
	s := l.LiveState()
	w := watch(t, other.LiveState())
	begin := time.Now()
	require.NoError(t, put(t, s, live.Entry{Node: "a", Kind: live.KindCall, ID: "c.1", Value: []byte("1"), Life: time.Hour},
		live.Entry{Node: "a", Kind: live.KindDN, ID: "*5 0", Value: []byte("2"), Life: 5 * time.Second},
		live.Entry{Node: "a", Kind: live.KindLease, Value: []byte("{}"), Life: 5 * time.Second}))
	w.hasSeen(t, map[string]string{"a call c.1": "1", "a dn *5 0": "2", "a lease ": "{}"})
	w.comesTo(t, map[string]string{"a call c.1": "1"})
	require.NoError(t, put(t, s, live.Entry{Node: "a", Kind: live.KindCall, ID: "c.1"}))
	w.comesTo(t, map[string]string{})
	require.NoError(t, put(t, s, live.Entry{Node: "a", Kind: live.KindCall, ID: "c.2", Value: []byte("3")}))
	late := watch(t, s)
	late.comesTo(t, map[string]string{"a call c.2": "3"})
	require.WithinRange(t, late.written["a call c.2"], begin, time.Now())
}

func put(t *testing.T, s live.Store, entries ...live.Entry) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return s.Put(ctx, entries)
}

// A bucket that was removed is made anew, and filled again by all.
func TestLiveStateIsRemoved(t *testing.T) {
	t.Parallel()
	nc := external(t, nil)
	a, b := newSidecar(t, "a", nc), newSidecar(t, "b", nc)
	a.mu.Lock()
	a.dns = []agent.View{{Number: "5001"}} // which nobody tells of by itself
	a.mu.Unlock()
	a.call("1", bridge.PartyRinging)
	require.Eventually(t, func() bool { return len(b.live.Calls()) == 1 }, patience, 10*time.Millisecond)
	js := admin(t, without(t, nc, "KV_site-state").ClientURL())
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		kv, err := js.KeyValue(t.Context(), "site-state")
		require.NoError(c, err)
		keys, err := kv.Keys(t.Context())
		require.NoError(c, err)
		require.Len(c, keys, 4, "a's call, a's DN, two leases")
	}, patience, 50*time.Millisecond)
	require.Eventually(t, func() bool { return len(b.live.Calls()) == 1 }, patience, 10*time.Millisecond)
}

// without restarts a server that has lost a stream meanwhile. One that runs can't take a stream being made again while it is deleted:
// that crashes it, or the new one loses its files (nats-server 2.15.2).
func without(t *testing.T, s *server.Server, stream string) *server.Server {
	t.Helper()
	addr, ok := s.Addr().(*net.TCPAddr)
	require.True(t, ok)
	dir := s.JetStreamConfig().StoreDir
	s.Shutdown()
	s.WaitForShutdown()
	files := filepath.Join(dir, "$G", "streams", stream)
	require.DirExists(t, files)
	require.NoError(t, os.RemoveAll(files))
	return external(t, func(o *server.Options) { o.Port, o.StoreDir = addr.Port, filepath.Dir(dir) }) // it appends a directory of its own
}

func admin(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(url, nats.Token("a-token-for-tests"))
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	return js
}

// A sidecar that finds a living one with its node, or its node_id, does not begin: not with events, not with its state. It does
// when the other is gone, also when that was killed.
func TestTwinIsRefused(t *testing.T) {
	t.Parallel()
	nc := external(t, nil)
	one, two := 1, 2
	for name, o := range map[string]struct {
		node string
		id   *int
		says string
	}{
		"node":    {"a", &two, "node.a is that of sidecar a on "},
		"node_id": {"b", &one, "node_id.1 is that of sidecar a on "},
	} {
		first := shared("a", nc)
		first.Name, first.NodeID = name, &one
		a, err := eventlog.New(first)
		require.NoError(t, err)
		ready(t, a)
		ready(t, a) // the feed opens it again after a failure

		second := first
		second.Node, second.NodeID = o.node, o.id
		twin, err := eventlog.New(second)
		require.NoError(t, err)
		t.Cleanup(func() { _ = twin.Close() })
		require.Eventually(t, func() bool { return twin.Check(t.Context()) == nil }, patience, time.Millisecond)
		_, err = twin.Open(t.Context())
		require.ErrorIs(t, err, live.ErrTwin)
		require.ErrorContains(t, err, o.says)
		_, err = twin.Append(t.Context(), records(o.node, 1, 1))
		require.ErrorIs(t, err, live.ErrTwin)
		require.ErrorIs(t, put(t, twin.LiveState(), live.Entry{Node: o.node, Kind: live.KindLease, Value: []byte("{}")}), live.ErrTwin)
		require.ErrorIs(t, twin.Check(t.Context()), live.ErrTwin)
		require.NoError(t, a.Check(t.Context()))

		third := first
		three := 3
		third.Node, third.NodeID = "c", &three
		open(t, third)

		require.NoError(t, a.Close())
		ready(t, twin)
		require.NoError(t, twin.Check(t.Context()))
	}
}

// BenchmarkLiveState is what a change of a call costs in the server inside the sidecar, as it comes with others.
func BenchmarkLiveState(b *testing.B) {
	l, _ := open(b, options(b.TempDir()))
	s := l.LiveState()
	party := bridge.PartyView{DN: "5001", Number: "5001", State: bridge.PartyEstablished, Capabilities: []bridge.Capability{"hold", "release", "transfer"}}
	value, err := json.Marshal(bridge.CallView{ID: "c", State: bridge.PartyEstablished, Parties: []bridge.PartyView{party, party}})
	require.NoError(b, err)
	entries := make([]live.Entry, 20)
	for i := range entries {
		entries[i] = live.Entry{Node: "n1", Kind: live.KindCall, ID: fmt.Sprint("call", i), Value: value, Life: time.Hour}
	}
	_ = s.Put(b.Context(), entries) // makes the bucket
	for b.Loop() {
		require.NoError(b, s.Put(b.Context(), entries))
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(entries)), "µs/change")
}
