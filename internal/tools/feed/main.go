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
	"syscall"
	"time"
)

var (
	errOption  = errors.New("bad option")
	errServer  = errors.New("the server did not do as it should")
	errRefused = errors.New("refused")
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "feed:", err)
		os.Exit(1)
	}
}

type options struct {
	sessions, idle int
	window         time.Duration
	burst, ahead   int
	size           int
	node           string
}

func run(ctx context.Context, args []string, out, log io.Writer) error {
	if len(args) == 2 && args[0] == "serve" {
		return serve(ctx, args[1], out)
	}
	if len(args) > 0 && args[0] == "latency" {
		return latency(ctx, args[1:], out, log)
	}
	var o options
	flags := flag.NewFlagSet("feed", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.IntVar(&o.sessions, "sessions", 1000, "sessions that events are delivered to")
	flags.IntVar(&o.idle, "idle", 10_000, "sessions that are told nothing; 0 leaves that measurement out")
	flags.DurationVar(&o.window, "for", 5*time.Second, "how long deliveries are counted")
	flags.IntVar(&o.burst, "burst", 20, "events published at once")
	flags.IntVar(&o.ahead, "ahead", 200, "how many events the publisher may be ahead of the sessions")
	flags.IntVar(&o.size, "size", 300, "bytes of an event's data")
	flags.StringVar(&o.node, "node", "", "e2e/node/feed_server.mjs, to measure the server for Node.js as well")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", errOption, err)
	}
	if o.sessions < 1 || o.idle < 0 || o.burst < 1 || o.ahead < o.burst || o.window <= 0 {
		return fmt.Errorf("%w: sessions, burst and for must be positive, and ahead at least burst", errOption)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding the own program: %w", err)
	}
	targets := []target{
		{name: "sidecar", transport: "websocket", command: []string{self, "serve"}},
		{name: "sidecar", transport: "long-polling", command: []string{self, "serve"}},
	}
	if o.node != "" {
		targets = append(targets, target{name: "cometd-nodejs-server", transport: "long-polling", command: []string{"node", o.node}})
	}
	_, _ = fmt.Fprintf(out, "%d processors, %s, events of %d bytes to %d sessions for %s\n\n", runtime.NumCPU(), runtime.Version(), o.size, o.sessions, o.window)
	_, _ = fmt.Fprintf(out, "| server | transport | deliveries/s | CPU each, µs | cores it got | KB per idle session, of %d |\n|---|---|---|---|---|---|\n", o.idle)
	for _, t := range targets {
		r, err := measure(ctx, t, o)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", t.name, t.transport, err)
		}
		_, _ = fmt.Fprintf(out, "| %s | %s | %.0f | %.2f | %.2f | %s |\n", t.name, t.transport, r.perSecond, r.micros, r.cores, r.memory)
	}
	return nil
}
