package cti

import (
	"context"
	"fmt"
	"sync"
)

// health says whether the feed can be subscribed to: the log has been opened, takes records, and gives them back.
type health struct {
	mu      sync.Mutex
	opened  bool
	failing bool          // the log takes no records, or some still wait in the spool
	owed    uint64        // number up to which the reader must have come
	stalled bool          //
	stalls  uint64        //
	ready   chan struct{} // closed while it is well
	open    chan struct{} // closed when it has been opened
}

func newHealth(failing bool) health {
	return health{ready: make(chan struct{}), open: make(chan struct{}), stalled: true, failing: failing}
}

func (h *health) down() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stalled
}

// stall reports whether it is news.
func (h *health) stall() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stalled {
		return false
	}
	h.stalled, h.ready = true, make(chan struct{})
	h.stalls++
	return true
}

// note takes what has changed, and where the reader is. It reports whether the feed can be subscribed to again.
func (h *health) note(head uint64, change func(*health)) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if change != nil {
		change(h)
	}
	if !h.stalled || !h.opened || h.failing || head < h.owed {
		return false
	}
	h.stalled = false
	close(h.ready)
	return true
}

// debt is the number that the reader must come to.
func (h *health) debt() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.owed
}

// Wait waits until the feed can be subscribed to.
func (f *Feed) Wait(ctx context.Context) error {
	f.health.mu.Lock()
	ready := f.health.ready
	f.health.mu.Unlock()
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the event log: %w", context.Cause(ctx))
	}
}

// stall sends everybody away: events have been waiting for too long.
func (f *Feed) stall(why error) {
	if !f.health.stall() {
		return
	}
	n := f.endAll(ErrStalled)
	f.log.Error("event log stalled, events wait and the subscribers were sent away", "subscribers", n, "error", why)
}

// settle takes a change for the better, or for the worse.
func (f *Feed) settle(change func(*health)) {
	f.mu.Lock()
	head := f.ring.head
	f.mu.Unlock()
	if f.health.note(head, change) {
		f.log.Info("event log is ready", "head", head)
	}
}
