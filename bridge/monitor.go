package bridge

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// MonitorOrder is a supervision as it was ordered, and how far it is: what survives a restart.
type MonitorOrder struct {
	Monitor

	ID     MonitorID
	State  MonitorState
	Found  DN            // who is supervised at the call, where that was ordered
	At     CallID        // the call that it goes on at
	Served InteractionID // the last one that it had: it is not supervised again
	Since  time.Time
	Until  time.Time // it has ended, and its supervisor may not have been told
}

func (o *MonitorOrder) supervisor() string {
	return cmp.Or(string(o.Supervisor), o.SupervisorNumber)
}

func (o *MonitorOrder) view() MonitorView {
	return MonitorView{
		ID: o.ID, Supervisor: o.supervisor(), Target: cmp.Or(o.Target, o.Found), Mode: o.Mode, Scope: o.Scope, Next: o.Next, Call: o.At,
		State: o.State, By: o.By, Since: o.Since,
	}
}

// orders are those that have not ended. The supervisors of a call are its own matter; an order looks on.
type orders struct {
	ops operations[MonitorView]

	mu   sync.Mutex
	list map[MonitorID]*MonitorOrder
}

// sortedLocked lists the orders as they came.
func (o *orders) sortedLocked() []*MonitorOrder {
	return slices.SortedFunc(maps.Values(o.list), func(a, b *MonitorOrder) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
	})
}

// addLocked takes up an order, unless its supervisor has one already.
func (o *orders) addLocked(order *MonitorOrder) error {
	for _, other := range o.list {
		if other.supervisor() == order.supervisor() {
			return &TargetError{
				Number: order.supervisor(), Rule: "monitor", Unreachable: true,
				Why: fmt.Sprintf("it supervises %s already: stop that first", cmp.Or(string(other.Target), "a call")),
			}
		}
	}
	if o.list == nil {
		o.list = map[MonitorID]*MonitorOrder{}
	}
	o.list[order.ID] = order
	return nil
}

// keepLocked records an order as it is now.
func (e *Engine) keepLocked(o *MonitorOrder) {
	if err := e.Orders.Put(string(o.ID), *o); err != nil {
		e.log.Error("journal_write_failed", "monitor", o.ID, "error", err)
	}
}

// RestoreMonitors takes up the orders of the journal, after Restore: what became of those under way is with the calls.
func (e *Engine) RestoreMonitors(list []MonitorOrder) {
	for _, o := range list {
		e.orders.mu.Lock()
		if o.State == MonitorEnded {
			e.endLocked(&o)
		} else if err := e.orders.addLocked(&o); err != nil {
			e.log.Warn("monitor_dropped", "monitor", o.ID, "error", err)
		} else if o.State != MonitorWaiting && !e.observed(o.ID) {
			e.overLocked(&o, o.Served, WatchOver)
		}
		e.orders.mu.Unlock()
	}
}

// observed reports whether a call has the supervisor of an order.
func (e *Engine) observed(id MonitorID) bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, a := range e.actors {
		for _, v := range a.shown {
			if slices.ContainsFunc(v.Parties, func(p PartyView) bool {
				return p.Observes != nil && p.Observes.Monitor == id && p.State != PartyReleased
			}) {
				return true
			}
		}
	}
	return false
}

// overLocked goes on after a call of an order: with the next one, or not at all.
func (e *Engine) overLocked(o *MonitorOrder, was InteractionID, why WatchEnd) {
	o.Served, o.At = was, ""
	again := o.Next == MonitorAll && o.Call == "" && (why == WatchOver || why == WatchFailed)
	o.State = MonitorWaiting
	e.log.Info("monitor_over", "monitor", o.ID, "supervisor", o.supervisor(), "target", o.Target, "interaction", was, "why", why, "waits", again)
	if !again {
		o.State, o.Until = MonitorEnded, time.Now()
		delete(e.orders.list, o.ID)
	}
	e.keepLocked(o)
	if !again {
		e.endLocked(o)
	}
}

// endLocked tells of an order's end, which is recorded, and forgets it. A restart in between tells again.
func (e *Engine) endLocked(o *MonitorOrder) {
	if o.Call == "" {
		e.tellOrder(o, 2, o.Until, EventMonitoringCancelled)
	}
	e.dropWhenKept(e.Orders.Delete, "monitor", string(o.ID))
}

// tellOrder tells a supervisor of his order: its first event, and its second.
func (e *Engine) tellOrder(o *MonitorOrder, n int, at time.Time, kind EventKind) {
	if o.Supervisor == "" {
		return
	}
	e.Feed.Publish(Event{
		ID: fmt.Sprintf("%s-%d", o.ID, n), N: n, Time: at, Kind: kind,
		This:      PartyView{DN: o.Supervisor, Number: string(o.Supervisor), Role: RoleObserver},
		Other:     PartyView{DN: o.Target, Number: string(o.Target)},
		CallState: CallStateOK, Mode: o.Mode, Next: o.Next, Reference: o.Op.Plain(), Audience: []DN{o.Supervisor},
	})
}

// followOrders brings the orders in line with what has become of a call, and starts those that have waited for it. The
// call's loop runs it: it waits for nobody.
func (e *Engine) followOrders(a *actor) {
	e.orders.mu.Lock()
	defer e.orders.mu.Unlock()
	for _, w := range a.state.Watches {
		if w.Ended == WatchGoesOn && e.orders.list[w.Order] == nil { // nobody may listen without an order
			e.spawn(func() { e.recall(a, w.Order) })
		}
	}
	if len(e.orders.list) == 0 {
		return
	}
	for _, o := range e.orders.sortedLocked() {
		w := a.state.watchOf(o.ID)
		switch {
		case w != nil && o.State != MonitorWaiting && (o.Served == a.id || o.Served == ""):
			e.followLocked(o, a.id, w)
		case o.State == MonitorWaiting && o.Served != a.id:
			if call := a.state.toWatch(o.Target); call != "" {
				o.State, o.At, o.Served = MonitorRinging, call, a.id
				e.keepLocked(o)
				order := *o
				e.spawn(func() { e.begin(a, order) })
			}
		}
	}
}

func (e *Engine) followLocked(o *MonitorOrder, id InteractionID, w *Watch) {
	state := MonitorRinging
	if w.active() {
		state = MonitorActive
	}
	switch {
	case w.Ended != WatchGoesOn:
		e.overLocked(o, id, w.Ended)
	case o.State != state || o.At != w.Call || o.Mode != w.Mode || o.Found != w.Target && w.Target != "":
		o.State, o.At, o.Mode, o.Found = state, w.Call, w.Mode, cmp.Or(w.Target, o.Found)
		e.keepLocked(o)
	}
}

// toWatch is the first call in which a DN can be supervised, empty when there is none.
func (i *Interaction) toWatch(dn DN) CallID {
	n := i.find(func(c *Call) bool {
		p := c.livingDN(dn)
		return dn != "" && c.Controller == ControlAsterisk && p != nil && p.watchable()
	})
	if n < 0 {
		return ""
	}
	return i.nth(n).ID
}

// begin starts an order at the call that it has waited for.
func (e *Engine) begin(a *actor, o MonitorOrder) {
	ctx, cancel := context.WithTimeout(e.ctx, e.RingTimeout+e.EffectTimeout)
	defer cancel()
	if err := e.observe(ctx, a, o); err != nil {
		e.log.Warn("monitor_failed", "monitor", o.ID, "supervisor", o.supervisor(), "target", o.Target, "error", err)
	}
}

// recall has the supervisor of an order leave.
func (e *Engine) recall(a *actor, id MonitorID) {
	ctx, cancel := context.WithTimeout(e.ctx, e.EffectTimeout)
	defer cancel()
	err := a.ask(ctx, "", func(token int) Input { return doStopMonitor{Order: id, Reply: token} })
	e.log.Info("monitor_recalled", "monitor", id, "interaction", a.id, "error", err)
}

// observe calls the supervisor of an order to a call. It returns when his phone is being called.
func (e *Engine) observe(ctx context.Context, a *actor, o MonitorOrder) error {
	dest, err := e.supervisorOf(o.Monitor)
	if err == nil {
		err = a.ask(ctx, o.At, func(token int) Input {
			return doMonitor{
				Order: o.ID, Target: o.Target, Dest: dest, Mode: o.Mode, Scope: o.Scope, Hidden: e.HideMonitors, Reply: token,
			}
		})
	}
	e.orders.mu.Lock()
	now := e.orders.list[o.ID]
	var mode MonitorMode
	switch {
	case e.ctx.Err() != nil: // what became of it is known after the restart
	case err != nil && now != nil && now.Served == a.id && now.State == MonitorRinging && ctx.Err() == nil:
		e.overLocked(now, a.id, WatchFailed)
	case now != nil && now.Mode != o.Mode:
		mode = now.Mode
	}
	e.orders.mu.Unlock()
	if err != nil {
		return explain(o.supervisor(), err)
	}
	if mode != "" { // it was changed while the call did not know of the order yet
		return a.ask(ctx, "", func(token int) Input { return doSwitchMonitor{Order: o.ID, Mode: mode, Reply: token} })
	}
	return nil
}

// noOrders stands for a journal of orders that is not there.
type noOrders struct{}

func (noOrders) Put(string, MonitorOrder) error { return nil }
func (noOrders) Delete(string) error            { return nil }
