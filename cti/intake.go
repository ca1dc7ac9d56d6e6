package cti

import (
	"sync"

	"sidecar/agent"
	"sidecar/bridge"
)

// item is an event on its way to the appender: one of the two is set.
type item struct {
	call *bridge.Event
	dn   *agent.Event
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

	mu    sync.Mutex
	items []item
	lost  uint64 // given up since the last take
}

func newIntake(limit int) *intake {
	return &intake{limit: limit, wake: make(chan struct{}, 1)}
}

// put never blocks.
func (in *intake) put(it item) {
	in.mu.Lock()
	if len(in.items) >= in.limit {
		in.lost += uint64(len(in.items)) + 1
		clear(in.items)
		in.items = in.items[:0]
	} else {
		in.items = append(in.items, it)
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
	items, in.items = in.items, spare[:0]
	lost, in.lost = in.lost, 0
	return items, lost
}

// state tells how many events wait, and whether some were given up that the appender does not know of yet.
func (in *intake) state() (waiting int, overflowed bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.items), in.lost > 0
}
