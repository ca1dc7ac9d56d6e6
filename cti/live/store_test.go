package live_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/live"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errStore = errors.New("the store does not work")

// store is a bucket in memory.
type store struct {
	mu      sync.Mutex
	log     []live.Entry
	writes  []string // what was written since the last look, in short, without leases
	leases  int
	tries   int           // calls of Put
	err     error         // of Put and Watch
	hold    chan struct{} // Put waits for it, if there is one
	changed chan struct{}
}

func newStore() *store { return &store{changed: make(chan struct{})} }

func name(e *live.Entry) string { return e.Node + "." + string(e.Kind) + "." + e.ID }

func (s *store) Put(ctx context.Context, entries []live.Entry) error {
	s.mu.Lock()
	hold, err := s.hold, s.err
	s.tries++
	s.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err != nil {
		return err
	}
	s.put(entries...)
	return nil
}

func (s *store) put(entries ...live.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range entries {
		if e.Written.IsZero() {
			e.Written = time.Now()
		}
		s.log = append(s.log, e)
		switch {
		case e.Kind == live.KindLease:
			if e.Node == "a" {
				s.leases++
			}
		case len(e.Value) == 0:
			s.writes = append(s.writes, name(&e)+" gone")
		default:
			s.writes = append(s.writes, name(&e))
		}
	}
	s.stirLocked()
}

func (s *store) stirLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// fails lets everything fail from now on; nil: no more.
func (s *store) fails(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	s.stirLocked()
}

func (s *store) Watch(ctx context.Context, take func([]live.Entry)) error {
	s.mu.Lock()
	last := map[string]live.Entry{}
	for _, e := range s.log {
		last[name(&e)] = e
	}
	at := len(s.log)
	s.mu.Unlock()
	take(slices.Collect(maps.Values(last)))
	for {
		s.mu.Lock()
		at = min(at, len(s.log)) // it was emptied
		more, err, changed := slices.Clone(s.log[at:]), s.err, s.changed
		at = len(s.log)
		s.mu.Unlock()
		if err != nil {
			return err
		}
		if len(more) > 0 {
			take(more)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wrote tells what was written since the last look, sorted, and how many leases of a.
func (s *store) wrote() (entries []string, leases int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries, leases = s.writes, s.leases
	s.writes, s.leases = nil, 0
	slices.Sort(entries)
	return entries, leases
}

// has are the names of the entries that are there, without leases.
func (s *store) has() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	there := map[string]bool{}
	for _, e := range s.log {
		there[name(&e)] = len(e.Value) > 0 && e.Kind != live.KindLease
	}
	maps.DeleteFunc(there, func(_ string, there bool) bool { return !there })
	return slices.Sorted(maps.Keys(there))
}

// node is one sidecar.
type node struct {
	t    *testing.T
	live *live.State
	stop func()

	mu    sync.Mutex
	calls map[bridge.CallID]bridge.CallView
	dns   []agent.View
	head  uint64
	nodes map[string]uint64
}

// start runs a sidecar that has these calls and DNs already.
func start(t *testing.T, name string, s live.Store, ids ...string) *node {
	t.Helper()
	n := &node{t: t, calls: map[bridge.CallID]bridge.CallView{}, nodes: map[string]uint64{}}
	for _, id := range ids {
		if strings.HasPrefix(id, "5") {
			n.dns = append(n.dns, agent.View{Number: id})
		} else {
			n.calls[bridge.CallID(id)] = bridge.CallView{ID: bridge.CallID(id), State: bridge.PartyEstablished}
		}
	}
	n.live = live.New(live.Options{Node: name, Local: n, Store: s, Feed: n})
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { n.live.Run(ctx) })
	n.stop = sync.OnceFunc(func() { cancel(); work.Wait() })
	t.Cleanup(n.stop)
	return n
}

func (n *node) Calls() []bridge.CallView {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Collect(maps.Values(n.calls))
}

func (n *node) DNs() []agent.View {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.dns)
}

func (n *node) Head() cti.Cursor {
	n.mu.Lock()
	defer n.mu.Unlock()
	return cti.Cursor{Epoch: "e", Seq: n.head}
}

func (n *node) Nodes() map[string]uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.nodes)
}

// call lets a call be in a state.
func (n *node) call(id string, state bridge.PartyState) {
	v := bridge.CallView{ID: bridge.CallID(id), State: state}
	n.mu.Lock()
	n.calls[v.ID] = v
	if state == bridge.PartyReleased {
		delete(n.calls, v.ID)
	}
	n.head++
	n.mu.Unlock()
	n.live.PublishCall(bridge.Event{Call: v})
}

// sees requires the calls of a snapshot.
func (n *node) sees(ids ...string) {
	n.t.Helper()
	got := []string{}
	for _, v := range n.live.Calls() {
		got = append(got, string(v.ID)+" "+string(v.State))
	}
	require.ElementsMatch(n.t, ids, got)
}

// later lets time go by, and what is under way come to rest.
func later(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
