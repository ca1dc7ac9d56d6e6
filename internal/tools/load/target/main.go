package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sidecar/gateway"
	"sidecar/media"
	"sidecar/sip"
)

func main() {
	runtime.MemProfileRate = 16 << 10 // finer than usual: a leg has many small parts
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "target:", err)
		os.Exit(1)
	}
}

// passwords are those that the load tool gives its phones.
type passwords struct{}

func (passwords) Password(dn string) (string, bool) { return "load-test-" + dn, true }

func (passwords) Token(context.Context, string) ([]string, error) { return nil, errToken }

var errToken = errors.New("no tokens here")

func run(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("target", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:8099", "where /ws, /metrics and /debug/pprof are")
	upstream := flags.String("upstream", "", "host:port of the registrar and of the echo")
	lite := flags.Bool("lite", false, "ICE-lite")
	if err = flags.Parse(args); err != nil {
		return fmt.Errorf("arguments: %w", err)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	local := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	engine, err := media.NewEngine(media.EngineOptions{Listen: []netip.AddrPort{netip.AddrPortFrom(local, 0)}, Lite: *lite, Logger: log})
	if err != nil {
		return fmt.Errorf("media: %w", err)
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	ports, err := media.NewPortPool(local, 26000, 28999, media.DefaultDrain)
	if err != nil {
		return fmt.Errorf("RTP ports: %w", err)
	}
	g, err := gateway.New(gateway.Options{ //nolint:contextcheck // it lives until Close
		Log: log, Engine: engine, Ports: ports,
		SIP:      sip.Options{ListenUDP: "127.0.0.1:0", Registrar: sip.RegistrarOptions{Credentials: passwords{}}},
		Upstream: func(string) (gateway.Upstream, bool) { return gateway.Upstream{Registrar: *upstream}, true },
	})
	if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	defer g.Close() //nolint:contextcheck // it ends what New began
	return serve(ctx, *listen, g.WebSocket())
}

func serve(ctx context.Context, addr string, phones http.Handler) error {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector())
	mux := http.NewServeMux()
	mux.Handle("/ws", phones)
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp4", addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err = server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
