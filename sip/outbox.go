package sip

import "sync"

// outbox holds the messages that wait for one client. It is no channel because a
// channel keeps room for all of them, and most clients most of the time wait for none.
type outbox struct {
	limit int
	wake  chan struct{} // has one when there are messages

	mu    sync.Mutex
	items [][]byte
}

func newOutbox(limit int) *outbox {
	return &outbox{limit: limit, wake: make(chan struct{}, 1)}
}

// put appends a message, unless too many wait already.
func (o *outbox) put(msg []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.items) >= o.limit {
		return false
	}
	o.items = append(o.items, msg)
	select {
	case o.wake <- struct{}{}:
	default: // it is awake already
	}
	return true
}

// take returns what waits, oldest first.
func (o *outbox) take() [][]byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	items := o.items
	o.items = nil
	return items
}
