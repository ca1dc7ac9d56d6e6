package sip

import (
	"sync"
	"time"
)

// outbox holds the messages that wait for one client, and runs a writer while there is something to write: most clients
// most of the time wait for nothing, and a goroutine with its stack costs more than all else that is kept of them.
type outbox struct {
	limit  int
	pause  time.Duration  // between pings
	write  func()         // takes until nothing is left
	writer sync.WaitGroup // at most one; begun under mu until the outbox is over

	mu      sync.Mutex
	items   [][]byte
	ping    bool // is due
	timer   *time.Timer
	over    bool
	writing bool
}

// open starts the pings.
func (o *outbox) open(limit int, pause time.Duration, write func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.limit, o.pause, o.write = limit, pause, write
	o.timer = time.AfterFunc(pause, o.askPing)
}

// put appends a message, unless too many wait already or the outbox is over.
func (o *outbox) put(msg []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over || len(o.items) >= o.limit {
		return false
	}
	o.items = append(o.items, msg)
	o.wakeLocked()
	return true
}

// askPing lets the writer ping.
func (o *outbox) askPing() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.over {
		o.ping = true
		o.wakeLocked()
	}
}

// end lets the writer say farewell. There is no other one after it.
func (o *outbox) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.over {
		o.wakeLocked()
		o.timer.Stop()
		o.over = true
	}
}

func (o *outbox) wakeLocked() {
	if !o.writing {
		o.writing = true
		o.writer.Go(o.write)
	}
}

// wait returns when the last writer is gone; only after end.
func (o *outbox) wait() { o.writer.Wait() }

// work is what a writer has to do.
type work struct {
	items [][]byte // oldest first
	ping  bool
	over  bool // the outbox is: these are the last words
}

// take hands the writer its work. A writer that gets none must return.
func (o *outbox) take() (w work, more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	w = work{items: o.items, ping: o.ping, over: o.over}
	if w.ping && !w.over {
		o.timer.Reset(o.pause)
	}
	o.items, o.ping = nil, false
	o.writing = len(w.items) > 0 || w.ping || w.over
	return w, o.writing
}
