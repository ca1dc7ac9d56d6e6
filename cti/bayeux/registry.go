package bayeux

import "sync"

// registry knows the sessions and who is subscribed to what. Its lock is never held together with a session's.
type registry struct {
	mu          sync.RWMutex
	byID        map[string]*Session
	byPrincipal map[string]map[*Session]struct{}
	// subscriptions has an entry for each session that can subscribe: the parting ones can't.
	subscriptions map[*Session]map[string]struct{}
	channels      map[string]map[*Session]struct{}
	closed        bool
}

func newRegistry() *registry {
	return &registry{
		byID:          map[string]*Session{},
		byPrincipal:   map[string]map[*Session]struct{}{},
		subscriptions: map[*Session]map[string]struct{}{},
		channels:      map[string]map[*Session]struct{}{},
	}
}

// joined is the outcome of a session's attempt to get on the books.
type joined int

const (
	joinDone joined = iota
	// joinFull: the principal has as many sessions as it may have.
	joinFull
	// joinClosed: the server is going away.
	joinClosed
)

// join makes a session known, if its principal has fewer than limit.
func (g *registry) join(s *Session, limit int) joined {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return joinClosed
	}
	if len(g.byPrincipal[s.principal.ID()]) >= limit {
		return joinFull
	}
	g.byID[s.id] = s
	g.subscriptions[s] = map[string]struct{}{}
	addTo(g.byPrincipal, s.principal.ID(), s)
	return joinDone
}

// leave takes a session off its channels and, if gone, off the books.
func (g *registry) leave(s *Session, gone bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for channel := range g.subscriptions[s] {
		removeFrom(g.channels, channel, s)
	}
	delete(g.subscriptions, s)
	removeFrom(g.byPrincipal, s.principal.ID(), s)
	if gone {
		delete(g.byID, s.id)
	}
}

// forget drops the last trace of a session that has left.
func (g *registry) forget(s *Session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.byID, s.id)
}

// close lets nobody join any more and returns those that are in.
func (g *registry) close() []*Session {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	return g.allLocked()
}

func (g *registry) session(id string) (*Session, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	s, ok := g.byID[id]
	return s, ok
}

func (g *registry) all() []*Session {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.allLocked()
}

func (g *registry) allLocked() []*Session {
	all := make([]*Session, 0, len(g.byID))
	for _, s := range g.byID {
		all = append(all, s)
	}
	return all
}

func (g *registry) ofPrincipal(id string) []*Session {
	g.mu.RLock()
	defer g.mu.RUnlock()
	all := make([]*Session, 0, len(g.byPrincipal[id]))
	for s := range g.byPrincipal[id] {
		all = append(all, s)
	}
	return all
}

// subscribe adds all the channels or, if that is more than the limit, none.
func (g *registry) subscribe(s *Session, channels []string, limit int) (known, fits bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	mine, known := g.subscriptions[s]
	if !known {
		return false, false
	}
	added := map[string]struct{}{}
	for _, c := range channels {
		if _, ok := mine[c]; !ok {
			added[c] = struct{}{}
		}
	}
	if len(mine)+len(added) > limit {
		return true, false
	}
	for c := range added {
		mine[c] = struct{}{}
		addTo(g.channels, c, s)
	}
	return true, true
}

func (g *registry) unsubscribe(s *Session, channels []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range channels {
		if _, ok := g.subscriptions[s][c]; ok {
			delete(g.subscriptions[s], c)
			removeFrom(g.channels, c, s)
		}
	}
}

func (g *registry) subscribed(s *Session, channel string) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if !ValidChannel(channel) {
		_, ok := g.subscriptions[s][channel]
		return ok
	}
	for _, name := range patternsOver(channel) {
		if _, ok := g.subscriptions[s][name]; ok {
			return true
		}
	}
	return false
}

// audience collects the sessions that an event of the channel reaches, each once.
func (g *registry) audience(channel string) []*Session {
	g.mu.RLock()
	defer g.mu.RUnlock()
	var found []*Session
	var seen map[*Session]struct{}
	for _, name := range patternsOver(channel) {
		group := g.channels[name]
		if len(group) == 0 {
			continue
		}
		if found == nil {
			found = make([]*Session, 0, len(group))
			for s := range group {
				found = append(found, s)
			}
			continue
		}
		if seen == nil {
			seen = make(map[*Session]struct{}, len(found))
			for _, s := range found {
				seen[s] = struct{}{}
			}
		}
		for s := range group {
			if _, ok := seen[s]; !ok {
				seen[s] = struct{}{}
				found = append(found, s)
			}
		}
	}
	return found
}

func addTo(m map[string]map[*Session]struct{}, key string, s *Session) {
	if m[key] == nil {
		m[key] = map[*Session]struct{}{}
	}
	m[key][s] = struct{}{}
}

func removeFrom(m map[string]map[*Session]struct{}, key string, s *Session) {
	delete(m[key], s)
	if len(m[key]) == 0 {
		delete(m, key)
	}
}

func (g *registry) size() int {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return len(g.byID)
}
