package queue

import (
	"slices"
	"strings"
	"time"

	"sidecar/bridge"
)

// acceptKey is what a caller presses who wants to be called back.
const acceptKey = "1"

// Callback is a caller who has hung up and keeps its place.
type Callback struct {
	ID       string        `json:"id"` // of the call that it was
	Queue    string        `json:"queue"`
	Number   string        `json:"number"`
	DNIS     string        `json:"dnis"`  // that was called
	Since    time.Time     `json:"since"` // when the call began to wait
	Asked    time.Time     `json:"asked"`
	Attempts int           `json:"attempts"`
	After    time.Time     `json:"after"` // not before
	Call     bridge.CallID `json:"call"`  // that is being made

	dn      bridge.DN // of the agent who calls
	agentUp bool
}

func (cb *Callback) key() string { return "callback:" + cb.ID }

func (cb *Callback) candidate(s *Settings, now time.Time) candidate {
	return candidate{key: cb.ID, queue: s, since: cb.Since, priority: s.priority(cb.DNIS, now.Sub(cb.Since))}
}

// digit takes a key that a caller has pressed. A caller who accepts the offer stays until the callback is kept.
func (b *board) digit(id bridge.CallID, digit string, now time.Time) []effect {
	c := b.callers[id]
	if c == nil || digit != acceptKey || !c.prompted || c.phase != waiting || c.exit != nil {
		return nil
	}
	c.exit, c.counted = &Exit{Message: c.queue.Callback.Accepted}, true
	b.ledgers[c.queue.Name].count(now, Figures{Callbacks: 1})
	for _, cb := range b.callbacks {
		if cb.Queue == c.queue.Name && cb.Number == c.call.ANI { // asks a second time, and keeps the first place
			return []effect{c.leave(*c.exit, Figures{})}
		}
	}
	cb := &Callback{
		ID: string(id), Queue: c.queue.Name, Number: c.call.ANI, DNIS: c.call.DNIS, Since: c.since, Asked: now,
	}
	b.callbacks[cb.ID] = cb
	return []effect{keepEffect{callback: *cb}, c.leave(*c.exit, Figures{})}
}

// dueCallbacks gives those that an agent may be looked for, and drops those that are too old.
func (b *board) dueCallbacks(now time.Time) (drop []effect, due []candidate) {
	for _, cb := range b.callbacksInOrder() {
		s := b.settings[cb.Queue]
		switch {
		case cb.dn != "" || cb.Call != "":
		case now.Sub(cb.Asked) > s.Callback.Lifetime:
			delete(b.callbacks, cb.ID)
			drop = append(drop, keepEffect{callback: *cb, drop: "too_old"})
		case !cb.After.After(now) && s.open(now):
			due = append(due, cb.candidate(s, now))
		}
	}
	return drop, due
}

func (b *board) callbacksInOrder() []*Callback {
	list := make([]*Callback, 0, len(b.callbacks))
	for _, cb := range b.callbacks {
		list = append(list, cb)
	}
	slices.SortFunc(list, func(x, y *Callback) int { return strings.Compare(x.ID, y.ID) })
	return list
}

// call lets an agent call back.
func (b *board) call(cb *Callback, dn bridge.DN) effect {
	b.held[dn] = true
	cb.dn, cb.agentUp = dn, false
	return callEffect{callback: *cb, from: dn, class: b.settings[cb.Queue].Class}
}

// called takes the result of the request for a call. Refused means that the number will never be called.
func (b *board) called(id string, call bridge.CallID, err error, refused bool, now time.Time) []effect {
	cb := b.callbacks[id]
	switch {
	case cb == nil:
		return nil
	case refused:
		b.release(cb)
		delete(b.callbacks, id)
		return []effect{keepEffect{callback: *cb, drop: "refused"}}
	case err != nil:
		b.paused[cb.dn] = now.Add(pauseAfterFailure)
		b.release(cb)
		return nil
	}
	cb.Call = call
	b.calls[call] = cb
	return []effect{keepEffect{callback: *cb}}
}

func (b *board) release(cb *Callback) {
	delete(b.held, cb.dn)
	delete(b.calls, cb.Call)
	cb.dn, cb.Call = "", ""
}

// seen takes how a call stands that calls somebody back. It gives the agent who let it ring, empty for none.
func (b *board) seen(v bridge.CallView, now time.Time) (out []effect, rangOut bridge.DN) {
	cb := b.calls[v.ID]
	if cb == nil {
		return nil, ""
	}
	for _, p := range v.Parties {
		switch {
		case p.Role == bridge.RoleOrigination:
			cb.agentUp = cb.agentUp || p.State == bridge.PartyDialing || !p.JoinedAt.IsZero()
		case !p.JoinedAt.IsZero():
			b.release(cb)
			delete(b.callbacks, cb.ID)
			b.ledgers[cb.Queue].count(now, Figures{CalledBack: 1})
			return []effect{keepEffect{callback: *cb, drop: "called_back"}}, ""
		}
	}
	if v.EndedAt.IsZero() {
		return nil, ""
	}
	return b.failed(cb, now)
}

// failed takes a call back that did not reach its number. An agent who did not answer is no attempt.
func (b *board) failed(cb *Callback, now time.Time) (out []effect, rangOut bridge.DN) {
	s := b.settings[cb.Queue]
	if cb.dn != "" && !cb.agentUp {
		rangOut = cb.dn
		b.paused[cb.dn] = now.Add(pauseAfterFailure)
	} else {
		cb.Attempts++
		cb.After = now.Add(s.Callback.Pause)
	}
	b.release(cb)
	if cb.Attempts >= s.Callback.Attempts {
		delete(b.callbacks, cb.ID)
		return []effect{keepEffect{callback: *cb, drop: "not_reached"}}, rangOut
	}
	return []effect{keepEffect{callback: *cb}}, rangOut
}
