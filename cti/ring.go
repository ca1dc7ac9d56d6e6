package cti

import "sort"

// Entry is an event in the feed with its JSON. It is shared by all subscribers and never changed.
type Entry struct {
	Event Event
	Data  []byte
}

// ring keeps the last entries for those who come back: all that the log has above floor. Their numbers grow, and may
// have holes.
type ring struct {
	entries []*Entry
	start   int    // of the oldest
	count   int    //
	head    uint64 // number of the last record that was read, an event or not
	floor   uint64 // the earliest position from which everything is here
}

func newRing(size int) *ring { return &ring{entries: make([]*Entry, size)} }

// reset empties the ring; what comes next follows at.
func (r *ring) reset(at uint64) {
	clear(r.entries)
	r.start, r.count, r.head, r.floor = 0, 0, at, at
}

// add appends an entry.
func (r *ring) add(e *Entry) {
	r.head = e.Event.Seq
	if r.count < len(r.entries) {
		r.entries[r.index(r.count)] = e
		r.count++
		return
	}
	r.floor = r.entries[r.start].Event.Seq
	r.entries[r.start] = e
	r.start = r.index(1)
}

func (r *ring) index(i int) int { return (r.start + i) % len(r.entries) }

// after gives the entries that follow seq, which must not be before the floor.
func (r *ring) after(seq uint64) []*Entry {
	from := sort.Search(r.count, func(i int) bool { return r.entries[r.index(i)].Event.Seq > seq })
	out := make([]*Entry, 0, r.count-from)
	for i := from; i < r.count; i++ {
		out = append(out, r.entries[r.index(i)])
	}
	return out
}
