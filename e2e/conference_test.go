//go:build e2e

package e2e_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// Calls of three and more: everybody hears everybody, members come and go.
func TestConferences(t *testing.T) {
	t.Parallel()
	steps(t, "", []agentsStep{
		{"two-step, a member is dropped", (*agents).twoStepConference},
		{"two-step, the owner leaves", (*agents).ownerLeaves},
		{"single-step", (*agents).singleStepConference},
		{"of five", (*agents).conferenceOfFive},
	})
}

// conference is the customer, 5001, and 5002 whom it consulted.
func (d *agents) conference() (cust, agent, b voice, id string) {
	c, a, s, id, consult := d.consulted()
	require.Equal(d.t, id, d.command("5001", consult, "complete-conference", "{}").ID)
	cust, agent, b = voice{c, customerTone}, voice{a, agentTone}, voice{s, secondTone}
	together(d.t, cust, agent, b)
	return cust, agent, b, id
}

func (d *agents) twoStepConference() {
	cust, agent, b, id := d.conference()
	d.note("5002", id)
	require.Contains(d.t, d.can("5002", id), "delete-from-conference")
	require.Equal(d.t, "member", d.as("5001", http.MethodPost, "/api/v1/calls/"+id+"/drop", `{"member": "5003"}`).
		problem(http.StatusUnprocessableEntity).Field)
	d.command("5001", id, "hold", "{}")
	talk(d.t, cust.call, cust.tone, b.call, b.tone) // no music for those who can talk
	require.NoError(d.t, cust.call.WaitNoTone(soon(d.t), agentTone))
	d.command("5001", id, "retrieve", "{}")
	together(d.t, cust, agent, b)
	d.command("5001", id, "drop", `{"member": "5002"}`)
	ended(d.t, b.call)
	talk(d.t, cust.call, cust.tone, agent.call, agent.tone)
	require.NotContains(d.t, d.can("5001", id), "delete-from-conference")
	d.over(cust.call, agent.call, "conference_drop")
}

func (d *agents) ownerLeaves() {
	cust, agent, b, id := d.conference()
	d.command("5001", id, "release", "{}")
	ended(d.t, agent.call)
	require.NoError(d.t, b.call.WaitRemote(soon(d.t), "030123456"), "the two who are left show each other")
	talk(d.t, cust.call, cust.tone, b.call, b.tone)
	d.over(b.call, cust.call, "conference_owner_leaves")
}

func (d *agents) singleStepConference() {
	cust, agent := d.connected()
	id := d.onlyCall("Established").ID
	d.command("5001", id, "conference", `{"to": "5002"}`)
	b := incoming(d.t, d.second, 0)
	talk(d.t, cust, customerTone, agent, agentTone) // while it rings
	b.SendTone(secondTone)
	require.NoError(d.t, b.Answer(soon(d.t)))
	together(d.t, voice{cust, customerTone}, voice{agent, agentTone}, voice{b, secondTone})
	require.NoError(d.t, b.Hangup(soon(d.t)))
	talk(d.t, cust, customerTone, agent, agentTone)
	d.over(agent, cust, "conference_single_step")
}

func (d *agents) conferenceOfFive() {
	cust, agent, b, id := d.conference()
	d.command("5001", id, "conference", `{"to": "5003"}`)
	c := voice{incoming(d.t, d.third, thirdTone), thirdTone}
	together(d.t, cust, agent, b, c)
	d.settled()
	d.command("5002", id, "conference", `{"to": "030777"}`)
	e := voice{incoming(d.t, d.customer, fourthTone), fourthTone}
	together(d.t, cust, agent, b, c, e)
	d.settled()
	d.command("5003", id, "hangup", "{}")
	for _, v := range []voice{cust, agent, b, c, e} {
		ended(d.t, v.call)
	}
	d.expect("conference_of_five")
}
