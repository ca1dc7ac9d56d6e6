package bayeux

import (
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// What one client may take, so that the others don't notice. Who asks for more is refused, and told so in the protocol's words.

// hurriedInterval is how long a client stays away that sends too much.
const hurriedInterval = time.Second

// Refusals are logged up to this rate; the rest is counted.
const (
	loggedPerSecond = 10
	loggedBurst     = 50
)

// newLimiter lets so many pass in a second, and burst of them at once; -1 lets all pass.
func newLimiter(perSecond, burst int) *rate.Limiter {
	if perSecond < 0 {
		return rate.NewLimiter(rate.Inf, burst)
	}
	return rate.NewLimiter(rate.Limit(perSecond), burst)
}

// quotas are limiters by name.
type quotas struct {
	perSecond, burst int

	mu       sync.Mutex
	limiters map[string]*rate.Limiter
}

func newQuotas(perSecond, burst int) *quotas {
	return &quotas{perSecond: perSecond, burst: burst, limiters: map[string]*rate.Limiter{}}
}

func (q *quotas) take(name string, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.limiters[name]
	if l == nil {
		l = newLimiter(q.perSecond, q.burst)
		q.limiters[name] = l
	}
	return l.AllowN(now, 1)
}

// forget drops the limiters that say no more than new ones would.
func (q *quotas) forget(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for name, l := range q.limiters {
		if l.TokensAt(now) >= float64(q.burst) {
			delete(q.limiters, name)
		}
	}
}

// tally counts by name.
type tally struct {
	mu    sync.Mutex
	count map[string]int
}

func newTally() *tally { return &tally{count: map[string]int{}} }

// add counts one in if there are fewer than limit.
func (t *tally) add(name string, limit int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count[name] >= limit {
		return false
	}
	t.count[name]++
	return true
}

func (t *tally) remove(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count[name]--; t.count[name] == 0 {
		delete(t.count, name)
	}
}

// refusals keeps a flood of wrong requests from becoming one of log lines.
type refusals struct {
	mu       sync.Mutex
	logged   *rate.Limiter
	unlogged int
}

// logRefusal logs that a client was refused something.
func (s *Server) logRefusal(what string, attrs ...any) {
	r := &s.refusals
	r.mu.Lock()
	enough := !r.logged.Allow()
	if enough {
		r.unlogged++
	}
	r.mu.Unlock()
	if !enough {
		s.opts.Logger.Info("bayeux client refused", append([]any{"what", what}, attrs...)...)
	}
}

// logUnlogged tells how many refusals were not logged since it was called last.
func (s *Server) logUnlogged() {
	r := &s.refusals
	r.mu.Lock()
	n := r.unlogged
	r.unlogged = 0
	r.mu.Unlock()
	if n > 0 {
		s.opts.Logger.Warn("bayeux clients refused, not logged one by one", "count", n)
	}
}

// peerAddress is where a request comes from, without the port.
func peerAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
