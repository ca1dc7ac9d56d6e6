//go:build e2e

package pjsipgen_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
	"sidecar/config"
	"sidecar/internal/phone"
	"sidecar/pjsipgen"
)

// A number that is both a route and a DN has the route's fallback for callers of the trunk, and the DN's for DNs.
func TestFallbackOfARouteComesBeforeThatOfADN(t *testing.T) {
	t.Parallel()
	cfg, trunk := site(t)
	cfg.Routes = append(cfg.Routes, config.Route{
		Number: "5005", To: config.Target{Kind: config.TargetDN, Value: "5002"},
		Fallback: config.Target{Kind: config.TargetNumber, Value: "+4930888"},
	})
	l := newLab(t, cfg)
	c := l.sidecar()
	world := l.plainPhone(phone.Options{Bind: trunk, User: "carrier"})
	desk := l.phone("5001", "phone-secret-5001", phone.RingOnly)
	undelivered := func(from *phone.Phone, number string) *phone.Call {
		call := dial(l, from, number)
		start := next[*ari.StasisStart](l, c)
		require.NoError(t, c.Channels().ContinueInDialplan(l.ctx, start.Channel.ID, ari.ChannelContinueInDialplanParams{
			Context: pjsipgen.ContextFallback, Extension: number, Priority: 1,
		}))
		return call
	}
	arrives := func(call *phone.Call, number string) {
		ring, err := world.WaitCall(l.ctx)
		require.NoError(t, err)
		require.Equal(t, number, ring.Called())
		require.NoError(t, ring.Busy())
		requireEnd(l, call, 486)
	}

	arrives(undelivered(world, "5005"), "004930888")
	requireEnd(l, undelivered(desk, "5005"), 480)
	arrives(undelivered(world, "5007"), "004930777") // no route: the DN's
	arrives(undelivered(desk, "5007"), "004930777")
	requireEnd(l, undelivered(world, "+4930112"), 480) // a route that is closed
	requireEnd(l, undelivered(world, "5999"), 404)
	requireEnd(l, undelivered(world, "sales"), 404)
	require.Empty(t, l.Warnings())
}

func TestRotatedLogsDontPileUp(t *testing.T) {
	t.Parallel()
	l := newLab(t, onPorts(t))
	for range 8 {
		l.RequireCLI("logger rotate")
	}
	old := func() []string {
		files, err := filepath.Glob(filepath.Join(l.StateDir(), "log", "messages.*"))
		require.NoError(t, err)
		return files
	}
	require.Eventually(t, func() bool { return len(old()) == 5 }, patience, patience/200)
	_, err := os.Stat(filepath.Join(l.StateDir(), "log", "messages.0"))
	require.NoError(t, err)
}
