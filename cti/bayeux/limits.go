package bayeux

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// What one client may take, so that the others don't notice. Who asks for more is refused, and told so in the protocol's words.

// hurriedInterval is how long a client stays away that sends too much.
const hurriedInterval = time.Second

// Refusals are logged up to this rate; the rest is counted.
const (
	loggedPerSecond = 10
	loggedBurst     = 50
)

// bucket holds tokens that come back with time. The zero value is full.
type bucket struct {
	tokens float64
	at     time.Time
}

// take takes a token; false if there is none. A negative rate means that nothing is counted.
func (b *bucket) take(now time.Time, perSecond, burst float64) bool {
	if perSecond < 0 {
		return true
	}
	if b.at.IsZero() {
		b.tokens = burst
	}
	b.tokens = min(burst, b.tokens+now.Sub(b.at).Seconds()*perSecond)
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// full reports whether the bucket says no more than a new one would.
func (b *bucket) full(now time.Time, perSecond, burst float64) bool {
	return b.tokens+now.Sub(b.at).Seconds()*perSecond >= burst
}

// quotas are buckets by name.
type quotas struct {
	perSecond, burst float64

	mu      sync.Mutex
	buckets map[string]*bucket
}

func newQuotas(perSecond, burst int) *quotas {
	return &quotas{perSecond: float64(perSecond), burst: float64(burst), buckets: map[string]*bucket{}}
}

func (q *quotas) take(name string, now time.Time) bool {
	if q.perSecond < 0 {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.buckets[name]
	if b == nil {
		b = &bucket{}
		q.buckets[name] = b
	}
	return b.take(now, q.perSecond, q.burst)
}

// forget drops the buckets that are full again.
func (q *quotas) forget(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for name, b := range q.buckets {
		if b.full(now, q.perSecond, q.burst) {
			delete(q.buckets, name)
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
	logged   bucket
	unlogged int
}

// logRefusal logs that a client was refused something.
func (s *Server) logRefusal(what string, attrs ...any) {
	r := &s.refusals
	r.mu.Lock()
	enough := !r.logged.take(time.Now(), loggedPerSecond, loggedBurst)
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
