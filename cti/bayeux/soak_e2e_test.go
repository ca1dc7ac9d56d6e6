//go:build e2e && soak

package bayeux_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/cti/bayeux"
)

// What the published clients do by default, in all three generations: a reply that is late by replyLate counts as lost (a
// WebSocket's upgrade never does), and before the next attempt comes a pause, which begins at nothing and grows by a second up to a
// minute. An attempt that succeeds ends that.
const (
	replyLate = 10 * time.Second
	pauseStep = time.Second
	maxPause  = time.Minute
)

// longestPause is what a client waits between two attempts after so long without a network.
func longestPause(cut time.Duration) (pause time.Duration) {
	for at := time.Duration(0); at < cut; at += replyLate + pause {
		pause = min(pause+pauseStep, maxPause)
	}
	return pause
}

// forgetting is how long the server keeps what arrives late of attempts that the client has given up: sessions that
// nobody connects, and a socket that the client has opened beside another and never uses (cometd 3 does).
const forgetting = bayeux.DefaultTimeout + bayeux.DefaultMaxInterval + 10*time.Second

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
				mended := time.Now()
				l.back(10, longestPause(length)+replyLate)
				t.Logf("back after %v of at most %v", time.Since(mended), longestPause(length)+replyLate)
				s.settledWithin(d.transport, forgetting+waitLimit)
				t.Logf("settled after %v of at most %v", time.Since(mended), forgetting)
				exchangeEvents(t, s, l, 10)
			})
		}
	})
}

// back waits until the client has either seen what it missed, or shaken hands anew because its session had ended meanwhile:
// then, what it missed is the application's to offer.
func (l *listener) back(n int, within time.Duration) {
	l.t.Helper()
	late := time.After(within + waitLimit)
	for next := 0; next < n; {
		var m msg
		select {
		case m = <-l.lines:
		case <-late:
			require.FailNow(l.t, "the client is not back", "%v after the network", within)
		}
		require.NotNil(l.t, m, "the listener has ended")
		if number, ok := m["data"].(float64); ok {
			require.EqualValues(l.t, next, number)
			next++
		}
		if m["lifecycle"] == "handshake" && m["successful"] == true {
			l.expect("subscribed", true)
			l.expect("subscribed", true)
			return
		}
	}
}
