package recording

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"sidecar/internal/backoff"
)

// Options of an archive.
type Options struct {
	Dir     string // made when it is missing
	Switch  Switch
	Journal Journal
	Log     *slog.Logger

	KeepDays int    // whole days after that of the recording; 0: for ever
	MaxBytes int64  // of all recordings together, the oldest go first; 0: no limit
	MinFree  uint64 // bytes that must be free on the disk for a recording to begin

	Retry backoff.Policy                   // between attempts to fetch a recording; zero: 1 s to 5 min
	Free  func(dir string) (uint64, error) // bytes that are free; nil: of the disk
}

// Archive keeps recordings. Run does its work; the other methods may be called from any goroutine, also before.
type Archive struct {
	o    Options
	root string
	log  *slog.Logger
	wake chan struct{}
	full atomic.Pointer[string] // why no recording may begin; nil: it may

	mu      sync.Mutex
	pending map[string]*pending // by id
}

// pending is a recording that is still to be fetched. Its fields but the first belong to collect.
type pending struct {
	Recorded

	pause *backoff.Backoff
	due   time.Time
}

// Open makes an archive that goes on with what the journal says is to be fetched.
func Open(o Options) (*Archive, error) {
	if o.Free == nil {
		o.Free = freeBytes
	}
	if o.Retry.Min == 0 {
		o.Retry = backoff.Policy{Min: time.Second, Max: 5 * time.Minute}
	}
	a := &Archive{o: o, root: o.Dir, log: o.Log.With("component", "recording"), wake: make(chan struct{}, 1), pending: map[string]*pending{}}
	if err := os.MkdirAll(a.root, 0o700); err != nil {
		return nil, fmt.Errorf("directory of the recordings: %w", err)
	}
	waiting, err := o.Journal.All()
	if err != nil {
		return nil, err
	}
	for _, r := range waiting {
		id, err := idOf(r)
		if err != nil {
			return nil, fmt.Errorf("pending recording: %w", err)
		}
		a.add(id, r)
	}
	if len(waiting) > 0 {
		a.log.Info("recordings_pending", "count", len(waiting))
	}
	a.measure()
	return a, nil
}

// Run fetches, merges and removes recordings until ctx ends.
func (a *Archive) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { a.collect(ctx) })
	wg.Go(func() { a.keepHouse(ctx) })
	wg.Wait()
}

// Finished takes a recording that the switch has finished. It never waits: the recording is in the journal when it
// returns, and fetched later. Telling it again does no harm.
func (a *Archive) Finished(r Recorded) {
	id, err := idOf(r)
	if err != nil {
		a.log.Error("recording_refused", "call", r.Call, "error", err)
		return
	}
	if err := a.o.Journal.Put(id, r); err != nil { // it is fetched all the same, unless we die first
		a.log.Error("recording_not_journaled", "recording", id, "call", r.Call, "error", err)
	}
	a.add(id, r)
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *Archive) add(id string, r Recorded) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.pending[id]; !known {
		a.pending[id] = &pending{Recorded: r, pause: backoff.New(a.o.Retry)}
	}
}

// Pending counts the recordings that are still to be fetched.
func (a *Archive) Pending() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.pending)
}
