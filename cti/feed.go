package cti

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sidecar/agent"
	"sidecar/bridge"
)

// FeedOptions sets up a Feed. Zero values stand for the defaults.
type FeedOptions struct {
	Node       string                 // name of this sidecar among those that share the log
	Log        Log                    // where events are kept; nil: in memory
	Spool      Spool                  // where they wait while the log does not answer; nil: in memory
	StallAfter time.Duration          // how long the log may take before the subscribers are sent away, 2 s
	Intake     int                    // events that may wait to be appended, 65536
	Retain     int                    // events kept in memory for those who come back, 16384; older ones are read from the log
	AgentOf    func(dn string) string // who works at a DN, empty if nobody; may be nil
	Logger     *slog.Logger
}

const (
	defaultIntake     = 1 << 16
	defaultRetain     = 1 << 14
	defaultMemory     = 1 << 16 // records of a log, or a spool, in memory
	defaultBuffer     = 1 << 12
	defaultStallAfter = 2 * time.Second
	maxBatch          = 256  // entries appended at a time, well below what a subscriber's buffer takes
	firstFill         = 2000 // records read into memory at the start: more would delay it
)

// Feed is the one ordered sequence of events. Any goroutine may publish. Run appends what is published to the log, and
// hands out what the log has: the events of this sidecar and those of others that share the log, in the log's order.
//
// Publishing never waits. While the log does not answer, events wait in the spool, subscriptions end with ErrStalled
// and can't begin. Events for which there is no room are given up, and a gap is put in their place: whoever comes to it
// is ended with ErrGap, or finds its cursor ErrTooOld, and gets a snapshot.
type Feed struct {
	node    string
	log     *slog.Logger
	store   Log
	intake  *intake
	append  *appender
	scratch []*Entry      // owned by the reader
	passed  chan struct{} // holds one token after something was handed out

	published atomic.Uint64
	appended  atomic.Uint64
	delivered atomic.Uint64
	replayed  atomic.Uint64
	lost      atomic.Uint64
	gaps      atomic.Uint64
	slow      atomic.Uint64
	handing   atomic.Bool // the reader is at it
	following atomic.Pointer[context.CancelCauseFunc]

	health health

	mu     sync.Mutex
	epoch  string
	first  uint64 // number of the oldest record that the log can be read from, as far as we have heard
	ring   *ring
	subs   []*Subscription            // replaced, never changed, so that the reader may walk it without the lock
	late   map[*Subscription]struct{} // those that read from the log, behind the ring
	nodes  map[string]uint64          // number of the last record of each sidecar
	closed bool
}

// NewFeed makes a feed. Events may be published at once; they are appended and handed out while Run runs. With a log
// in memory it can be subscribed to at once, otherwise after Open or when Run has opened the log.
func NewFeed(o FeedOptions) *Feed {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.AgentOf == nil {
		o.AgentOf = func(string) string { return "" }
	}
	if o.Spool == nil {
		o.Spool = NewMemorySpool(defaultMemory)
	}
	if o.StallAfter <= 0 {
		o.StallAfter = defaultStallAfter
	}
	f := &Feed{
		node: o.Node, log: o.Logger, store: o.Log, intake: newIntake(orDefault(o.Intake, defaultIntake)),
		scratch: make([]*Entry, 0, maxBatch), ring: newRing(orDefault(o.Retain, defaultRetain)),
		late: map[*Subscription]struct{}{}, nodes: map[string]uint64{}, health: newHealth(o.Spool.Len() > 0), passed: make(chan struct{}, 1),
	}
	if f.store == nil {
		f.store = NewMemoryLog(defaultMemory)
	}
	f.append = newAppender(f, &o)
	if _, ok := f.store.(*MemoryLog); ok {
		_ = f.Open(context.Background()) // it can't fail, and waits for nobody
	}
	return f
}

// PublishCall takes an event of the call engine. It never blocks.
func (f *Feed) PublishCall(e bridge.Event) { f.publish(item{call: &e}) }

// RepublishCall takes an event that may have been published before a restart: what the log has of such events is not appended
// again. It never blocks.
func (f *Feed) RepublishCall(e bridge.Event) { f.publish(item{call: &e, again: true}) }

// PublishDN takes an event of a DN. It never blocks. What T-Library has no event for is left out: the calls' own events
// tell it.
func (f *Feed) PublishDN(e agent.Event) {
	if e.Kind != agent.ActivityChanged {
		f.publish(item{dn: &e})
	}
}

// WhenKept has Run call done when what was published before is in the log or in the spool, or has been given up: whatever
// happens to this process then, it need not be published again. It never blocks. Done may take its time: those that follow wait for
// it, events don't. Done is not called when Run ends first.
func (f *Feed) WhenKept(done func()) { f.intake.put(item{done: done}) }

func (f *Feed) publish(it item) {
	f.published.Add(1)
	f.intake.put(it)
}

// Run appends and hands out until ctx ends, then what has been published by then, and ends all subscriptions
// with ErrFeedClosed. It is called once.
func (f *Feed) Run(ctx context.Context) error {
	defer f.close()
	reading, stop := context.WithCancel(context.WithoutCancel(ctx))
	var reader sync.WaitGroup
	reader.Go(func() { f.read(reading) })
	f.append.run(ctx)
	stop()
	reader.Wait()
	return nil
}

// SubscribeOptions says what a subscriber wants.
type SubscribeOptions struct {
	Since  Cursor // the last position it has seen; zero: only what comes from now on
	Filter Filter // nil: everything
	Buffer int    // events that may wait for it, 4096
}

// Subscribe adds a subscriber. When the events after Since can't be given, the error is ErrUnknownEpoch or
// ErrTooOld: subscribe again without Since and start with a snapshot. ErrStalled asks to come again: Wait waits.
func (f *Feed) Subscribe(o SubscribeOptions) (*Subscription, error) {
	s := &Subscription{
		feed: f, filter: o.Filter, limit: orDefault(o.Buffer, defaultBuffer), wake: make(chan struct{}, 1),
	}
	if s.filter == nil {
		s.filter = func(*Event) bool { return true }
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, ErrFeedClosed
	}
	if f.health.down() {
		return nil, ErrStalled
	}
	s.start = Cursor{Epoch: f.epoch, Seq: f.ring.head}
	s.seen.Store(f.ring.head)
	if o.Since.IsZero() {
		f.subs = append(slices.Clip(f.subs), s)
		return s, nil
	}
	switch at := o.Since.Seq; {
	case o.Since.Epoch != f.epoch, at > f.ring.head:
		return nil, ErrUnknownEpoch
	case at+1 < f.first:
		return nil, ErrTooOld
	case at < f.ring.floor:
		s.start, s.behind, s.from, s.missed = o.Since, true, at, int(f.ring.head-at) //nolint:gosec // far below 2^63
		f.late[s] = struct{}{}
	default:
		s.start = o.Since
		f.joinLocked(s, at)
	}
	return s, nil
}

// joinLocked lets a subscriber take part, after what the ring has for it.
func (f *Feed) joinLocked(s *Subscription, after uint64) {
	s.backlog = f.ring.after(after)
	s.seen.Store(f.ring.head)
	f.replayed.Add(uint64(len(s.backlog)))
	f.subs = append(slices.Clip(f.subs), s)
}

// Head is the position of the last event handed out.
func (f *Feed) Head() Cursor {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Cursor{Epoch: f.epoch, Seq: f.ring.head}
}

// Nodes tells for each sidecar the number of its last record that has been handed out.
func (f *Feed) Nodes() map[string]uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.nodes)
}

func (f *Feed) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.endAll(ErrFeedClosed)
}

// endAll ends all subscriptions, and says how many there were.
func (f *Feed) endAll(reason error) int {
	f.mu.Lock()
	all := f.leaveLocked()
	f.mu.Unlock()
	return endEach(all, reason)
}

// leaveLocked takes all subscriptions off the lists.
func (f *Feed) leaveLocked() []*Subscription {
	all := f.subs
	for s := range f.late {
		all = append(slices.Clip(all), s)
	}
	f.subs = nil
	clear(f.late)
	return all
}

func endEach(all []*Subscription, reason error) int {
	for _, s := range all {
		s.end(reason)
	}
	return len(all)
}

// remove takes the subscription off the lists and reports whether it was there.
func (f *Feed) remove(s *Subscription) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.late[s]; ok {
		delete(f.late, s)
		return true
	}
	i := slices.Index(f.subs, s)
	if i < 0 {
		return false
	}
	f.subs = slices.Concat(f.subs[:i], f.subs[i+1:])
	return true
}

func orDefault(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return n
}
