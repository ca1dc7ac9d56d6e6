package bridge

import (
	"context"
	"sync"
	"time"
)

// A desktop goes on showing a call that its DN has left until it completes it, or these run out.
const (
	releasedLife = 10 * time.Minute
	releasedMost = 20 // calls of a DN, the oldest go first
)

// released remembers, for each DN, the calls that it has left.
type released struct {
	mu  sync.Mutex
	dns map[DN][]releasedCall
}

type releasedCall struct {
	view CallView
	at   time.Time
}

// take notes the events that end a DN's part in a call.
func (r *released) take(e Event) {
	if e.This.DN == "" || e.This.ID == 0 || e.Kind != EventReleased && e.Kind != EventAbandoned {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dns == nil {
		r.dns = map[DN][]releasedCall{}
	}
	list := append(fresh(r.dns[e.This.DN], e.Time), releasedCall{e.Call, e.Time})
	r.dns[e.This.DN] = list[max(0, len(list)-releasedMost):]
}

// fresh are the calls that have not run out.
func fresh(list []releasedCall, now time.Time) []releasedCall {
	for len(list) > 0 && now.Sub(list[0].at) > releasedLife {
		list = list[1:]
	}
	return list
}

// complete forgets a call, and reports whether it was there.
func (r *released) complete(dn DN, id CallID) (CallView, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n, call := range r.dns[dn] {
		if call.view.ID == id {
			rest := append([]releasedCall(nil), r.dns[dn][:n]...)
			r.dns[dn] = append(rest, r.dns[dn][n+1:]...)
			return call.view, true
		}
	}
	return CallView{}, false
}

// Released lists the calls that a DN has left and not completed, the oldest first.
func (e *Engine) Released(dn DN) []CallView {
	e.released.mu.Lock()
	defer e.released.mu.Unlock()
	var list []CallView
	for _, call := range fresh(e.released.dns[dn], time.Now()) {
		list = append(list, call.view)
	}
	return list
}

// Complete removes a call that is released from the list of By.
func (e *Engine) Complete(_ context.Context, cmd PartyCommand) (CallView, error) {
	if view, ok := e.released.complete(cmd.By, cmd.Call); ok {
		return view, nil
	}
	if view, lives := e.Call(cmd.Call); lives && view.Has(cmd.By) {
		return CallView{}, &StateError{Call: cmd.Call, Verb: string(CanComplete), State: view.stateOf(cmd.By), Why: "release it first"}
	}
	return CallView{}, ErrCallNotFound
}
