package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrMonitorField is an order that says too little or too much.
var ErrMonitorField = errors.New("a supervision needs a supervisor's DN or number, a DN or a call, a mode, a scope and the number of calls")

// Monitor returns once the supervisor's phone is being called, or at once when there is no call yet.
func (e *Engine) Monitor(ctx context.Context, cmd Monitor) (MonitorView, error) {
	return e.orders.ops.once(ctx, e.spawn, cmd.Op, func(ctx context.Context) (MonitorView, error) { return e.monitor(ctx, cmd) })
}

func (e *Engine) monitor(ctx context.Context, cmd Monitor) (MonitorView, error) {
	cmd.Mode, cmd.Scope = cmp.Or(cmd.Mode, MonitorMute), cmp.Or(cmd.Scope, ScopeCall)
	cmd.Next = cmp.Or(cmd.Next, MonitorOne)
	if err := e.checkMonitor(cmd); err != nil {
		return MonitorView{}, err
	}
	o := &MonitorOrder{Monitor: cmd, ID: MonitorID(e.prefix() + "m-" + randomName()), State: MonitorWaiting, Since: time.Now()}
	a, err := e.monitorable(cmd, o)
	if err != nil {
		return MonitorView{}, err
	}
	e.orders.mu.Lock()
	if err = e.orders.addLocked(o); err == nil {
		e.keepLocked(o)
		if cmd.Call == "" {
			e.tellOrder(o, 1, o.Since, EventMonitoringNextCall)
		}
	}
	order, view := *o, o.view()
	e.orders.mu.Unlock()
	if err != nil {
		return MonitorView{}, err
	}
	e.log.Info("monitor_ordered", "monitor", o.ID, "by", cmd.By, "supervisor", view.Supervisor, "target", cmd.Target, "call", cmd.Call,
		"mode", cmd.Mode, "scope", cmd.Scope, "next", cmd.Next)
	if a == nil {
		e.lookAgain(cmd.Target) //nolint:contextcheck // what waits for the order begins without its client
		return e.monitorView(view), nil
	}
	if err := e.observe(ctx, a, order); err != nil {
		if ctx.Err() == nil && e.ctx.Err() == nil { // else it goes on, and the list shows it
			e.dropOrder(o.ID)
		}
		return MonitorView{}, err
	}
	return e.monitorView(view), nil
}

// checkMonitor refuses what can't be ordered at all.
func (e *Engine) checkMonitor(cmd Monitor) error {
	known := (cmd.Mode == MonitorMute || cmd.Mode == MonitorCoach || cmd.Mode == MonitorConnect) &&
		(cmd.Scope == ScopeCall || cmd.Scope == ScopeAgent) && (cmd.Next == MonitorOne || cmd.Next == MonitorAll)
	if !known || (cmd.Supervisor == "") == (cmd.SupervisorNumber == "") || cmd.Target == "" && cmd.Call == "" {
		return ErrMonitorField
	}
	if cmd.Supervisor != "" && cmd.Supervisor == cmd.Target {
		return &TargetError{Number: string(cmd.Target), Rule: "monitor", Why: "nobody supervises himself"}
	}
	for _, dn := range []DN{cmd.Target, cmd.Supervisor} {
		if dest, err := e.Plan.Dial("", "", string(dn)); dn != "" && (err != nil || dest.Endpoint.DN != dn) {
			return &TargetError{Number: string(dn), Rule: "dns", Why: "there is no such DN"}
		}
	}
	_, err := e.supervisorOf(cmd)
	return err
}

// supervisorOf is where the supervisor is called.
func (e *Engine) supervisorOf(cmd Monitor) (Destination, error) {
	number, from := string(cmd.Supervisor), DN("") // a DN is not called on behalf of anybody
	if number == "" {
		number, from = cmd.SupervisorNumber, cmd.Target
	}
	dest, err := e.Plan.Dial(from, cmd.Class, number)
	switch {
	case err != nil:
		return Destination{}, err
	case dest.Endpoint == Endpoint{}:
		return Destination{}, &TargetError{Number: number, Rule: "monitor", Why: "a supervisor needs a DN or an outside number"}
	case dest.Endpoint.DN != "" && dest.Endpoint.DN == cmd.Target:
		return Destination{}, &TargetError{Number: number, Rule: "monitor", Why: "nobody supervises himself"}
	}
	return dest, nil
}

// monitorable finds the call that an order begins with, none when it has to wait for one.
func (e *Engine) monitorable(cmd Monitor, o *MonitorOrder) (*actor, error) {
	if cmd.Call != "" {
		a, view, err := e.actorOf(cmd.Call)
		if err != nil {
			return nil, err
		}
		if view.Controller == ControlSwitch {
			return nil, &StateError{Call: cmd.Call, Verb: "monitor", State: view.State, Why: doneBySwitch}
		}
		o.State, o.At, o.Served = MonitorRinging, cmd.Call, a.id
		return a, nil
	}
	for _, view := range e.Calls() {
		for _, p := range view.Parties {
			switch {
			case p.DN != cmd.Target || p.Role == RoleObserver || p.State != PartyEstablished && p.State != PartyHeld:
			case view.Controller == ControlSwitch:
				return nil, &StateError{Call: view.ID, Verb: "monitor", State: p.State, Why: doneBySwitch}
			case !p.JoinedAt.IsZero():
				a, _, err := e.actorOf(view.ID)
				if err != nil {
					return nil, err
				}
				o.State, o.At, o.Served = MonitorRinging, view.ID, a.id
				return a, nil
			}
		}
	}
	return nil, nil //nolint:nilnil // no call yet is no error
}

// lookAgain has the calls of a DN look for orders: one may have been answered while the order was taken.
func (e *Engine) lookAgain(dn DN) {
	e.mu.RLock()
	var list []*actor
	for _, l := range e.views {
		if l.view.Has(dn) {
			list = append(list, l.actor)
		}
	}
	e.mu.RUnlock()
	for _, a := range list {
		a.loop.Post(func() { e.followOrders(a) })
	}
}

// monitorView is an order as it stands, or as it was when it has ended since.
func (e *Engine) monitorView(was MonitorView) MonitorView {
	e.orders.mu.Lock()
	defer e.orders.mu.Unlock()
	if o := e.orders.list[was.ID]; o != nil {
		return o.view()
	}
	was.State = MonitorEnded
	return was
}

// dropOrder forgets an order that came to nothing.
func (e *Engine) dropOrder(id MonitorID) {
	e.orders.mu.Lock()
	defer e.orders.mu.Unlock()
	if o := e.orders.list[id]; o != nil {
		o.Next = MonitorOne
		e.overLocked(o, o.Served, WatchFailed)
	}
}

// orderAt finds an order, and who runs the call that it is at; nil while it waits.
func (e *Engine) orderAt(id MonitorID) (*actor, MonitorView, error) {
	e.orders.mu.Lock()
	o := e.orders.list[id]
	if o == nil {
		e.orders.mu.Unlock()
		return nil, MonitorView{}, fmt.Errorf("%s: %w", id, ErrMonitorNotFound)
	}
	view, served := o.view(), o.Served
	e.orders.mu.Unlock()
	if view.State == MonitorWaiting {
		return nil, view, nil
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	a := e.actors[served]
	if a != nil && e.down[a.server] {
		return nil, view, fmt.Errorf("%s: %w", a.server, ErrSwitchUnavailable)
	}
	return a, view, nil
}

// SwitchMonitor changes the mode while it goes on. The mode that it has already is no error.
func (e *Engine) SwitchMonitor(ctx context.Context, id MonitorID, mode MonitorMode) (MonitorView, error) {
	if mode != MonitorMute && mode != MonitorCoach && mode != MonitorConnect {
		return MonitorView{}, ErrMonitorField
	}
	a, view, err := e.orderAt(id)
	if err != nil {
		return MonitorView{}, err
	}
	e.orders.mu.Lock()
	if o := e.orders.list[id]; o != nil {
		o.Mode = mode
		e.keepLocked(o)
	}
	e.orders.mu.Unlock()
	if a != nil {
		err = a.ask(ctx, "", func(token int) Input { return doSwitchMonitor{Order: id, Mode: mode, Reply: token} })
		if err != nil && !errors.Is(err, ErrMonitorNotFound) { // not found: it is about to begin, in the new mode
			return MonitorView{}, err
		}
	}
	e.log.Info("monitor_switched", "monitor", id, "supervisor", view.Supervisor, "target", view.Target, "mode", mode)
	return e.monitorView(view), nil
}

// StopMonitor ends a supervision; the supervisor leaves the call.
func (e *Engine) StopMonitor(ctx context.Context, id MonitorID) (MonitorView, error) {
	a, view, err := e.orderAt(id)
	if err != nil {
		return MonitorView{}, err
	}
	if a != nil {
		err = a.ask(ctx, "", func(token int) Input { return doStopMonitor{Order: id, Reply: token} })
		if err != nil && !errors.Is(err, ErrMonitorNotFound) && !errors.Is(err, ErrCallNotFound) {
			return MonitorView{}, err
		}
	}
	e.orders.mu.Lock()
	if o := e.orders.list[id]; o != nil {
		e.overLocked(o, o.Served, WatchStopped)
	}
	e.orders.mu.Unlock()
	view.State = MonitorEnded
	return view, nil
}

// Monitors lists the supervisions that have not ended, in the order in which they began.
func (e *Engine) Monitors() []MonitorView {
	e.orders.mu.Lock()
	defer e.orders.mu.Unlock()
	list := make([]MonitorView, 0, len(e.orders.list))
	for _, o := range e.orders.sortedLocked() {
		list = append(list, o.view())
	}
	return list
}
