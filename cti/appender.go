package cti

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"sidecar/internal/backoff"
	"sidecar/internal/loop"
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

	failing  bool    // the log did not take something: all goes by the spool
	unsure   int     // how many of the oldest in the spool the log may have taken without saying so
	owed     *Record // the gap for events that were lost behind what is in the spool; nil: none were
	marks    uint64  // given out
	birth    string  // makes them differ from those of other runs
	spare    []item
	pause    *backoff.Backoff
	retry    *time.Timer
	lag      *time.Timer // when it fires twice, the reader must have come further than mark
	watching bool        // it runs
	behind   bool        // it has fired once
	anew     bool        // the reader was told to follow anew, and has not moved since
	mark     uint64

	done *loop.Loop // runs what waits for events to be kept: whatever that takes, the next events don't wait for it
}

func newAppender(f *Feed, o *FeedOptions) *appender {
	return &appender{
		feed: f, agentOf: o.AgentOf, spool: o.Spool, stallAfter: o.StallAfter, own: newOwnEvents(), birth: NewEpoch(),
		pause: backoff.New(backoff.Policy{Min: 50 * time.Millisecond, Max: time.Second}), done: loop.New(maxDone),
	}
}

// maxDone bounds what waits to be done behind the events. When so much waits, the appender waits too.
const maxDone = 1 << 16

// run ends when ctx does and what has been published by then is handed out, or in the spool.
func (a *appender) run(ctx context.Context) {
	a.retry, a.lag = time.NewTimer(a.stallAfter), time.NewTimer(a.stallAfter)
	defer a.retry.Stop()
	defer a.lag.Stop()
	defer a.finish()
	a.unsure = a.spool.Len()
	a.fails(a.unsure > 0)              // what an earlier run has left comes first
	work := context.WithoutCancel(ctx) // an event that was taken is not given up halfway
	for {
		select {
		case <-a.feed.intake.wake:
			a.drain(work)
		case <-a.retry.C:
			a.catchUp(ctx)
		case <-a.lag.C:
			a.watch()
		case <-ctx.Done():
			a.last(work)
			return
		}
	}
}

// finish waits for what is to be done behind the events that were kept.
func (a *appender) finish() {
	finished := make(chan struct{})
	a.done.Post(func() { close(finished) })
	<-finished
	a.done.Stop()
	<-a.done.Done()
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
		for _, it := range batch {
			if it.done != nil {
				a.done.Post(it.done)
			}
		}
	}
	clear(items)
	a.spare = items
}

func (a *appender) records(items []item) []Record {
	records := make([]Record, 0, len(items)+1)
	for _, it := range items {
		if it.done != nil {
			continue
		}
		e := it.encode()
		if e.AgentID == "" {
			e.AgentID = a.agentOf(string(e.DN))
		}
		r, err := record(a.feed.node, &e)
		if err != nil {
			// Can't happen with the types of Event.
			a.feed.log.Error("event can't be written", "event_id", e.ID, "error", err)
			continue
		}
		a.marks++
		r.Mark = a.birth + "-" + strconv.FormatUint(a.marks, 36)
		if it.again {
			r.Again = e.Time.Time
		}
		a.own.put(&e)
		records = append(records, r)
	}
	return records
}

// write brings records to the log, or to the spool when the log does not answer or others are before them.
func (a *appender) write(ctx context.Context, records []Record) {
	if len(records) == 0 && a.owed == nil {
		return
	}
	events := uint64(len(records))
	if a.owed != nil {
		records = append([]Record{*a.owed}, records...)
	}
	if !a.failing {
		fresh, err := a.fresh(ctx, records)
		if err == nil {
			err = a.append(ctx, fresh)
		}
		if err == nil {
			a.owed = nil
			return
		}
		a.unsure = len(records)
		a.fails(true)
		a.feed.stall(err)
	}
	for i := range records {
		a.own.take(records[i].ID) // it may be long until they come back, they are decoded then
	}
	if err := a.spool.Put(records); err != nil {
		if a.owed == nil { // once, not for every event that follows
			a.feed.log.Error("events are lost until there is room for them again", "error", err)
		}
		a.lose(events)
		return
	}
	a.spooled.Store(int64(a.spool.Len()))
	a.owed = nil
}

// fresh waits until the log has been opened, and leaves out what an earlier run has appended and is told again after the restart.
// Each question may take as long as the log may, however many there are.
func (a *appender) fresh(ctx context.Context, records []Record) ([]Record, error) {
	if err := a.opened(ctx); err != nil {
		return nil, err
	}
	records = a.own.without(records)
	left := make([]Record, 0, len(records))
	for i := range records {
		if !records[i].Again.IsZero() {
			has, err := a.has(ctx, &records[i])
			if err != nil {
				return nil, err
			}
			if has {
				a.own.take(records[i].ID)
				continue
			}
		}
		left = append(left, records[i])
	}
	return left, nil
}

func (a *appender) has(ctx context.Context, r *Record) (bool, error) {
	ctx, cancel := halves(ctx, a.stallAfter, errNoAnswer)
	defer cancel()
	has, err := a.feed.store.Has(ctx, r, r.Again)
	if err != nil {
		return false, fmt.Errorf("ask the event log for event %s: %w", r.ID, err)
	}
	return has, nil
}

// opened waits for the log as long as it may take.
func (a *appender) opened(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, a.stallAfter)
	defer cancel()
	select {
	case <-a.feed.health.open:
		return nil
	case <-ctx.Done():
		return errNotOpen
	}
}

// append tries until the log has taken the records, at most as long as it may take.
func (a *appender) append(ctx context.Context, records []Record) (err error) {
	ctx, cancel := halves(ctx, a.stallAfter, errNoAnswer)
	defer cancel()
	// A log that does not even heed its deadline is noticed too.
	barked := make(chan struct{})
	hush := context.AfterFunc(ctx, func() { defer close(barked); a.feed.stall(errNoAnswer) })
	defer func() {
		if !hush() && err == nil { // too late: nothing else would say that all is well
			<-barked
			a.feed.settle(nil)
		}
	}()
	for {
		err = a.once(ctx, records)
		if err == nil || ctx.Err() != nil {
			return err
		}
		_ = backoff.Sleep(ctx, appendRetry) // Append looks at ctx
	}
}

const appendRetry = 50 * time.Millisecond

func (a *appender) once(ctx context.Context, records []Record) error {
	if len(records) == 0 {
		return nil
	}
	last, err := a.feed.store.Append(ctx, records)
	if err != nil {
		return fmt.Errorf("append %d events: %w", len(records), err)
	}
	a.feed.appended.Add(uint64(len(records)))
	a.feed.settle(func(h *health) { h.owed = max(h.owed, last) })
	if !a.watching {
		a.mark, a.watching, a.behind = a.feed.Head().Seq, true, false
		a.lag.Reset(a.stallAfter / 2)
	}
	return nil
}

// lose takes that events are gone. One gap stands for them until it is in the log or in the spool.
func (a *appender) lose(n uint64) {
	a.feed.lost.Add(n)
	if a.owed == nil {
		gap := NewGap(a.feed.node)
		a.owed = &gap
	}
}

// watch looks whether what was appended comes back. Subscribers that are slow to take it are no fault of the log.
func (a *appender) watch() {
	head, owed := a.feed.Head().Seq, a.feed.health.debt()
	waits := head == a.mark && head < owed && !a.feed.handing.Load()
	if waits && a.behind {
		a.feed.stall(errNotRead)
		if !a.anew { // once: a log that is slow must get through
			a.feed.followAnew()
		}
		a.feed.settle(nil) // it may have come in between
	}
	a.anew = waits && (a.anew || a.behind)
	a.mark, a.watching, a.behind = head, head < owed, waits
	if a.watching {
		a.lag.Reset(a.stallAfter / 2)
	}
}

// halves is a timeout whose second half begins when the first is over: for a process that stood still meanwhile, like its whole
// machine, nothing has been late yet.
func halves(ctx context.Context, d time.Duration, cause error) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	half := time.AfterFunc(d/2, func() {
		second := time.AfterFunc(d/2, func() { cancel(cause) })
		context.AfterFunc(ctx, func() { second.Stop() })
	})
	return ctx, func() {
		half.Stop()
		cancel(nil)
	}
}
