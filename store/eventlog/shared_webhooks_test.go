package eventlog_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/follow"
	"sidecar/store"
	"sidecar/webhook"
)

// crm is a program that is told by webhooks of several sidecars.
type crm struct {
	mu   sync.Mutex
	told map[string][]string // ids of events, or what snapshots say, by the node that told them
}

func (c *crm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	var m struct {
		Node   string
		Events []cti.Event
	}
	if err != nil || json.Unmarshal(text, &m) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range m.Events {
		line := m.Events[i].ID
		if m.Events[i].Snapshot {
			line = fmt.Sprint(m.Events[i].DN, ": ", m.Events[i].Name)
		}
		c.told[m.Node] = append(c.told[m.Node], line)
	}
}

func (c *crm) of(node string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.told[node]...)
}

// hooked is where a sidecar's webhooks go on.
type hooked struct{ *sidecar }

func (h hooked) Follow(want follow.Want, since cti.Cursor) (webhook.Follower, error) {
	want.Node = h.node
	everything := func(bridge.DN) bool { return true }
	return follow.New(follow.Options{
		Feed: h.feed, Snapshot: h.live.Own(), Since: since, Sees: everything,
		Wants: func(e *cti.Event) bool { return want.Match(e, everything) },
	})
}

// tell starts the webhooks of a sidecar, with what it has stored of them.
func (s *sidecar) tell(t *testing.T, db *store.DB, url string) (stop func()) {
	t.Helper()
	hooks, err := webhook.New(webhook.Options{
		Targets: []webhook.Target{{Name: "crm", URL: url, Secret: "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("secret..", 4)))}},
		Node:    s.node, Feed: hooked{s}, Store: db, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { hooks.Run(ctx) })
	stop = func() { cancel(); work.Wait() }
	t.Cleanup(stop)
	return stop
}

// Each of several sidecars on one log tells what happens at it, and nothing is told twice: not at the start, when how things
// stand is told, and not after a restart.
func TestSidecarsShareTheWebhooks(t *testing.T) {
	t.Parallel()
	nats := external(t, nil)
	a, b := newSidecar(t, "a", nats), newSidecar(t, "b", nats)
	since := time.Now()
	a.set(agent.View{Number: "5001", InService: true, Since: since}, agent.View{Number: "5002"}, agent.View{Number: "5003"})
	b.set(agent.View{Number: "5001"}, agent.View{Number: "5002", InService: true, Since: since}, agent.View{Number: "5003"})
	for _, s := range []*sidecar{a, b} {
		require.Eventually(t, func() bool {
			dns := s.live.DNs()
			return len(s.live.Nodes()) == 1 && len(dns) == 3 && dns[0].InService && dns[1].InService
		}, patience, 10*time.Millisecond)
	}
	receiver := &crm{told: map[string][]string{}}
	server := httptest.NewServer(receiver)
	t.Cleanup(server.Close)
	databases := map[string]*store.DB{}
	for _, s := range []*sidecar{a, b} {
		db, err := store.OpenDB(t.Context(), filepath.Join(t.TempDir(), "data"))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		databases[s.node] = db
	}
	a.tell(t, databases["a"], server.URL)
	stop := b.tell(t, databases["b"], server.URL)
	want := map[string][]string{
		"a": {"5001: InService", "5003: OutOfService", ": SnapshotComplete"}, "b": {"5002: InService", ": SnapshotComplete"},
	}
	arrived := func() {
		t.Helper()
		for node, lines := range want {
			require.Eventually(t, func() bool { return len(receiver.of(node)) >= len(lines) }, patience, 10*time.Millisecond, "%s: %v", node, receiver.of(node))
		}
	}
	happen := func(s *sidecar) {
		s.call("c", bridge.PartyRinging)
		want[s.node] = append(want[s.node], fmt.Sprintf("%s-c-%d", s.node, s.n))
	}
	arrived()
	for range 30 {
		happen(a)
		happen(b)
	}
	arrived()
	require.Eventually(t, func() bool {
		cursor, err := databases["b"].WebhookCursor(t.Context(), "crm")
		return err == nil && strings.HasSuffix(cursor, fmt.Sprint(":", b.feed.Nodes()["b"]))
	}, patience, 10*time.Millisecond)
	stop()
	for range 10 {
		happen(a)
		happen(b)
	}
	b.tell(t, databases["b"], server.URL)
	arrived()
	for node, lines := range want {
		require.Equal(t, lines, receiver.of(node))
	}
	require.Len(t, receiver.told, 2)
}

// set lets DNs be in a state.
func (s *sidecar) set(views ...agent.View) {
	s.mu.Lock()
	s.dns = views
	s.mu.Unlock()
	for _, v := range views {
		s.live.PublishDN(agent.Event{DN: v})
	}
}
