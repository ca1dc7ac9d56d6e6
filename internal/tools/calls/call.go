package main

import (
	"context"
	"fmt"
	"time"

	"sidecar/internal/phone"
)

// attempt is one call from its beginning to its end.
type attempt struct {
	l             *load
	number        string // the end of the customer's
	first, second *phone.Phone
	waits         chan *phone.Call

	id                       string
	agent, customer, another *phone.Call
}

// call is a whole call: an agent calls a customer by REST, holds, retrieves, and hands over to another agent.
func (l *load) call(ctx context.Context, n int) {
	a := &attempt{l: l, number: fmt.Sprintf("%0*d", digits, n), waits: make(chan *phone.Call, 1)}
	for _, p := range []**phone.Phone{&a.first, &a.second} {
		select {
		case *p = <-l.free:
		default:
			l.failed("no free phone: give more by -dns", n, errEarly)
			return
		}
		defer func() { l.free <- *p }()
	}
	l.mu.Lock()
	l.waiting[a.number] = a.waits
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.waiting, a.number)
	}()
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{{"make", a.make}, {"hold", a.hold}, {"retrieve", a.retrieve}, {"transfer", a.transfer}, {"hangup", a.hangup}} {
		limited, cancel := context.WithTimeout(ctx, stepTime)
		err := step.do(limited)
		cancel()
		if err != nil {
			l.failed(step.name, n, err)
			a.giveUp(ctx)
			return
		}
		if step.name != "hangup" && pause(ctx, l.o.talk) != nil {
			return
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done++
}

// rings waits for a phone, and notes how long after the request it was told.
func (a *attempt) rings(ctx context.Context, p *phone.Phone, told string, asked time.Time) <-chan *phone.Call {
	ch := make(chan *phone.Call, 1)
	go func() { // joined by whoever reads the channel, which it closes
		defer close(ch)
		if c, err := p.WaitCall(ctx); err == nil {
			a.l.times(a.l.told, told).Add(time.Since(asked))
			ch <- c
		}
	}()
	return ch
}

func (a *attempt) make(ctx context.Context) error {
	rings := a.rings(ctx, a.first, "make: the agent's phone rings", time.Now())
	var made struct{ ID string }
	took, err := a.l.rest.do(ctx, "POST", "/calls", map[string]string{"from": a.first.User(), "to": "030" + a.number}, &made)
	if err != nil {
		return err
	}
	a.l.times(a.l.verbs, "make").Add(took)
	a.id = made.ID
	if a.agent = <-rings; a.agent == nil {
		return fmt.Errorf("the agent's phone did not ring: %w", errEarly)
	}
	select {
	case a.customer = <-a.waits:
	case <-ctx.Done():
		return fmt.Errorf("the customer's phone did not ring: %w", context.Cause(ctx))
	}
	return a.l.established(ctx, a.id, a.first.User(), a.number)
}

func (a *attempt) hold(ctx context.Context) error { return a.l.verb(ctx, a.id, "hold", a.dn()) }

func (a *attempt) retrieve(ctx context.Context) error { return a.l.verb(ctx, a.id, "retrieve", a.dn()) }

func (a *attempt) dn() map[string]string { return map[string]string{"dn": a.first.User()} }

func (a *attempt) transfer(ctx context.Context) error {
	rings := a.rings(ctx, a.second, "transfer: the other phone rings", time.Now())
	if err := a.l.verb(ctx, a.id, "transfer", map[string]string{"dn": a.first.User(), "to": a.second.User()}); err != nil {
		return err
	}
	if a.another = <-rings; a.another == nil {
		return fmt.Errorf("the other agent's phone did not ring: %w", errEarly)
	}
	if _, err := a.agent.WaitEnd(ctx); err != nil {
		return fmt.Errorf("the first agent's phone: %w", err)
	}
	return a.l.established(ctx, a.id, a.second.User(), a.number)
}

func (a *attempt) hangup(ctx context.Context) error {
	asked := time.Now()
	if err := a.l.verb(ctx, a.id, "hangup", nil); err != nil {
		return err
	}
	for _, c := range []*phone.Call{a.customer, a.another} {
		if _, err := c.WaitEnd(ctx); err != nil {
			return fmt.Errorf("a phone goes on: %w", err)
		}
	}
	a.l.times(a.l.told, "hangup: both phones have ended").Add(time.Since(asked))
	return nil
}

// giveUp leaves nothing of a call that failed.
func (a *attempt) giveUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepTime)
	defer cancel()
	for _, c := range []*phone.Call{a.agent, a.customer, a.another} {
		if c != nil {
			_ = c.Hangup(ctx) // it has failed already
		}
	}
}
