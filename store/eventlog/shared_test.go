package eventlog_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/live"
	"sidecar/internal/testkit/asterisk"
	"sidecar/store/eventlog"
)

// external is a NATS server of its own, as a site would have it.
func external(t *testing.T, change func(*server.Options)) *server.Server {
	t.Helper()
	o := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), Authorization: "a-token-for-tests"}
	if change != nil {
		change(o)
	}
	s, err := server.NewServer(o)
	require.NoError(t, err)
	s.Start()
	require.True(t, s.ReadyForConnections(patience))
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

func shared(node string, servers ...*server.Server) eventlog.Options {
	o := eventlog.Options{Name: "site", Node: node, Token: "a-token-for-tests", Replicas: len(servers), KeepFor: time.Hour, KeepBytes: 64 << 20}
	for _, s := range servers {
		o.Servers = append(o.Servers, s.ClientURL())
	}
	return o
}

// stand is how things are at one sidecar.
type stand struct {
	mu    sync.Mutex
	calls []bridge.CallView
	dns   []agent.View
}

func (s *stand) Calls() []bridge.CallView {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]bridge.CallView(nil), s.calls...)
}

func (s *stand) DNs() []agent.View {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]agent.View(nil), s.dns...)
}

// sidecar is what one has of the feed.
type sidecar struct {
	*stand

	node string
	feed *cti.Feed
	live *live.State
	n    int
	stop func()
}

func newSidecar(t *testing.T, node string, servers ...*server.Server) *sidecar {
	t.Helper()
	l, _ := open(t, shared(node, servers...))
	s := &sidecar{stand: &stand{}, node: node, feed: cti.NewFeed(cti.FeedOptions{Node: node, Log: l})}
	s.live = live.New(live.Options{Node: node, Local: s.stand, Store: l.LiveState(), Feed: s.feed})
	require.NoError(t, s.feed.Open(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { _ = s.feed.Run(ctx) })
	work.Go(func() { s.live.Run(ctx) })
	s.stop = func() { cancel(); work.Wait() }
	t.Cleanup(s.stop)
	return s
}

// call lets a call of the sidecar be in a state.
func (s *sidecar) call(id string, state bridge.PartyState) {
	s.n++
	this := bridge.PartyView{ID: 1, DN: "5001", Number: "5001", State: state, Role: bridge.RoleDestination, Capabilities: []bridge.Capability{"hold"}}
	view := bridge.CallView{ID: bridge.CallID(id), ConnID: 7, Interaction: bridge.InteractionID(s.node + "-" + id), State: state, Parties: []bridge.PartyView{this}, StartedAt: time.Now().UTC()}
	s.mu.Lock()
	s.calls = nil
	if state != bridge.PartyReleased {
		s.calls = []bridge.CallView{view}
	}
	s.mu.Unlock()
	e := bridge.Event{
		ID: fmt.Sprintf("%s-%s-%d", s.node, id, s.n), N: s.n, Kind: bridge.EventRinging, Call: view, This: this, Audience: []bridge.DN{"5001"},
	}
	s.live.PublishCall(e)
	s.feed.PublishCall(e)
}

func next(t *testing.T, s *cti.Subscription, n int) (got []*cti.Entry) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for len(got) < n {
		batch, err := s.Next(ctx)
		require.NoError(t, err)
		got = append(got, batch...)
	}
	require.Len(t, got, n)
	return got
}

// shows waits until so many calls are shown.
func (s *sidecar) shows(t *testing.T, n int) (calls []bridge.CallView) {
	t.Helper()
	require.Eventually(t, func() bool { calls = s.live.Calls(); return len(calls) == n }, patience, time.Millisecond)
	return calls
}

// An agent who is connected to one sidecar sees the calls of the other, their events and how they stand.
func TestSidecarsShareAFeed(t *testing.T) {
	t.Parallel()
	nats := external(t, nil)
	a, b := newSidecar(t, "a", nats), newSidecar(t, "b", nats)
	require.Equal(t, a.feed.Head().Epoch, b.feed.Head().Epoch)
	require.Eventually(t, func() bool { return len(a.live.Nodes()) == 1 && len(b.live.Nodes()) == 1 }, patience, 10*time.Millisecond)
	atA, err := a.feed.Subscribe(cti.SubscribeOptions{})
	require.NoError(t, err)
	defer atA.Close()
	for n := range 20 {
		id := fmt.Sprint("call", n)
		b.call(id, bridge.PartyRinging)
		got := next(t, atA, 1)[0]
		require.Equal(t, "b", got.Event.Node)
		calls := a.shows(t, 1) // a snapshot waits for the call of the event; how long it does is not for a busy machine to tell
		require.Equal(t, b.Calls(), calls)
		for node, call := range a.live.Elsewhere {
			require.Equal(t, "b", node)
			require.Equal(t, calls[0], call)
		}
		b.call(id, bridge.PartyReleased)
		next(t, atA, 1)
		a.shows(t, 0)
	}
	a.call("own", bridge.PartyRinging)
	a.shows(t, 1)

	last := next(t, atA, 1)[0].Event.Cursor
	b.call("more", bridge.PartyRinging)
	next(t, atA, 1)
	require.Eventually(t, func() bool { return b.feed.Head() == a.feed.Head() }, patience, time.Millisecond)
	atB, err := b.feed.Subscribe(cti.SubscribeOptions{Since: last})
	require.NoError(t, err)
	defer atB.Close()
	require.Equal(t, "b-more-41", next(t, atB, 1)[0].Event.ID, "a cursor of one sidecar is good at the other")
	require.NoError(t, a.live.Check(t.Context()))
}

// One of three servers goes away while events come in: none is lost, none is doubled, none is overtaken.
func TestAClusterLosesAServer(t *testing.T) {
	t.Parallel()
	ports := asterisk.FreePorts(t, 3)
	var servers []*server.Server
	var routes []*url.URL
	for _, port := range ports {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprint("127.0.0.1:", port)})
	}
	for i, port := range ports {
		servers = append(servers, external(t, func(o *server.Options) {
			o.ServerName, o.Cluster.Name, o.Cluster.Host, o.Cluster.Port, o.Routes = fmt.Sprint("s", i), "c", "127.0.0.1", port, routes
		}))
	}
	l, _ := open(t, shared("a", servers...))
	spoolFile := t.TempDir() + "/spool"
	sp := spool(t, spoolFile, 1<<20)
	feed := cti.NewFeed(cti.FeedOptions{Node: "a", Log: l, Spool: sp})
	s := &sidecar{stand: &stand{}, node: "a", feed: feed, live: live.New(live.Options{})}
	require.NoError(t, feed.Open(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { _ = feed.Run(ctx) })
	defer work.Wait()
	defer cancel()
	const n = 600
	for i := range n {
		s.call("c", bridge.PartyRinging)
		if i == n/3 {
			leader := -1 // one only: the next is elected while this one goes
			require.Eventually(t, func() bool {
				leader = slices.IndexFunc(servers, func(s *server.Server) bool { return s.JetStreamIsStreamLeader("$G", "site-events") })
				return leader >= 0
			}, patience, time.Millisecond)
			servers[leader].Shutdown()
		}
		if i%20 == 0 {
			require.Eventually(t, func() bool { return feed.Stats().Waiting < 20 }, patience, time.Millisecond)
		}
	}
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		s := feed.Stats()
		require.True(c, s.Head.Seq == n && !s.Stalled, "%+v", s)
	}, 2*patience, 10*time.Millisecond)
	var all []string
	for at := uint64(0); at < n; at += 100 {
		batch, err := l.Read(t.Context(), at, 100)
		require.NoError(t, err)
		all = append(all, ids(batch)...)
	}
	want := make([]string, 0, n)
	for i := range n {
		want = append(want, fmt.Sprintf("a-c-%d", i+1))
	}
	require.Equal(t, want, all)
	info, err := os.Stat(spoolFile)
	require.NoError(t, err)
	require.Zero(t, info.Size())
}
