//go:build e2e

package e2e_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

// day is a system with two agents and a customer, through which one call after the other goes.
type day struct {
	*system
	t             *testing.T
	first, second *phone.Phone
	customer      *phone.Phone
	feed          *listener
}

// step runs a call with a listener of its own, and checks that nothing is left of it.
func (d *day) step(t *testing.T, run func(*day)) {
	t.Helper()
	now := *d
	now.t = t
	inner := *d.system
	inner.t = t
	now.system = &inner
	now.feed = now.listen(9, "supervisor")
	run(&now)
	now.requireNoLeftovers()
	now.eventually("no call is left", func() bool { return len(now.calls("supervisor")) == 0 })
	now.eventually("no DN counts a call any more", func() bool { // it is told after the call's end
		return !slices.ContainsFunc(now.dnCalls(), func(n int) bool { return n != 0 })
	})
}

// connected is a call of the customer that 5001 has answered.
func (d *day) connected() (cust, agent *phone.Call) {
	cust, agent = conversation(d.t, d.customer, d.first)
	d.onlyCall("Established") // a supervisor's phone may ring meanwhile
	return cust, agent
}

// reached is the outside party of 5001's call, who answers once the network has told that it rings.
func (d *day) reached() *phone.Call {
	cust := incoming(d.t, d.customer, 0)
	d.feed.saw("5001", "NetworkReached")
	cust.SendTone(customerTone)
	require.NoError(d.t, cust.Answer(soon(d.t)))
	return cust
}

func (d *day) customerHangsUp() {
	cust, agent := d.connected()
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	ended(d.t, agent)
	d.feed.want(golden(d.t, "inbound")...)
}

func (d *day) agentHangsUp() {
	cust, agent := d.connected()
	require.NoError(d.t, agent.Hangup(soon(d.t)))
	ended(d.t, cust)
	d.feed.want(golden(d.t, "inbound")...)
}

func (d *day) abandoned() {
	cust := dial(d.t, d.customer, "8000", customerTone)
	agent := incoming(d.t, d.first, 0)
	require.NoError(d.t, cust.WaitState(soon(d.t), phone.Ringing))
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	require.Equal(d.t, "CANCEL", ended(d.t, agent).Method)
	d.feed.want(golden(d.t, "abandoned")...)
}

func (d *day) noAnswer() {
	cust := dial(d.t, d.customer, "8000", customerTone)
	agent := incoming(d.t, d.first, 0)
	ended(d.t, agent)
	require.Equal(d.t, 480, ended(d.t, cust).Status)
	d.feed.want(golden(d.t, "no_answer")...)
}

func (d *day) rejected() {
	cust := dial(d.t, d.customer, "8000", customerTone)
	agent := incoming(d.t, d.first, 0)
	d.feed.saw("5001", "Ringing")
	require.NoError(d.t, agent.Reject(603, "Decline"))
	require.Equal(d.t, 403, ended(d.t, cust).Status, "603 is cause 21, which Asterisk writes as 403")
	d.feed.want(golden(d.t, "rejected")...)
}

func (d *day) internal() {
	a := dial(d.t, d.first, "5002", agentTone)
	b := incoming(d.t, d.second, secondTone)
	require.Equal(d.t, "5001", b.Remote().Number)
	talk(d.t, a, agentTone, b, secondTone)
	d.settled()
	require.NoError(d.t, a.Hangup(soon(d.t)))
	ended(d.t, b)
	d.feed.want(golden(d.t, "internal")...)
}

func (d *day) busy() {
	a := dial(d.t, d.first, "5002", agentTone)
	b := incoming(d.t, d.second, 0)
	d.feed.saw("5002", "Ringing")
	require.NoError(d.t, b.Busy())
	require.Equal(d.t, 486, ended(d.t, a).Status)
	d.feed.want(golden(d.t, "busy")...)
}

func (d *day) unreachable() {
	a := dial(d.t, d.first, "5003", agentTone)
	require.Equal(d.t, 480, ended(d.t, a).Status)
	d.feed.want(golden(d.t, "unreachable")...)
}

func (d *day) outbound() {
	a := dial(d.t, d.first, "030999", agentTone)
	cust := d.reached()
	require.Equal(d.t, "030999", cust.Called())
	talk(d.t, a, agentTone, cust, customerTone)
	d.settled()
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	ended(d.t, a)
	d.feed.want(golden(d.t, "outbound")...)
}

// announced is a destination that says something before it answers: a trunk's own ringing tone or announcement.
func (d *day) announced() {
	a := dial(d.t, d.first, "030999", agentTone)
	cust := incoming(d.t, d.customer, 0)
	d.feed.saw("5001", "NetworkReached")
	cust.SendTone(customerTone)
	require.NoError(d.t, cust.Progress())
	require.NoError(d.t, a.WaitTone(soon(d.t), customerTone), "heard before the answer")
	require.NotEqual(d.t, phone.Established, a.State())
	require.NoError(d.t, cust.Answer(soon(d.t)))
	talk(d.t, a, agentTone, cust, customerTone)
	d.settled()
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	ended(d.t, a)
	d.feed.want(golden(d.t, "outbound")...)
}

func (d *day) outboundBusy() {
	a := dial(d.t, d.first, "030999", agentTone)
	cust := incoming(d.t, d.customer, 0)
	d.feed.saw("5001", "NetworkReached")
	require.NoError(d.t, cust.Busy())
	require.Equal(d.t, 486, ended(d.t, a).Status)
	d.feed.want(golden(d.t, "outbound_busy")...)
}

func (d *day) refusedNumber() {
	a := dial(d.t, d.first, "+88123", agentTone) // denied by the default class
	require.Equal(d.t, 403, ended(d.t, a).Status)
	d.feed.want(golden(d.t, "refused_number")...)
}

func (d *day) clickToDial() {
	made := d.as("5001", http.MethodPost, "/api/v1/calls", `{"from":"5001","to":"030999"}`).want(http.StatusCreated)
	require.True(d.t, strings.HasPrefix(made.header.Get("Location"), "/api/v1/calls/"), made.header)
	a := incoming(d.t, d.first, agentTone)
	require.Equal(d.t, "030999", a.Remote().Number, "the agent's phone shows whom it will call")
	cust := d.reached()
	talk(d.t, a, agentTone, cust, customerTone)
	d.settled()
	require.NoError(d.t, a.Hangup(soon(d.t)))
	ended(d.t, cust)
	d.feed.want(golden(d.t, "click_to_dial")...)
}

func (d *day) clickToDialRejected() {
	d.as("5001", http.MethodPost, "/api/v1/calls", `{"from":"5001","to":"030999"}`).want(http.StatusCreated)
	require.NoError(d.t, incoming(d.t, d.first, 0).Reject(603, "Decline"))
	d.feed.saw("5001", "Error")
}

func (d *day) transferInternal() {
	a := dial(d.t, d.first, "5002", agentTone)
	b := incoming(d.t, d.second, secondTone)
	talk(d.t, a, agentTone, b, secondTone)
	id := d.onlyCall("Established").ID
	d.as("supervisor", http.MethodPost, "/api/v1/calls/"+id+"/transfer", `{"to":"030999"}`).want(http.StatusUnprocessableEntity)
	d.as("5002", http.MethodPost, "/api/v1/calls/"+id+"/transfer", `{"to":"030999"}`).want(http.StatusOK)
	ended(d.t, b)
	cust := incoming(d.t, d.customer, customerTone)
	talk(d.t, a, agentTone, cust, customerTone)
	d.settled()
	d.as("5001", http.MethodPost, "/api/v1/calls/"+id+"/hangup", nil).want(http.StatusOK)
	ended(d.t, a)
	ended(d.t, cust)
	d.feed.want(golden(d.t, "transfer_internal")...)
}

func (d *day) transferOutside() {
	cust, agent := d.connected()
	id := d.onlyCall("Established").ID
	d.as("5001", http.MethodPost, "/api/v1/calls/"+id+"/transfer", `{"to":"030777"}`).want(http.StatusOK)
	ended(d.t, agent)
	other := incoming(d.t, d.customer, secondTone)
	require.Equal(d.t, "030777", other.Called())
	talk(d.t, cust, customerTone, other, secondTone)
	d.settled()
	require.NoError(d.t, other.Hangup(soon(d.t)))
	ended(d.t, cust)
	d.feed.want(golden(d.t, "transfer_outside")...)
}

func (d *day) transferRecall() {
	cust, agent := d.connected()
	id := d.onlyCall("Established").ID
	d.as("5001", http.MethodPost, "/api/v1/calls/"+id+"/transfer", `{"to":"5003"}`).want(http.StatusConflict)
	talk(d.t, cust, customerTone, agent, agentTone) // nobody is registered on 5003: the call goes on as it was
	d.as("5001", http.MethodPost, "/api/v1/calls/"+id+"/transfer", `{"to":"5002"}`).want(http.StatusOK)
	b := incoming(d.t, d.second, 0)
	d.feed.saw("5002", "Ringing")
	require.NoError(d.t, b.Busy())
	back := incoming(d.t, d.first, agentTone)
	talk(d.t, cust, customerTone, back, agentTone)
	d.settled()
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	ended(d.t, back)
	d.feed.want(golden(d.t, "transfer_recall")...)
}

func (d *day) referBlind() {
	cust, agent := d.connected()
	require.NoError(d.t, agent.Refer(soon(d.t), "5002"))
	b := incoming(d.t, d.second, secondTone)
	status, err := agent.WaitReferResult(soon(d.t))
	require.NoError(d.t, err)
	require.Equal(d.t, http.StatusOK, status)
	ended(d.t, agent)
	talk(d.t, cust, customerTone, b, secondTone)
	d.settled()
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	ended(d.t, b)
	d.feed.want(golden(d.t, "inbound_transferred")...)
}

func (d *day) held() {
	cust, agent := d.connected()
	require.NoError(d.t, agent.Hold(soon(d.t)))
	d.feed.saw("5001", "Held")
	require.NoError(d.t, cust.WaitNoTone(soon(d.t), agentTone))
	require.NoError(d.t, cust.WaitSound(soon(d.t)), "music on hold")
	require.NoError(d.t, agent.Retrieve(soon(d.t)))
	talk(d.t, cust, customerTone, agent, agentTone)
	d.settled()
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	ended(d.t, agent)
	d.feed.want(golden(d.t, "held")...)
}

func (d *day) dnCalls() []int {
	var list struct{ DNs []struct{ Calls int } }
	d.as("supervisor", http.MethodGet, "/api/v1/dns", nil).want(http.StatusOK).into(&list)
	var counts []int
	for _, dn := range list.DNs {
		counts = append(counts, dn.Calls)
	}
	return counts
}
