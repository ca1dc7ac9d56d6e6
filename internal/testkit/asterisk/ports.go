package asterisk

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Test ports come from between Asterisk's own RTP range (10000-20000) and the sidecar's (30000-31999), and from below the
// ephemeral ports (32768 and up), which the kernel gives to any socket at any time.
const (
	firstPort  = 20100
	lastPort   = 29999
	blockPorts = 50
	blocks     = (lastPort + 1 - firstPort) / blockPorts
	lockRoot   = "/tmp" // the same for everybody, wherever the files of a run are
)

// Ports are what one Asterisk needs, disjoint from those of every other test on this machine.
type Ports struct {
	HTTP     int // ARI, TCP
	SIP      int // UDP and TCP
	RTPStart int
	RTPEnd   int
}

// FreeAsteriskPorts reserves a set of ports, with room for RTP of 40 legs, until the test ends.
func FreeAsteriskPorts(t testing.TB) Ports {
	t.Helper()
	first := PortRange(t, 2*blockPorts)
	return Ports{HTTP: first, SIP: first + 1, RTPStart: first + 20, RTPEnd: first + 2*blockPorts - 1}
}

// FreePorts reserves n ports, each free for UDP and for TCP, until the test ends.
func FreePorts(t testing.TB, n int) []int {
	t.Helper()
	first := PortRange(t, n)
	ports := make([]int, n)
	for i := range ports {
		ports[i] = first + i
	}
	return ports
}

// PortRange reserves n ports in a row, each free for UDP and for TCP, until the test ends, and returns the first.
//
// Between asking the kernel for a free port and handing it to another program anybody may take it, so the tests of all
// packages, which run as separate processes, agree by file locks. The kernel drops a lock when its process dies.
func PortRange(t testing.TB, n int) int {
	t.Helper()
	dir := filepath.Join(lockRoot, "sidecar-test-ports-"+strconv.Itoa(os.Getuid()))
	require.NoError(t, os.MkdirAll(dir, 0o700))
	want := (n + blockPorts - 1) / blockPorts
	var held []*os.File
	t.Cleanup(func() { closeAll(held) })
	for block := range blocks {
		lock, err := lockBlock(dir, block)
		require.NoError(t, err)
		if lock != nil && !blockIsFree(block) {
			closeAll([]*os.File{lock})
			lock = nil
		}
		if lock == nil {
			closeAll(held)
			held = nil
			continue
		}
		if held = append(held, lock); len(held) == want {
			return firstPort + (block+1-want)*blockPorts
		}
	}
	require.FailNowf(t, "no free ports", "no %d ports in a row are free between %d and %d", n, firstPort, lastPort)
	return 0
}

// lockBlock returns nil if somebody else holds the block.
func lockBlock(dir string, block int) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(block)), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of ports: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, f.Close()
	case err != nil:
		return nil, errors.Join(fmt.Errorf("lock ports: %w", err), f.Close())
	}
	return f, nil
}

func blockIsFree(block int) bool {
	for port := firstPort + block*blockPorts; port < firstPort+(block+1)*blockPorts; port++ {
		if !portIsFree(port) {
			return false
		}
	}
	return true
}

// portIsFree binds all addresses, as Asterisk does for RTP.
func portIsFree(port int) bool {
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{Port: port})
	if err != nil {
		return false
	}
	tcp, err := net.ListenTCP("tcp4", &net.TCPAddr{Port: port})
	if err != nil {
		return udp.Close() != nil
	}
	return errors.Join(udp.Close(), tcp.Close()) == nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // the lock goes with it
	}
}
