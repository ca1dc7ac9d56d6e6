package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"sidecar/internal/tools/load/meter"
	"sidecar/internal/tools/load/proc"
)

// settleTime is what both get to end what the last calls have left, before their memory is looked at again. The sidecar gives
// memory back when an interval of 5 s was quiet, which may begin 5 s after the last call.
const settleTime = 12 * time.Second

// report is what a run has shown.
type report struct {
	l                   *load
	began               time.Time
	took                time.Duration
	begun, done, failed int
	busiest             int // calls at once
	sidecar, asterisk   usage
}

// usage is what a process used.
type usage struct {
	cpu                time.Duration
	start, peak, after int // KiB
}

func (r *report) each(do func(pid int, u *usage) error) error {
	if err := do(r.l.o.sidecar, &r.sidecar); err != nil {
		return err
	}
	return do(r.l.o.asterisk, &r.asterisk)
}

func (r *report) before() error {
	return r.each(func(pid int, u *usage) (err error) {
		if u.cpu, err = proc.CPU(pid); err != nil {
			return err
		}
		u.start, err = proc.RSS(pid)
		u.peak = u.start
		return err
	})
}

// look keeps the largest memory, and the most calls at once.
func (r *report) look() {
	r.busiest = max(r.busiest, (r.l.o.dns-len(r.l.free))/2)
	_ = r.each(func(pid int, u *usage) error { // a process that has gone fails the calls
		size, err := proc.RSS(pid)
		u.peak = max(u.peak, size)
		return err
	})
}

func (r *report) after(ctx context.Context) error {
	r.took = time.Since(r.began)
	err := r.each(func(pid int, u *usage) error {
		cpu, err := proc.CPU(pid)
		u.cpu = cpu - u.cpu
		return err
	})
	if err != nil || pause(ctx, settleTime) != nil {
		return err
	}
	r.l.mu.Lock()
	r.done = r.l.done
	for _, n := range r.l.failures {
		r.failed += n
	}
	r.l.mu.Unlock()
	return r.each(func(pid int, u *usage) (err error) {
		u.after, err = proc.RSS(pid)
		return err
	})
}

func (r *report) print(out io.Writer) {
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Fprintf(out, "%d processors, load %s, %s\n", runtime.NumCPU(), strings.TrimSpace(string(load)), runtime.Version())
	fmt.Fprintf(out, "calls        %d begun in %s, %d without an error, %d failures, %d at once\n", r.begun, r.took.Round(time.Second), r.done, r.failed, r.busiest)
	for _, step := range slices.Sorted(maps.Keys(r.l.failures)) {
		fmt.Fprintf(out, "  failed     %s: %d\n", step, r.l.failures[step])
	}
	for _, err := range r.l.first {
		fmt.Fprintf(out, "  %v\n", err)
	}
	printTimes(out, "REST reply", r.l.verbs)
	printTimes(out, "told", r.l.told)
	for _, p := range []struct {
		name string
		u    usage
	}{{"sidecar", r.sidecar}, {"asterisk", r.asterisk}} {
		perCall := p.u.cpu / time.Duration(max(1, r.begun))
		fmt.Fprintf(out, "%-12s CPU %.1f ms a call (%.2f cores); memory %.1f MB before, %.1f at most, %.1f after: %.0f KB for each at once, %.2f KB left by each\n",
			p.name, float64(perCall)/float64(time.Millisecond), p.u.cpu.Seconds()/r.took.Seconds(), mb(p.u.start), mb(p.u.peak), mb(p.u.after),
			float64(p.u.peak-p.u.start)/float64(max(1, r.busiest)), float64(p.u.after-p.u.start)/float64(max(1, r.begun)))
	}
}

func mb(kib int) float64 { return float64(kib) / 1024 }

func printTimes(out io.Writer, title string, times map[string]*meter.Times) {
	for _, name := range slices.Sorted(maps.Keys(times)) {
		s := times[name].Summary()
		fmt.Fprintf(out, "%-12s %-32s p50 %.1f ms, p99 %.1f ms, at most %.1f ms\n", title, name, s.P50, s.P99, s.Max)
	}
}
