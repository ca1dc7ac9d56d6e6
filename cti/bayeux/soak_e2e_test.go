//go:build e2e && soak

package bayeux_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/cti/bayeux"
)

// TestSoakFeed cuts the network for real lengths of time, with the waiting times that clients and server come with: a cut that
// is over before anybody notices, one that clients notice, and the night of a laptop.
func TestSoakFeed(t *testing.T) {
	eachDesk(t, "listen.mjs", func(t *testing.T, d desk) {
		for _, length := range []time.Duration{5 * time.Second, time.Minute, 10 * time.Minute} {
			t.Run(length.String(), func(t *testing.T) {
				t.Parallel()
				s := newSite(t, bayeux.Options{WebSocket: true})
				network := newNetwork(t, s.addr)
				l := run(t, d.script, network.addr, d.generation, "--token", "anna", "--auth", "cookie", "--transport", d.transport,
					"--channels", "/user/agent/events,/call/state", "--ack")
				l.subscribed()
				s.settled(d.transport)
				network.cut()
				for i := range 10 {
					require.NoError(t, s.bayeux.Publish(event(t, "/call/state", i)))
				}
				pass(length)
				network.mend()
				l.back(10)
				s.settled(d.transport)
				exchangeEvents(t, s, l, 10)
			})
		}
	})
}

// back waits until the client has either seen what it missed, or shaken hands anew because its session had ended meanwhile:
// then, what it missed is the application's to offer.
func (l *listener) back(n int) {
	l.t.Helper()
	for next := 0; next < n; {
		m := l.next()
		if number, ok := m["data"].(float64); ok {
			require.EqualValues(l.t, next, number)
			next++
		}
		if m["lifecycle"] == "handshake" {
			l.expect("subscribed", true)
			l.expect("subscribed", true)
			return
		}
	}
}
