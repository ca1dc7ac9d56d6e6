//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// insideVariable tells the test that it runs in namespaces of its own.
const insideVariable = "E2E_INSIDE"

// The network of TestThroughNAT:
//
//	client 203.0.113.77 ---- 203.0.113.10 router 10.8.0.1 ---- 10.8.0.2 server (the test itself, Asterisk, the daemon)
//
// The router gives the server's packets its outer address, and the server what comes to that: 1:1 NAT, as in a cloud. It does
// not turn round what the server sends to the outer address.
const (
	outside = "203.0.113.10"
	inside  = "10.8.0.2"
)

// A browser in another network reaches the gateway through a NAT: by the address that is configured, and by TURN alone when the
// router lets nothing through to the media port.
func TestThroughNAT(t *testing.T) {
	t.Parallel()
	if os.Getenv(insideVariable) == "" {
		inNamespaces(t)
		return
	}
	for _, command := range []string{
		"mount --make-rprivate /", "mount -t tmpfs tmpfs /run", // where ip keeps the names of namespaces
		"ip link set lo up", "ip netns add router", "ip netns add client",
		"ip link add server0 type veth peer name inner netns router", "ip -n router link add outer type veth peer name client0 netns client",
		"ip addr add " + inside + "/24 dev server0", "ip link set server0 up", "ip route add default via 10.8.0.1",
		"ip -n router addr add 10.8.0.1/24 dev inner", "ip -n router link set inner up", "ip -n router link set lo up",
		"ip -n router addr add " + outside + "/24 dev outer", "ip -n router link set outer up",
		"ip -n client addr add 203.0.113.77/24 dev client0", "ip -n client link set client0 up", "ip -n client link set lo up",
		"ip netns exec router sysctl -q -w net.ipv4.ip_forward=1",
		"ip netns exec router iptables -t nat -A PREROUTING -i outer -d " + outside + " -j DNAT --to-destination " + inside,
		"ip netns exec router iptables -t nat -A POSTROUTING -o outer -j SNAT --to-source " + outside,
	} {
		runCommand(t, command)
	}
	windows.prefix = strings.Fields("ip netns exec client")

	t.Run("direct", func(t *testing.T) {
		s := newBehindNAT(t)
		m := s.callThrough(s.outsideWindow(nil))
		require.Equal(t, outside, m.Remote)
		require.Equal(t, "udp", m.Protocol)
		require.NotContains(t, m.Offer, inside, "the inner address is nobody's business")
	})
	t.Run("TURN only", func(t *testing.T) {
		s := newBehindNAT(t)
		for _, protocol := range []string{"udp", "tcp"} {
			runCommand(t, fmt.Sprintf("ip netns exec router iptables -A FORWARD -p %s --dport %d -j DROP", protocol, s.gateway.ice))
		}
		var settings struct{ ICEServers []map[string]any }
		s.as("5001", http.MethodGet, "/api/v1/phone", nil).want(http.StatusOK).into(&settings)
		require.Len(t, settings.ICEServers, 1)
		m := s.callThrough(s.outsideWindow(settings.ICEServers))
		require.Equal(t, "relay", m.Local)
		require.Equal(t, "tcp", m.Relay)
	})
}

// newBehindNAT is a running system whose web server, media port and TURN server are at the inner address.
func newBehindNAT(t *testing.T) *system {
	t.Helper()
	s := newDeskFiles(t, "",
		"SIDECAR_GATEWAY_ICE_NAT_1TO1="+outside, "SIDECAR_GATEWAY_TURN_EXTERNAL_ADDRESS="+outside)
	at := func(port int) string { return fmt.Sprintf("%s:%d", inside, port) }
	s.http = strings.Replace(s.http, "127.0.0.1", inside, 1)
	s.env = append(s.env, "SIDECAR_HTTP_LISTEN="+s.http, "SIDECAR_GATEWAY_ICE_LISTEN="+at(s.gateway.ice), "SIDECAR_GATEWAY_TURN_LISTEN_TCP="+at(s.gateway.turn))
	s.startAsterisk()
	s.startSidecar()
	s.waitReady()
	s.readPasswords()
	return s
}

// outsideWindow is a browser of the client's network, registered for 5001.
func (s *system) outsideWindow(iceServers []map[string]any) *window {
	s.t.Helper()
	with := s.webAccount("5001", 0)
	with.URL = strings.Replace(with.URL, inside, outside, 1)
	with.URI = "sip:5001@" + outside
	with.ICEServers = iceServers
	w := s.window(with)
	require.Equal(s.t, "registered", w.start())
	s.inService("5001")
	return w
}

// callThrough requires that the browser and a customer hear each other, whoever calls.
func (s *system) callThrough(w *window) media {
	s.t.Helper()
	customer := s.customerPhone()
	a := w.dial("030999")
	webTalk(s.t, incoming(s.t, customer, customerTone), customerTone, a, browserTone)
	a.hangup()
	cust := dial(s.t, customer, "8000", customerTone)
	b := w.incoming().answer()
	webTalk(s.t, cust, customerTone, b, browserTone)
	m := b.media()
	b.hangup()
	ended(s.t, cust)
	return m
}

// inNamespaces runs the test again with network and mounts of its own; who is not root needs a user namespace besides.
func inNamespaces(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, "-test.run", "^"+t.Name()+"$", "-test.v", "-test.timeout", "5m")
	cmd.Env = append(os.Environ(), insideVariable+"=yes", binaryVariable+"="+binary, "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGTERM}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "in namespaces of its own: %s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name()+"/TURN_only")
}

func runCommand(t *testing.T, line string) {
	t.Helper()
	words := strings.Fields(line)
	out, err := exec.CommandContext(soon(t), words[0], words[1:]...).CombinedOutput()
	require.NoError(t, err, "%s: %s", line, out)
}
