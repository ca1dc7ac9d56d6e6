package cti

import (
	"context"
	"fmt"
	"slices"
)

// fails takes whether the log fails.
func (a *appender) fails(yes bool) {
	a.failing = yes
	a.spooled.Store(int64(a.spool.Len()))
	a.feed.settle(func(h *health) { h.failing = yes })
	if yes {
		a.retry.Reset(a.pause.Next())
	} else {
		a.pause.Reset()
	}
}

// catchUp empties the spool into the log. It stops between two batches when ctx ends.
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
	work := context.WithoutCancel(ctx)
	if err := a.skipStored(work); err != nil {
		return err
	}
	for a.spool.Len() > 0 {
		if ctx.Err() != nil {
			return fmt.Errorf("catch up: %w", context.Cause(ctx))
		}
		records, err := a.spool.Peek(maxBatch)
		if err != nil {
			return fmt.Errorf("read the spool: %w", err)
		}
		if err := a.step(work, records); err != nil {
			a.unsure = len(records)
			return err
		}
		if err := a.spool.Drop(len(records)); err != nil {
			return fmt.Errorf("empty the spool: %w", err)
		}
		a.spooled.Store(int64(a.spool.Len()))
		a.drain(work) // into the spool, behind the others
	}
	if a.owed != nil {
		if err := a.step(work, []Record{*a.owed}); err != nil {
			return err
		}
		a.owed = nil
	}
	return nil
}

func (a *appender) step(ctx context.Context, records []Record) error {
	records, err := a.fresh(ctx, records)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, a.stallAfter, errNoAnswer)
	defer cancel()
	return a.once(ctx, records)
}

// skipStored drops what the log has taken although it did not say so: since records go there in order, those up to its
// last one of ours. The log itself remembers ids for some minutes only. An id is not enough to know the last one by: after a
// restart, the same event may have been told again, and then it is behind others that the log does not have.
func (a *appender) skipStored(ctx context.Context) error {
	if a.unsure == 0 {
		return nil
	}
	if err := a.opened(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, a.stallAfter, errNoAnswer)
	defer cancel()
	mark, err := a.feed.store.LastOf(ctx, a.feed.node)
	if err != nil {
		return fmt.Errorf("ask the event log how far it has come: %w", err)
	}
	records, err := a.spool.Peek(a.unsure)
	if err != nil {
		return fmt.Errorf("read the spool: %w", err)
	}
	if i := slices.IndexFunc(records, func(r Record) bool { return mark != "" && r.Mark == mark }); i >= 0 {
		if err := a.spool.Drop(i + 1); err != nil {
			return fmt.Errorf("empty the spool: %w", err)
		}
	}
	a.unsure = 0
	return nil
}
