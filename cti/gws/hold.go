package gws

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// HoldAtMost is how long events wait for the reply to a command of the same login.
const HoldAtMost = 250 * time.Millisecond

// holds keep events from the sessions of a login while a command of that login is being answered: desktops take the
// notification of what they asked for only after the reply that their command was accepted. Sessions of others don't wait.
type holds struct {
	mu      sync.Mutex
	byLogin map[string][]chan struct{} // closed when the reply is out
}

func newHolds() *holds { return &holds{byLogin: map[string][]chan struct{}{}} }

func (h *holds) begin(token string) (end func()) {
	done := make(chan struct{})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.byLogin[token] = append(h.byLogin[token], done)
	return func() {
		close(done)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.forgetLocked(token, done)
	}
}

func (h *holds) forgetLocked(token string, done chan struct{}) {
	left := slices.DeleteFunc(h.byLogin[token], func(c chan struct{}) bool { return c == done })
	if h.byLogin[token] = left; len(left) == 0 {
		delete(h.byLogin, token)
	}
}

func (h *holds) of(token string) []chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.byLogin[token])
}

// wait returns when the replies that are under way for the login are out, or after HoldAtMost: then these hold up nothing more, however
// long they take.
func (h *holds) wait(ctx context.Context, token string) {
	under := h.of(token)
	if len(under) == 0 {
		return
	}
	timer := time.NewTimer(HoldAtMost)
	defer timer.Stop()
	for _, done := range under {
		select {
		case <-done:
		case <-timer.C:
			h.mu.Lock()
			defer h.mu.Unlock()
			for _, spent := range under {
				h.forgetLocked(token, spent)
			}
			return
		case <-ctx.Done():
			return
		}
	}
}

// Answering runs answer, which carries out a command of the login with that token and writes the reply. Until the reply is flushed, but
// at most HoldAtMost, the login's sessions are not told of events.
func (s *Sessions) Answering(w http.ResponseWriter, token string, answer func()) {
	defer s.holds.begin(token)()
	answer()
	_ = http.NewResponseController(w).Flush() // a writer that can't has written already
}
