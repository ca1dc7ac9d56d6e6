//go:build e2e

package bayeux_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/cti/bayeux"
)

const listenerDir = "../../e2e/node"

// nodeLimit bounds the waiting for a client, whose process starts slowly on a busy machine.
const nodeLimit = 3 * time.Minute

// serverTimeout is what the http.Server around a site allows for a request and its answer; a client that stands still between
// connecting and asking must get by with it.
const serverTimeout = 3 * time.Second

// site is a Bayeux server on a port of its own that can be restarted there.
type site struct {
	t      *testing.T
	addr   string
	opts   bayeux.Options
	bayeux *bayeux.Server
	http   *http.Server
	served chan struct{}
}

func newSite(t *testing.T, opts bayeux.Options) *site {
	t.Helper()
	if opts.Policy == nil {
		opts.Policy = &house{}
	}
	s := &site{t: t, addr: "127.0.0.1:0", opts: opts}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *site) start() {
	s.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(s.t.Context(), "tcp", s.addr)
	require.NoError(s.t, err)
	s.addr = l.Addr().String()
	s.bayeux, err = bayeux.NewServer(s.opts)
	require.NoError(s.t, err)
	mux := http.NewServeMux()
	mux.Handle("/cometd", s.bayeux)
	mux.Handle("/cometd/", s.bayeux)
	// Shorter than a hold: the server must not be disturbed by it. An idle connection is not one: a client may be slow.
	s.http = &http.Server{Handler: mux, ReadTimeout: serverTimeout, WriteTimeout: serverTimeout, IdleTimeout: waitLimit}
	s.served = make(chan struct{})
	server, served := s.http, s.served
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
}

func (s *site) stop() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), waitLimit)
	defer cancel()
	require.NoError(s.t, s.bayeux.Close(ctx))
	require.NoError(s.t, s.http.Shutdown(ctx))
	<-s.served
}

func (s *site) restart() {
	s.stop()
	s.start()
}

// listener is a CometD client in Node.
type listener struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan msg
}

func listen(t *testing.T, s *site, generation string, args ...string) *listener {
	t.Helper()
	return run(t, "listen.mjs", s.addr, generation, args...)
}

// run starts a listener in Node (listen.mjs) or in a page of a browser (browse.mjs).
func run(t *testing.T, script, addr, generation string, args ...string) *listener {
	t.Helper()
	node, err := exec.LookPath("node")
	require.NoError(t, err, "Node 20 or newer is needed; after installing it run: npm ci --prefix e2e/node")
	_, err = os.Stat(filepath.Join(listenerDir, "node_modules", "cometd"+generation, "package.json"))
	require.NoError(t, err, "the CometD clients are not installed, run: npm ci --prefix e2e/node")

	args = append([]string{script, "--client", generation, "--url", "http://" + addr + "/cometd"}, args...)
	cmd := exec.CommandContext(t.Context(), node, args...)
	cmd.Dir = listenerDir
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	l := &listener{t: t, cmd: cmd, stdin: stdin, lines: make(chan msg, 1000)}
	go func() {
		defer close(l.lines)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			m := msg{}
			if json.Unmarshal(scanner.Bytes(), &m) != nil {
				m["garbage"] = scanner.Text()
			}
			l.lines <- m
		}
	}()
	t.Cleanup(func() {
		_ = stdin.Close() // a browser goes with the process that started it
		end := time.AfterFunc(waitLimit, func() { _ = cmd.Process.Kill() })
		defer end.Stop()
		for range l.lines { //nolint:revive // drained so that the reader ends
		}
		_ = cmd.Wait()
	})
	return l
}

func (l *listener) say(line string) {
	l.t.Helper()
	_, err := fmt.Fprintln(l.stdin, line)
	require.NoError(l.t, err)
}

func (l *listener) next() msg {
	l.t.Helper()
	select {
	case m, ok := <-l.lines:
		require.True(l.t, ok, "the listener has ended")
		return m
	case <-time.After(nodeLimit):
		require.FailNow(l.t, "nothing from the listener")
		return nil
	}
}

// expect skips to the line of a lifecycle step.
func (l *listener) expect(lifecycle string, successful bool) msg {
	l.t.Helper()
	var skipped []msg
	for {
		m := l.next()
		if m["lifecycle"] == lifecycle && m["successful"] == successful {
			return m
		}
		require.NotContains(l.t, m, "garbage")
		skipped = append(skipped, m)
		require.NotEqual(l.t, "ended", m["lifecycle"], "waiting for %s: %v", lifecycle, skipped)
		require.NotContains(l.t, m, "data", "an event while waiting for %s", lifecycle)
	}
}

// exit waits for the end and returns the status.
func (l *listener) exit() int {
	l.t.Helper()
	for range l.lines { //nolint:revive // the rest is not looked at
	}
	_ = l.cmd.Wait()
	return l.cmd.ProcessState.ExitCode()
}

func (l *listener) subscribed() {
	l.t.Helper()
	l.expect("handshake", true)
	require.Equal(l.t, "/user/agent/events", l.expect("subscribed", true)["subscription"])
	require.Equal(l.t, "/call/state", l.expect("subscribed", true)["subscription"])
}

var generations = map[string]string{"3": "header", "5": "ext", "9": "cookie"}

func TestInterop70Clients(t *testing.T) {
	t.Parallel()
	for _, generation := range []string{"3", "5", "9"} {
		for _, auth := range []string{"header", "ext", "cookie"} {
			t.Run("cometd"+generation+"/"+auth, func(t *testing.T) {
				t.Parallel()
				ends := make(chan bayeux.CloseReason, 10)
				site := newSite(t, bayeux.Options{Hooks: bayeux.Hooks{
					OnClose: func(_ *bayeux.Session, reason bayeux.CloseReason) { ends <- reason },
				}})
				l := listen(t, site, generation, "--token", "anna", "--auth", auth, "--channels", "/user/agent/events,/call/state")
				l.subscribed()
				exchangeEvents(t, site, l, 50)

				site.restart()
				require.Equal(t, bayeux.ReasonShutdown, <-ends)
				l.expect("connect", false) // for want of a server, or with the new one's 402
				l.subscribed()
				exchangeEvents(t, site, l, 10)

				l.say("subscribe /closed/door")
				require.Equal(t, "403::subscribe_denied", l.expect("subscribed", false)["error"])
				l.say(`publish /user/agent/events {"event":"forged"}`)
				require.Equal(t, "403::publish_denied", l.expect("published", false)["error"])
				l.say("disconnect")
				l.expect("disconnect", true)
				require.Zero(t, l.exit())
				require.Equal(t, bayeux.ReasonDisconnect, <-ends)
				require.Zero(t, site.bayeux.Stats().Sessions)
			})
		}
	}
}

// exchangeEvents publishes numbered events alternately to both channels and checks their order at the listener.
func exchangeEvents(t *testing.T, site *site, l *listener, n int) {
	t.Helper()
	channels := []string{"/user/agent/events", "/call/state"}
	for i := range n {
		require.NoError(t, site.bayeux.Publish(event(t, channels[i%2], msg{"event": "Ringing", "n": i, "who": "Жанна 📞"})))
	}
	for i := range n {
		m := l.next()
		for m["lifecycle"] == "connect" { // reported in between: the first, or those around a cut
			m = l.next()
		}
		require.Equal(t, msg{"channel": channels[i%2], "data": msg{"event": "Ringing", "n": float64(i), "who": "Жанна 📞"}}, m)
	}
}

func TestInterop05DeniedStops(t *testing.T) {
	t.Parallel()
	for generation, auth := range generations {
		t.Run("cometd"+generation, func(t *testing.T) {
			t.Parallel()
			l := listen(t, newSite(t, bayeux.Options{}), generation, "--token", "nobody", "--auth", auth)
			m := l.expect("handshake", false)
			require.Equal(t, "403::handshake_denied", m["error"])
			require.Equal(t, "none", m["reconnect"])
			require.Equal(t, 3, l.exit())
		})
	}
}

func TestInterop50Dismissed(t *testing.T) {
	t.Parallel()
	for generation, auth := range generations {
		t.Run("cometd"+generation, func(t *testing.T) {
			t.Parallel()
			site := newSite(t, bayeux.Options{})
			l := listen(t, site, generation, "--token", "anna", "--auth", auth, "--channels", "/user/agent/events,/call/state")
			l.subscribed()
			for _, session := range site.bayeux.Sessions("anna") {
				require.NoError(t, session.Deliver(event(t, "/call/state", "last words")))
				session.Close("logged out")
			}
			for m := l.next(); m["data"] == nil; m = l.next() {
				require.NotEqual(t, "dismissed", m["lifecycle"], "the queued event comes first")
			}
			l.expect("dismissed", true)
			require.Equal(t, 3, l.exit())
		})
	}
}

// TestInterop16HeldConnects keeps a connect held beyond the timeouts of the http.Server around it, and lets two holds expire.
func TestInterop16HeldConnects(t *testing.T) {
	t.Parallel()
	for generation := range generations {
		t.Run("cometd"+generation, func(t *testing.T) {
			t.Parallel()
			site := newSite(t, bayeux.Options{Timeout: serverTimeout * 3 / 2})
			l := listen(t, site, generation, "--token", "anna", "--channels", "/user/agent/events,/call/state", "--until", "Over")
			l.subscribed()
			session := site.bayeux.Sessions("anna")[0]
			require.Never(t, func() bool { return session.Reason() != "" }, serverTimeout*7/2, 100*time.Millisecond)
			require.NoError(t, site.bayeux.Publish(event(t, "/call/state", msg{"event": "Over"})))
			l.expectEvent()
			l.expect("disconnect", true)
			require.Zero(t, l.exit())
		})
	}
}

func (l *listener) expectEvent() {
	l.t.Helper()
	for m := l.next(); m["data"] == nil; m = l.next() {
		if m["lifecycle"] == "connect" {
			require.Equal(l.t, true, m["successful"], "a connect failed: %v", m)
		}
	}
}
