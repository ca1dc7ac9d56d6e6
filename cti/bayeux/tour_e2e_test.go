//go:build e2e

package bayeux_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/cti/bayeux"
)

// desk is a place where a published client runs.
type desk struct{ script, generation, transport string }

// eachDesk runs a test with the three generations over both transports, in Node or in Chromium.
func eachDesk(t *testing.T, script string, test func(t *testing.T, d desk)) {
	t.Helper()
	t.Parallel()
	for _, generation := range []string{"3", "5", "9"} {
		for _, transport := range []string{"long-polling", "websocket"} {
			t.Run("cometd"+generation+"/"+transport, func(t *testing.T) {
				t.Parallel()
				test(t, desk{script, generation, transport})
			})
		}
	}
}

// visit opens the desk behind a network that can be cut. Waiting is short, so that a cut is noticed soon.
func (d desk) visit(t *testing.T, opts bayeux.Options, args ...string) (*site, *network, *listener) {
	t.Helper()
	opts.WebSocket = true
	opts.Timeout = time.Second
	s := newSite(t, opts)
	n := newNetwork(t, s.addr)
	args = append([]string{
		"--token", "anna", "--auth", "cookie", "--transport", d.transport, "--network-delay", "2000",
		"--channels", "/user/agent/events,/call/state",
	}, args...)
	l := run(t, d.script, n.addr, d.generation, args...)
	l.subscribed()
	s.settled(d.transport)
	return s, n, l
}

// expectOnline skips to the line that says that connects succeed.
func (l *listener) expectOnline() msg {
	l.t.Helper()
	return l.expect("connect", true)
}

// settled waits until a session's connect is held, and nothing else is under way: no ghost of a request that its client gave up.
func (s *site) settled(transport string) {
	s.t.Helper()
	s.settledWithin(transport, nodeLimit)
}

func (s *site) settledWithin(transport string, limit time.Duration) {
	s.t.Helper()
	want := bayeux.Stats{Sessions: 1, Requests: 1}
	if transport == "websocket" {
		want = bayeux.Stats{Sessions: 1, Sockets: 1}
	}
	require.Eventually(s.t, func() bool { return s.bayeux.Stats() == want }, limit, 5*time.Millisecond, "want %v", want)
}

func TestInterop70InNode(t *testing.T)  { eachDesk(t, "listen.mjs", tour) }
func TestInterop70InPages(t *testing.T) { eachDesk(t, "browse.mjs", tour) }

// tour: two subscriptions, a page that is reloaded, a network that is cut, a server that is restarted, goodbye.
func tour(t *testing.T, d desk) {
	t.Helper()
	ends := make(chan bayeux.CloseReason, 10)
	s, network, l := d.visit(t, bayeux.Options{Hooks: bayeux.Hooks{OnClose: func(_ *bayeux.Session, r bayeux.CloseReason) { ends <- r }}})
	exchangeEvents(t, s, l, 50)

	session := only(t, s.bayeux, "anna")
	if d.script == "browse.mjs" {
		l.say("reload")
		require.Equal(t, true, l.expect("handshake", true)["reload"], "the handshake never reached the server")
		for n := 0; n < 2; { // what the former page may not have got comes again before
			if l.next()["lifecycle"] == "subscribed" {
				n++
			}
		}
		require.Same(t, session, only(t, s.bayeux, "anna"))
		s.settled(d.transport)
		exchangeEvents(t, s, l, 20)
	}

	network.cut()
	if d.transport == "websocket" {
		for i := range 20 {
			require.NoError(t, s.bayeux.Publish(event(t, "/call/state", i)))
		}
	}
	l.expect("connect", false)
	network.mend()
	if d.transport == "websocket" { // what was pushed into the cut network comes again
		l.numbered(20)
	} else {
		l.expectOnline()
	}
	require.Same(t, session, only(t, s.bayeux, "anna"), "the session has outlived the cut")
	s.settled(d.transport)
	exchangeEvents(t, s, l, 20)

	s.restart()
	require.Equal(t, bayeux.ReasonShutdown, <-ends)
	l.expect("connect", false)
	l.subscribed()
	exchangeEvents(t, s, l, 20)
	l.say("disconnect")
	l.expect("disconnect", true)
	require.Zero(t, l.exit())
	require.Equal(t, bayeux.ReasonDisconnect, <-ends)
	require.Eventually(t, func() bool { return s.bayeux.Stats() == bayeux.Stats{} }, waitLimit, waitStep, "something is left open")
}

// numbered reads events until it has seen so many in their order; some may come twice.
func (l *listener) numbered(n int) {
	l.t.Helper()
	for next := 0; next < n; {
		number, ok := l.next()["data"].(float64)
		if !ok {
			continue
		}
		require.LessOrEqual(l.t, int(number), next, "a gap")
		if int(number) == next {
			next++
		}
	}
}

func TestInterop54AckInNode(t *testing.T)  { eachDesk(t, "listen.mjs", acknowledged) }
func TestInterop54AckInPages(t *testing.T) { eachDesk(t, "browse.mjs", acknowledged) }

// acknowledged: what happens while the network is cut, or the page is reloaded, arrives once and in order.
func acknowledged(t *testing.T, d desk) {
	t.Helper()
	s, network, l := d.visit(t, bayeux.Options{}, "--ack")
	session := only(t, s.bayeux, "anna")
	const each = 40
	next := 0
	publish := func() {
		for range each {
			require.NoError(t, s.bayeux.Publish(event(t, "/call/state", next)))
			next++
		}
	}
	seen := 0
	check := func() {
		t.Helper()
		for seen < next {
			if m := l.next(); m["data"] != nil {
				require.EqualValues(t, seen, m["data"])
				seen++
			}
		}
	}
	publish()
	check()
	for range 2 {
		network.cut()
		publish()
		l.expect("connect", false)
		publish()
		network.mend()
		check()
		s.settled(d.transport)
	}
	if d.script == "browse.mjs" {
		l.say("reload")
		l.expect("handshake", true)
		publish()
		check()
	}
	require.Same(t, session, only(t, s.bayeux, "anna"))
}

// TestInterop70LongCut: the session doesn't outlive the cut.
func TestInterop70LongCut(t *testing.T) {
	eachDesk(t, "listen.mjs", func(t *testing.T, d desk) {
		ends := make(chan bayeux.CloseReason, 10)
		s, network, l := d.visit(t, bayeux.Options{MaxInterval: 3 * time.Second, Hooks: bayeux.Hooks{
			OnClose: func(_ *bayeux.Session, r bayeux.CloseReason) { ends <- r },
		}})
		network.cut()
		require.Equal(t, bayeux.ReasonExpired, <-ends)
		network.mend()
		l.subscribed()
		exchangeEvents(t, s, l, 10)
	})
}

// TestInterop69FallBack: a server without WebSockets refuses at once, and the client goes on by long-polling.
func TestInterop69FallBack(t *testing.T) {
	t.Parallel()
	for _, script := range []string{"listen.mjs", "browse.mjs"} {
		for _, generation := range []string{"3", "5", "9"} {
			t.Run(script+"/cometd"+generation, func(t *testing.T) {
				t.Parallel()
				cookie := func(r *http.Request) bool { _, err := r.Cookie("token"); return err == nil }
				for _, tc := range []struct {
					offered    bool
					auth, want string
				}{
					{false, "cookie", "long-polling"},
					{true, "cookie", "websocket"},
					{true, "header", "long-polling"}, // which an upgrade has none of
				} {
					s := newSite(t, bayeux.Options{WebSocket: tc.offered, AcceptSocket: cookie})
					l := run(t, script, s.addr, generation, "--token", "anna", "--auth", tc.auth, "--transport", "any",
						"--channels", "/user/agent/events,/call/state")
					l.subscribed()
					s.settled(tc.want)
				}
			})
		}
	}
}
