package cti

import (
	"slices"
	"sync"

	"sidecar/agent"
	"sidecar/bridge"
)

// item is an event on its way to the appender, or what is to be done behind those before it: one of the first three is set.
type item struct {
	call  *bridge.Event
	dn    *agent.Event
	done  func()
	again bool // an earlier run may have appended the event
}

func (i item) encode() Event {
	if i.call != nil {
		return Encode(*i.call)
	}
	return EncodeDN(*i.dn)
}

// intake takes events from the call engine without ever making it wait. When it is full, what it holds is given
// up as a whole: a feed with a hole is worth nothing, and everybody needs a snapshot anyway.
type intake struct {
	limit int
	wake  chan struct{} // holds one token while there may be something to take

	mu     sync.Mutex
	items  []item
	events int    // of the items
	lost   uint64 // given up since the last take
}

func newIntake(limit int) *intake {
	return &intake{limit: limit, wake: make(chan struct{}, 1)}
}

// put never blocks.
func (in *intake) put(it item) {
	in.mu.Lock()
	switch {
	case it.done != nil:
		in.items = append(in.items, it)
	case in.events >= in.limit:
		in.lost += uint64(in.events) + 1 //nolint:gosec // it counts
		in.items = slices.DeleteFunc(in.items, func(it item) bool { return it.done == nil })
		in.events = 0
	default:
		in.items = append(in.items, it)
		in.events++
	}
	in.mu.Unlock()
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// take gives everything in order and what was lost before it, and keeps spare for what comes next.
func (in *intake) take(spare []item) (items []item, lost uint64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	items, in.items, in.events = in.items, spare[:0], 0
	lost, in.lost = in.lost, 0
	return items, lost
}

// state tells how many events wait, and whether some were given up that the appender does not know of yet.
func (in *intake) state() (waiting int, overflowed bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.events, in.lost > 0
}
