package proc_test

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/internal/tools/load/proc"
)

func TestParsers(t *testing.T) {
	t.Parallel()
	cpu, err := proc.ParseStat("42 (a) name) S 1 42 42 0 -1 4194560 100 0 0 0 250 31 0 0 20 0 9 0 100 1000 200 18446744073709551615")
	require.NoError(t, err)
	require.Equal(t, 2810*time.Millisecond, cpu)
	_, err = proc.ParseStat("42 (x) S 1 2")
	require.ErrorContains(t, err, "/proc/PID/stat")

	busy, err := proc.ParseBusy("cpu  100 20 3 9999 50 6 7 80 0 0\ncpu0 1 2 3\n")
	require.NoError(t, err)
	require.Equal(t, 1360*time.Millisecond, busy)
	_, err = proc.ParseBusy("intr 1")
	require.ErrorContains(t, err, "/proc/stat")

	rss, err := proc.ParseRSS("Name:\tx\nVmHWM:\t  9 kB\nVmRSS:\t   61440 kB\n")
	require.NoError(t, err)
	require.Equal(t, 61440, rss)
	_, err = proc.ParseRSS("Name:\tx\n")
	require.ErrorContains(t, err, "no VmRSS")

	n, err := proc.ParseGoroutines(strings.NewReader("# TYPE go_goroutines gauge\ngo_goroutines 17\nx 1\n"))
	require.NoError(t, err)
	require.Equal(t, 17, n)
	_, err = proc.ParseGoroutines(strings.NewReader("x 1\n"))
	require.ErrorContains(t, err, "no go_goroutines")

	const table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n" +
		"  1: 0100007F:1F90 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 111 2 0000000000000000 5\n" +
		"  2: 0100007F:1F91 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 222 2 0000000000000000 7\n"
	require.EqualValues(t, 7, proc.SumDrops(table, map[string]bool{"222": true}))
}

func TestOwnProcess(t *testing.T) {
	t.Parallel()
	rss, err := proc.RSS(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, rss, 1000)
	own, err := proc.CPU(os.Getpid())
	require.NoError(t, err)
	all, err := proc.Busy()
	require.NoError(t, err)
	require.Greater(t, all, own)

	deaf, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = deaf.Close() })
	require.NoError(t, deaf.SetReadBuffer(1))
	sender, err := net.Dial("udp4", deaf.LocalAddr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = sender.Close() })
	for range 200 {
		_, err = sender.Write(make([]byte, 1000))
		require.NoError(t, err)
	}
	drops, err := proc.Drops(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, drops, uint64(100))
}
