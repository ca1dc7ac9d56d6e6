package main

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/api"
	"sidecar/config"
	"sidecar/internal/phone"
	"sidecar/internal/testkit/fakeari"
)

// stopping is a daemon with a call that rings in a browser, and that was told to stop.
func stopping(t *testing.T, cfg *config.Config) (w *window, invite string, caller *phone.Phone, call *phone.Call, ended chan error) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	d, err := build(ctx, cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	d.run(context.WithoutCancel(ctx))
	up := make(chan struct{})
	ended = make(chan error, 1)
	go func() { ended <- d.serveHTTP(ctx, func() { close(up) }) }() // joined by who reads ended
	<-up
	t.Cleanup(func() { require.NoError(t, d.close(context.Background())) })

	w = openWindow(t, "ws://"+d.door.Addr().String()+api.WebSocketPath, nil)
	require.Equal(t, "SIP/2.0 200 OK", w.registerDigest("5001", phonePassword(t, cfg, "5001")))
	caller, err = phone.New(t.Context(), phone.Options{User: "customer", Server: "127.0.0.1:9"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = caller.Close() })
	call = dial(t, cfg, caller)
	invite = w.until("INVITE")
	stop()
	return w, invite, caller, call, ended
}

func dial(t *testing.T, cfg *config.Config, caller *phone.Phone) *phone.Call {
	t.Helper()
	host := net.JoinHostPort(cfg.Network.SidecarAddress, strconv.Itoa(cfg.Network.SidecarSIPPort))
	call, err := caller.Dial(t.Context(), "sip:5001@"+host)
	require.NoError(t, err)
	return call
}

func TestAStopWaitsForTheCallsOfBrowsers(t *testing.T) {
	t.Parallel()
	cfg := site(t, fakeari.New(t), filepath.Join(t.TempDir(), "var"), "127.0.0.1:0")
	cfg.Gateway.DrainTimeout = time.Hour
	w, invite, caller, call, ended := stopping(t, cfg)

	require.Eventually(t, func() bool {
		end, err := dial(t, cfg, caller).WaitEnd(t.Context())
		return err == nil && end.Status == 503
	}, patience, patience/500, "new calls are refused")
	select {
	case err := <-ended:
		require.Fail(t, "it ended while a call was there", "%v", err)
	default:
	}
	w.refuse(invite, "486 Busy Here")
	end, err := call.WaitEnd(t.Context())
	require.NoError(t, err)
	require.Equal(t, 486, end.Status, "the call ended by itself")
	require.NoError(t, <-ended)
}

func TestAStopWaitsNoLongerThanItWasTold(t *testing.T) {
	t.Parallel()
	cfg := site(t, fakeari.New(t), filepath.Join(t.TempDir(), "var"), "127.0.0.1:0")
	cfg.Gateway.DrainTimeout = time.Millisecond
	_, _, _, _, ended := stopping(t, cfg)
	require.NoError(t, <-ended)
}
