package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sidecar/internal/phone"
	"sidecar/internal/tools/load/meter"
)

const (
	stepTime    = 20 * time.Second // a step of a call that takes longer has failed
	registering = 8                // phones at once
	pollTime    = 20 * time.Millisecond
)

// load is the phones of both sides, and what was measured.
type load struct {
	o        *options
	rest     *rest
	customer *phone.Phone
	phones   []*phone.Phone
	free     chan *phone.Phone // those that no call uses

	mu       sync.Mutex
	waiting  map[string]chan *phone.Call // for a customer's phone to ring, by the number that was dialled
	verbs    map[string]*meter.Times     // until REST's reply
	told     map[string]*meter.Times     // from the request until a phone knows
	failures map[string]int
	first    []error
	done     int
}

func newLoad(ctx context.Context, o *options) (*load, error) {
	l := &load{
		o: o, free: make(chan *phone.Phone, o.dns), waiting: map[string]chan *phone.Call{}, verbs: map[string]*meter.Times{},
		told: map[string]*meter.Times{}, failures: map[string]int{},
	}
	var err error
	if l.rest, err = newREST(ctx, o.api, o.credentials); err != nil {
		return nil, err
	}
	if l.customer, err = phone.New(ctx, phone.Options{Bind: o.customer, Server: o.sip, User: "customer", Answer: phone.AutoAnswer, NoRTP: !o.rtp}); err != nil {
		return nil, err
	}
	group, ctxGroup := errgroup.WithContext(ctx)
	group.SetLimit(registering)
	for i := range o.dns {
		group.Go(func() error { return l.register(ctx, ctxGroup, strconv.Itoa(o.first+i)) })
	}
	if err := group.Wait(); err != nil {
		return nil, errors.Join(err, l.close()) //nolint:contextcheck // see close
	}
	return l, nil
}

func (l *load) register(ctx, registering context.Context, dn string) error {
	p, err := phone.New(ctx, phone.Options{Server: l.o.sip, User: dn, Password: "load-test-" + dn, Answer: phone.AutoAnswer, NoRTP: !l.o.rtp})
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.phones = append(l.phones, p)
	l.mu.Unlock()
	l.free <- p
	return p.Register(registering, time.Hour)
}

// close needs no context: a phone gives up by itself.
func (l *load) close() error {
	group := errgroup.Group{}
	group.SetLimit(registering)
	for _, p := range l.phones {
		group.Go(p.Close)
	}
	return errors.Join(group.Wait(), l.customer.Close())
}

// run begins calls at the rate and waits for the last one.
func (l *load) run(ctx context.Context) (*report, error) {
	r := &report{l: l, began: time.Now()}
	if err := r.before(); err != nil {
		return nil, err
	}
	var work sync.WaitGroup
	defer work.Wait()
	ringing, stop := context.WithCancel(ctx)
	defer stop()
	work.Go(func() { l.answer(ringing) })
	var calls sync.WaitGroup
	ticker := time.NewTicker(time.Duration(float64(time.Second) / l.o.rate))
	defer ticker.Stop()
	end := time.After(l.o.length)
	for going := true; going; {
		select {
		case <-ticker.C:
			r.begun++
			n := r.begun
			calls.Go(func() { l.call(ctx, n) })
			if n%int(max(1, l.o.rate)) == 0 {
				r.look()
			}
		case <-end:
			going = false
		case <-ctx.Done():
			going = false
		}
	}
	calls.Wait()
	return r, r.after(ctx)
}

// answer gives the calls that ring at the customers' to those who wait for them.
func (l *load) answer(ctx context.Context) {
	for {
		c, err := l.customer.WaitCall(ctx)
		if err != nil {
			return
		}
		number := c.Called()
		l.mu.Lock()
		waits := l.waiting[number[max(0, len(number)-digits):]]
		l.mu.Unlock()
		if waits != nil {
			waits <- c
		}
	}
}

const digits = 7 // that are the number of a call, at the end of the customer's

// failed notes a failure, the first ones with what was said.
func (l *load) failed(step string, n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures[step]++
	if len(l.first) < 10 {
		l.first = append(l.first, fmt.Errorf("call %d: %s: %w", n, step, err))
	}
}

func (l *load) times(in map[string]*meter.Times, name string) *meter.Times {
	l.mu.Lock()
	defer l.mu.Unlock()
	if in[name] == nil {
		in[name] = &meter.Times{}
	}
	return in[name]
}

// verb sends a command about a call.
func (l *load) verb(ctx context.Context, id, verb string, body any) error {
	took, err := l.rest.do(ctx, "POST", "/calls/"+id+"/"+verb, body, nil)
	if err == nil {
		l.times(l.verbs, verb).Add(took)
	}
	return err
}

// established waits until REST shows these parties as talking.
func (l *load) established(ctx context.Context, id string, numbers ...string) error {
	return l.shown(ctx, id, "Established", numbers...)
}

// shown waits until REST shows these parties in a state.
func (l *load) shown(ctx context.Context, id, state string, numbers ...string) error {
	for {
		var c struct {
			Parties []struct{ Number, State string }
		}
		if _, err := l.rest.do(ctx, "GET", "/calls/"+id, nil, &c); err != nil {
			return err
		}
		found := 0
		for _, p := range c.Parties {
			for _, number := range numbers {
				if p.State == state && strings.HasSuffix(p.Number, number) {
					found++
				}
			}
		}
		if found == len(numbers) {
			return nil
		}
		if err := pause(ctx, pollTime); err != nil {
			return fmt.Errorf("%w: %+v", err, c.Parties)
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
