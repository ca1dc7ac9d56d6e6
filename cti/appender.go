package cti

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"sidecar/internal/backoff"
)

// appender brings what is published into the log, in order. While the log does not answer it fills the spool, and empties
// it when the log is back. It belongs to the goroutine of Run.
type appender struct {
	// Constant.
	feed       *Feed
	agentOf    func(dn string) string
	spool      Spool
	stallAfter time.Duration
	own        *ownEvents

	spooled atomic.Int64 // for Stats

	failing  bool // the log did not take something: all goes by the spool
	checked  bool // since then it was looked up how far the log has come
	owesGap  bool // events were lost behind what is in the spool
	gapID    string
	spare    []item
	pause    *backoff.Backoff
	retry    *time.Timer
	lag      *time.Timer // when it fires, the reader must have come further than mark
	watching bool        // it runs
	mark     uint64
}

func newAppender(f *Feed, o *FeedOptions) *appender {
	return &appender{
		feed: f, agentOf: o.AgentOf, spool: o.Spool, stallAfter: o.StallAfter, own: newOwnEvents(),
		pause: backoff.New(backoff.Policy{Min: 50 * time.Millisecond, Max: time.Second}),
	}
}

// run ends when ctx does and what has been published by then is handed out, or in the spool.
func (a *appender) run(ctx context.Context) {
	a.retry, a.lag = time.NewTimer(a.stallAfter), time.NewTimer(a.stallAfter)
	defer a.retry.Stop()
	defer a.lag.Stop()
	a.fails(a.spool.Len() > 0)         // what an earlier run has left comes first
	work := context.WithoutCancel(ctx) // an event that was taken is not given up halfway
	for {
		select {
		case <-a.feed.intake.wake:
			a.drain(work)
		case <-a.retry.C:
			a.catchUp(work)
		case <-a.lag.C:
			a.watch()
		case <-ctx.Done():
			a.last(work)
			return
		}
	}
}

// last appends what there is, and waits until it is handed out, both within the time that a log may take.
func (a *appender) last(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, a.stallAfter)
	defer cancel()
	a.drain(ctx)
	if a.failing && ctx.Err() == nil {
		a.catchUp(ctx)
	}
	if a.failing {
		a.feed.log.Warn("events wait for the event log until the next start", "events", a.spool.Len())
		return
	}
	for a.feed.Head().Seq < a.feed.health.debt() {
		select {
		case <-a.feed.passed:
		case <-ctx.Done():
			return
		}
	}
}

// drain takes what has been published.
func (a *appender) drain(ctx context.Context) {
	items, lost := a.feed.intake.take(a.spare)
	if lost > 0 {
		a.lose(lost)
	}
	if len(items) == 0 && lost > 0 {
		a.write(ctx, nil)
	}
	for batch := range slices.Chunk(items, maxBatch) {
		a.write(ctx, a.records(batch))
	}
	clear(items)
	a.spare = items
}

func (a *appender) records(items []item) []Record {
	records := make([]Record, 0, len(items)+1)
	for _, it := range items {
		e := it.encode()
		if e.AgentID == "" {
			e.AgentID = a.agentOf(string(e.DN))
		}
		if a.own.stored(e.ID) {
			continue // told again after a restart
		}
		r, err := record(a.feed.node, &e)
		if err != nil {
			// Can't happen with the types of Event.
			a.feed.log.Error("event can't be written", "event_id", e.ID, "error", err)
			continue
		}
		a.own.put(&e)
		records = append(records, r)
	}
	return records
}

// write brings records to the log, or to the spool when the log does not answer or others are before them.
func (a *appender) write(ctx context.Context, records []Record) {
	if len(records) == 0 && !a.owesGap {
		return
	}
	events := uint64(len(records))
	if a.owesGap {
		records = append([]Record{a.gap()}, records...)
	}
	if !a.failing {
		err := a.append(ctx, records)
		if err == nil {
			a.paid()
			return
		}
		a.fails(true)
		a.feed.stall(err)
	}
	for i := range records {
		a.own.take(records[i].ID) // it may be long until they come back, they are decoded then
	}
	if err := a.spool.Put(records); err != nil {
		a.feed.log.Error("events are lost", "events", events, "error", err)
		a.lose(events)
		return
	}
	a.spooled.Store(int64(a.spool.Len()))
	a.paid()
}

// append tries until the log has taken the records, at most as long as it may take.
func (a *appender) append(ctx context.Context, records []Record) error {
	// A log that does not even heed its deadline is noticed too.
	watchdog := time.AfterFunc(a.stallAfter, func() { a.feed.stall(errNoAnswer) })
	defer watchdog.Stop()
	ctx, cancel := context.WithTimeoutCause(ctx, a.stallAfter, errNoAnswer)
	defer cancel()
	for {
		err := a.once(ctx, records)
		if err == nil || ctx.Err() != nil {
			return err
		}
		_ = backoff.Sleep(ctx, appendRetry) // Append looks at ctx
	}
}

const appendRetry = 50 * time.Millisecond

func (a *appender) once(ctx context.Context, records []Record) error {
	select {
	case <-a.feed.health.open:
	case <-ctx.Done():
		return errNotOpen
	}
	last, err := a.feed.store.Append(ctx, records)
	if err != nil {
		return fmt.Errorf("append %d events: %w", len(records), err)
	}
	a.feed.appended.Add(uint64(len(records)))
	a.feed.settle(func(h *health) { h.owed = max(h.owed, last) })
	if !a.watching {
		a.mark, a.watching = a.feed.Head().Seq, true
		a.lag.Reset(a.stallAfter)
	}
	return nil
}

// fails takes whether the log fails.
func (a *appender) fails(yes bool) {
	a.failing, a.checked = yes, false
	a.spooled.Store(int64(a.spool.Len()))
	a.feed.settle(func(h *health) { h.failing = yes })
	if yes {
		a.retry.Reset(a.pause.Next())
	} else {
		a.pause.Reset()
	}
}

// catchUp empties the spool into the log.
func (a *appender) catchUp(ctx context.Context) {
	if !a.failing {
		return
	}
	if err := a.empty(ctx); err != nil {
		a.feed.log.Debug("event log does not answer yet", "events", a.spool.Len(), "error", err)
		a.retry.Reset(a.pause.Next())
		return
	}
	a.fails(false)
}

func (a *appender) empty(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, a.stallAfter, errNoAnswer)
	defer cancel()
	if err := a.skipStored(ctx); err != nil {
		return err
	}
	for a.spool.Len() > 0 {
		records, err := a.spool.Peek(maxBatch)
		if err != nil {
			return fmt.Errorf("read the spool: %w", err)
		}
		step, done := context.WithTimeoutCause(context.WithoutCancel(ctx), a.stallAfter, errNoAnswer)
		err = a.once(step, records)
		done()
		if err != nil {
			return err
		}
		if err := a.spool.Drop(len(records)); err != nil {
			return fmt.Errorf("empty the spool: %w", err)
		}
		a.spooled.Store(int64(a.spool.Len()))
		a.drain(ctx) // into the spool, behind the others
	}
	if a.owesGap {
		if err := a.once(ctx, []Record{a.gap()}); err != nil {
			return err
		}
		a.paid()
	}
	return nil
}

// skipStored drops what the log has taken although it did not say so: since records go there in order, those up to its
// last one of ours. The log itself remembers ids for some minutes only.
func (a *appender) skipStored(ctx context.Context) error {
	if a.checked {
		return nil
	}
	select {
	case <-a.feed.health.open:
	case <-ctx.Done():
		return errNotOpen
	}
	id, err := a.feed.store.LastOf(ctx, a.feed.node)
	if err != nil {
		return fmt.Errorf("ask the event log how far it has come: %w", err)
	}
	records, err := a.spool.Peek(a.spool.Len()) // once after a failure, or a start
	if err != nil {
		return fmt.Errorf("read the spool: %w", err)
	}
	if i := slices.IndexFunc(records, func(r Record) bool { return r.ID == id }); i >= 0 {
		if err := a.spool.Drop(i + 1); err != nil {
			return fmt.Errorf("empty the spool: %w", err)
		}
	}
	a.checked = true
	return nil
}

// lose takes that events are gone.
func (a *appender) lose(n uint64) {
	a.feed.lost.Add(n)
	a.owesGap = true
}

// gap makes the record that stands for what was lost. It is made anew, under the same name, until it is in the log or in
// the spool.
func (a *appender) gap() Record {
	if a.gapID == "" {
		a.gapID = "gap-" + a.feed.node + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	}
	return Record{ID: a.gapID, Node: a.feed.node, Kind: RecordGap}
}

func (a *appender) paid() { a.owesGap, a.gapID = false, "" }

// watch looks whether what was appended comes back. Subscribers that are slow to take it are no fault of the log.
func (a *appender) watch() {
	head, owed := a.feed.Head().Seq, a.feed.health.debt()
	if a.watching && head == a.mark && head < owed && !a.feed.handing.Load() {
		a.feed.stall(errNotRead)
	}
	a.mark, a.watching = head, head < owed
	if a.watching {
		a.lag.Reset(a.stallAfter)
	}
}
