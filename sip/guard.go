package sip

import (
	"net/netip"
	"sync"
	"time"
)

// culprit is what wrong answers are counted by.
type culprit struct {
	peer netip.Addr
	dn   string
}

// guard makes who guesses passwords wait, longer each time.
type guard struct {
	max int

	mu       sync.Mutex
	failures map[culprit]failure // {peer, dn}, {peer, ""} and {no address, dn}
}

type failure struct {
	count int
	until time.Time // no try before
	last  time.Time
}

const (
	guardFirst   = time.Second
	guardLongest = 5 * time.Minute
	// A DN is made to wait only shortly for strangers' guesses: its owner may be the one who waits.
	guardLongestDN = 10 * time.Second
	guardForget    = 15 * time.Minute
	guardEntries   = 16384
	peerFactor     = 4
	dnFactor       = 10
)

func newGuard(limit int) *guard { return &guard{max: limit, failures: make(map[culprit]failure)} }

// wait says how long the culprit must not try.
func (g *guard) wait(who culprit, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	wait := time.Duration(0)
	for _, counted := range []culprit{who, {peer: who.peer}, {dn: who.dn}} {
		wait = max(wait, g.failures[counted].until.Sub(now))
	}
	return wait
}

// fail counts a wrong answer.
func (g *guard) fail(who culprit, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.failures) >= guardEntries-3 {
		g.sweepLocked(now)
	}
	g.failLocked(culprit{dn: who.dn}, g.max*dnFactor, guardLongestDN, now)
	// An address may be a whole office: one phone with an old password, which tries for ever, must not shut it out.
	if g.failLocked(who, g.max, guardLongest, now) <= g.max {
		g.failLocked(culprit{peer: who.peer}, g.max*peerFactor, guardLongest, now)
	}
}

// failLocked returns how often who was wrong in a row.
func (g *guard) failLocked(who culprit, limit int, longest time.Duration, now time.Time) int {
	f := g.failures[who]
	if now.Sub(f.last) > guardForget {
		f = failure{}
	}
	f.count++
	f.last = now
	if over := f.count - limit; over >= 0 {
		f.until = now.Add(min(guardFirst<<min(over, 20), longest))
	}
	g.failures[who] = f
	return f.count
}

// forgive forgets the wrong answers before a right one. What the address did to other DNs stays.
func (g *guard) forgive(who culprit) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.failures, who)
	delete(g.failures, culprit{dn: who.dn})
}

// sweepLocked makes room: first what is old, then anything. An attacker with so
// many addresses and DNs gains a few tries, never memory.
func (g *guard) sweepLocked(now time.Time) {
	for who, f := range g.failures {
		if now.Sub(f.last) > guardForget {
			delete(g.failures, who)
		}
	}
	for who := range g.failures {
		if len(g.failures) < guardEntries-3 {
			return
		}
		delete(g.failures, who)
	}
}
