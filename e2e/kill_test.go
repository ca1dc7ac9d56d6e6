//go:build e2e

package e2e_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

// The sidecar is killed while a customer talks. The call goes on, the restarted sidecar has it under the same ids,
// and can transfer it.
func TestSidecarKilledMidCall(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "")
	first, second := s.agentPhone("5001", phone.RingOnly), s.agentPhone("5002", phone.RingOnly)
	customer := s.customerPhone()
	s.inService("5001", "5002")
	feed := s.listen(9, "supervisor")
	cust, a := conversation(t, customer, first)
	before := s.onlyCall("Established")
	feed.saw("5001", "Established")

	s.killSidecar()
	talk(t, cust, customerTone, a, agentTone)
	s.startSidecar()
	s.waitReady()
	after := s.onlyCall("Established")
	require.Equal(t, before.ID, after.ID)
	require.Equal(t, before.ConnID, after.ConnID)
	s.inService("5001", "5002")
	feed.back(2)

	s.as("supervisor", http.MethodPost, "/api/v1/calls/"+after.ID+"/transfer", `{"to":"5002"}`).want(http.StatusOK)
	ended(t, a)
	b := incoming(t, second, secondTone)
	talk(t, cust, customerTone, b, secondTone)
	require.NoError(t, cust.Hangup(soon(t)))
	ended(t, b)
	feed.want(golden(t, "inbound_transferred")...)
	s.requireNoLeftovers()
}

// The sidecar is killed, and both hang up before it is back: the desktop still learns that the call is over.
func TestCallEndsWhileSidecarIsDead(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "")
	first, customer := s.agentPhone("5001", phone.RingOnly), s.customerPhone()
	s.inService("5001")
	feed := s.listen(5, "5001")
	cust, a := conversation(t, customer, first)
	feed.saw("5001", "Established")
	s.killSidecar()
	require.NoError(t, cust.Hangup(soon(t)))
	require.NoError(t, a.Hangup(soon(t)))
	s.startSidecar()
	s.waitReady()
	feed.saw("5001", "Released")
	feed.want(golden(t, "inbound")...)
	s.requireNoLeftovers()
}

// While the sidecar is away Asterisk itself rings the phone of a DN.
func TestCallsWhileSidecarIsAway(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "")
	first, customer := s.agentPhone("5001", phone.RingOnly), s.customerPhone()
	s.inService("5001")
	s.stopSidecar()
	cust, a := conversation(t, customer, first)
	require.NoError(t, cust.Hangup(soon(t)))
	ended(t, a)
}

// Asterisk is killed while a customer talks: the call ends with a terminal event, the agent stays logged in, and the next
// call works.
func TestAsteriskKilledMidCall(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "")
	first, customer := s.agentPhone("5001", phone.RingOnly), s.customerPhone()
	s.inService("5001")
	s.agentDoes("5001", "login", "")
	agent := s.agentOf("5001")
	feed := s.listen(3, "supervisor")
	conversation(t, customer, first)
	feed.saw("5001", "Established")

	s.pbx.Kill()
	s.eventually("the sidecar says that it is not ready", func() bool { return s.readyStatus() == http.StatusServiceUnavailable })
	feed.saw("5001", "Released") // after lost_after: nobody has started Asterisk again
	feed.want(golden(t, "asterisk_killed")...)
	require.Empty(t, s.calls("supervisor"))
	s.eventually("5001 is out of service", func() bool { return !s.dnState("5001") })
	require.Equal(t, agent.State, s.agentOf("5001").State, "the agent stays logged in")
	require.Equal(t, agent.AgentID, s.agentOf("5001").AgentID)

	s.pbx.Restart()
	s.waitReady()
	require.NoError(t, first.Register(soon(t), patience))
	s.inService("5001")
	cust, a := conversation(t, customer, first)
	require.NoError(t, cust.Hangup(soon(t)))
	ended(t, a)
	s.requireNoLeftovers()
}

// neverLost is for tests in which Asterisk is back in time, however long a machine that stutters takes for it.
const neverLost = "SIDECAR_ASTERISK_0_LOST_AFTER=10m"

// Asterisk is killed and is back before anybody could call it lost: the call ends all the same.
func TestAsteriskRestartedMidCall(t *testing.T) {
	t.Parallel()
	s := newSystem(t, "", neverLost)
	s.startAsterisk()
	s.startSidecar()
	s.waitReady()
	s.readPasswords()
	first, customer := s.agentPhone("5001", phone.RingOnly), s.customerPhone()
	s.inService("5001")
	feed := s.listen(5, "supervisor")
	cust := dial(t, customer, "8000", customerTone)
	incoming(t, first, agentTone)
	feed.saw("5001", "Established")
	_ = cust
	s.pbx.Restart()
	feed.want(golden(t, "inbound")...)
	s.requireNoLeftovers()
}

// The event socket is cut mid-call, and a party hangs up while it is. Nothing is lost.
func TestEventSocketCut(t *testing.T) {
	t.Parallel()
	s := newSystem(t, "", neverLost)
	cable := s.throughCable()
	s.startAsterisk()
	s.startSidecar()
	s.waitReady()
	s.readPasswords()
	first, second := s.agentPhone("5001", phone.RingOnly), s.agentPhone("5002", phone.RingOnly)
	customer := s.customerPhone()
	s.inService("5001", "5002")
	feed := s.listen(9, "supervisor")
	cust, a := conversation(t, customer, first)
	feed.saw("5001", "Established")
	other := dial(t, second, "030999", secondTone)
	out := incoming(t, customer, customerTone)
	talk(t, other, secondTone, out, customerTone)
	feed.saw("5002", "Established")

	cable.cut()
	s.eventually("the sidecar notices", func() bool { return s.readyStatus() == http.StatusServiceUnavailable })
	talk(t, cust, customerTone, a, agentTone)
	require.NoError(t, out.Hangup(soon(t)))
	cable.mend()
	s.waitReady()
	ended(t, other)
	feed.saw("5002", "Released")
	require.Equal(t, "Established", s.onlyCall("Established").State, "the other call lives")
	talk(t, cust, customerTone, a, agentTone)
	require.NoError(t, a.Hangup(soon(t)))
	ended(t, cust)
	feed.saw("5001", "Released")
	s.requireNoLeftovers()
}

// cable is a TCP connection that can be cut.
type cable struct {
	url  string
	mu   sync.Mutex
	off  bool
	open map[net.Conn]bool
}

func newCable(t *testing.T, port int) *cable {
	t.Helper()
	return newCableTo(t, fmt.Sprintf("127.0.0.1:%d", port))
}

func newCableTo(t *testing.T, address string) *cable {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cable{url: "http://" + listener.Addr().String(), open: map[net.Conn]bool{}}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			work.Go(func() { c.carry(near, address) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		c.cut()
		work.Wait()
	})
	return c
}

func (c *cable) carry(near net.Conn, to string) {
	defer func() { _ = near.Close() }()
	far, err := net.Dial("tcp", to)
	if err != nil || !c.plug(near, far) {
		return
	}
	defer func() { _ = far.Close() }()
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(far, near); _ = far.Close() })
	both.Go(func() { _, _ = io.Copy(near, far); _ = near.Close() })
	both.Wait()
}

func (c *cable) plug(ends ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, end := range ends {
		if c.off {
			_ = end.Close()
			continue
		}
		c.open[end] = true
	}
	return !c.off
}

// cut closes every connection, and refuses new ones until mend.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off = true
	for end := range c.open {
		_ = end.Close()
	}
	clear(c.open)
}

func (c *cable) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off = false
}

// Asterisk is out of reach for longer than its calls are waited for: they are told to have ended. When it turns out
// that they live they are not cut off, but come back as new calls that can be controlled.
func TestLongCutDoesNotEndConversations(t *testing.T) {
	t.Parallel()
	s := newSystem(t, "")
	cable := s.throughCable()
	s.startAsterisk()
	s.startSidecar()
	s.waitReady()
	s.readPasswords()
	first, second, customer := s.agentPhone("5001", phone.RingOnly), s.agentPhone("5002", phone.RingOnly), s.customerPhone()
	s.inService("5001", "5002")
	feed := s.listen(5, "supervisor")
	cust, a := conversation(t, customer, first)
	before := s.onlyCall("Established")
	cable.cut()
	feed.saw("5001", "Released")
	require.Empty(t, s.calls("supervisor"))
	cable.mend()
	s.waitReady()
	after := s.onlyCall("Established")
	require.NotEqual(t, before.ID, after.ID)
	talk(t, cust, customerTone, a, agentTone)
	s.inService("5001", "5002")
	s.as("5001", http.MethodPost, "/api/v1/calls/"+after.ID+"/transfer", `{"to":"5002"}`).want(http.StatusOK)
	ended(t, a)
	b := incoming(t, second, secondTone)
	talk(t, cust, customerTone, b, secondTone)
	require.NoError(t, b.Hangup(soon(t)))
	ended(t, cust)
	feed.want(golden(t, "long_cut")...)
	s.requireNoLeftovers()
}

// throughCable puts a cable between the sidecar and Asterisk's HTTP.
func (s *system) throughCable() *cable {
	s.t.Helper()
	c := newCable(s.t, s.ports.HTTP)
	text, err := os.ReadFile(s.conf)
	require.NoError(s.t, err)
	through := strings.Replace(string(text), fmt.Sprintf("http://127.0.0.1:%d", s.ports.HTTP), c.url, 1)
	require.NoError(s.t, os.WriteFile(s.conf, []byte(through), 0o600))
	return c
}
