// Package loop runs functions one at a time: whoever owns state gives it a Loop, and everybody else sends work.
package loop

import (
	"context"
	"errors"
	"sync"
)

// ErrClosed says that the loop takes no more work.
var ErrClosed = errors.New("loop is closed")

// Loop runs functions one at a time, in the order in which they were posted. While nothing is posted it costs no goroutine:
// most of those who own a Loop have nothing to do for most of their lives.
type Loop struct {
	size int
	gone chan struct{} // closed when the loop has ended

	mu      sync.Mutex
	room    *sync.Cond // for those who wait to post
	list    []func()
	running bool
	stopped bool
}

// New makes a loop that holds up to size functions; Post waits while it is full.
func New(size int) *Loop {
	l := &Loop{size: size, gone: make(chan struct{})}
	l.room = sync.NewCond(&l.mu)
	return l
}

// run ends when there is nothing to do, or with the loop.
func (l *Loop) run() {
	for fn := l.next(); fn != nil; fn = l.next() {
		fn()
	}
}

func (l *Loop) next() func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped || len(l.list) == 0 {
		l.running, l.list = false, nil
		if l.stopped {
			close(l.gone)
		}
		return nil
	}
	fn := l.list[0]
	l.list[0] = nil // what has run is not held
	l.list = l.list[1:]
	l.room.Signal()
	return fn
}

// Post hands fn to the loop and does not wait for it to run. It reports false once the loop is stopped.
func (l *Loop) Post(fn func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.list) >= l.size && !l.stopped {
		l.room.Wait()
	}
	if l.stopped {
		return false
	}
	l.list = append(l.list, fn)
	if !l.running {
		l.running = true
		go l.run() // joined by whoever waits for Done
	}
	return true
}

// Do runs fn in the loop and returns when it has run. It must not be called from inside the loop.
func (l *Loop) Do(ctx context.Context, fn func()) error {
	done := make(chan struct{})
	if !l.Post(func() { defer close(done); fn() }) {
		return ErrClosed
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.gone:
		select {
		case <-done:
			return nil
		default:
			return ErrClosed
		}
	}
}

// Stop ends the loop after the function that is running; work still queued is dropped. It may be called from inside the loop.
func (l *Loop) Stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return
	}
	l.stopped = true
	l.room.Broadcast()
	if !l.running {
		close(l.gone)
	}
}

// Done is closed when the loop has ended and nothing of it runs any more.
func (l *Loop) Done() <-chan struct{} { return l.gone }
