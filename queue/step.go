package queue

import (
	"time"

	"sidecar/bridge"
)

// effect is something that is to be done outside of the board.
type effect interface{ isEffect() }

type (
	// offerEffect rings an agent: offerDone.
	offerEffect struct {
		call    bridge.CallID
		to      bridge.DN
		timeout time.Duration
		try     int
	}
	// exitEffect takes a call out of the queue: exitDone.
	exitEffect struct {
		call  bridge.CallID
		exit  Exit
		class string
	}
	// announceEffect plays to a caller: announceDone.
	announceEffect struct {
		call  bridge.CallID
		media []string
	}
	// callEffect calls back: called.
	callEffect struct {
		callback Callback
		from     bridge.DN
		class    string
	}
	// keepEffect keeps a callback, or drops it.
	keepEffect struct {
		callback Callback
		drop     string // why it is dropped, empty: keep it
	}
)

func (offerEffect) isEffect()    {}
func (exitEffect) isEffect()     {}
func (announceEffect) isEffect() {}
func (callEffect) isEffect()     {}
func (keepEffect) isEffect()     {}

// step does what is due: callers leave, are told something, and are given to agents. Agents who are not free any more
// by the time that an effect is done make it fail, and the call is offered to the next one.
func (b *board) step(now time.Time, agents []Agent) []effect {
	var out []effect
	var candidates []candidate
	for _, c := range b.callersInOrder() {
		if c.phase != waiting {
			continue
		}
		if e := b.wayOut(c, agents, now); e != nil {
			out = append(out, e)
			continue
		}
		if c.exit != nil {
			continue
		}
		if e := b.announce(c, now); e != nil {
			out = append(out, e)
		}
		if !c.queue.External {
			candidates = append(candidates, c.candidate(now))
		}
	}
	expired, due := b.dueCallbacks(now)
	out = append(out, expired...)
	candidates = append(candidates, due...)
	for _, m := range choose(candidates, b.free(agents, now), b.skills, now) {
		if c := b.callers[bridge.CallID(m.key)]; c != nil {
			out = append(out, b.offer(c, m.dn, c.queue.RingTimeout))
		} else if cb := b.callbacks[m.key]; cb != nil {
			out = append(out, b.call(cb, m.dn))
		}
	}
	return out
}

// free lists the agents who can be given a call.
func (b *board) free(agents []Agent, now time.Time) []Agent {
	var free []Agent
	for _, a := range agents {
		if a.Ready && !b.held[a.DN] && !b.paused[a.DN].After(now) {
			free = append(free, a)
		}
	}
	return free
}

// wayOut sends a caller elsewhere, when it is time for that.
func (b *board) wayOut(c *caller, agents []Agent, now time.Time) effect {
	s, o := c.queue, c.queue.Overflow
	overflowed := Figures{Overflowed: 1}
	switch {
	case c.retry.After(now):
		return nil
	case c.exit != nil:
		return c.leave(*c.exit, Figures{})
	case s.External && !c.decideBy.After(now):
		return c.leave(s.Default, overflowed)
	case o.To == "":
		return nil
	case c.spill, o.After > 0 && now.Sub(c.since) >= o.After, o.NoAgents && !b.anybody(c, agents, now):
		return c.leave(Exit{To: o.To}, overflowed)
	}
	return nil
}

// anybody reports whether somebody is logged in who could take the call at some time.
func (b *board) anybody(c *caller, agents []Agent, now time.Time) bool {
	for _, a := range agents {
		if c.queue.serves(a, skillsOf(b.skills, a.ID, a.DN), now.Sub(c.since)) {
			return true
		}
	}
	return false
}
