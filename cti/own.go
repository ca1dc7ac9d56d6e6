package cti

import "sync"

// maxOwn bounds the events that are remembered between appending and reading.
const maxOwn = 1 << 16

// ownEvents spares the decoding of what this process has encoded itself, and knows what an earlier run has appended.
type ownEvents struct {
	mu    sync.Mutex
	way   map[string]*Event   // on their way through the log, by id
	known map[string]struct{} // in the log since before the start
}

func newOwnEvents() *ownEvents {
	return &ownEvents{way: map[string]*Event{}, known: map[string]struct{}{}}
}

func (o *ownEvents) put(e *Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.way) >= maxOwn {
		clear(o.way) // they are decoded then
	}
	o.way[e.ID] = e
}

// take gives an event at most once; nil if it is not there.
func (o *ownEvents) take(id string) *Event {
	o.mu.Lock()
	defer o.mu.Unlock()
	e := o.way[id]
	delete(o.way, id)
	return e
}

func (o *ownEvents) remember(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.known[id] = struct{}{}
}

// without leaves out what an earlier run has appended.
func (o *ownEvents) without(records []Record) []Record {
	o.mu.Lock()
	defer o.mu.Unlock()
	left := make([]Record, 0, len(records))
	for i := range records {
		if _, known := o.known[records[i].ID]; known {
			delete(o.way, records[i].ID)
			continue
		}
		left = append(left, records[i])
	}
	return left
}
