package media_test

import (
	"bytes"
	"context"
	"regexp"
	"runtime/pprof"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/media"
)

// mostGoroutines is what a running call may keep in this package: 12 are the PeerConnection's own, two read the upstream's
// sockets.
const mostGoroutines = 14

// goroutines counts those that were started, directly or not, under a label of pprof.Do.
func goroutines(t testing.TB, label string) int {
	t.Helper()
	labelled := regexp.MustCompile(`(?m)^(\d+) @.*\n# labels: \{"leg":"(\w+)"\}$`)
	var text bytes.Buffer
	require.NoError(t, pprof.Lookup("goroutine").WriteTo(&text, 1))
	count := 0
	for _, match := range labelled.FindAllStringSubmatch(text.String(), -1) {
		if match[2] == label {
			n, err := strconv.Atoi(match[1])
			require.NoError(t, err)
			count += n
		}
	}
	return count
}

// The browser of the test runs in this process, too; a label tells our goroutines from its own.
func TestGoroutinesPerLeg(t *testing.T) {
	t.Parallel()
	const label = "ours"
	engine, pool, page := newEngine(t, nil), newPool(t, 20, 0), newBrowser(t, browserOptions{})
	offer := page.offer(nil)
	far, hears := newStranger(t, "127.0.0.1"), newListener(t)
	var answer []byte
	pprof.Do(t.Context(), pprof.Labels("leg", label), func(ctx context.Context) {
		session := newSession(t, pool, nil)
		_, err := session.Answer(plainSDP(far.addr(), "sendrecv", "0", "101"))
		require.NoError(t, err)
		leg := newLeg(t, engine)
		answer, err = leg.Answer(ctx, offer)
		require.NoError(t, err)
		relay := media.NewRelay(leg, session)
		t.Cleanup(relay.Stop)
	})
	page.accept(answer)
	require.NoError(t, waitConnected(page))
	talk(t, browserHz, page.write)
	far.listen(hears)
	require.NoError(t, hears.WaitTone(patient(t), browserHz))
	require.Greater(t, goroutines(t, label), 2, "the label gets where it should")
	eventually(t, "the set-up's goroutines end", func() bool { return goroutines(t, label) <= mostGoroutines })
}
