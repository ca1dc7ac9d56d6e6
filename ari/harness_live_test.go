//go:build e2e

package ari_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
	"sidecar/internal/backoff"
	"sidecar/internal/testkit/asterisk"
)

const (
	liveServer   = ari.ServerID("pbx-1")
	livePassword = ari.Secret("a-password-only-tests-know")
	// patience bounds waits for real parts; no test asserts how long one took.
	patience = time.Minute
)

// lab is a real Asterisk of one test.
type lab struct {
	*asterisk.Instance

	ports asterisk.Ports
}

// liveDialplan is what the tests need beside the minimal one.
const liveDialplan = `
[test]
exten => s,1,Stasis(sidecar,local)
 same => n,Hangup()
exten => wait,1,Answer()
 same => n,Wait(3600)
exten => fallback,1,Stasis(sidecar)
 same => n,Set(GLOBAL(FELL_THROUGH)=${STASISSTATUS})
 same => n,Answer()
 same => n,Wait(3600)
`

// newLab starts an Asterisk; extra files are appended to the minimal ones.
func newLab(t *testing.T, extra map[string]string) *lab {
	t.Helper()
	ports := asterisk.FreeAsteriskPorts(t)
	conf := asterisk.MinimalConf(t, asterisk.Minimal{
		Ports:       ports,
		ARIPassword: string(livePassword),
		Phones:      []asterisk.Phone{{User: "5001", Password: "p5001"}, {User: "5002", Password: "p5002"}},
	})
	appendTo(t, filepath.Join(conf, "extensions.conf"), liveDialplan)
	for name, text := range extra {
		appendTo(t, filepath.Join(conf, name), text)
	}
	l := &lab{Instance: asterisk.Start(t, asterisk.Options{ConfDir: conf}), ports: ports}
	// A package's maintainer script makes this one; without it recordings fail.
	require.NoError(t, os.MkdirAll(filepath.Join(l.StateDir(), "spool", "recording"), 0o700))
	return l
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = f.WriteString(text)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func (l *lab) config(t *testing.T) ari.Config {
	t.Helper()
	return ari.Config{
		Server: liveServer, URL: l.ports.ARIURL(),
		User: asterisk.ARIUser, Password: livePassword, App: asterisk.App,
		Backoff:   backoff.Policy{Min: 50 * time.Millisecond, Max: 500 * time.Millisecond},
		SlowRetry: 200 * time.Millisecond,
		Logger:    slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

// tap is a client whose events are read in order, so that waiting for one event
// skips what came before it.
type tap struct {
	*ari.Client

	t *testing.T
}

func (l *lab) connect(t *testing.T, cfg ari.Config) *tap {
	t.Helper()
	c, err := ari.Connect(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	tp := &tap{c, t}
	wait[*ari.Connected](tp)
	return tp
}

// wait reads on until an event of the type that satisfies every condition.
func wait[E ari.Event](tp *tap, conds ...func(E) bool) E {
	tp.t.Helper()
	return next(tp.t, tp.Events(), conds...)
}

func next[E ari.Event](t *testing.T, from <-chan ari.Event, conds ...func(E) bool) E {
	t.Helper()
	var zero E
	expired := time.NewTimer(patience)
	defer expired.Stop()
	for {
		select {
		case e, open := <-from:
			require.True(t, open, "the stream ended while waiting for %T", zero)
			got, ok := e.(E)
			for _, cond := range conds {
				ok = ok && cond(got)
			}
			if ok {
				return got
			}
		case <-expired.C:
			require.FailNow(t, "no such event", "%T", zero)
		}
	}
}

// detached is a context for cleaning up, when the test's own has ended.
func (tp *tap) detached() context.Context { return context.WithoutCancel(tp.t.Context()) }

// local puts a Local channel, whose other half answers and waits, into the
// application.
func (tp *tap) local() *ari.ChannelHandle {
	tp.t.Helper()
	data, err := tp.Channels().Originate(tp.t.Context(), ari.ChannelOriginateParams{
		Endpoint: "Local/wait@test", App: tp.App(), ChannelID: ari.NewChannelID(),
	})
	require.NoError(tp.t, err)
	wait(tp, func(e *ari.StasisStart) bool { return e.Channel.ID == data.ID })
	h := tp.Channel(data.ID)
	tp.t.Cleanup(func() { _ = h.Hangup(tp.detached(), ari.ChannelHangupParams{}) })
	return h
}
