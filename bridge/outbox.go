package bridge

import (
	"slices"
	"time"
)

// mostEarlier bounds the events of earlier steps in a record: the feed keeps what it is given within seconds, or has said
// that it lost some.
const mostEarlier = 128

// unkept are the events that nobody but the record may have, in their order; those up to number kept are with the feed.
func (i *Interaction) unkept(kept int) []Event {
	old := func(e Event) bool { return e.N <= kept }
	if len(i.Outbox) > 0 && old(i.Outbox[len(i.Outbox)-1]) { // as a rule
		return nil
	}
	list := slices.DeleteFunc(slices.Concat(i.Earlier, i.Outbox), old)
	return list[max(0, len(list)-mostEarlier):]
}

// whenKept notes how far the feed has kept the events of the interaction once it has.
func (a *actor) whenKept(events int) {
	a.e.Feed.WhenKept(func() { a.kept.Store(int64(events)) })
}

// dropRecord forgets an interaction that is over.
func (e *Engine) dropRecord(id InteractionID) {
	e.dropWhenKept(e.Journal.Delete, "interaction", string(id))
}

// dropWhenKept deletes a record once the feed has kept what was published: until then the record is all that knows of it.
func (e *Engine) dropWhenKept(drop func(id string) error, what, id string) {
	e.Feed.WhenKept(func() {
		if err := drop(id); err != nil {
			e.log.Error("journal_write_failed", what, id, "error", err)
		}
	})
}

// tellAgain publishes what may have died with the last engine on its way to the feed. The events of an interaction stay in
// their order, and those of different ones come as they happened, since a DN may have seen the end of one and then the
// begin of another.
func (e *Engine) tellAgain(list []Interaction) {
	type told struct {
		at    time.Time
		event Event
	}
	var all []told
	for k := range list {
		var at time.Time // a clock that was set back changes no order
		for _, event := range list[k].unkept(0) {
			if event.Time.After(at) {
				at = event.Time
			}
			all = append(all, told{at, event})
		}
	}
	slices.SortStableFunc(all, func(a, b told) int { return a.at.Compare(b.at) })
	for k := range all {
		e.Feed.Republish(all[k].event)
	}
}
