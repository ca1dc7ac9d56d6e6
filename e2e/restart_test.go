//go:build e2e

package e2e_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

// Ops restarts the sidecar at a bad moment, politely and by kill: while a call rings, and while a transfer waits for
// its target's answer. No call is lost.
func TestRestartDuringSetup(t *testing.T) {
	t.Parallel()
	for _, end := range []struct {
		name string
		stop func(*system)
	}{{"stopped", (*system).stopSidecar}, {"killed", (*system).killSidecar}} {
		t.Run(end.name, func(t *testing.T) {
			t.Parallel()
			s := newRunning(t, "")
			first, second, customer := s.agentPhone("5001", phone.RingOnly), s.agentPhone("5002", phone.RingOnly), s.customerPhone()
			s.inService("5001", "5002")
			feed := s.listen(9, "supervisor")
			cust := dial(t, customer, "8000", customerTone)
			a := incoming(t, first, 0)
			feed.saw("5001", "Ringing")
			end.stop(s)
			a.SendTone(agentTone)
			require.NoError(t, a.Answer(soon(t)), "answered while the sidecar is away")
			s.startSidecar()
			s.waitReady()
			talk(t, cust, customerTone, a, agentTone)
			feed.back(2)

			id := s.onlyCall("Established").ID
			s.as("supervisor", http.MethodPost, "/api/v1/calls/"+id+"/transfer", `{"to":"5002"}`).want(http.StatusOK)
			b := incoming(t, second, 0)
			feed.saw("5002", "Ringing")
			end.stop(s)
			s.startSidecar()
			s.waitReady()
			feed.back(3)
			b.SendTone(secondTone)
			require.NoError(t, b.Answer(soon(t)))
			talk(t, cust, customerTone, b, secondTone)
			require.NoError(t, cust.Hangup(soon(t)))
			ended(t, b)
			feed.saw("5002", "Released")
			// The engine finds the answer when it is back, joins the two and tells 5001. Whether the client has its snapshot
			// before or after that is chance.
			feed.wantBut("5001: Established(", golden(t, "restarted")...)
			s.requireNoLeftovers()
		})
	}
}

// The same day's basics with REST inside the event socket, and with Asterisk dialling us.
func TestOtherWaysToAsterisk(t *testing.T) {
	t.Parallel()
	for name, setting := range map[string]string{
		"REST in the event socket": "SIDECAR_ASTERISK_0_REST=socket",
		"Asterisk dials us":        "SIDECAR_ASTERISK_0_CONNECT=accept",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, "", setting)
			s.startAsterisk()
			s.startSidecar()
			s.waitReady()
			s.readPasswords()
			first, second, customer := s.agentPhone("5001", phone.RingOnly), s.agentPhone("5002", phone.RingOnly), s.customerPhone()
			s.inService("5001", "5002")
			feed := s.listen(3, "supervisor")
			cust, _ := conversation(t, customer, first)
			id := s.onlyCall("Established").ID
			s.as("supervisor", http.MethodPost, "/api/v1/calls/"+id+"/transfer", `{"to":"5002"}`).want(http.StatusOK)
			b := incoming(t, second, secondTone)
			talk(t, cust, customerTone, b, secondTone)
			s.as("supervisor", http.MethodPost, "/api/v1/calls/"+id+"/hangup", nil).want(http.StatusOK)
			ended(t, cust)
			feed.want(golden(t, "inbound_transferred")...)
			s.requireNoLeftovers()
		})
	}
}

// A DN's phone comes and goes: the desktops are told.
func TestServiceOfADN(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "")
	feed := s.listen(5, "5001")
	p := s.agentPhone("5001", phone.RingOnly)
	feed.saw("5001", "InService")
	require.NoError(t, p.Unregister(soon(t)))
	feed.saw("5001", "OutOfService")
	s.eventually("REST says so too", func() bool { return !s.dnState("5001") })
}
