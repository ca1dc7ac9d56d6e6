package cti

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sidecar/internal/backoff"
)

// openTimeout bounds each request that opening the log takes: one that answers is not given up for being slow.
const openTimeout = 10 * time.Second

// read hands out what the log has until ctx ends.
func (f *Feed) read(ctx context.Context) {
	pause := backoff.New(backoff.Policy{Min: 50 * time.Millisecond, Max: 2 * time.Second})
	f.health.mu.Lock()
	opened := f.health.opened
	f.health.mu.Unlock()
	said := ""
	for ctx.Err() == nil {
		var err error
		if !opened {
			err = f.Open(ctx)
		}
		if err == nil {
			pause.Reset()
			said = ""
			err = f.follow(ctx)
		}
		opened = false
		if ctx.Err() != nil {
			return
		}
		level := slog.LevelWarn
		if text := fmt.Sprint(err); text == said {
			level = slog.LevelDebug // it may be away for long
		} else {
			said = text
		}
		f.log.Log(ctx, level, "event log can't be read, trying again", "error", err)
		_ = backoff.Sleep(ctx, pause.Next()) // the loop looks at ctx
	}
}

// follow hands out what the log has until it fails, or followAnew is called.
func (f *Feed) follow(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	f.following.Store(&end)
	return f.store.Follow(ctx, f.Head().Seq, f.handOut)
}

// followAnew is for a log that has lost sight of its reader.
func (f *Feed) followAnew() {
	if end := f.following.Load(); end != nil {
		(*end)(errNotRead)
	}
}

// Open opens the log and reads the end of it, so that the feed can be subscribed to. Run does it too: an error here is
// nothing but the news that the log can't be had at the moment.
func (f *Feed) Open(ctx context.Context) error {
	state, err := f.openLog(ctx)
	if err != nil {
		return fmt.Errorf("open the event log: %w", err)
	}
	f.mu.Lock()
	before, head := f.epoch, f.ring.head
	f.first = max(f.first, state.First)
	f.mu.Unlock()
	if before != state.Epoch || head > state.Last || head+1 < state.First {
		ended, err := f.fill(ctx, state)
		if err != nil {
			return err
		}
		if before != "" {
			f.log.Warn("event log begins anew", "epoch", state.Epoch, "first", state.First, "last", state.Last, "subscribers", ended)
		}
	}
	f.settle(func(h *health) {
		if !h.opened {
			h.opened = true
			close(h.open)
		}
	})
	f.moved()
	return nil
}

func (f *Feed) openLog(ctx context.Context) (LogState, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	return f.store.Open(ctx)
}

func (f *Feed) readLog(ctx context.Context, after uint64) ([]Stored, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	return f.store.Read(ctx, after, maxBatch)
}

// fill puts the end of the log into the ring, in place of what is there, and ends all subscriptions: it says how many. Nobody
// subscribes to a feed that is half filled, and would take for news what is long past.
func (f *Feed) fill(ctx context.Context, state LogState) (ended int, err error) {
	first := state.First
	at := max(first-1, state.Last-min(state.Last, firstFill)) // not less for a small ring: what is told again must be known
	floor := at
	var entries []*Entry
	for at < state.Last {
		batch, err := f.readLog(ctx, at)
		if err != nil || len(batch) == 0 {
			return 0, fmt.Errorf("read the event log after %d: %w", at, err)
		}
		for i := range batch {
			r := &batch[i]
			at = r.Seq
			if r.Node == f.node {
				f.append.own.remember(r.ID)
			}
			if r.Kind == RecordGap {
				entries, floor, first = nil, r.Seq, r.Seq+1
				f.gaps.Add(1)
				continue
			}
			if entry, err := f.entry(r, state.Epoch); err == nil {
				entries = append(entries, entry)
			} else {
				f.log.Warn("record of the event log is left out", "node", r.Node, "error", err)
			}
		}
	}
	f.mu.Lock()
	f.epoch, f.first = state.Epoch, first
	f.ring.reset(floor)
	clear(f.nodes)
	f.keepLocked(entries, at)
	subs := f.leaveLocked()
	f.mu.Unlock()
	return endEach(subs, ErrGap), nil
}

// handOut gives records of the log to the subscribers, and keeps them for those to come.
func (f *Feed) handOut(records []Stored) {
	f.handing.Store(true)
	defer f.handing.Store(false)
	f.mu.Lock()
	epoch, head := f.epoch, f.ring.head
	f.mu.Unlock()
	entries := make([]*Entry, 0, len(records))
	for i := range records {
		r := &records[i]
		if r.Seq <= head {
			continue
		}
		if r.Kind == RecordGap {
			f.pass(entries, r)
			entries = entries[:0:0]
			f.gap(r)
			continue
		}
		entry, err := f.entry(r, epoch)
		if err != nil {
			f.log.Warn("record of the event log is left out", "node", r.Node, "error", err)
			continue
		}
		entries = append(entries, entry)
	}
	if len(records) > 0 {
		f.pass(entries, &records[len(records)-1])
	}
	f.settle(nil)
	f.moved()
}

// moved wakes who waits for the reader.
func (f *Feed) moved() {
	select {
	case f.passed <- struct{}{}:
	default:
	}
}

// entry spares the decoding of our own events, and their second encoding.
func (f *Feed) entry(r *Stored, epoch string) (*Entry, error) {
	own := f.append.own.take(r.ID)
	if own == nil {
		return DecodeRecord(r, epoch)
	}
	entry := &Entry{Event: *own}
	return entry, entry.placeOwn(r, epoch)
}

// pass hands out the entries up to and including a record.
func (f *Feed) pass(entries []*Entry, upTo *Stored) {
	f.mu.Lock()
	f.keepLocked(entries, upTo.Seq)
	subs := f.subs
	f.mu.Unlock()
	f.fanOut(subs, entries)
}

// keepLocked puts into the ring what the log has up to a number.
func (f *Feed) keepLocked(entries []*Entry, upTo uint64) {
	for _, entry := range entries {
		f.ring.add(entry)
		f.nodes[entry.Event.Node] = entry.Event.Seq
	}
	f.ring.head = max(f.ring.head, upTo)
}

func (f *Feed) fanOut(subs []*Subscription, entries []*Entry) {
	if len(entries) == 0 {
		return
	}
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

// gap takes that events are missing in the log.
func (f *Feed) gap(at *Stored) {
	f.mu.Lock()
	f.ring.reset(at.Seq)
	f.first = at.Seq + 1
	f.mu.Unlock()
	f.gaps.Add(1)
	f.log.Error("events are missing in the log, the subscribers start over", "node", at.Node, "subscribers", f.endAll(ErrGap))
}

// older gives a subscriber what follows in the log, at last what the ring has: from then on it takes part.
func (f *Feed) older(ctx context.Context, s *Subscription) error {
	f.mu.Lock()
	if _, ok := f.late[s]; !ok {
		f.mu.Unlock()
		s.behind = false // it has ended
		return nil
	}
	epoch, floor := f.epoch, f.ring.floor
	if s.from >= floor {
		delete(f.late, s)
		f.joinLocked(s, s.from)
		f.mu.Unlock()
		s.behind = false
		return nil
	}
	f.mu.Unlock()
	records, err := f.store.Read(ctx, s.from, maxBatch)
	if err != nil {
		return f.unread(ctx, s, err)
	}
	for i := range records {
		r := &records[i]
		if r.Kind == RecordGap {
			f.gaps.Add(1)
			s.from = r.Seq - 1
			return f.unread(ctx, s, ErrTooOld)
		}
		if entry, err := DecodeRecord(r, epoch); err == nil { // those that are none were told of when they came
			s.backlog = append(s.backlog, entry)
		}
		s.from = r.Seq
	}
	f.replayed.Add(uint64(len(records)))
	if len(records) == 0 { // a server of several that is behind: there is more, the ring has what follows it
		return f.unread(ctx, s, errNotRead)
	}
	return nil
}

// unread ends a subscription whose events can't be had.
func (f *Feed) unread(ctx context.Context, s *Subscription, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("read the event log: %w", context.Cause(ctx))
	case errors.Is(err, ErrTooOld):
		f.mu.Lock()
		f.first = max(f.first, s.from+2)
		f.mu.Unlock()
	default:
		err = fmt.Errorf("%w: %w", ErrStalled, err)
	}
	f.remove(s)
	s.end(err)
	return err
}
