//go:build e2e

package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

// A DN's forward, its redirect of a ringing call and its transfer lead to a queue: the caller waits there and is answered.
func TestCallsAreSentOnToAQueue(t *testing.T) {
	t.Parallel()
	s := newRunning(t, strings.Replace(queueSite, "routes: [", `routes: [{number: "8001", to: "dn:5001"}, `, 1))
	first, second, third := s.agentPhone("5001", phone.RingOnly), s.agentPhone("5002", phone.RingOnly), s.agentPhone("5003", phone.RingOnly)
	customer := s.customerPhone()
	s.inService("5001", "5002", "5003")
	s.agentDoes("5002", "login", "")
	s.agentDoes("5002", "ready", "")
	taken := func(caller *phone.Call) {
		t.Helper()
		b := incoming(t, second, 0)
		require.NoError(t, caller.WaitSound(soon(t)), "music")
		b.SendTone(secondTone)
		require.NoError(t, b.Answer(soon(t)))
		talk(t, caller, customerTone, b, secondTone)
		if !strings.HasPrefix(caller.Called(), "8") {
			require.NoError(t, caller.WaitRemote(soon(t), "5002"), "a phone of ours shows who took the call")
		}
		require.NoError(t, caller.Hangup(soon(t)))
		ended(t, b)
	}

	s.agentDoes("5001", "set-forward", `{"to": "6000"}`)
	taken(dial(t, customer, "8001", customerTone))
	taken(dial(t, third, "5001", customerTone))
	s.agentDoes("5001", "cancel-forward", "")

	cust := dial(t, customer, "8001", customerTone)
	a := incoming(t, first, 0)
	s.as("5001", http.MethodPost, "/api/v1/calls/"+s.onlyCall("Ringing").ID+"/redirect", `{"to": "6000"}`).want(http.StatusOK)
	ended(t, a)
	taken(cust)

	desk := dial(t, third, "5001", customerTone)
	a = incoming(t, first, agentTone)
	talk(t, desk, customerTone, a, agentTone)
	s.as("5001", http.MethodPost, "/api/v1/calls/"+s.onlyCall("Established").ID+"/transfer", `{"to": "6000"}`).want(http.StatusOK)
	ended(t, a)
	taken(desk)
	s.requireNoLeftovers()
}
