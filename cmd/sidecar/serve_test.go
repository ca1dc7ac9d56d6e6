package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/bridge"
	"sidecar/config"
	"sidecar/internal/testkit/asterisk"
	"sidecar/internal/testkit/fakeari"
)

// site is the configuration of a daemon that talks to fake Asterisks: pbx1, pbx2...
func site(t *testing.T, fake *fakeari.Server, dataDir, listen string, more ...*fakeari.Server) *config.Config {
	t.Helper()
	free := asterisk.FreePorts(t, 2)
	text := fmt.Sprintf("data_dir: %s\nhttp: {listen: '%s'}\ndns: [{numbers: [5001-5002]}]\nnetwork: {sip_listen: '127.0.0.1:%d', sidecar_sip_port: %d}\n"+
		"gateway: {ice: {listen: '127.0.0.1:0', tcp: false}}\nasterisk:\n", dataDir, listen, free[0], free[1])
	for i, f := range append([]*fakeari.Server{fake}, more...) {
		text += fmt.Sprintf("- {id: pbx%d, url: '%s', user: %s, password: %s, sip_address: '192.0.2.%d:5060'}\n", i+1, strings.TrimSuffix(f.URL(), "/ari"), fakeari.User, fakeari.Password, i+1)
	}
	o := &options{configFile: writeConfig(t, text), environ: environ()}
	cfg, _, err := o.load()
	require.NoError(t, err)
	return cfg
}

// patience bounds waits; no test asserts how long one took.
const patience = time.Minute

// running is a daemon that serves until the test ends.
func running(t *testing.T, cfg *config.Config) *daemon {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	d, err := build(ctx, cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	d.run(context.WithoutCancel(ctx))
	up, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- d.serveHTTP(ctx, func() { close(up) }) }()
	<-up
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, d.close(context.Background()))
	})
	return d
}

func TestASecondDaemonDisturbsNothing(t *testing.T) {
	t.Parallel()
	fake := fakeari.New(t)
	dir := filepath.Join(t.TempDir(), "var")
	first := running(t, site(t, fake, dir, "127.0.0.1:0"))
	fake.Accept()
	path := filepath.Join(dir, "calls.journal")
	before, err := os.Stat(path)
	require.NoError(t, err)

	err = serve(t.Context(), site(t, fake, dir, "127.0.0.1:0"), slog.New(slog.DiscardHandler))

	require.ErrorIs(t, err, errSecondDaemon)
	require.ErrorContains(t, err, "another sidecar is running with data_dir "+dir+" (pid "+strconv.Itoa(os.Getpid())+")")
	after, err := os.Stat(path)
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after), "the journal was replaced under the first daemon")
	require.NoError(t, first.journal.Put("y", bridge.Interaction{ID: "y"}))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), `"y"`)
}

func TestTheFeedSendsAwayWhoShowsABadToken(t *testing.T) {
	t.Parallel()
	fake := fakeari.New(t)
	d := running(t, site(t, fake, filepath.Join(t.TempDir(), "var"), "127.0.0.1:0"))
	body := `[{"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"]}]`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+d.door.Addr().String()+"/cometd", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer nonsense")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	text, err := io.ReadAll(res.Body)
	require.NoError(t, errors.Join(err, res.Body.Close()))
	require.Contains(t, string(text), `"reconnect":"none"`, "a client told to retry would ask for ever")
}

func TestTheSecondAsteriskServesWhileTheFirstIsAway(t *testing.T) {
	t.Parallel()
	first, second := fakeari.New(t), fakeari.New(t)
	first.RefuseSockets(http.StatusServiceUnavailable)
	d := running(t, site(t, first, filepath.Join(t.TempDir(), "var"), "127.0.0.1:0", second))
	second.Accept()
	require.Eventually(t, func() bool {
		_, err := d.engine.MakeCall(t.Context(), bridge.MakeCall{From: "5001", To: "5002"})
		refused, ok := errors.AsType[*bridge.TargetError](err)
		return ok && refused.Unreachable // nobody has registered, but there is an Asterisk to ask
	}, patience, patience/500)
}

func TestATakenPortIsSeenBeforeAnythingElseHappens(t *testing.T) {
	t.Parallel()
	fake := fakeari.New(t)
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	dir := filepath.Join(t.TempDir(), "var")

	err = serve(t.Context(), site(t, fake, dir, taken.Addr().String()), slog.New(slog.DiscardHandler))

	require.ErrorContains(t, err, "http.listen "+taken.Addr().String())
	require.NoFileExists(t, filepath.Join(dir, "calls.journal"))
	require.Empty(t, fake.Requests(), "Asterisk was connected to")
}

func TestTheLockGoesWithItsDaemon(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := lockDataDir(dir)
	require.NoError(t, err)
	_, err = lockDataDir(dir)
	require.ErrorIs(t, err, errSecondDaemon)
	require.NoError(t, first.Close())
	next, err := lockDataDir(dir)
	require.NoError(t, err, "a lock file that a dead daemon left is no lock")
	require.NoError(t, next.Close())
}

// TestASmallDiskIsNoFaultWithoutRecordings: nobody is to be told that no recording begins where none is wanted.
func TestASmallDiskIsNoFaultWithoutRecordings(t *testing.T) {
	t.Parallel()
	for _, enabled := range []bool{true, false} {
		cfg := site(t, fakeari.New(t), filepath.Join(t.TempDir(), "var"), "127.0.0.1:0")
		cfg.Recording.Enabled, cfg.Recording.MinFreeBytes = enabled, math.MaxInt64
		d, err := build(t.Context(), cfg, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		require.Equal(t, enabled, d.recordings.archive.Room() != nil)
		require.NoError(t, d.close(context.Background()))
	}
}
