package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sidecar/internal/tools/load/proc"
)

// dialers is how many sessions are opened at the same time.
const dialers = 32

type target struct {
	name, transport string
	command         []string // the address to listen on is appended
}

type result struct {
	perSecond float64
	micros    float64 // of the server's CPU, per delivery
	cores     float64 // that the server had
	memory    string  // of an idle session, in KiB
}

// measure starts the target twice: for sessions that events are delivered to, and for those that are told nothing.
func measure(ctx context.Context, t target, o options) (r result, err error) {
	err = with(ctx, t, func(s *server) error { return s.busy(ctx, t, o, &r) })
	if err != nil || o.idle == 0 {
		return r, err
	}
	err = with(ctx, t, func(s *server) error { return s.quiet(ctx, t, o, &r) })
	return r, err
}

func (s *server) busy(ctx context.Context, t target, o options, r *result) error {
	f, err := s.open(ctx, t.transport, o.sessions)
	if err != nil {
		return err
	}
	defer f.close()
	return s.deliver(ctx, f, o, r)
}

func (s *server) quiet(ctx context.Context, t target, o options, r *result) error {
	before, err := proc.RSS(s.pid)
	if err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	f, err := s.open(ctx, t.transport, o.idle)
	if err != nil {
		return err
	}
	defer f.close()
	after, err := proc.RSS(s.pid)
	if err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	r.memory = fmt.Sprintf("%.1f", float64(after-before)/float64(o.idle))
	return nil
}

// server is a target that runs.
type server struct {
	addr string
	pid  int
}

// with runs the target while do lasts.
func with(ctx context.Context, t target, do func(s *server) error) error {
	args := append(t.command[1:len(t.command):len(t.command)], "127.0.0.1:0")
	cmd := exec.CommandContext(ctx, t.command[0], args...) //nolint:gosec // our own program, or Node as the caller asked
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("starting the server: %w", err)
	}
	if err = cmd.Start(); err != nil {
		return fmt.Errorf("starting the server: %w", err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}()
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("%w: it said no address: %w", errServer, err)
	}
	return do(&server{addr: strings.TrimSpace(addr), pid: cmd.Process.Pid})
}

// fleet is the sessions of a measurement.
type fleet struct {
	delivered atomic.Int64
	clients   []client
	reading   sync.WaitGroup
}

// client is one session; listen hands over what arrives until it is closed.
type client interface {
	listen(take func(body []byte))
	close()
}

func (f *fleet) count(body []byte) { f.delivered.Add(int64(bytes.Count(body, needle))) }

func (f *fleet) close() {
	for _, c := range f.clients {
		c.close()
	}
	f.reading.Wait()
}

// open makes the sessions and has each wait for events.
func (s *server) open(ctx context.Context, transport string, n int) (*fleet, error) {
	f := &fleet{clients: make([]client, n)}
	errs := make([]error, dialers)
	var opening sync.WaitGroup
	for d := range dialers {
		opening.Go(func() {
			for i := d; i < n && errs[d] == nil; i += dialers {
				f.clients[i], errs[d] = dial(ctx, s.addr, transport, channel, "")
			}
		})
	}
	opening.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	for _, c := range f.clients {
		f.reading.Go(func() { c.listen(f.count) })
	}
	return f, nil
}

// deliver has events published as fast as the sessions take them.
func (s *server) deliver(ctx context.Context, f *fleet, o options, r *result) error {
	sessions := int64(len(f.clients))
	published := int64(0)
	// until publishes for a while, and returns what was delivered and how long that took.
	until := func(window time.Duration) (int64, time.Duration, error) {
		began, from := time.Now(), f.delivered.Load()
		moved := began
		for last := from; time.Since(began) < window; {
			now := f.delivered.Load()
			if now != last {
				last, moved = now, time.Now()
			}
			switch {
			case time.Since(moved) > 10*time.Second:
				return 0, 0, fmt.Errorf("%w: %d of %d deliveries, and no more", errServer, now, published*sessions)
			case published*sessions-now <= int64(o.ahead-o.burst)*sessions:
				if err := s.publish(ctx, o); err != nil {
					return 0, 0, err
				}
				published += int64(o.burst)
			default:
				select {
				case <-time.After(time.Millisecond):
				case <-ctx.Done():
					return 0, 0, fmt.Errorf("measuring: %w", context.Cause(ctx))
				}
			}
		}
		return f.delivered.Load() - from, time.Since(began), nil
	}
	if _, _, err := until(o.window / 5); err != nil { // until it runs warm
		return err
	}
	before, err := proc.CPU(s.pid)
	if err != nil {
		return fmt.Errorf("CPU: %w", err)
	}
	delivered, took, err := until(o.window)
	if err != nil {
		return err
	}
	after, err := proc.CPU(s.pid)
	if err != nil {
		return fmt.Errorf("CPU: %w", err)
	}
	r.perSecond = float64(delivered) / took.Seconds()
	r.micros = float64((after - before).Microseconds()) / float64(delivered)
	r.cores = (after - before).Seconds() / took.Seconds()
	return nil
}

func (s *server) publish(ctx context.Context, o options) error {
	url := fmt.Sprintf("http://%s/publish?n=%d&size=%d", s.addr, o.burst, o.size)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, http.NoBody)
	if err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	r.Close = true // Node.js closes connections after 5 s, in the face of who writes just then
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.Copy(io.Discard, answer.Body)
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: publishing: %s", errServer, answer.Status)
	}
	return nil
}
