package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sidecar/internal/tools/load/browser"
	"sidecar/internal/tools/load/meter"
	"sidecar/internal/tools/load/pbx"
	"sidecar/internal/tools/load/proc"
)

const (
	// settle passes before the first and the second measurement, for what start and set-up left behind.
	settle = 2 * time.Second
	// linger is how long packets may take to come home before they are lost.
	linger = 1500 * time.Millisecond
	// setUpLimit bounds the set-up of one leg, of which atOnce are under way.
	setUpLimit = 20 * time.Second
	atOnce     = 4
)

// target is what is measured.
type target interface {
	PID() int
	// Metrics is the URL of Prometheus metrics with the Go runtime's; empty for none.
	Metrics() string
	// Join makes leg i ready to call, and says how long the registration took.
	Join(ctx context.Context, leg int) (member, time.Duration, error)
	Close() error
}

// member is one leg's signalling.
type member interface {
	// Call sends the offer and returns the answer, and how long that took.
	Call(ctx context.Context, offer string) (string, time.Duration, error)
	Hangup(ctx context.Context) error
	Close() error
}

// start makes a target; the PBX is what its calls lead to.
type start func(ctx context.Context, p *pbx.PBX, legs int) (target, error)

// plan is what one run does.
type plan struct {
	legs   int
	window time.Duration // how long it measures
	idle   bool          // the legs only register, and are left alone for the window
}

// bench is one run of one target.
type bench struct {
	plan
	target  target
	traffic *meter.Traffic
	pbx     *pbx.PBX
	factory *browser.Factory
	log     io.Writer

	pacer                    meter.Pacer
	register, setup, arrived meter.Times

	mu     sync.Mutex
	up     []*leg
	joined []*leg
	errs   []error // of legs that did not come up
}

type leg struct {
	index    int
	member   member
	media    *browser.Media
	answered time.Time
}

// measure starts the target, runs and ends everything.
func measure(ctx context.Context, name string, begin start, what plan, log io.Writer) (result, error) {
	traffic := meter.NewTraffic(what.legs)
	p, err := pbx.Start(traffic)
	if err != nil {
		return result{}, fmt.Errorf("start the PBX: %w", err)
	}
	defer func() { _ = p.Close() }()
	factory, err := browser.NewFactory()
	if err != nil {
		return result{}, fmt.Errorf("prepare the legs: %w", err)
	}
	t, err := begin(ctx, p, what.legs)
	if err != nil {
		return result{}, fmt.Errorf("start %s: %w", name, err)
	}
	b := &bench{plan: what, target: t, traffic: traffic, pbx: p, factory: factory, log: log}
	r, err := b.run(ctx)
	r.Target = name
	b.close(ctx)
	return r, errors.Join(err, t.Close())
}

func (b *bench) run(ctx context.Context) (result, error) {
	r := result{Legs: b.legs}
	if err := pause(ctx, settle); err != nil { // what starting took must not count as the legs' memory, nor hide it
		return r, err
	}
	before, err := b.sample(ctx)
	if err != nil {
		return r, err
	}
	b.each(ctx, b.legs, b.join)
	if b.idle {
		if err = pause(ctx, b.window); err != nil {
			return r, err
		}
	}
	registered, err := b.sample(ctx)
	if err != nil {
		return r, err
	}
	r.Registered = len(b.joined)
	r.RegisterTime = b.register.Summary()
	r.IdleRSS, r.IdleKB = registered.rss, perLeg(registered.rss-before.rss, r.Registered)
	if b.idle {
		return r, b.failed()
	}
	pacing, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { b.pacer.Run(pacing) })
	defer wg.Wait()
	defer stop()
	b.each(ctx, len(b.joined), func(ctx context.Context, i int) error { return b.call(ctx, b.joined[i]) })
	if len(b.up) == 0 {
		return r, b.failed()
	}
	if err = b.steady(ctx, &r, before); err != nil {
		return r, err
	}
	return r, nil
}

// steady measures while all legs talk.
func (b *bench) steady(ctx context.Context, r *result, before sample) error {
	if err := pause(ctx, settle); err != nil {
		return err
	}
	first, err := b.sample(ctx)
	if err != nil {
		return err
	}
	b.traffic.Open()
	if err = pause(ctx, b.window); err != nil {
		return err
	}
	last, err := b.sample(ctx)
	b.traffic.Shut()
	if err != nil {
		return err
	}
	if err = pause(ctx, linger); err != nil {
		return err
	}
	for _, l := range b.up {
		if at, ok := b.traffic.Arrived(l.index); ok {
			b.arrived.Add(at.Sub(l.answered))
		}
	}
	r.fill(b, before, first, last)
	return nil
}

// each runs a step for a number of legs, a few at once. What fails is kept and told in the end: the others go on.
func (b *bench) each(ctx context.Context, n int, step func(context.Context, int) error) {
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i := range n {
		group.Go(func() error {
			limited, cancel := context.WithTimeout(ctx, setUpLimit)
			defer cancel()
			if err := step(limited, i); err != nil {
				b.mu.Lock()
				b.errs = append(b.errs, err)
				b.mu.Unlock()
			}
			return nil
		})
	}
	_ = group.Wait() // no step returns an error to it
}

func (b *bench) join(ctx context.Context, i int) error {
	m, took, err := b.target.Join(ctx, i)
	if err != nil {
		return fmt.Errorf("leg %d: %w", i, err)
	}
	if took > 0 {
		b.register.Add(took)
	}
	b.mu.Lock()
	b.joined = append(b.joined, &leg{index: i, member: m})
	b.mu.Unlock()
	return nil
}

// call sets a leg's call up; it talks from then on.
func (b *bench) call(ctx context.Context, l *leg) error {
	media, err := b.factory.NewMedia(b.traffic, l.index)
	if err != nil {
		return fmt.Errorf("leg %d: %w", l.index, err)
	}
	l.media = media
	offer, err := media.Offer(ctx)
	if err != nil {
		return fmt.Errorf("leg %d: %w", l.index, err)
	}
	answer, took, err := l.member.Call(ctx, offer)
	if err != nil {
		return fmt.Errorf("leg %d: %w", l.index, err)
	}
	l.answered = time.Now()
	if err = media.Accept(answer); err != nil {
		return fmt.Errorf("leg %d: %w", l.index, err)
	}
	if err = media.Wait(ctx); err != nil {
		return err
	}
	b.pacer.Add(media.Send)
	b.setup.Add(took)
	b.mu.Lock()
	b.up = append(b.up, l)
	b.mu.Unlock()
	return nil
}

// failed is the first reason why legs are missing.
func (b *bench) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.errs) == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d legs failed, the first one: %w", len(b.errs), b.legs, b.errs[0])
}

// close hangs up and lets go.
func (b *bench) close(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	b.each(ctx, len(b.up), func(ctx context.Context, i int) error { return b.up[i].member.Hangup(ctx) })
	b.each(ctx, len(b.joined), func(_ context.Context, i int) error {
		var err error
		if media := b.joined[i].media; media != nil {
			err = media.Close()
		}
		return errors.Join(err, b.joined[i].member.Close())
	})
	if err := b.failed(); err != nil {
		fmt.Fprintln(b.log, "load:", err)
	}
}

// sample is what the operating system and the target's metrics say at one moment.
type sample struct {
	at             time.Time
	cpu, own, busy time.Duration // of the target, of this process and of the machine
	rss            int           // KiB
	goroutines     int
	drops, ownDrop uint64
}

func (b *bench) sample(ctx context.Context) (s sample, err error) {
	pid := b.target.PID()
	var errs [7]error
	if url := b.target.Metrics(); url != "" {
		s.goroutines, errs[0] = proc.Goroutines(ctx, url)
	}
	s.rss, errs[1] = proc.RSS(pid)
	s.drops, errs[2] = proc.Drops(pid)
	s.ownDrop, errs[3] = proc.Drops(os.Getpid())
	s.at = time.Now()
	s.cpu, errs[4] = proc.CPU(pid)
	s.own, errs[5] = proc.CPU(os.Getpid())
	s.busy, errs[6] = proc.Busy()
	return s, errors.Join(errs[:]...)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("interrupted: %w", context.Cause(ctx))
	}
}
