package sip

import "sync"

// eventQueue calls back in order, from one goroutine, without holding up who
// pushes. It is bounded by the number of DNs times the few states they go through while a callback runs.
type eventQueue struct {
	wake chan struct{}
	wg   sync.WaitGroup

	mu     sync.Mutex
	items  []RegistrationEvent
	closed bool
}

func newEventQueue(tell func(RegistrationEvent)) *eventQueue {
	q := &eventQueue{wake: make(chan struct{}, 1)}
	q.wg.Go(func() {
		for range q.wake {
			for _, e := range q.drain() {
				tell(e)
			}
		}
		for _, e := range q.drain() {
			tell(e)
		}
	})
	return q
}

func (q *eventQueue) drain() []RegistrationEvent {
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items = nil
	return items
}

func (q *eventQueue) push(e RegistrationEvent) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.items = append(q.items, e)
	select {
	case q.wake <- struct{}{}:
	default: // it is awake already
	}
}

func (q *eventQueue) close() {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.wake)
	}
	q.mu.Unlock()
	q.wg.Wait()
}
