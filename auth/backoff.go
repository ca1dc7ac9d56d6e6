package auth

import (
	"strings"
	"sync"
	"time"
)

// attemptKey is what failed logins are counted for.
type attemptKey struct {
	kind          attemptKind
	user, address string
}

// attemptKind tells the keys apart also when a user or an address is empty.
type attemptKind int

const (
	byPair attemptKind = iota
	byUser
	byAddress
)

type attempts struct {
	failed int
	last   time.Time
	until  time.Time // no login before
}

// Failures that are free. A user at one address is slowed first; a user under attack from many addresses, and an
// address that many users share (a proxy, a site behind NAT), get more room.
const (
	freePerPair    = 5
	freePerUser    = 20
	freePerAddress = 50
	firstDelay     = time.Second
	longestDelay   = time.Minute
	forgetAfter    = 15 * time.Minute
	maxAttemptKeys = 4096
)

// backoff slows logins down after failures. It remembers a bounded number of users and addresses; when there are
// more, the one that failed longest ago is forgotten.
type backoff struct {
	now func() time.Time

	mu   sync.Mutex
	seen map[attemptKey]*attempts
}

func newBackoff(now func() time.Time) *backoff {
	return &backoff{now: now, seen: map[attemptKey]*attempts{}}
}

func attemptKeys(user, address string) [3]attemptKey {
	user = strings.ToLower(user[:min(len(user), 64)])
	address = address[:min(len(address), 64)]
	return [3]attemptKey{
		{kind: byPair, user: user, address: address}, {kind: byUser, user: user}, {kind: byAddress, address: address},
	}
}

// begin counts a login as failed in advance, so that logins sent at once can't all pass before the first fails.
// It fails with *BackoffError when the login must wait; that one is not counted.
func (b *backoff) begin(user, address string) error {
	keys := attemptKeys(user, address)
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	var wait time.Duration
	for _, k := range keys {
		if a := b.seen[k]; a != nil {
			wait = max(wait, a.until.Sub(now))
		}
	}
	if wait > 0 {
		return &BackoffError{RetryAfter: wait}
	}
	for i, free := range [3]int{freePerPair, freePerUser, freePerAddress} {
		a := b.entryLocked(keys[i], now)
		a.failed++
		a.last = now
		if over := a.failed - free; over >= 0 {
			a.until = now.Add(min(longestDelay, firstDelay<<min(over, 10)))
		}
	}
	return nil
}

// succeeded takes the counting in advance back. The address keeps its other failures: somebody with one good
// password must not get unlimited guesses at others.
func (b *backoff) succeeded(user, address string) {
	keys := attemptKeys(user, address)
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.seen, keys[0])
	delete(b.seen, keys[1])
	if a := b.seen[keys[2]]; a != nil {
		a.failed--
		if a.failed < freePerAddress {
			a.until = time.Time{}
		}
	}
}

func (b *backoff) entryLocked(k attemptKey, now time.Time) *attempts {
	if a := b.seen[k]; a != nil && now.Sub(a.last) < forgetAfter {
		return a
	}
	if _, known := b.seen[k]; !known && len(b.seen) >= maxAttemptKeys {
		b.evictLocked(now)
	}
	a := &attempts{}
	b.seen[k] = a
	return a
}

func (b *backoff) evictLocked(now time.Time) {
	var oldest attemptKey
	var at time.Time
	for k, a := range b.seen {
		if now.Sub(a.last) >= forgetAfter {
			delete(b.seen, k)
			continue
		}
		if at.IsZero() || a.last.Before(at) {
			oldest, at = k, a.last
		}
	}
	if len(b.seen) >= maxAttemptKeys {
		delete(b.seen, oldest)
	}
}
