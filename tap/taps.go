package tap

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	// DefaultMax is how many may listen at once: each costs Asterisk a channel for each party.
	DefaultMax = 100
	// DefaultQueue is how many frames wait for a listener: two parties' 5 s.
	DefaultQueue = 500
)

// Options of Taps.
type Options struct {
	Calls  Calls
	Source Source
	Log    *slog.Logger
	Max    int // listeners at once; 0: DefaultMax
	Queue  int // frames that wait for a slow listener; 0: DefaultQueue
}

// Taps are all who listen to calls.
type Taps struct {
	o      Options
	ctx    context.Context // of all listeners
	cancel context.CancelFunc

	mu    sync.Mutex // wg is entered under it while ctx lives
	count int
	wg    sync.WaitGroup
}

// New makes Taps that nobody listens to yet.
func New(o Options) *Taps {
	if o.Max == 0 {
		o.Max = DefaultMax
	}
	if o.Queue == 0 {
		o.Queue = DefaultQueue
	}
	o.Log = o.Log.With("component", "tap")
	t := &Taps{o: o}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// Want says what a listener wants to hear.
type Want struct {
	Call    string
	Numbers []string // numbers or DNs of parties; none: all
	Format  Format
}

func (w Want) takes(l Leg) bool {
	return len(w.Numbers) == 0 || slices.Contains(w.Numbers, l.Number) || l.DN != "" && slices.Contains(w.Numbers, l.DN)
}

// Open begins to listen. The caller closes the Listener. It fails with ErrNoCall, ErrTooMany or ErrClosed.
func (t *Taps) Open(w Want) (*Listener, error) {
	if _, _, ok := t.o.Calls.Legs(w.Call); !ok {
		return nil, ErrNoCall
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.ctx.Err() != nil:
		return nil, ErrClosed
	case t.count == t.o.Max:
		return nil, ErrTooMany
	}
	t.count++
	t.wg.Add(1)
	l := &Listener{
		taps: t, want: w, log: t.o.Log.With("call", w.Call), queue: newQueue(t.o.Queue), began: time.Now(),
		streams: map[string]*stream{}, refused: map[string]bool{}, ended: make(chan *stream),
	}
	ctx, cancel := context.WithCancel(t.ctx)
	l.cancel = cancel
	l.wg.Go(func() { l.run(ctx) })
	return l, nil
}

// Count is how many listen.
func (t *Taps) Count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

func (t *Taps) left() {
	t.mu.Lock()
	t.count--
	t.mu.Unlock()
	t.wg.Done()
}

// Close ends all listening, and returns when every Listener was closed.
func (t *Taps) Close() {
	t.mu.Lock()
	t.cancel()
	t.mu.Unlock()
	t.wg.Wait()
}
