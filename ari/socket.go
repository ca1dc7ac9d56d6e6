package ari

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// restFrame is a request inside the event socket.
type restFrame struct {
	Type          string `json:"type"`
	TransactionID string `json:"transaction_id"`
	RequestID     string `json:"request_id"`
	Method        string `json:"method"`
	URI           string `json:"uri"`
	ContentType   string `json:"content_type,omitempty"`
	MessageBody   string `json:"message_body,omitempty"`
}

func encodeFrame(r *request, id string) ([]byte, error) {
	path, err := r.path()
	if err != nil {
		return nil, err
	}
	payload, err := r.payload()
	if err != nil {
		return nil, err
	}
	f := restFrame{
		Type: "RESTRequest", TransactionID: id, RequestID: id,
		// Relative to /ari, without the slash.
		Method: r.method, URI: strings.TrimPrefix(path, "/"),
	}
	if len(r.query) > 0 {
		f.URI += "?" + r.query.Encode()
	}
	if payload != nil {
		f.ContentType, f.MessageBody = "application/json", string(payload)
	}
	raw, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("ari: %s: %w", r.op, err)
	}
	return raw, nil
}

func replyOf(e *RESTResponse) reply {
	return reply{status: e.StatusCode, reason: e.ReasonPhrase, body: []byte(e.MessageBody)}
}

// socketTransport carries requests inside the event socket that serves at the
// moment, and finds the waiting caller of each answer.
type socketTransport struct {
	mu      sync.Mutex
	link    *link // nil while disconnected
	last    uint64
	waiting map[string]chan<- outcome
}

type outcome struct {
	rep reply
	err error
}

func newSocketTransport() *socketTransport {
	return &socketTransport{waiting: map[string]chan<- outcome{}}
}

func (t *socketTransport) attach(l *link) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.link = l
}

// detach fails everything in flight.
func (t *socketTransport) detach(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.link = nil
	for id, ch := range t.waiting {
		ch <- outcome{err: err} // has room for one, and gets one
		delete(t.waiting, id)
	}
}

// deliver hands an answer to its caller; one that gave up is no more waiting.
func (t *socketTransport) deliver(e *RESTResponse) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ch, ok := t.waiting[e.RequestID]; ok {
		ch <- outcome{rep: replyOf(e)}
		delete(t.waiting, e.RequestID)
	}
}

// enlist allots an id before anything is sent, so that no answer can be early.
func (t *socketTransport) enlist() (*link, string, <-chan outcome, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.link == nil {
		return nil, "", nil, ErrNotConnected
	}
	t.last++
	id := strconv.FormatUint(t.last, 10)
	ch := make(chan outcome, 1)
	t.waiting[id] = ch
	return t.link, id, ch, nil
}

func (t *socketTransport) forget(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.waiting, id)
}

func (t *socketTransport) roundTrip(ctx context.Context, r *request) (reply, error) {
	l, id, answer, err := t.enlist()
	if err != nil {
		return reply{}, fmt.Errorf("ari: %s: %w", r.op, err)
	}
	defer t.forget(id)
	frame, err := encodeFrame(r, id)
	if err != nil {
		return reply{}, err
	}
	deadline, _ := ctx.Deadline()
	if err := l.write(frame, deadline); err != nil {
		return reply{}, fmt.Errorf("ari: %s: %w: %w", r.op, ErrConnectionLost, err)
	}
	select {
	case out := <-answer:
		if out.err != nil {
			return reply{}, fmt.Errorf("ari: %s: %w", r.op, out.err)
		}
		return out.rep, nil
	case <-ctx.Done():
		return reply{}, fmt.Errorf("ari: %s: waiting for the answer: %w", r.op, ctx.Err())
	}
}

// directTransport carries requests over a socket that nobody reads yet, during
// the greeting. Events that come in between are kept in order.
type directTransport struct {
	link  *link
	last  int
	limit int
	early [][]byte
}

func (t *directTransport) roundTrip(ctx context.Context, r *request) (reply, error) {
	t.last++
	id := "greeting-" + strconv.Itoa(t.last)
	frame, err := encodeFrame(r, id)
	if err != nil {
		return reply{}, err
	}
	deadline, _ := ctx.Deadline()
	if err := t.link.write(frame, deadline); err != nil {
		return reply{}, fmt.Errorf("ari: %s: %w", r.op, err)
	}
	for {
		if time.Now().After(deadline) {
			return reply{}, fmt.Errorf("ari: %s: %w", r.op, context.DeadlineExceeded)
		}
		frame, err := t.link.read()
		if err != nil {
			return reply{}, fmt.Errorf("ari: %s: %w", r.op, err)
		}
		if e, err := DecodeEvent(frame); err == nil {
			if rest, ok := e.(*RESTResponse); ok && rest.RequestID == id {
				return replyOf(rest), nil
			}
		}
		if len(t.early) >= t.limit {
			return reply{}, fmt.Errorf("ari: %s: %w", r.op, ErrQueueFull)
		}
		t.early = append(t.early, frame)
	}
}
