package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"time"

	"sidecar/api"
	"sidecar/config"
	"sidecar/internal/servercert"
)

// Limits of what a client may keep us waiting with. An answer has none: long polls and WebSockets take their time.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
)

// door is a listener and what is behind it.
type door struct {
	name     string // of the setting
	listener net.Listener
	only     bool // /ws and nothing else
	server   *http.Server
}

// openDoors listens everywhere, and serves nothing yet.
func (d *daemon) openDoors(ctx context.Context) (err error) {
	if d.door, err = d.openDoor(ctx, "http.listen", d.cfg.HTTP.Listen, false); err != nil {
		return err
	}
	if d.cfg.HTTP.TLS.Listen != "" || d.cfg.Gateway.TURN.ListenTLS != "" {
		if d.certificate, err = certificate(d.cfg, d.log); err != nil {
			return fmt.Errorf("http.tls: %w", err)
		}
	}
	if d.cfg.HTTP.TLS.Listen != "" {
		if _, err = d.openDoor(ctx, "http.tls.listen", d.cfg.HTTP.TLS.Listen, false); err != nil {
			return err
		}
	}
	if d.cfg.Gateway.ListenWS != "" {
		_, err = d.openDoor(ctx, "gateway.listen_ws", d.cfg.Gateway.ListenWS, true)
	}
	return err
}

func (d *daemon) openDoor(ctx context.Context, name, address string, only bool) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w (is another sidecar running?)", name, address, err)
	}
	d.doors = append(d.doors, door{name: name, listener: listener, only: only})
	return listener, nil
}

func (d *daemon) closeDoors() {
	for _, door := range d.doors {
		_ = door.listener.Close() // its server has closed it unless it never ran
	}
}

// certificate is that of the files, or one of our own for every name that this host may be reached by.
func certificate(cfg *config.Config, log *slog.Logger) (*servercert.Source, error) {
	if t := cfg.HTTP.TLS; t.CertFile != "" {
		return servercert.FromFiles(t.CertFile, t.KeyFile, log)
	}
	names := []string{"localhost", "127.0.0.1", "::1"}
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if host, err := os.Hostname(); err == nil {
		add(host)
	}
	for _, listen := range []string{cfg.HTTP.TLS.Listen, cfg.HTTP.Listen, cfg.Gateway.TURN.ListenTLS} {
		host, _, err := net.SplitHostPort(listen)
		if err != nil {
			continue // it is off
		}
		if addr, err := netip.ParseAddr(host); host == "" || err == nil && addr.IsUnspecified() {
			addInterfaces(add)
			continue
		}
		add(host)
	}
	add(cfg.Network.SidecarAddress)
	add(cfg.Network.ExternalAddress)
	add(cfg.Gateway.TURN.ExternalAddress)
	return servercert.SelfSigned(cfg.DataDir, names, log)
}

func addInterfaces(add func(string)) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return // the names that are known must do
	}
	for _, addr := range addrs {
		if prefix, err := netip.ParsePrefix(addr.String()); err == nil && !prefix.Addr().IsLinkLocalUnicast() {
			add(prefix.Addr().String())
		}
	}
}

// serveHTTP serves until ctx ends, then lets running calls and requests finish.
func (d *daemon) serveHTTP(ctx context.Context, ready func()) error {
	ended := make(chan error, len(d.doors))
	for i := range d.doors {
		d.doors[i].server = d.newServer(d.doors[i])
		d.wg.Go(func() { ended <- d.doors[i].serve() })
	}
	ready()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	d.drainCalls(context.WithoutCancel(ctx))
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.cfg.HTTP.DrainTimeout)
	defer cancel()
	// Held polls and streams would outlast the drain: the feed goes first.
	errs := []error{d.desktops.close(drain), d.events.Close(drain), d.workspace.Close(drain)}
	for _, door := range d.doors {
		errs = append(errs, door.server.Shutdown(drain))
	}
	return errors.Join(errs...)
}

// listening is where clients find us, each address under the name of its setting, for the log.
func (d *daemon) listening() []any {
	list := []any{"version", version}
	for _, door := range d.doors {
		list = append(list, door.name, door.listener.Addr().String())
	}
	if d.gateway != nil {
		g := d.cfg.Gateway
		list = append(list, "gateway.ice.listen", g.ICE.Listen, "sip", d.gateway.AddrUDP().String())
		turn := [][2]string{{"udp", g.TURN.ListenUDP}, {"tcp", g.TURN.ListenTCP}, {"tls", g.TURN.ListenTLS}}
		for _, at := range turn {
			if at[1] != "" {
				list = append(list, "gateway.turn.listen_"+at[0], at[1])
			}
		}
	}
	return list
}

// drainCalls takes no new calls, and waits for those of browsers, whose media ends with us. All doors stay open
// meanwhile: pages hang up through them.
func (d *daemon) drainCalls(ctx context.Context) {
	d.draining.Store(true)
	d.engine.Drain()
	if d.gateway == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Gateway.DrainTimeout)
	defer cancel()
	if calls := d.gateway.Calls(); calls > 0 {
		d.log.Info("draining", "calls", calls, "at_most", d.cfg.Gateway.DrainTimeout)
	}
	d.gateway.Drain(ctx)
}

func (d *daemon) newServer(at door) *http.Server {
	handler := d.handler
	if at.only {
		mux := http.NewServeMux()
		if ws, ok := d.extra[api.WebSocketPath]; ok {
			mux.Handle(api.WebSocketPath, ws)
		}
		handler = mux
	}
	s := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		// What clients do wrong, failed TLS handshakes among it.
		ErrorLog: slog.NewLogLogger(d.log.With("door", at.name).Handler(), slog.LevelDebug),
	}
	if at.name == "http.tls.listen" {
		s.TLSConfig = d.certificate.Config()
	}
	return s
}

func (d door) serve() error {
	var err error
	if d.server.TLSConfig != nil {
		err = d.server.ServeTLS(d.listener, "", "")
	} else {
		err = d.server.Serve(d.listener)
	}
	return fmt.Errorf("%s: %w", d.name, err)
}
