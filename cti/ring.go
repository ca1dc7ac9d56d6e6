package cti

// Entry is an event in the feed with its JSON. It is shared by all subscribers and never changed.
type Entry struct {
	Event Event
	Data  []byte
}

// ring keeps the last entries for those who come back. Its sequence numbers have no hole above floor.
type ring struct {
	entries []*Entry
	head    uint64 // of the last entry
	floor   uint64 // the earliest position from which everything can be replayed
}

func newRing(size int) *ring { return &ring{entries: make([]*Entry, size)} }

// add appends the entry numbered head+1.
func (r *ring) add(e *Entry) {
	r.head++
	size := uint64(len(r.entries))
	r.entries[r.head%size] = e
	if r.head > size {
		r.floor = max(r.floor, r.head-size)
	}
}

// skip loses everything up to now: the number it uses up makes the last position before it too old.
func (r *ring) skip() {
	clear(r.entries)
	r.head++
	r.floor = r.head
}

// after gives the entries that follow seq.
func (r *ring) after(seq uint64) ([]*Entry, error) {
	if seq < r.floor {
		return nil, ErrTooOld
	}
	if seq > r.head {
		return nil, ErrUnknownEpoch
	}
	out := make([]*Entry, 0, r.head-seq)
	for n := seq + 1; n <= r.head; n++ {
		out = append(out, r.entries[n%uint64(len(r.entries))])
	}
	return out, nil
}

func (r *ring) len() int { return int(min(r.head-r.floor, uint64(len(r.entries)))) } //nolint:gosec // at most len(entries)
