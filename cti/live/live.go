package live

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/cti"
)

// Store is where sidecars tell each other. Its methods may be called from several goroutines.
type Store interface {
	// Put writes entries of this sidecar, in order; an entry without a value goes. After an error, and when the store had to be
	// made anew, which is one, all there is is written again.
	Put(ctx context.Context, entries []Entry) error
	// Watch hands over the entries of all sidecars, then every change in the order of writing, until ctx ends or something
	// fails. The first call of take has all there are. What the store removes by itself is a change too.
	Watch(ctx context.Context, take func([]Entry)) error
}

// Entry is a call, a DN, or the sign of life of a sidecar.
type Entry struct {
	Node    string
	Kind    Kind
	ID      string        // of call or DN
	Value   []byte        // JSON; none: it is gone
	Life    time.Duration // after which the store removes it, if it is not written again
	Written time.Time     // when, by the store's clock; of those that were there already when a watch began
}

// key names an entry of ours.
type key struct {
	kind Kind
	id   string
}

// Kind says what an entry is about.
type Kind string

// The kinds.
const (
	KindCall  Kind = "call"
	KindDN    Kind = "dn"
	KindLease Kind = "lease"
)

// Feed is what is asked how far the events have come: a *cti.Feed.
type Feed interface {
	Head() cti.Cursor
	Nodes() map[string]uint64
}

// Options set up a State. All are needed but Logger.
type Options struct {
	Node   string
	Local  cti.Snapshotter // how things stand at this sidecar
	Store  Store
	Feed   Feed
	Logger *slog.Logger
}

const (
	// pace is how often changes are told, at most: what changes more often is told once. Nobody waits for it while no other
	// sidecar lives; one that begins to is told at the usual pace.
	pace      = 50 * time.Millisecond
	paceAlone = time.Second
	// beat is how often a sidecar gives a sign of life, and leaseFor how long others wait for one.
	beat     = 5 * time.Second
	leaseFor = 3 * beat
	// catchUp bounds how long a snapshot waits for what another sidecar has yet to tell.
	catchUp    = 500 * time.Millisecond
	putTimeout = 5 * time.Second
	maxPut     = 500
	// entryLife is how long the store keeps what is not told again, so that the entries of a sidecar that never comes back go
	// by themselves. All there is is told again early enough to survive two attempts that fail.
	entryLife = time.Hour
	anewAfter = entryLife / 3
)

// lease is the sign of life. Everything that led to the events up to number At has been told before it.
type lease struct {
	Instance string `json:"instance"`
	At       uint64 `json:"at"`
}

// State is how things stand everywhere. It implements cti.Snapshotter: local calls and DNs, and those of the other sidecars
// that live.
type State struct {
	o        Options
	instance string
	wake     chan struct{}

	told map[key]uint64 // owned by tell: what the store has of us, as a hash; 0: we don't know
	seed maphash.Seed

	mu      sync.Mutex
	dirty   map[key]any // what has changed; nil: it is gone
	stock   stock
	others  map[string]*other
	twin    time.Time     // when another sidecar that has our name was last heard of
	changed chan struct{} // closed, and replaced, with every change of others
}

// stock is what listen has found in the store under our name, for tell to look at.
type stock struct {
	keys map[key]bool
	all  bool // they are all there were when the watch began
	twin bool // there is, or was, a twin, who may have removed something
}

// other is another sidecar.
type other struct {
	heard time.Time
	at    uint64
	calls map[string]bridge.CallView
	dns   map[string]agent.View
}

// New makes a State that knows of nobody yet.
func New(o Options) *State {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &State{
		o: o, instance: rand.Text(), wake: make(chan struct{}, 1), told: map[key]uint64{}, seed: maphash.MakeSeed(),
		dirty: map[key]any{}, others: map[string]*other{}, changed: make(chan struct{}),
	}
}

// PublishCall takes how a call stands. It never waits.
func (s *State) PublishCall(e bridge.Event) {
	if e.Call.ID == "" {
		return
	}
	var value any = e.Call
	if gone(&e.Call) {
		value = nil
	}
	s.note(key{KindCall, string(e.Call.ID)}, value)
}

// PublishDN takes how a DN stands. It never waits.
func (s *State) PublishDN(e agent.Event) { s.note(key{KindDN, e.DN.Number}, e.DN) }

func gone(c *bridge.CallView) bool { return !c.EndedAt.IsZero() || c.State == bridge.PartyReleased }

func (s *State) note(k key, value any) {
	s.mu.Lock()
	s.dirty[k] = value
	s.mu.Unlock()
	s.nudge()
}

func (s *State) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run tells and listens until ctx ends.
func (s *State) Run(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { s.listen(ctx) })
	s.tell(ctx)
	work.Wait()
}

// ErrTwin says that two sidecars that share a feed can't be told apart.
var ErrTwin = errors.New("another sidecar that shares the feed has the same name")

// Check reports whether another sidecar goes by our name: their events could not be told apart.
func (s *State) Check(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.twinLocked() {
		return fmt.Errorf("%w, node %s: give each a node and a node_id of its own", ErrTwin, s.o.Node)
	}
	return nil
}

func (s *State) twinLocked() bool { return time.Since(s.twin) < leaseFor }
