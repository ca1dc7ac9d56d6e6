//go:build e2e

package e2e_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

const queueSite = `
dns: [{numbers: [5001-5005], owner: phone}]
routes: [{number: "8000", to: "queue:sales"}]
agents: {wrap_up: 1s}
queues:
  sales: {number: "6000", ring_timeout: 10s, announce: {every: 0s}}
  chosen: {number: "6001", routing: external, external: {within: 1m, default: "queue:sales"}}
`

// queueState is a queue as REST shows it.
type queueState struct {
	Waiting        int
	AgentsLoggedIn int
	AgentsReady    int
	Callbacks      int
	Today          struct{ Entered, Answered, Abandoned, Routed int }
}

// queuedCall is a waiting call.
type queuedCall struct {
	Call                              call
	Since                             string
	OfferedTo, LastOffer, LastFailure string
}

func (s *system) queue(name string) queueState {
	s.t.Helper()
	var q queueState
	s.as("supervisor", http.MethodGet, "/api/v1/queues/"+name, nil).want(http.StatusOK).into(&q)
	return q
}

func (s *system) queued(name string) []queuedCall {
	s.t.Helper()
	var list struct{ Calls []queuedCall }
	s.as("supervisor", http.MethodGet, "/api/v1/queues/"+name+"/calls", nil).want(http.StatusOK).into(&list)
	return list.Calls
}

// A caller waits with music for an agent, who lets it ring; the daemon is killed; another agent takes the call.
func TestACallerWaitsForAnAgent(t *testing.T) {
	t.Parallel()
	s := newRunning(t, queueSite)
	first, second, customer := s.agentPhone("5001", phone.RingOnly), s.agentPhone("5002", phone.RingOnly), s.customerPhone()
	s.inService("5001", "5002")

	cust := dial(t, customer, "8000", customerTone)
	require.NoError(t, cust.WaitSound(soon(t)), "music")
	s.eventually("the call waits", func() bool { return s.queue("sales").Waiting == 1 })
	since := s.queued("sales")[0].Since

	s.agentDoes("5001", "login", "")
	s.agentDoes("5001", "ready", "")
	ended(t, incoming(t, first, 0)) // nobody answers
	s.eventually("who did not answer is not ready", func() bool { return s.agentOf("5001").Reason == "no_answer" })
	s.eventually("the offer is known to have failed", func() bool {
		c := s.queued("sales")
		return len(c) == 1 && c[0].LastOffer == "5001" && c[0].LastFailure == "no_answer"
	})

	s.killSidecar()
	s.startSidecar()
	s.waitReady()
	s.inService("5001", "5002")
	s.eventually("the call waits on", func() bool { return s.queue("sales").Waiting == 1 })
	require.Equal(t, since, s.queued("sales")[0].Since)

	s.agentDoes("5002", "login", "")
	s.agentDoes("5002", "ready", "")
	b := incoming(t, second, secondTone)
	talk(t, cust, customerTone, b, secondTone)
	s.eventually("nobody waits", func() bool { return s.queue("sales").Waiting == 0 })
	s.eventually("who was answered is counted", func() bool { return s.queue("sales").Today.Answered == 1 })
	require.Equal(t, 2, s.queue("sales").AgentsLoggedIn)
	require.NoError(t, cust.Hangup(soon(t)))
	ended(t, b)
	s.eventually("ready again after wrap-up", func() bool { return s.queue("sales").AgentsReady == 1 })

	cust = dial(t, customer, "8000", customerTone)
	b = incoming(t, second, 0)
	require.NoError(t, cust.Hangup(soon(t)))
	ended(t, b)
	s.eventually("who hung up is counted", func() bool { return s.queue("sales").Today.Abandoned == 1 })
	s.requireNoLeftovers()
}

// A program decides about the calls of a queue: it lets a DN ring, and sends a call elsewhere.
func TestAProgramDecidesAboutWaitingCalls(t *testing.T) {
	t.Parallel()
	s := newRunning(t, queueSite)
	agent, desk, customer := s.agentPhone("5001", phone.RingOnly), s.agentPhone("5003", phone.RingOnly), s.customerPhone()
	s.inService("5001", "5003")
	s.agentDoes("5001", "login", "")
	s.agentDoes("5001", "ready", "")

	caller := dial(t, desk, "6001", customerTone)
	require.NoError(t, caller.WaitSound(soon(t)), "music")
	s.eventually("the call waits", func() bool { return s.queue("chosen").Waiting == 1 })
	id := s.queued("chosen")[0].Call.ID
	path := "/api/v1/queues/chosen/calls/" + id + "/route"
	s.as("5001", http.MethodPost, path, map[string]any{"dn": "5001"}).want(http.StatusForbidden)
	s.as("supervisor", http.MethodPost, path, map[string]any{"dn": "5004"}).want(http.StatusConflict) // no phone
	s.as("supervisor", http.MethodPost, path, map[string]any{"dn": "5001", "timeout": 20}).want(http.StatusNoContent)
	a := incoming(t, agent, agentTone)
	talk(t, caller, customerTone, a, agentTone)
	require.NoError(t, caller.Hangup(soon(t)))
	ended(t, a)

	s.agentDoes("5001", "not-ready", "")
	cust := dial(t, customer, "8000", customerTone)
	s.eventually("the call waits", func() bool { return s.queue("sales").Waiting == 1 })
	path = "/api/v1/queues/sales/calls/" + s.queued("sales")[0].Call.ID + "/route"
	s.as("supervisor", http.MethodPost, path, map[string]any{"to": "6001"}).want(http.StatusNoContent)
	s.eventually("it waits in the other queue", func() bool { return s.queue("chosen").Waiting == 1 && s.queue("sales").Waiting == 0 })
	require.Equal(t, 1, s.queue("sales").Today.Routed)
	path = "/api/v1/queues/chosen/calls/" + s.queued("chosen")[0].Call.ID + "/route"
	s.as("supervisor", http.MethodPost, path, map[string]any{"to": "5003"}).want(http.StatusNoContent)
	b := incoming(t, desk, secondTone)
	talk(t, cust, customerTone, b, secondTone)
	require.NoError(t, cust.Hangup(soon(t)))
	ended(t, b)
	s.requireNoLeftovers()
}

// A caller is told how things stand, and would rather be called back: an agent's phone rings first, then the caller's.
func TestACallerIsCalledBack(t *testing.T) {
	t.Parallel()
	s := newRunning(t, `
dns: [{numbers: [5001-5005], owner: phone}]
routes: [{number: "8000", to: "queue:sales"}]
queues:
  sales:
    number: "6000"
    announce: {every: 2s, sounds: {next: beep, thanks: ""}}
    callback: {after: 1s, prompt: beep, accepted: beep}
`)
	agent, customer := s.agentPhone("5001", phone.RingOnly), s.customerPhone()
	s.inService("5001")
	cust := dial(t, customer, "8000", customerTone)
	s.eventually("the offer was played", func() bool {
		_ = cust.SendDTMF(soon(t), "1") // before the offer it means nothing
		return s.queue("sales").Callbacks == 1
	})
	ended(t, cust)
	s.killSidecar()
	s.startSidecar()
	s.waitReady()
	s.inService("5001")
	require.Equal(t, 1, s.queue("sales").Callbacks)

	s.agentDoes("5001", "login", "")
	s.agentDoes("5001", "ready", "")
	a := incoming(t, agent, agentTone)
	back := incoming(t, customer, customerTone)
	require.Equal(t, "030123456", back.Called())
	talk(t, a, agentTone, back, customerTone)
	s.eventually("nobody waits to be called back", func() bool { return s.queue("sales").Callbacks == 0 })
	require.NoError(t, back.Hangup(soon(t)))
	ended(t, a)
	s.requireNoLeftovers()
}
