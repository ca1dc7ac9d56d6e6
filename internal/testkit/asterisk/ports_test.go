package asterisk_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/testkit/asterisk"
)

func TestPortRangesAreDisjointWhileTheyAreHeld(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for _, n := range []int{1, 50, 51, 120} {
		first := asterisk.PortRange(t, n)
		for port := first; port < first+n; port++ {
			require.False(t, seen[port], "port %d was given twice", port)
			seen[port] = true
		}
	}
}

func TestPortsOfAStrangerAreAvoided(t *testing.T) {
	t.Parallel()
	// Held and free again: its first port is then taken by somebody who knows nothing of the locks.
	var first int
	t.Run("hold", func(t *testing.T) { first = asterisk.PortRange(t, 1) })
	stranger, err := net.ListenUDP("udp4", &net.UDPAddr{Port: first})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stranger.Close()) })

	require.NotEqual(t, first, asterisk.FreePorts(t, 1)[0])
}

func TestFreePortsCanBeBound(t *testing.T) {
	t.Parallel()
	for _, port := range asterisk.FreePorts(t, 3) {
		udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		require.NoError(t, err)
		tcp, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		require.NoError(t, err)
		require.NoError(t, udp.Close())
		require.NoError(t, tcp.Close())
	}
}
