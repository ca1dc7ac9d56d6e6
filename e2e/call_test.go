//go:build e2e

package e2e_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/auth"
	"sidecar/internal/phone"
)

// A customer's call is answered, transferred by REST and hung up by REST. Three generations of the published CometD
// client see the same events, in the order of cases 1 and 6 of the T-Library's call models.
func TestInboundAnsweredTransferredHungUp(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "")
	first, second := s.agentPhone("5001", phone.RingOnly), s.agentPhone("5002", phone.RingOnly)
	customer := s.customerPhone()
	s.inService("5001", "5002")
	listeners := []*listener{s.listen(3, "supervisor"), s.listen(5, "supervisor"), s.listen(9, "supervisor")}
	for _, generation := range []int{3, 5, 9} { // by WebSocket, where a page can send no header
		listeners = append(listeners, s.listen(generation, "supervisor", "--transport", "websocket", "--auth", "cookie", "--cookie-name", auth.CookieName))
	}
	listeners = append(listeners, s.listen(5, "supervisor", "--transport", "any")) // a header's token falls back to long-polling
	agent := s.listen(9, "5001")

	cust := dial(t, customer, "8000", customerTone)
	a := incoming(t, first, 0)
	require.NoError(t, cust.WaitState(soon(t), phone.Ringing), "the caller hears ringing")
	require.Equal(t, "030123456", a.Remote().Number, "the agent's phone shows the caller")
	ringing := s.onlyCall("Ringing")
	s.as("supervisor", http.MethodPost, "/api/v1/calls/"+ringing.ID+"/transfer", `{"to":"5002"}`).want(http.StatusConflict)

	a.SendTone(agentTone)
	require.NoError(t, a.Answer(soon(t)))
	talk(t, cust, customerTone, a, agentTone)
	id := s.onlyCall("Established").ID

	s.as("supervisor", http.MethodPost, "/api/v1/calls/"+id+"/transfer", `{"to":"5002"}`).want(http.StatusOK)
	ended(t, a)
	b := incoming(t, second, secondTone)
	require.Equal(t, "030123456", b.Remote().Number, "the second agent's phone shows the customer")
	talk(t, cust, customerTone, b, secondTone)
	s.settled()
	require.Equal(t, id, s.onlyCall("Established").ID, "the CallUUID stays")

	s.as("supervisor", http.MethodPost, "/api/v1/calls/"+id+"/hangup", nil).want(http.StatusOK)
	ended(t, b)
	ended(t, cust)
	s.eventually("the call is over", func() bool {
		return s.as("supervisor", http.MethodGet, "/api/v1/calls/"+id, nil).status == http.StatusNotFound
	})

	for _, l := range listeners {
		l.want(golden(t, "inbound_transferred")...)
	}
	agent.want(golden(t, "inbound_transferred_agent")...)
	s.requireNoLeftovers()
}

// Calls between DNs, to the outside, and every way in which a call does not come to be. All on one system, one after
// the other, as a day at work.
func TestBasicCalls(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "calls: {ring_timeout: 10s}\n") // phones are answered when the feed has told, which may take its time
	d := &day{
		system: s, first: s.agentPhone("5001", phone.RingOnly), second: s.agentPhone("5002", phone.RingOnly),
		customer: s.customerPhone(),
	}
	s.inService("5001", "5002")
	for _, step := range []struct {
		name string
		run  func(*day)
	}{
		{"inbound, the customer hangs up", (*day).customerHangsUp},
		{"inbound, the agent hangs up", (*day).agentHangsUp},
		{"inbound, abandoned", (*day).abandoned},
		{"inbound, no answer", (*day).noAnswer},
		{"inbound, rejected", (*day).rejected},
		{"internal", (*day).internal},
		{"internal, busy", (*day).busy},
		{"internal, nobody registered", (*day).unreachable},
		{"outbound", (*day).outbound},
		{"outbound, early media", (*day).announced},
		{"outbound, busy", (*day).outboundBusy},
		{"refused number", (*day).refusedNumber},
		{"click to dial", (*day).clickToDial},
		{"click to dial, own phone rejects", (*day).clickToDialRejected},
		{"transfer of an internal call", (*day).transferInternal},
		{"transfer to an outside number", (*day).transferOutside},
		{"transfer target busy, agent called back", (*day).transferRecall},
		{"transfer by the phone's REFER", (*day).referBlind},
		{"held by the phone", (*day).held},
	} {
		if !t.Run(step.name, func(t *testing.T) { d.step(t, step.run) }) {
			return
		}
	}
}
