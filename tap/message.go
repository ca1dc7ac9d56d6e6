package tap

import (
	"context"
	"io"
	"sync"
)

// Message is what a listener gets: an event, or a frame of sound.
type Message struct {
	Event *Event
	// Frame is the id of its stream (1 byte), the time of its first sample (4 bytes, big-endian, in samples since the
	// listener came, wrapping), and the sound.
	Frame []byte
}

// Event tells what becomes of streams. A stop without streams is the end.
type Event struct {
	Event    string       `json:"event"` // start, stop
	Call     string       `json:"call"`
	Streams  []StreamInfo `json:"streams,omitzero"`
	Rate     int          `json:"rate,omitempty"`
	Encoding Format       `json:"encoding,omitempty"`
	Reason   string       `json:"reason,omitempty"`  // of the end: call_ended, shutdown
	Dropped  uint64       `json:"dropped,omitempty"` // frames of all streams that the listener was too slow for
}

// StreamInfo is a stream and the party that is heard in it.
type StreamInfo struct {
	ID      int    `json:"id"`
	Party   string `json:"party"`
	DN      string `json:"dn,omitempty"`
	Number  string `json:"number"`
	Role    string `json:"role"`
	Reason  string `json:"reason,omitempty"`  // of a stop: left, ended, unavailable
	Dropped uint64 `json:"dropped,omitempty"` // of a stop: frames that the listener was too slow for
}

// Why streams and listening end.
const (
	reasonLeft        = "left"        // the party is not in the call any more
	reasonEnded       = "ended"       // the switch gives no more sound of it
	reasonUnavailable = "unavailable" // the switch gives no sound of it
	reasonCallEnded   = "call_ended"
	reasonShutdown    = "shutdown"
)

// queue holds what a listener has not taken yet: frames up to a limit, events always, since they are few.
type queue struct {
	limit int
	wake  chan struct{}

	mu     sync.Mutex
	items  []Message
	frames int
	closed bool
}

func newQueue(limit int) *queue { return &queue{limit: limit, wake: make(chan struct{}, 1)} }

// frame adds a frame; false: there is no room for it.
func (q *queue) frame(frame []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.frames == q.limit {
		return false
	}
	q.frames++
	q.addLocked(Message{Frame: frame})
	return true
}

func (q *queue) event(e Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.addLocked(Message{Event: &e})
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wakeLocked()
}

func (q *queue) addLocked(m Message) {
	q.items = append(q.items, m)
	q.wakeLocked()
}

func (q *queue) wakeLocked() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// next waits for a message; after the last one it gives io.EOF. One goroutine at a time may wait.
func (q *queue) next(ctx context.Context) (Message, error) {
	for {
		q.mu.Lock()
		if len(q.items) > 0 {
			m := q.items[0]
			q.items[0] = Message{}
			q.items = q.items[1:]
			if m.Frame != nil {
				q.frames--
			}
			q.mu.Unlock()
			return m, nil
		}
		closed := q.closed
		q.mu.Unlock()
		if closed {
			return Message{}, io.EOF
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
			return Message{}, ctx.Err()
		}
	}
}
