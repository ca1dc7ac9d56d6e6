//go:build e2e

package ari_test

import (
	"errors"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
	"sidecar/internal/testkit/asterisk"
)

func TestLiveAsteriskKilledMidCall(t *testing.T) {
	t.Parallel()
	for name, carrier := range map[string]ari.Carrier{"http": ari.OverHTTP, "socket": ari.OverSocket} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, nil)
			cfg := l.config(t)
			cfg.RESTOver, cfg.EventSources = carrier, []string{"endpoint:PJSIP"}
			tp := l.connect(t, cfg)
			ch := tp.local()
			b := tp.StageBridge("", ari.BridgeCreateWithIDParams{Type: "mixing"})
			_, err := b.Exec(t.Context())
			require.NoError(t, err)
			require.NoError(t, b.AddChannel(t.Context(), ari.BridgeAddChannelParams{Channel: []ari.ChannelID{ch.ID()}}))
			before, err := tp.Snapshot(t.Context(), ari.Ask{})
			require.NoError(t, err)
			require.Len(t, before.Channels, 2, "both halves of the Local channel")
			require.Len(t, before.Bridges, 1)
			require.NotEmpty(t, before.Endpoints)
			require.Contains(t, before.Application.ChannelIDs, ch.ID())

			l.Kill()
			gap := wait[*ari.Disconnected](tp)
			require.Error(t, gap.Err)
			require.False(t, gap.Since.IsZero())
			require.Error(t, ch.Hangup(t.Context(), ari.ChannelHangupParams{}))
			l.Restart()
			hello := wait[*ari.Connected](tp)
			require.True(t, hello.Restarted)
			after, err := tp.Snapshot(t.Context(), ari.Ask{Playbacks: []ari.PlaybackID{"x"}})
			require.NoError(t, err)
			require.Empty(t, after.Channels)
			require.Empty(t, after.Bridges)
			require.True(t, after.StartedAt.After(before.StartedAt))
			require.Equal(t, hello.StartedAt.UTC(), after.StartedAt.UTC())
			require.Equal(t, []string{"PJSIP"}, after.Application.EndpointIDs, "subscribed again before Connected")
			require.ErrorIs(t, ch.Hangup(t.Context(), ari.ChannelHangupParams{}), ari.ErrNotFound)
			tp.local() // works as before
		})
	}
}

func TestLiveAbsentAsteriskIsWaitedFor(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	l.Stop()
	c, err := ari.Connect(t.Context(), l.config(t))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	require.Eventually(t, func() bool { return c.Status().Err != nil }, patience, 10*time.Millisecond)
	require.Equal(t, ari.StateConnecting, c.Status().State)
	l.Restart()
	require.NoError(t, c.Ready(t.Context()))
}

// cutter is a TCP relay whose connections a test can cut.
type cutter struct {
	net.Listener

	mu    sync.Mutex
	conns []net.Conn
	wg    sync.WaitGroup
}

func newCutter(t *testing.T, target string) *cutter {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cutter{Listener: ln}
	c.wg.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := new(net.Dialer).DialContext(t.Context(), "tcp", target)
			if err != nil {
				_ = in.Close()
				continue
			}
			c.mu.Lock()
			c.conns = append(c.conns, in, out)
			c.mu.Unlock()
			c.wg.Go(func() { pipe(in, out) })
			c.wg.Go(func() { pipe(out, in) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		c.cut()
		c.wg.Wait()
	})
	return c
}

func pipe(dst, src net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if _, werr := dst.Write(buf[:n]); werr != nil {
				err = errors.Join(err, werr)
			}
		}
		if err != nil {
			_ = dst.Close()
			_ = src.Close()
			return
		}
	}
}

func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}

func TestLiveCutSocketLosesNoCall(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	relay := newCutter(t, strings.TrimSuffix(strings.TrimPrefix(l.ports.ARIURL(), "http://"), "/ari"))
	cfg := l.config(t)
	cfg.URL = "http://" + relay.Addr().String() + "/ari"
	tp := l.connect(t, cfg)
	ch := tp.local()
	relay.cut()
	wait[*ari.Disconnected](tp)
	hello := wait[*ari.Connected](tp)
	require.False(t, hello.Restarted)
	snap, err := tp.Snapshot(t.Context(), ari.Ask{})
	require.NoError(t, err)
	require.Len(t, snap.Channels, 2)
	require.Contains(t, snap.Application.ChannelIDs, ch.ID(), "the application still receives its events")
	require.NoError(t, ch.Hangup(t.Context(), ari.ChannelHangupParams{}))
	wait(tp, func(e *ari.ChannelDestroyed) bool { return e.Channel.ID == ch.ID() })
}

func TestLiveTakeOver(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	first := l.connect(t, l.config(t))
	ch := first.local()
	second := l.connect(t, l.config(t))
	require.ErrorIs(t, wait[*ari.Disconnected](first).Err, ari.ErrReplaced)
	wait[*ari.Replaced](first)

	// The end of the first connection does not hurt the second one.
	require.Eventually(t, func() bool { return first.Status().State == ari.StateStandBy }, patience, 10*time.Millisecond)
	require.NoError(t, second.Channel(ch.ID()).Hangup(t.Context(), ari.ChannelHangupParams{}))
	wait(second, func(e *ari.ChannelDestroyed) bool { return e.Channel.ID == ch.ID() })
	second.local()

	first.Resume()
	wait[*ari.Connected](first)
	wait[*ari.Replaced](second)
	first.local()
}

func TestLiveWrongPasswordAndReadOnly(t *testing.T) {
	t.Parallel()
	l := newLab(t, map[string]string{"ari.conf": "\n[viewer]\ntype = user\npassword = looking-only\npassword_format = plain\nread_only = yes\n"})
	cfg := l.config(t)
	cfg.Password = "wrong"
	c, err := ari.Connect(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	require.Eventually(t, func() bool { return c.Status().State == ari.StateUnauthorized }, patience, 10*time.Millisecond)
	require.ErrorIs(t, c.Status().Err, ari.ErrUnauthorized)
	_, err = c.Channels().List(t.Context())
	require.ErrorIs(t, err, ari.ErrUnauthorized)

	cfg.User, cfg.Password = "viewer", "looking-only"
	tp := l.connect(t, cfg)
	_, err = tp.Channels().List(t.Context())
	require.NoError(t, err)
	_, err = tp.Bridges().Create(t.Context(), ari.BridgeCreateParams{})
	require.ErrorIs(t, err, ari.ErrForbidden)
}

func TestLiveOutboundWebsocket(t *testing.T) {
	t.Parallel()
	acceptor := ari.NewAcceptor("asterisk", "what-asterisk-presents")
	door := httptest.NewServer(acceptor)
	t.Cleanup(door.Close)
	relay := newCutter(t, door.Listener.Addr().String())
	l := newLab(t, map[string]string{
		"ari.conf": "\n[out]\ntype = outbound_websocket\nwebsocket_client_id = sidecar\napps = outapp\nlocal_ari_user = " + asterisk.ARIUser + "\n",
		"websocket_client.conf": "\n[sidecar]\ntype = websocket_client\nconnection_type = persistent\nuri = ws://" + relay.Addr().String() +
			"/\nprotocols = ari\nusername = asterisk\npassword = what-asterisk-presents\nreconnect_interval = 100\n",
	})
	cfg := l.config(t)
	cfg.App, cfg.URL, cfg.RESTOver, cfg.Acceptor = "outapp", "", ari.OverSocket, acceptor
	cfg.EventSources = []string{"endpoint:PJSIP"}
	tp := l.connect(t, cfg)
	ch := tp.local()

	// Asterisk redials by itself, and the client takes the new connection.
	relay.cut()
	wait[*ari.Disconnected](tp)
	wait[*ari.Connected](tp)
	require.NoError(t, ch.Hangup(t.Context(), ari.ChannelHangupParams{}))
	wait(tp, func(e *ari.ChannelDestroyed) bool { return e.Channel.ID == ch.ID() })
}
