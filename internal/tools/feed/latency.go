package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"sidecar/internal/tools/feed/exchange"
	"sidecar/internal/tools/load/meter"
)

// warm is how long calls are played before they count.
const warm = 2 * time.Second

// thirds are the parts of a measurement after which the daemon's memory is looked at: it must not grow with every call.
const thirds = 3

// firstDN is the first of the agents' numbers.
const firstDN = 20000

type latencyOptions struct {
	sidecar    string
	rate       float64
	window     time.Duration
	dns        int
	ring, talk time.Duration
}

func parseLatency(args []string, log io.Writer) (o latencyOptions, err error) {
	flags := flag.NewFlagSet("feed latency", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.StringVar(&o.sidecar, "sidecar", "bin/sidecar", "the daemon's program")
	flags.Float64Var(&o.rate, "rate", 50, "calls begun a second")
	flags.DurationVar(&o.window, "for", 20*time.Second, "how long calls are measured")
	flags.IntVar(&o.dns, "dns", 100, "agents, each with a session; every second one by long-polling")
	flags.DurationVar(&o.ring, "ring", 200*time.Millisecond, "how long a phone rings")
	flags.DurationVar(&o.talk, "talk", 500*time.Millisecond, "how long they talk")
	if err = flags.Parse(args); err != nil {
		return o, fmt.Errorf("%w: %w", errOption, err)
	}
	if o.rate <= 0 || o.window < time.Second || o.dns < 2 {
		return o, fmt.Errorf("%w: rate must be above 0, for at least 1s, and dns at least 2", errOption)
	}
	return o, nil
}

// moments are what an agent is told, and the event's name.
var moments = [exchange.Moments]struct{ event, frame string }{ //nolint:gochecknoglobals // constant
	exchange.Ringing:  {"Ringing", "ChannelStateChange"},
	exchange.Answered: {"Established", "ChannelStateChange, and three requests"},
	exchange.Ended:    {"Released", "ChannelDestroyed"},
}

// agent is a DN with a desktop.
type agent struct {
	dn        string
	transport string
	sent      [exchange.Moments]atomic.Int64 // when the frame was, by began; 0: the desktop has been told
	told      chan struct{}                  // of the call's end
}

// study is one measurement.
type study struct {
	o      latencyOptions
	began  time.Time
	agents map[string]*agent
	free   chan *agent
	counts atomic.Bool // it is warm
	times  map[string]*[exchange.Moments]meter.Times

	mu       sync.Mutex
	failures []error
	begun    int
}

func newStudy(o latencyOptions) *study {
	s := &study{
		o: o, began: time.Now(), agents: map[string]*agent{}, free: make(chan *agent, o.dns),
		times: map[string]*[exchange.Moments]meter.Times{"websocket": {}, "long-polling": {}},
	}
	for i := range o.dns {
		a := &agent{dn: strconv.Itoa(firstDN + i), transport: "websocket", told: make(chan struct{}, 1)}
		if i%2 == 1 {
			a.transport = "long-polling"
		}
		s.agents[a.dn] = a
		s.free <- a
	}
	return s
}

// sending is called by the exchange.
func (s *study) sending(dn string, m exchange.Moment) {
	s.agents[dn].sent[m].Store(int64(time.Since(s.began)))
}

// take looks at what a desktop was told.
func (s *study) take(a *agent, body []byte) {
	at := time.Since(s.began)
	for m := range exchange.Moments {
		if !contains(body, moments[m].event) {
			continue
		}
		sent := a.sent[m].Swap(0)
		if sent != 0 && s.counts.Load() {
			s.times[a.transport][m].Add(at - time.Duration(sent))
		}
		if sent != 0 && m == exchange.Ended {
			a.told <- struct{}{}
		}
	}
}

// latency measures the way from Asterisk's event to the desktop, through a whole daemon.
func latency(ctx context.Context, args []string, out, log io.Writer) error {
	o, err := parseLatency(args, log)
	if err != nil {
		return err
	}
	s := newStudy(o)
	dns := make([]string, 0, o.dns)
	for i := range o.dns {
		dns = append(dns, strconv.Itoa(firstDN+i))
	}
	x, err := exchange.New(ctx, exchange.Options{DNs: dns, Ring: o.ring, Talk: o.talk, Sending: s.sending})
	if err != nil {
		return fmt.Errorf("latency: %w", err)
	}
	defer x.Close()
	dir, err := os.MkdirTemp("", "sidecar-latency")
	if err != nil {
		return fmt.Errorf("latency: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	d, err := startDaemon(ctx, o.sidecar, dir, x.URL(), dns)
	if err != nil {
		return err
	}
	defer d.stop()
	return s.watch(ctx, d, x, out)
}

// watch opens the desktops and plays the calls.
func (s *study) watch(ctx context.Context, d *daemon, x *exchange.Exchange, out io.Writer) error {
	f := &fleet{}
	defer f.close()
	for _, a := range s.agents {
		token, err := d.login(ctx, a.dn)
		if err != nil {
			return err
		}
		c, err := dial(ctx, d.addr, a.transport, "/user/agent/events", token)
		if err != nil {
			return err
		}
		f.clients = append(f.clients, c)
		f.reading.Go(func() { c.listen(func(body []byte) { s.take(a, body) }) })
	}
	if err := s.play(ctx, x, warm); err != nil {
		return err
	}
	s.counts.Store(true)
	s.begun = 0
	before, err := d.usage(ctx)
	if err != nil {
		return err
	}
	uses := []use{before}
	began := time.Now()
	for range thirds {
		if err = s.play(ctx, x, s.o.window/thirds); err != nil {
			return err
		}
		now, errUsage := d.usage(ctx)
		if errUsage != nil {
			return errUsage
		}
		uses = append(uses, now)
	}
	s.print(out, time.Since(began), uses)
	if len(s.failures) > 0 {
		return fmt.Errorf("%w: %d of %d calls: %w", errServer, len(s.failures), s.begun, errors.Join(s.failures[:min(5, len(s.failures))]...))
	}
	return nil
}

// play begins calls for a while and waits for the last one.
func (s *study) play(ctx context.Context, x *exchange.Exchange, window time.Duration) error {
	var calls sync.WaitGroup
	defer calls.Wait()
	ticker := time.NewTicker(time.Duration(float64(time.Second) / s.o.rate))
	defer ticker.Stop()
	end := time.After(window)
	for {
		select {
		case <-ticker.C:
			s.begun++
			calls.Go(func() { s.call(ctx, x) })
		case <-end:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("measuring: %w", context.Cause(ctx))
		}
	}
}

// call plays one call; it is over when the desktop has been told so.
func (s *study) call(ctx context.Context, x *exchange.Exchange) {
	var a *agent
	select {
	case a = <-s.free:
	default:
		s.failed(fmt.Errorf("%w: no agent is free: give more by --dns", errServer))
		return
	}
	if err := x.Call(ctx, a.dn, "8"+a.dn); err != nil {
		s.failed(err) // its agent gets no call again
		return
	}
	select {
	case <-a.told:
	case <-time.After(10 * time.Second):
		s.failed(fmt.Errorf("%w: %s by %s was not told of the end", errServer, a.dn, a.transport))
		return
	}
	for m := range exchange.Moments {
		if a.sent[m].Load() != 0 {
			s.failed(fmt.Errorf("%w: %s by %s was not told %s", errServer, a.dn, a.transport, moments[m].event))
			return
		}
	}
	s.free <- a
}

func (s *study) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, err)
}
