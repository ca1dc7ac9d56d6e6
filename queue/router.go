package queue

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sidecar/bridge"
)

const (
	tick      = time.Second      // how exact times are kept while somebody waits
	saveEvery = 10 * time.Second // figures younger than this are lost when we are killed
)

// Options are what a Router needs. Attach gives it the engine.
type Options struct {
	Queues   []Settings
	Skills   map[string]Levels // of agents, by their id or DN
	Agents   Agents
	Keep     Keep
	Dialable func(class, number string) bool // nil: every number may be called back
	Timeout  time.Duration                   // of one request to the engine
	Log      *slog.Logger
}

// Router runs the queues. What happens is told by its methods, which never wait; Run does what follows from it.
type Router struct {
	o      Options
	engine Engine
	wake   chan struct{} // holds one token while there may be something to do
	work   sync.WaitGroup

	mu    sync.Mutex
	board *board
	todo  []effect // what an input has led to, for Run to do first
	saved time.Time
}

// New makes a router and takes up what was kept.
func New(o Options) (*Router, error) {
	records, err := o.Keep.All()
	if err != nil {
		return nil, err
	}
	r := &Router{o: o, wake: make(chan struct{}, 1), board: newBoard(o)}
	r.board.restore(records, time.Now())
	return r, nil
}

// Attach gives the router its engine. It comes before Run and Decide; the engine may tell of calls earlier.
func (r *Router) Attach(engine Engine) { r.engine = engine }

// Waiting implements bridge.Queues.
func (r *Router) Waiting(w bridge.Waiting) {
	r.input(func(now time.Time) {
		if !r.board.wait(w, now) {
			// The configuration has changed while it waited: nobody would ever answer it.
			r.o.Log.Warn("queue_unknown", "queue", w.Queue, "call", w.Call.ID)
			r.todo = append(r.todo, exitEffect{call: w.Call.ID})
		}
	})
	if w.Failed != nil {
		r.o.Log.Info("queue_offer_failed", "queue", w.Queue, "call", w.Call.ID, "dn", w.Offered, "reason", w.Failed)
	}
	if w.Offered != "" && rangOut(w.Failed) {
		r.o.Agents.RangOut(w.Offered)
	}
}

// Gone implements bridge.Queues.
func (r *Router) Gone(call bridge.CallID, why bridge.GoneReason) {
	r.input(func(now time.Time) { r.board.gone(call, why, now) })
}

// Digit implements bridge.Queues.
func (r *Router) Digit(call bridge.CallID, digit string) {
	r.input(func(now time.Time) { r.todo = append(r.todo, r.board.digit(call, digit, now)...) })
}

// Publish takes the engine's events, for the calls that call somebody back.
func (r *Router) Publish(e bridge.Event) { r.seen(e.Call) }

// AgentsChanged tells that the state of an agent may have changed. It may be called under any lock.
func (r *Router) AgentsChanged() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *Router) seen(v bridge.CallView) {
	r.mu.Lock()
	out, dn := r.board.seen(v, time.Now())
	r.todo = append(r.todo, out...)
	r.mu.Unlock()
	if dn != "" {
		r.o.Agents.RangOut(dn)
	}
	if len(out) > 0 {
		r.AgentsChanged()
	}
}

func (r *Router) input(fn func(now time.Time)) {
	r.mu.Lock()
	fn(time.Now())
	r.mu.Unlock()
	r.AgentsChanged()
}

// Run does what is due until ctx ends. It returns when nothing of it runs any more.
func (r *Router) Run(ctx context.Context) {
	defer r.save(time.Now, true)
	defer r.work.Wait()
	r.resume()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		r.step(ctx)
		r.save(time.Now, false)
		due := ticker.C
		if r.idle() {
			due = nil // no timer is needed while nobody waits
		}
		select {
		case <-ctx.Done():
			return
		case <-due:
		case <-r.wake:
		}
	}
}

// resume finds the calls again that called somebody back when the sidecar ended.
func (r *Router) resume() {
	r.mu.Lock()
	var making []*Callback
	for _, cb := range r.board.callbacksInOrder() {
		if cb.Call != "" {
			r.board.calls[cb.Call] = cb
			making = append(making, cb)
		}
	}
	r.mu.Unlock()
	for _, cb := range making {
		r.look(cb.Call)
	}
}

// look takes how a call stands now. One that is not there any more has ended.
func (r *Router) look(id bridge.CallID) {
	v, living := r.engine.Call(id)
	if !living {
		v = bridge.CallView{ID: id, EndedAt: time.Now()}
	}
	r.seen(v)
}

func (r *Router) idle() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.board.ledgers {
		if l.changed {
			return false
		}
	}
	return len(r.board.callers) == 0 && len(r.board.callbacks) == 0
}

// step asks for the agents without our lock: they have one of their own, under which they tell us of changes.
func (r *Router) step(ctx context.Context) {
	agents := r.o.Agents.LoggedIn()
	r.mu.Lock()
	effects := append(r.todo, r.board.step(time.Now(), agents)...)
	r.todo = nil
	r.mu.Unlock()
	for _, e := range effects {
		if keep, ok := e.(keepEffect); ok { // before the call whose place it keeps is hung up
			r.keep(keep)
			continue
		}
		r.work.Go(func() { r.do(ctx, e) })
	}
}

// save keeps the figures.
func (r *Router) save(clock func() time.Time, all bool) {
	now := clock()
	var list []*Ledger
	r.mu.Lock()
	if all || now.Sub(r.saved) >= saveEvery {
		r.saved = now
		for _, l := range r.board.ledgers {
			if l.changed {
				l.changed, l.Saved = false, now
				list = append(list, l.copy())
			}
		}
	}
	r.mu.Unlock()
	for _, l := range list {
		if err := r.o.Keep.Put("ledger:"+l.Queue, Record{Ledger: l}); err != nil {
			r.o.Log.Error("queue_figures_not_kept", "queue", l.Queue, "error", err)
		}
	}
}
