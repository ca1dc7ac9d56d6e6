//go:build e2e

package e2e_test

import (
	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

// calledTwice is a DN with a customer on hold and a second one with whom it talks.
func (d *agents) calledTwice() (cust, agent, cust2, agent2 *phone.Call, held, talking string) {
	cust, agent = d.connected()
	held = d.onlyCall("Established").ID
	cust2, err := d.customer.Dial(soon(d.t), "8000", phone.WithCaller("030777", ""))
	require.NoError(d.t, err)
	cust2.SendTone(thirdTone)
	agent2 = incoming(d.t, d.first, 0)
	talk(d.t, cust, customerTone, agent, agentTone)
	d.command("5001", held, "hold", "{}")
	agent2.SendTone(agentTone)
	require.NoError(d.t, agent2.Answer(soon(d.t)))
	talk(d.t, cust2, thirdTone, agent2, agentTone)
	waits(d.t, cust, agentTone, thirdTone)
	d.settled()
	for _, c := range d.calls("5001") {
		if c.ID != held {
			talking = c.ID
		}
	}
	return cust, agent, cust2, agent2, held, talking
}

// callWaiting is a phone with two lines: it alternates between its callers, and brings them together.
func (d *agents) callWaiting() {
	cust, agent, cust2, agent2, held, talking := d.calledTwice()
	d.command("5001", talking, "alternate", "{}")
	talk(d.t, cust, customerTone, agent, agentTone)
	waits(d.t, cust2, agentTone, customerTone)
	d.command("5001", talking, "retrieve", "{}") // holds the other one
	talk(d.t, cust2, thirdTone, agent2, agentTone)
	waits(d.t, cust, agentTone, thirdTone)
	merged := d.command("5001", held, "merge", `{"call": "`+talking+`"}`)
	require.Equal(d.t, held, merged.ID, "the older one goes on")
	ended(d.t, agent2)
	together(d.t, voice{cust, customerTone}, voice{agent, agentTone}, voice{cust2, thirdTone})
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	talk(d.t, cust2, thirdTone, agent, agentTone)
	require.NoError(d.t, cust2.Hangup(soon(d.t)))
	ended(d.t, agent)
	d.expect("call_waiting")
}
