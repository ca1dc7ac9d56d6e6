//go:build e2e

package pjsipgen_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
	"sidecar/config"
	"sidecar/internal/phone"
	"sidecar/internal/testkit/asterisk"
	"sidecar/pjsipgen"
)

// patience bounds waits for real parts; no test asserts how long one took.
const patience = time.Minute

// lab is a real Asterisk with a generated configuration.
type lab struct {
	*asterisk.Instance

	t   *testing.T
	cfg *config.Config
	dir string
	ctx context.Context //nolint:containedctx // the test's
}

// onPorts is the default configuration on ports of its own.
func onPorts(t testing.TB) *config.Config {
	t.Helper()
	ports := asterisk.FreeAsteriskPorts(t)
	cfg := config.Default()
	cfg.Asterisk[0].URL = fmt.Sprintf("http://127.0.0.1:%d", ports.HTTP)
	cfg.Network.SIPListen = net.JoinHostPort("127.0.0.1", strconv.Itoa(ports.SIP))
	cfg.Network.RTP = config.PortRange{Start: ports.RTPStart, End: ports.RTPEnd}
	return cfg
}

func newLab(t *testing.T, cfg *config.Config) *lab {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	dir := t.TempDir()
	writeSet(t, dir, cfg)
	return &lab{Instance: asterisk.Start(t, asterisk.Options{ConfDir: dir}), t: t, cfg: cfg, dir: dir, ctx: ctx}
}

// writeSet writes without the machinery under test.
func writeSet(t testing.TB, dir string, cfg *config.Config) pjsipgen.FileSet {
	t.Helper()
	files, err := generate(t, cfg)
	require.NoError(t, err)
	for name, f := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, f.Data, f.Mode))
	}
	return files
}

// sidecar connects as the daemon does, so that Stasis doesn't fail.
func (l *lab) sidecar() *ari.Client {
	l.t.Helper()
	c, err := ari.Connect(l.ctx, ari.Config{
		Server: "pbx1", URL: l.cfg.Asterisk[0].URL + "/ari", User: l.cfg.Asterisk[0].User,
		Password: ari.Secret("ari-secret-" + l.cfg.Asterisk[0].ID), App: l.cfg.Asterisk[0].App,
		Timeout: 5 * time.Minute, // as `sidecar generate` has it: 10,000 DNs take their time
	})
	require.NoError(l.t, err)
	l.t.Cleanup(c.Close)
	require.NoError(l.t, c.Ready(l.ctx))
	return c
}

// phone registers a DN. Secrets are those of fixedSecrets.
func (l *lab) phone(number, password string, mode phone.AnswerMode) *phone.Phone {
	l.t.Helper()
	p := l.plainPhone(phone.Options{User: number, Password: password, Answer: mode})
	require.NoError(l.t, p.Register(l.ctx, time.Minute))
	return p
}

func (l *lab) plainPhone(o phone.Options) *phone.Phone {
	l.t.Helper()
	o.Server = l.cfg.Network.SIPListen
	p, err := phone.New(l.ctx, o)
	require.NoError(l.t, err)
	l.t.Cleanup(func() { _ = p.Close() }) // what it says when its calls are gone already doesn't matter
	return p
}

// next waits for an event of a type.
func next[E ari.Event](l *lab, c *ari.Client) E {
	l.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		select {
		case e := <-c.Events():
			if want, ok := e.(E); ok {
				return want
			}
		case <-timeout.C:
			var want E
			require.FailNowf(l.t, "event missing", "no %T came; the log ends with:\n%s", want, l.Log())
		}
	}
}

func dial(l *lab, p *phone.Phone, number string, o ...phone.DialOption) *phone.Call {
	l.t.Helper()
	call, err := p.Dial(l.ctx, number, o...)
	require.NoError(l.t, err)
	return call
}

func requireEnd(l *lab, c *phone.Call, status int) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.ctx, patience)
	defer cancel()
	cause, err := c.WaitEnd(ctx)
	require.NoError(l.t, err)
	require.Equal(l.t, status, cause.Status, "%+v", cause)
}

// holidaysOfToday names today and its neighbours, so that midnight doesn't matter.
func holidaysOfToday(t *testing.T) []string {
	t.Helper()
	var days []string
	for offset := -1; offset <= 1; offset++ {
		days = append(days, time.Now().AddDate(0, 0, offset).Format(time.DateOnly))
	}
	return days
}
