package cti

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"sidecar/agent"
	"sidecar/bridge"
)

// FeedOptions sets up a Feed. Zero values stand for the defaults.
type FeedOptions struct {
	Intake  int                    // events that may wait to be appended, 65536
	Retain  int                    // events kept for those who come back, 16384
	AgentOf func(dn string) string // who works at a DN, empty if nobody; may be nil
	Logger  *slog.Logger
}

const (
	defaultIntake = 1 << 16
	defaultRetain = 1 << 14
	defaultBuffer = 1 << 12
	maxBatch      = 256 // entries appended at a time, well below what a subscriber's buffer takes
)

// Feed is the one ordered sequence of events. Any goroutine may publish; one, that of Run, appends and hands out.
//
// Publishing never waits. If the intake is full, which takes an appender that stands still, the feed gives up
// what waits there, ends all subscriptions with ErrGap, and is degraded until it has done so; whoever comes
// back gets a snapshot.
type Feed struct {
	epoch   string
	agentOf func(dn string) string
	log     *slog.Logger
	intake  *intake

	published atomic.Uint64
	appended  atomic.Uint64
	delivered atomic.Uint64
	lost      atomic.Uint64
	gaps      atomic.Uint64
	slow      atomic.Uint64

	// Owned by Run.
	next    uint64 // number of the next entry
	scratch []*Entry

	mu     sync.Mutex
	ring   *ring
	subs   []*Subscription // replaced, never changed, so that the appender may walk it without the lock
	closed bool
}

// NewFeed makes a feed of a new epoch. Events may be published at once; they are handed out while Run runs.
func NewFeed(o FeedOptions) *Feed {
	f := &Feed{
		epoch:   newEpoch(),
		agentOf: o.AgentOf,
		log:     o.Logger,
		intake:  newIntake(orDefault(o.Intake, defaultIntake)),
		ring:    newRing(orDefault(o.Retain, defaultRetain)),
		next:    1,
		scratch: make([]*Entry, 0, maxBatch),
	}
	if f.agentOf == nil {
		f.agentOf = func(string) string { return "" }
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	return f
}

// PublishCall takes an event of the call engine. It never blocks.
func (f *Feed) PublishCall(e bridge.Event) { f.publish(item{call: &e}) }

// PublishDN takes an event of a DN. It never blocks. What T-Library has no event for is left out: the calls' own events
// tell it.
func (f *Feed) PublishDN(e agent.Event) {
	if e.Kind != agent.ActivityChanged {
		f.publish(item{dn: &e})
	}
}

func (f *Feed) publish(it item) {
	f.published.Add(1)
	f.intake.put(it)
}

// Run appends and hands out until ctx ends, then what has been published by then, and ends all subscriptions
// with ErrFeedClosed. It is called once.
func (f *Feed) Run(ctx context.Context) error {
	defer f.close()
	var spare []item
	for {
		select {
		case <-f.intake.wake:
			spare = f.drain(spare)
		case <-ctx.Done():
			f.drain(spare)
			return nil
		}
	}
}

// SubscribeOptions says what a subscriber wants.
type SubscribeOptions struct {
	Since  Cursor // the last position it has seen; zero: only what comes from now on
	Filter Filter // nil: everything
	Buffer int    // events that may wait for it, 4096
}

// Subscribe adds a subscriber. When the events after Since can't be given, the error is ErrUnknownEpoch or
// ErrTooOld: subscribe again without Since and start with a snapshot.
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
	s.start = Cursor{Epoch: f.epoch, Seq: f.ring.head}
	if !o.Since.IsZero() {
		if o.Since.Epoch != f.epoch {
			return nil, ErrUnknownEpoch
		}
		backlog, err := f.ring.after(o.Since.Seq)
		if err != nil {
			return nil, err
		}
		s.start, s.backlog = o.Since, backlog
	}
	f.subs = append(slices.Clip(f.subs), s)
	return s, nil
}

// Head is the position of the last event handed out.
func (f *Feed) Head() Cursor {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Cursor{Epoch: f.epoch, Seq: f.ring.head}
}

func (f *Feed) drain(spare []item) []item {
	items, lost := f.intake.take(spare)
	if lost > 0 {
		f.gap(lost)
	}
	for batch := range slices.Chunk(items, maxBatch) {
		f.appendBatch(batch)
	}
	clear(items)
	return items
}

func (f *Feed) appendBatch(items []item) {
	entries := make([]*Entry, 0, len(items))
	for _, it := range items {
		entry := &Entry{Event: it.encode()}
		if entry.Event.AgentID == "" {
			entry.Event.AgentID = f.agentOf(string(entry.Event.DN))
		}
		entry.Event.place(Cursor{Epoch: f.epoch, Seq: f.next})
		data, err := json.Marshal(&entry.Event)
		if err != nil {
			// Can't happen with the types of Event; a number is not used up, so the feed has no hole.
			f.log.Error("event can't be written", "event_id", entry.Event.ID, "error", err)
			continue
		}
		entry.Data = data
		entries = append(entries, entry)
		f.next++
	}
	f.mu.Lock()
	for _, entry := range entries {
		f.ring.add(entry)
	}
	subs := f.subs
	f.mu.Unlock()
	f.appended.Add(uint64(len(entries)))
	f.fanOut(subs, entries)
}

func (f *Feed) fanOut(subs []*Subscription, entries []*Entry) {
	delivered := 0
	for _, s := range subs {
		n, gone := s.offer(entries, f.scratch)
		delivered += n
		if gone && f.remove(s) {
			f.slow.Add(1)
			f.log.Warn("feed subscriber is too slow and was cut off", "buffer", s.limit)
		}
	}
	f.delivered.Add(uint64(delivered))
}

func (f *Feed) gap(lost uint64) {
	f.mu.Lock()
	f.ring.skip()
	f.next = f.ring.head + 1
	subs := f.subs
	f.subs = nil
	f.mu.Unlock()
	for _, s := range subs {
		s.end(ErrGap)
	}
	f.lost.Add(lost)
	f.gaps.Add(1)
	f.log.Error("feed could not keep up, its subscribers start over", "lost_events", lost, "subscribers", len(subs))
}

func (f *Feed) close() {
	f.mu.Lock()
	f.closed = true
	subs := f.subs
	f.subs = nil
	f.mu.Unlock()
	for _, s := range subs {
		s.end(ErrFeedClosed)
	}
}

// remove takes the subscription off the list and reports whether it was there.
func (f *Feed) remove(s *Subscription) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
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
