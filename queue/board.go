package queue

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"sidecar/bridge"
)

// board is the state of all queues. It looks at no clock and does nothing but change itself: what is to be done, step
// gives as effects. Whoever owns it sees to it that one goroutine at a time is in it.
type board struct {
	settings  map[string]*Settings
	skills    map[string]Levels
	dialable  func(class, number string) bool
	ledgers   map[string]*Ledger
	callers   map[bridge.CallID]*caller
	callbacks map[string]*Callback
	calls     map[bridge.CallID]*Callback // that are being made
	held      map[bridge.DN]bool          // we have given them a call and don't know yet what became of it
	paused    map[bridge.DN]time.Time     // an offer failed: not before then
}

// phase is where a caller stands.
//
//	waiting --offer--> offered --answered--> (gone)
//	   ^  ^               |
//	   |  +---failed------+
//	   +---failed--- leaving --routed--> (gone)
//
// A caller who hangs up is gone in every phase.
type phase int

const (
	waiting phase = iota
	offered
	leaving
)

// caller is a call that waits.
type caller struct {
	call  bridge.CallView
	queue *Settings
	since time.Time
	phase phase

	to    bridge.DN // while offered
	tries int       // offers so far: tells the result of one from that of another
	last  bridge.DN // the offer that failed last, and why
	why   error

	exit       *Exit     // not zero: agents are not asked any more, only the way out is tried
	counted    bool      // what became of it has been counted
	spill      bool      // too many waited when it came
	retry      time.Time // no way out is tried before
	decideBy   time.Time // of an external queue
	announceAt time.Time
	announcing bool
	prompted   bool // the caller knows that 1 asks for a callback
	outcome    Figures
}

const (
	pauseAfterFailure = 3 * time.Second
	retryExit         = 10 * time.Second
)

func newBoard(o Options) *board {
	b := &board{
		settings: map[string]*Settings{}, skills: o.Skills, dialable: o.Dialable, ledgers: map[string]*Ledger{},
		callers: map[bridge.CallID]*caller{}, callbacks: map[string]*Callback{}, calls: map[bridge.CallID]*Callback{},
		held: map[bridge.DN]bool{}, paused: map[bridge.DN]time.Time{},
	}
	for i := range o.Queues {
		s := o.Queues[i]
		b.settings[s.Name] = &s
	}
	return b
}

// restore takes up what was kept. Queues that are not configured any more are forgotten.
func (b *board) restore(records []Record, now time.Time) {
	for _, r := range records {
		switch {
		case r.Callback != nil && b.settings[r.Callback.Queue] != nil:
			r.Callback.dn = ""
			b.callbacks[r.Callback.ID] = r.Callback
		case r.Ledger != nil && b.settings[r.Ledger.Queue] != nil:
			if r.Ledger.Minutes == nil {
				r.Ledger.Minutes = map[int64]Figures{}
			}
			r.Ledger.before = r.Ledger.Saved
			b.ledgers[r.Ledger.Queue] = r.Ledger
		}
	}
	for name := range b.settings {
		if b.ledgers[name] == nil {
			b.ledgers[name] = newLedger(name, now)
		}
	}
}

// wait takes a call that waits, or waits again. It reports false for a queue that nobody knows.
func (b *board) wait(w bridge.Waiting, now time.Time) bool {
	s := b.settings[w.Queue]
	if s == nil {
		return false
	}
	c := b.callers[w.Call.ID]
	if c != nil && c.queue != s {
		b.gone(w.Call.ID, bridge.GoneRouted, now)
		c = nil
	}
	if c == nil {
		b.enter(s, w, now)
		return true
	}
	c.call = w.Call
	if c.phase == offered && w.Offered == c.to { // else it is late news of an earlier offer
		b.refused(c, w.Failed, now)
	}
	return true
}

func (b *board) enter(s *Settings, w bridge.Waiting, now time.Time) {
	l := b.ledgers[s.Name]
	c := &caller{
		call: w.Call, queue: s, since: w.Since, last: w.Offered, why: w.Failed,
		announceAt: now.Add(s.Announce.Every), decideBy: now.Add(s.Within),
	}
	if o := s.Overflow; o.Waiting > 0 && len(b.in(s)) >= o.Waiting {
		c.spill = true
	}
	if w.Ringing != "" {
		c.phase, c.to = offered, w.Ringing
		b.held[w.Ringing] = true
	}
	b.callers[w.Call.ID] = c
	if !w.Since.After(l.before) {
		return // it was let in and counted then
	}
	l.count(now, Figures{Entered: 1})
	if !s.open(now) {
		c.exit, c.counted = &s.Closed, true
		l.count(now, Figures{Closed: 1})
	}
}

// refused takes an offer that came to nothing. The caller keeps its place.
func (b *board) refused(c *caller, why error, now time.Time) {
	delete(b.held, c.to)
	b.paused[c.to] = now.Add(pauseAfterFailure)
	c.phase, c.last, c.why, c.to = waiting, c.to, why, ""
	c.decideBy = now.Add(c.queue.Within)
}

// gone takes a call that waits no more.
func (b *board) gone(id bridge.CallID, why bridge.GoneReason, now time.Time) {
	c := b.callers[id]
	if c == nil {
		return
	}
	delete(b.callers, id)
	if c.phase == offered {
		delete(b.held, c.to)
	}
	if c.counted {
		return
	}
	waited := now.Sub(c.since)
	var f Figures
	switch why {
	case bridge.GoneAnswered:
		f = Figures{Answered: 1, Waited: waited, Longest: waited}
		if waited <= c.queue.ServiceLevel {
			f.InTime = 1
		}
	case bridge.GoneAbandoned:
		f.Abandoned = 1
	case bridge.GoneRouted:
		f = Figures{Routed: 1}
		if c.phase == leaving {
			f = c.outcome
		}
	case bridge.GoneEnded:
		f.Ended = 1
	}
	b.ledgers[c.queue.Name].count(now, f)
}

// offerDone takes the result of an offer; an error means that nothing rings.
func (b *board) offerDone(id bridge.CallID, try int, err error, now time.Time) {
	if c := b.callers[id]; c != nil && err != nil && c.phase == offered && c.tries == try {
		b.refused(c, err, now)
	}
}

// exitDone takes the result of a way out; after an error the call waits on.
func (b *board) exitDone(id bridge.CallID, err error, now time.Time) {
	if c := b.callers[id]; c != nil && err != nil && c.phase == leaving {
		c.phase, c.spill, c.retry = waiting, false, now.Add(retryExit)
	}
}

func (b *board) announceDone(id bridge.CallID) {
	if c := b.callers[id]; c != nil {
		c.announcing = false
	}
}

// offer gives a call to a DN.
func (b *board) offer(c *caller, dn bridge.DN, timeout time.Duration) offerEffect {
	b.held[dn] = true
	c.phase, c.to = offered, dn
	c.tries++
	return offerEffect{call: c.call.ID, to: dn, timeout: timeout, try: c.tries}
}

// leave sends a call out of its queue, to be counted as outcome when it has left.
func (c *caller) leave(exit Exit, outcome Figures) exitEffect {
	c.phase, c.outcome = leaving, outcome
	return exitEffect{call: c.call.ID, exit: exit, class: c.queue.Class}
}

// in lists those who wait in a queue, not those who have been turned away, the next to be served first.
func (b *board) in(s *Settings) []*caller {
	var list []*caller
	for _, c := range b.callers {
		if c.queue == s && c.exit == nil && c.phase != leaving {
			list = append(list, c)
		}
	}
	return list
}

func (c *caller) candidate(now time.Time) candidate {
	return candidate{
		key: string(c.call.ID), queue: c.queue, since: c.since, priority: c.queue.priority(c.call.DNIS, now.Sub(c.since)),
	}
}

// ordered lists all of a queue, callbacks too, in the order in which they are served.
func (b *board) ordered(s *Settings, now time.Time) []candidate {
	var list []candidate
	for _, c := range b.in(s) {
		list = append(list, c.candidate(now))
	}
	for _, cb := range b.callbacks {
		if cb.Queue == s.Name {
			list = append(list, cb.candidate(s, now))
		}
	}
	slices.SortFunc(list, before)
	return list
}

// callersInOrder makes what one step does independent of how a map is walked.
func (b *board) callersInOrder() []*caller {
	list := make([]*caller, 0, len(b.callers))
	for _, c := range b.callers {
		list = append(list, c)
	}
	slices.SortFunc(list, func(x, y *caller) int {
		return cmp.Or(x.since.Compare(y.since), strings.Compare(string(x.call.ID), string(y.call.ID)))
	})
	return list
}
