package cti

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// Filter says whether a subscriber may see an event. The feed's appender calls it, for events that are replayed
// the subscriber itself. It must not block.
type Filter func(*Event) bool

// Subscription is one subscriber's place in the feed. It is used by one goroutine; Close may come from any.
type Subscription struct {
	start  Cursor
	filter Filter
	limit  int
	feed   *Feed
	wake   chan struct{}
	seen   atomic.Uint64 // number of the last entry that was looked at for it

	// Owned by the goroutine that calls Next.
	behind  bool     // what comes next must be read from the log
	from    uint64   // number of the last record that was read there
	missed  int      // how many there are, about, before the first Next
	backlog []*Entry // to be replayed, not filtered yet
	given   []*Entry // what the last Next returned, to be used again

	mu    sync.Mutex
	queue []*Entry
	err   error // why it has ended
}

// Start is the position at which the subscription began: a snapshot taken after Subscribe stands for everything
// up to there.
func (s *Subscription) Start() Cursor { return s.start }

// Backlog is how many events, filtered or not, were there to be replayed when the subscription began. It is
// zero after the first Next.
func (s *Subscription) Backlog() int { return s.missed + len(s.backlog) }

// Next waits for events and gives all there are, in order. The slice is valid until the next call. After the end
// of the subscription it gives what was queued before, then the reason.
func (s *Subscription) Next(ctx context.Context) ([]*Entry, error) {
	s.missed = 0
	for {
		if replay := s.replay(); len(replay) > 0 {
			return replay, nil
		}
		if !s.behind {
			break
		}
		if err := s.feed.older(ctx, s); err != nil {
			return nil, err
		}
	}
	for {
		batch, err := s.take()
		if len(batch) > 0 {
			return batch, nil
		}
		if err != nil {
			return nil, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for events: %w", context.Cause(ctx))
		}
	}
}

// Position is how far the subscription has come if nothing waits for it: what it wanted up to there, Next has given. It comes from
// the goroutine that calls Next. Who wants little has a place to come back to that moves on with the feed.
func (s *Subscription) Position() (at Cursor, ok bool) {
	seen := s.seen.Load() // first: up to there all is queued
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.behind || len(s.backlog) > 0 || len(s.queue) > 0 || s.err != nil {
		return Cursor{}, false
	}
	return Cursor{Epoch: s.start.Epoch, Seq: seen}, true
}

// Close ends the subscription. It may be called more than once.
func (s *Subscription) Close() {
	s.feed.remove(s)
	s.end(ErrUnsubscribed)
}

func (s *Subscription) replay() []*Entry {
	var out []*Entry
	for _, e := range s.backlog {
		if s.filter(&e.Event) {
			out = append(out, e)
		}
	}
	s.backlog = nil
	return out
}

func (s *Subscription) take() ([]*Entry, error) {
	clear(s.given)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.given, s.queue = s.queue, s.given[:0]
	return s.given, s.err
}

// offer queues what passes the filter. It reports how many that were, and whether the subscriber is gone.
func (s *Subscription) offer(entries, scratch []*Entry) (n int, gone bool) {
	defer s.seen.Store(entries[len(entries)-1].Event.Seq)
	scratch = scratch[:0]
	for _, e := range entries {
		if s.filter(&e.Event) {
			scratch = append(scratch, e)
		}
	}
	if len(scratch) == 0 {
		return 0, false
	}
	s.mu.Lock()
	room := s.limit - len(s.queue)
	if s.err != nil {
		room = 0
	} else if room < len(scratch) {
		s.err = ErrSlowConsumer
	}
	n = min(room, len(scratch))
	s.queue = append(s.queue, scratch[:n]...)
	gone = s.err != nil
	s.mu.Unlock()
	s.signal()
	return n, gone
}

// end closes the subscription unless it has ended before.
func (s *Subscription) end(reason error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = reason
	}
	s.mu.Unlock()
	s.signal()
}

func (s *Subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
