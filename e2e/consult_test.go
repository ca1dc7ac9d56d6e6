//go:build e2e

package e2e_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

// An agent asks another one while the customer waits with music, and what may come of it.
func TestConsultations(t *testing.T) {
	t.Parallel()
	steps(t, "", []agentsStep{
		{"reconnected", (*agents).reconnected},
		{"completed after the answer", (*agents).completedAfter},
		{"completed before the answer", (*agents).completedBefore},
		{"an outside number", (*agents).consultedOutside},
		{"busy", (*agents).consultBusy},
		{"no answer", (*agents).consultNoAnswer},
		{"cancelled", (*agents).consultCancelled},
		{"the other agent leaves", (*agents).consultedLeaves},
		{"the customer leaves", (*agents).customerLeaves},
		{"the phone hangs up", (*agents).consultingHangsUp},
		{"mute transfer", (*agents).muteTransfer},
		{"by the phone's REFER", (*agents).referReplaces},
		{"whom the phones show", (*agents).shown},
	})
}

// consulting is an agent who calls another one while its customer waits.
func (d *agents) consulting(body string) (cust, agent *phone.Call, id, consult string) {
	cust, agent = d.connected()
	id = d.onlyCall("Established").ID
	d.command("5001", id, "user-data", `{"userData": {"Note": "called twice"}}`)
	consult = d.command("5001", id, "consult", body).ID
	return cust, agent, id, consult
}

// consulted is the same when the other one has answered.
func (d *agents) consulted() (cust, agent, b *phone.Call, id, consult string) {
	cust, agent, id, consult = d.consulting(`{"to": "5002"}`)
	b = incoming(d.t, d.second, 0)
	require.NoError(d.t, agent.WaitSound(soon(d.t)), "ringing")
	waits(d.t, cust, agentTone)
	b.SendTone(secondTone)
	require.NoError(d.t, b.Answer(soon(d.t)))
	talk(d.t, agent, agentTone, b, secondTone)
	waits(d.t, cust, agentTone, secondTone)
	d.settled()
	return cust, agent, b, id, consult
}

// note requires what was attached to the customer's call, as a DN sees it.
func (d *agents) note(dn, id string) {
	d.t.Helper()
	var c struct{ UserData map[string]any }
	d.as(dn, http.MethodGet, "/api/v1/calls/"+id, nil).want(http.StatusOK).into(&c)
	require.Equal(d.t, "called twice", c.UserData["Note"])
}

func (d *agents) reconnected() {
	cust, agent, b, id, consult := d.consulted()
	require.Equal(d.t, "5001", b.Remote().Number)
	d.note("5002", consult)
	for _, call := range []string{id, consult} {
		require.Subset(d.t, d.can("5001", call), []string{"complete-transfer", "complete-conference", "alternate", "reconnect"})
	}
	require.NotContains(d.t, d.can("5001", id), "initiate-transfer")
	require.NotContains(d.t, d.can("5002", consult), "complete-transfer")

	require.Equal(d.t, id, d.command("5001", consult, "alternate", "{}").ID)
	talk(d.t, cust, customerTone, agent, agentTone)
	waits(d.t, b, agentTone, customerTone)
	require.Equal(d.t, consult, d.command("5001", id, "alternate", "{}").ID)
	talk(d.t, agent, agentTone, b, secondTone)
	waits(d.t, cust, agentTone, secondTone)
	d.command("5001", consult, "reconnect", "{}")
	ended(d.t, b)
	talk(d.t, cust, customerTone, agent, agentTone)
	require.NotContains(d.t, d.can("5001", id), "reconnect")
	d.over(cust, agent, "consult_reconnected")
}

func (d *agents) completedAfter() {
	cust, agent, b, id, consult := d.consulted()
	require.Equal(d.t, id, d.command("5001", consult, "complete-transfer", "{}").ID)
	ended(d.t, agent)
	talk(d.t, cust, customerTone, b, secondTone)
	d.note("5002", id)
	d.over(cust, b, "consult_transferred")
}

func (d *agents) completedBefore() {
	cust, agent, id, _ := d.consulting(`{"to": "5002"}`)
	b := incoming(d.t, d.second, 0)
	d.feed.saw("5002", "Ringing")
	require.Contains(d.t, d.can("5001", id), "complete-transfer")
	require.NotContains(d.t, d.can("5001", id), "complete-conference")
	d.command("5001", id, "complete-transfer", "{}")
	ended(d.t, agent)
	waits(d.t, cust, agentTone)
	b.SendTone(secondTone)
	require.NoError(d.t, b.Answer(soon(d.t)))
	talk(d.t, cust, customerTone, b, secondTone)
	d.note("5002", id)
	d.over(b, cust, "consult_transferred_ringing")
}

func (d *agents) consultedOutside() {
	cust, agent, id, _ := d.consulting(`{"to": "030777"}`)
	other := incoming(d.t, d.customer, thirdTone)
	require.Equal(d.t, "030777", other.Called())
	talk(d.t, agent, agentTone, other, thirdTone)
	waits(d.t, cust, agentTone, thirdTone)
	d.settled()
	d.command("5001", id, "complete-transfer", "{}")
	ended(d.t, agent)
	talk(d.t, cust, customerTone, other, thirdTone)
	d.over(other, cust, "consult_transferred_outside")
}

// consultBusy brings the customer back by itself.
func (d *agents) consultBusy() {
	cust, agent, _, _ := d.consulting(`{"to": "5002"}`)
	b := incoming(d.t, d.second, 0)
	d.feed.saw("5002", "Ringing")
	require.NoError(d.t, b.Busy())
	d.backWith(cust, agent, "consult_busy")
}

func (d *agents) consultNoAnswer() {
	cust, agent, _, _ := d.consulting(`{"to": "5002"}`)
	ended(d.t, incoming(d.t, d.second, 0))
	d.backWith(cust, agent, "consult_no_answer")
}

func (d *agents) consultCancelled() {
	cust, agent, id, consult := d.consulting(`{"to": "5002"}`)
	b := incoming(d.t, d.second, 0)
	d.feed.saw("5002", "Ringing")
	require.Contains(d.t, d.can("5001", consult), "reconnect")
	d.command("5001", id, "reconnect", "{}")
	require.Equal(d.t, "CANCEL", ended(d.t, b).Method)
	d.backWith(cust, agent, "consult_cancelled")
}

// consultedLeaves brings the customer back by itself.
func (d *agents) consultedLeaves() {
	cust, agent, b, _, _ := d.consulted()
	require.NoError(d.t, b.Hangup(soon(d.t)))
	d.backWith(cust, agent, "consult_left")
}

// customerLeaves does not want to wait: the agents talk on.
func (d *agents) customerLeaves() {
	cust, agent, b, id, consult := d.consulted()
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	d.eventually("the customer's call is over", func() bool {
		return d.as("5001", http.MethodGet, "/api/v1/calls/"+id, nil).status == http.StatusNotFound
	})
	talk(d.t, agent, agentTone, b, secondTone)
	require.NotContains(d.t, d.can("5001", consult), "complete-transfer")
	d.over(b, agent, "consult_abandoned")
}

// consultingHangsUp ends both calls of its only line.
func (d *agents) consultingHangsUp() {
	cust, agent, b, _, _ := d.consulted()
	require.NoError(d.t, agent.Hangup(soon(d.t)))
	ended(d.t, b)
	ended(d.t, cust)
	d.expect("consult_hung_up")
}

func (d *agents) muteTransfer() {
	cust, agent := d.connected()
	id := d.onlyCall("Established").ID
	d.as("5001", http.MethodPost, "/api/v1/calls/"+id+"/mute-transfer", `{"to": "5004"}`).want(http.StatusConflict) // no phone
	talk(d.t, cust, customerTone, agent, agentTone)
	d.command("5001", id, "mute-transfer", `{"to": "5003"}`)
	ended(d.t, agent)
	c := incoming(d.t, d.third, 0)
	waits(d.t, cust, agentTone)
	c.SendTone(thirdTone)
	require.NoError(d.t, c.Answer(soon(d.t)))
	talk(d.t, cust, customerTone, c, thirdTone)
	d.over(cust, c, "mute_transfer")
}

// shown is what phones say of whom they are connected with.
func (d *agents) shown() {
	shows := func(c *phone.Call, number string) {
		d.t.Helper()
		require.NoError(d.t, c.WaitRemote(soon(d.t), number))
	}
	caller := dial(d.t, d.third, "5001", thirdTone)
	agent := incoming(d.t, d.first, agentTone)
	talk(d.t, caller, thirdTone, agent, agentTone)
	shows(agent, "5003")
	id := d.onlyCall("Established").ID
	d.command("5001", id, "consult", `{"to": "5002"}`)
	b := incoming(d.t, d.second, secondTone)
	talk(d.t, agent, agentTone, b, secondTone)
	shows(b, "5001")
	shows(agent, "5002")
	d.command("5001", id, "complete-transfer", "{}")
	ended(d.t, agent)
	shows(b, "5003")
	shows(caller, "5002")
	d.command("5002", id, "transfer", `{"to": "5001"}`)
	agent = incoming(d.t, d.first, agentTone)
	talk(d.t, caller, thirdTone, agent, agentTone)
	shows(agent, "5003")
	shows(caller, "5001")
	require.NoError(d.t, caller.Hangup(soon(d.t)))
	ended(d.t, agent)
}

// referReplaces is a phone that holds, calls another agent on its second line, and connects the two.
func (d *agents) referReplaces() {
	cust, agent := d.connected()
	require.NoError(d.t, agent.Hold(soon(d.t)))
	d.feed.saw("5001", "Held")
	line := dial(d.t, d.first, "5002", agentTone)
	b := incoming(d.t, d.second, secondTone)
	talk(d.t, line, agentTone, b, secondTone)
	waits(d.t, cust, agentTone, secondTone)
	require.NoError(d.t, agent.ReferTo(soon(d.t), line))
	status, err := agent.WaitReferResult(soon(d.t))
	require.NoError(d.t, err)
	require.Equal(d.t, http.StatusOK, status)
	ended(d.t, agent)
	ended(d.t, line)
	talk(d.t, cust, customerTone, b, secondTone)
	d.over(cust, b, "refer_replaces")
}
