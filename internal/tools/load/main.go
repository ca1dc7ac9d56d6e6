package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

type options struct {
	sidecar, gateway string // programs
	targets          []string
	legs             []int
	idle             int
	window           time.Duration
	json             string
}

var errOption = errors.New("bad option")

func run(ctx context.Context, args []string, out, log io.Writer) (err error) {
	o, err := parse(args, log)
	if err != nil {
		return err
	}
	starts := o.starts()
	rep := &report{Machine: machine(), Date: time.Now().UTC().Format(time.DateOnly)}
	for _, name := range o.targets {
		begin, ok := starts[name]
		if !ok {
			return fmt.Errorf("%w: no target %q", errOption, name)
		}
		for _, legs := range o.legs {
			rep.add(ctx, name, begin, plan{legs: legs, window: o.window}, log)
		}
		// rtpengine registers nobody, and what Asterisk's endpoints call matters to no registration.
		if o.idle > 0 && name != rtpengineName && name != asteriskRTPName {
			rep.add(ctx, name, begin, plan{legs: o.idle, window: o.window, idle: true}, log)
		}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted: %w", context.Cause(ctx))
	}
	if o.json != "" {
		file, errCreate := os.Create(o.json)
		if errCreate != nil {
			return fmt.Errorf("report: %w", errCreate)
		}
		if err = errors.Join(rep.json(file), file.Close()); err != nil {
			return err
		}
	}
	return rep.text(out)
}

// add measures once. A target that fails has its row, too: that it does is a result.
func (r *report) add(ctx context.Context, name string, begin start, what plan, log io.Writer) {
	if ctx.Err() != nil {
		return
	}
	fmt.Fprintf(log, "load: %s, %d legs\n", name, what.legs)
	s, err := measure(ctx, name, begin, what, log)
	s.Target, s.Legs = name, what.legs
	if err != nil {
		s.Error = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	r.Results = append(r.Results, s)
}

func parse(args []string, log io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.StringVar(&o.sidecar, "sidecar", "bin/sidecar", "the daemon's program")
	flags.StringVar(&o.gateway, "gateway", "", "the program of internal/tools/load/target, for the target gateway")
	targets := flags.String("targets", strings.Join([]string{sidecarName, asteriskName, asteriskRTPName, rtpengineName}, ","), "what to measure")
	legs := flags.String("legs", "50,200,400", "numbers of legs")
	flags.IntVar(&o.idle, "idle", 0, "number of DNs that only register, in a run of its own; 0: none")
	flags.DurationVar(&o.window, "window", 10*time.Second, "how long each measurement takes")
	flags.StringVar(&o.json, "json", "", "file for the report as JSON")
	if err = flags.Parse(args); err != nil {
		return o, fmt.Errorf("%w: %w", errOption, err)
	}
	o.targets = strings.Split(*targets, ",")
	for text := range strings.SplitSeq(*legs, ",") {
		if text == "" {
			continue
		}
		n, errInt := strconv.Atoi(text)
		if errInt != nil || n < 1 || n > maxLegs {
			return o, fmt.Errorf("%w: legs %q: write numbers from 1 to %d with commas", errOption, text, maxLegs)
		}
		o.legs = append(o.legs, n)
	}
	if o.idle < 0 || o.idle > maxLegs || o.window < time.Second || o.window > time.Minute {
		return o, fmt.Errorf("%w: idle may be 0 to %d, window 1s to 1m", errOption, maxLegs)
	}
	return o, nil
}

// machine says what the figures were measured on.
func machine() string {
	name := "unknown processor"
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(data)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(value)
				break
			}
		}
	}
	load := "unknown"
	if data, err := os.ReadFile("/proc/loadavg"); err == nil {
		load, _, _ = strings.Cut(string(data), " ")
	}
	return fmt.Sprintf("%d x %s, load %s, %s %s/%s", runtime.NumCPU(), name, load, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
