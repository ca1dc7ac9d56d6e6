package cti

import (
	"context"
	"slices"
	"sync"
	"time"
)

// MemoryLog is a log that ends with the process: for tests, and for feeds that need not outlive it.
type MemoryLog struct {
	epoch string
	limit int

	mu      sync.Mutex
	records []Stored
	first   uint64 // number of records[0]
	ids     map[string]uint64
	last    map[string]string // mark by node
	more    chan struct{}     // closed, and replaced, with every append
}

// NewMemoryLog makes a log that keeps so many records.
func NewMemoryLog(limit int) *MemoryLog {
	return &MemoryLog{
		epoch: NewEpoch(), limit: limit, first: 1, ids: map[string]uint64{}, last: map[string]string{}, more: make(chan struct{}),
	}
}

// Open implements Log.
func (l *MemoryLog) Open(context.Context) (LogState, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return LogState{Epoch: l.epoch, First: l.first, Last: l.first + uint64(len(l.records)) - 1}, nil
}

// Append implements Log.
func (l *MemoryLog) Append(_ context.Context, records []Record) (last uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range records {
		if seq, ok := l.ids[r.ID]; ok {
			last = seq
			continue
		}
		last = l.first + uint64(len(l.records))
		r.Again = time.Time{}
		l.records = append(l.records, Stored{Record: r, Seq: last})
		l.ids[r.ID], l.last[r.Node] = last, r.Mark
	}
	for len(l.records) > l.limit {
		delete(l.ids, l.records[0].ID)
		l.records[0] = Stored{}
		l.records, l.first = l.records[1:], l.first+1
	}
	close(l.more)
	l.more = make(chan struct{})
	return last, nil
}

// LastOf implements Log.
func (l *MemoryLog) LastOf(_ context.Context, node string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last[node], nil
}

// Has implements Log.
func (l *MemoryLog) Has(_ context.Context, r *Record, _ time.Time) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.ids[r.ID]
	return ok, nil
}

// Read implements Log.
func (l *MemoryLog) Read(_ context.Context, after uint64, limit int) ([]Stored, error) {
	batch, _, err := l.read(after, limit)
	return batch, err
}

func (l *MemoryLog) read(after uint64, limit int) (batch []Stored, more <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if after+1 < l.first {
		return nil, nil, ErrTooOld
	}
	skip := min(after+1-l.first, uint64(len(l.records)))
	batch = l.records[skip:]
	return slices.Clone(batch[:min(limit, len(batch))]), l.more, nil
}

// Follow implements Log.
func (l *MemoryLog) Follow(ctx context.Context, after uint64, take func([]Stored)) error {
	for {
		batch, more, err := l.read(after, maxBatch)
		if err != nil {
			return err
		}
		if len(batch) > 0 {
			take(batch)
			after = batch[len(batch)-1].Seq
			continue
		}
		select {
		case <-more:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// MemorySpool is a spool that ends with the process.
type MemorySpool struct {
	limit   int
	records []Record
}

// NewMemorySpool makes a spool for so many records.
func NewMemorySpool(limit int) *MemorySpool { return &MemorySpool{limit: limit} }

// Put implements Spool.
func (s *MemorySpool) Put(records []Record) error {
	if len(s.records)+len(records) > s.limit {
		return ErrSpoolFull
	}
	s.records = append(s.records, records...)
	return nil
}

// Peek implements Spool.
func (s *MemorySpool) Peek(limit int) ([]Record, error) {
	return slices.Clone(s.records[:min(limit, len(s.records))]), nil
}

// Drop implements Spool.
func (s *MemorySpool) Drop(n int) error {
	s.records = slices.Clone(s.records[n:])
	return nil
}

// Len implements Spool.
func (s *MemorySpool) Len() int { return len(s.records) }
