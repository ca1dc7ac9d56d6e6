//go:build e2e && soak

package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/bridge"
)

// TestSoakKills kills the sidecar at random moments of random operations: scripts/soak.sh.
func TestSoakKills(t *testing.T) {
	kills, _ := strconv.Atoi(os.Getenv("SOAK_KILLS"))
	require.Positive(t, kills, "SOAK_KILLS says how many")
	seed, err := strconv.ParseUint(os.Getenv("SOAK_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("SOAK_SEED=%d SOAK_KILLS=%d", seed, kills)
	random := rand.New(rand.NewPCG(seed, 0))
	l := newLoad(t)
	points := killPoints()
	for n := range kills {
		p := points[random.IntN(len(points))]
		records := random.IntN(30)
		p.name = fmt.Sprintf("%d: %s, after %d records", n, p.name, records)
		p.at = func(bridge.Interaction) bool { records--; return records < 0 }
		l.step(t, p)
	}
	l.finish()
}
