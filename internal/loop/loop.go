// Package loop runs functions one at a time: whoever owns state gives it a Loop, and everybody else sends work.
package loop

import (
	"context"
	"errors"
	"sync"
)

// ErrClosed says that the loop takes no more work.
var ErrClosed = errors.New("loop is closed")

// Loop runs functions one at a time, in the order in which they were posted.
type Loop struct {
	work chan func()
	stop chan struct{} // closed by Stop: nothing more is taken
	gone chan struct{} // closed when the goroutine has ended
	once sync.Once
}

// New starts a loop that holds up to size functions; Post waits while it is full.
func New(size int) *Loop {
	l := &Loop{work: make(chan func(), size), stop: make(chan struct{}), gone: make(chan struct{})}
	go l.run() // joined by whoever waits for Done
	return l
}

func (l *Loop) run() {
	defer close(l.gone)
	for {
		select {
		case <-l.stop:
			return
		case fn := <-l.work:
			fn()
		}
		// A stop from inside fn must win over work that is waiting.
		select {
		case <-l.stop:
			return
		default:
		}
	}
}

// Post hands fn to the loop and does not wait for it to run. It reports false once the loop is stopped.
func (l *Loop) Post(fn func()) bool {
	select {
	case <-l.stop:
		return false
	default:
	}
	select {
	case l.work <- fn:
		return true
	case <-l.stop:
		return false
	}
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
func (l *Loop) Stop() { l.once.Do(func() { close(l.stop) }) }

// Done is closed when the loop's goroutine has ended.
func (l *Loop) Done() <-chan struct{} { return l.gone }
