//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"sidecar/internal/phone"
)

const (
	thirdTone  = 620
	fourthTone = 830
)

// agents is a day with more of them.
type agents struct {
	*day
	third *phone.Phone
}

type agentsStep struct {
	name string
	run  func(*agents)
}

// steps runs one call after the other on one system.
func steps(t *testing.T, extra string, list []agentsStep) {
	t.Helper()
	s := newRunning(t, "calls: {ring_timeout: 15s}\n"+extra) // a ringing tone pauses for 4 s, and is heard before the answer
	d := &day{
		system: s, first: s.agentPhone("5001", phone.RingOnly), second: s.agentPhone("5002", phone.RingOnly),
		customer: s.customerPhone(),
	}
	third := s.agentPhone("5003", phone.RingOnly)
	s.inService("5001", "5002", "5003")
	for _, step := range list {
		if !t.Run(step.name, func(t *testing.T) { d.step(t, func(d *day) { step.run(&agents{day: d, third: third}) }) }) {
			return
		}
	}
}

// command gives a command about a call as the DN's own user, and returns the call of the answer.
func (d *day) command(dn, id, verb, body string) call {
	d.t.Helper()
	var c call
	d.as(dn, http.MethodPost, "/api/v1/calls/"+id+"/"+verb, body).want(http.StatusOK).into(&c)
	return c
}

// over ends a call of two, of which the desktop has seen these events.
func (d *agents) over(who, other *phone.Call, events string) {
	d.t.Helper()
	d.settled()
	require.NoError(d.t, who.Hangup(soon(d.t)))
	ended(d.t, other)
	d.expect(events)
}

// backWith is the customer who talks to the agent again, and then hangs up.
func (d *agents) backWith(cust, agent *phone.Call, events string) {
	d.t.Helper()
	talk(d.t, cust, customerTone, agent, agentTone)
	d.over(cust, agent, events)
}

// can are the capabilities of a DN in a call.
func (d *day) can(dn, id string) []string {
	d.t.Helper()
	var c struct {
		Parties []struct {
			DN           string
			Capabilities []string
		}
	}
	d.as(dn, http.MethodGet, "/api/v1/calls/"+id, nil).want(http.StatusOK).into(&c)
	for _, p := range c.Parties {
		if p.DN == dn && len(p.Capabilities) > 0 {
			return p.Capabilities
		}
	}
	return nil
}

// voice is a party with the tone by which the others know it.
type voice struct {
	call *phone.Call
	tone float64
}

// together requires that each hears all the others.
func together(t *testing.T, voices ...voice) {
	t.Helper()
	ctx := soon(t)
	var group errgroup.Group
	for i, v := range voices {
		group.Go(func() error {
			for k, other := range voices {
				if k == i {
					continue
				}
				if err := v.call.WaitTone(ctx, other.tone); err != nil {
					return fmt.Errorf("who sends %v hears %v: %w", v.tone, other.tone, err)
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
}

// waits requires that somebody hears music and none of the tones.
func waits(t *testing.T, c *phone.Call, tones ...float64) {
	t.Helper()
	ctx := soon(t)
	var group errgroup.Group
	for _, tone := range tones {
		group.Go(func() error { return c.WaitNoTone(ctx, tone) })
	}
	require.NoError(t, group.Wait())
	require.NoError(t, c.WaitSound(ctx), "music on hold") // what is heard before the tones end is no proof
}

// What a DN does with one call, by REST and with phones that take no commands.
func TestCallControl(t *testing.T) {
	t.Parallel()
	steps(t, `
dns: [{numbers: [5001-5005], owner: phone}]
routes: [{number: "8000", to: "dn:5001"}]
queues: {sales: {number: "6000", announce: {every: 0s}}}
`, []agentsStep{
		{"held by command", (*agents).heldByCommand},
		{"muted", (*agents).muted},
		{"digits by command", (*agents).digitsByCommand},
		{"redirected", (*agents).redirected},
		{"released", (*agents).released},
		{"call waiting", (*agents).callWaiting},
		{"transferred to a queue", (*agents).toQueue},
		{"a queue is consulted", (*agents).consultedQueue},
		{"forwarded, not to be disturbed", (*agents).forwarded},
	})
}

func (d *agents) heldByCommand() {
	cust, agent := d.connected()
	id := d.onlyCall("Established").ID
	require.Contains(d.t, d.can("5001", id), "hold")
	require.NotContains(d.t, d.can("5001", id), "retrieve")
	d.command("5001", id, "hold", "{}")
	waits(d.t, cust, agentTone)
	require.NoError(d.t, agent.WaitSilence(soon(d.t)))
	require.Contains(d.t, d.can("5001", id), "retrieve")
	require.NotContains(d.t, d.can("5001", id), "hold")
	d.command("5001", id, "retrieve", "{}")
	d.backWith(cust, agent, "held")
}

func (d *agents) muted() {
	cust, agent := d.connected()
	id := d.onlyCall("Established").ID
	require.NotContains(d.t, d.can("5001", id), "mute-off")
	d.command("5001", id, "mute", "{}")
	require.NoError(d.t, cust.WaitSilence(soon(d.t)))
	require.NoError(d.t, agent.WaitTone(soon(d.t), customerTone))
	require.Contains(d.t, d.can("5001", id), "mute-off")
	d.command("5001", id, "mute", `{"direction": "out"}`)
	require.NoError(d.t, agent.WaitSilence(soon(d.t)))
	require.NotContains(d.t, d.can("5001", id), "mute-on")
	d.command("5001", id, "unmute", "{}")
	require.NoError(d.t, cust.WaitTone(soon(d.t), agentTone))
	require.NoError(d.t, agent.WaitSilence(soon(d.t)))
	d.command("5001", id, "unmute", `{"direction": "both"}`)
	d.backWith(cust, agent, "muted")
}

func (d *agents) digitsByCommand() {
	cust, agent := d.connected()
	d.command("5001", d.onlyCall("Established").ID, "dtmf", `{"digits": "12#*a"}`)
	require.NoError(d.t, cust.WaitDTMF(soon(d.t), "12#*A"))
	require.Empty(d.t, agent.DTMF())
	d.backWith(cust, agent, "digits")
}

func (d *agents) redirected() {
	cust := dial(d.t, d.customer, "8000", customerTone)
	agent := incoming(d.t, d.first, 0)
	id := d.onlyCall("Ringing").ID
	require.Contains(d.t, d.can("5001", id), "redirect")
	d.command("5001", id, "redirect", `{"to": "5002"}`)
	require.Equal(d.t, "CANCEL", ended(d.t, agent).Method)
	b := incoming(d.t, d.second, secondTone)
	require.Equal(d.t, "030123456", b.Remote().Number)
	talk(d.t, cust, customerTone, b, secondTone)
	d.over(cust, b, "redirected")
}

// released is a DN that leaves by command: of a call of two nothing is left.
func (d *agents) released() {
	cust, agent := d.connected()
	d.command("5001", d.onlyCall("Established").ID, "release", "{}")
	ended(d.t, agent)
	ended(d.t, cust)
	d.expect("inbound")
}

// toQueue is a call that waits for another agent; what was noted about it goes along.
func (d *agents) toQueue() {
	cust, agent := d.connected()
	id := d.onlyCall("Established").ID
	d.command("5001", id, "user-data", `{"userData": {"Note": "called twice"}}`)
	d.command("5001", id, "transfer", `{"to": "6000"}`)
	ended(d.t, agent)
	waits(d.t, cust, agentTone)
	d.fromQueue(cust, id)
	d.expect("transfer_queue")
}

// fromQueue is the waiting call at 5002, who begins to work.
func (d *agents) fromQueue(cust *phone.Call, id string) {
	d.agentDoes("5002", "login", "")
	d.agentDoes("5002", "ready", "")
	b := incoming(d.t, d.second, secondTone)
	talk(d.t, cust, customerTone, b, secondTone)
	d.note("5002", id)
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	ended(d.t, b)
	d.agentDoes("5002", "logout", "")
}

// consultedQueue is an agent who waits in a queue for its customer, and leaves the waiting to it.
func (d *agents) consultedQueue() {
	cust, agent, id, consult := d.consulting(`{"to": "6000"}`)
	require.NoError(d.t, agent.WaitSound(soon(d.t)), "music")
	require.NotContains(d.t, d.can("5001", consult), "complete-conference")
	d.command("5001", consult, "complete-transfer", "{}")
	ended(d.t, agent)
	waits(d.t, cust, agentTone)
	d.fromQueue(cust, id)
	d.expect("consult_queue")
}

// forwarded is a consultation of a DN that sends its calls on, and then wants none.
func (d *agents) forwarded() {
	cust, agent := d.connected()
	id := d.onlyCall("Established").ID
	d.agentDoes("5002", "set-forward", `{"to": "5003"}`)
	consult := d.command("5001", id, "consult", `{"to": "5002"}`)
	c := incoming(d.t, d.third, thirdTone)
	talk(d.t, agent, agentTone, c, thirdTone)
	require.Equal(d.t, id, d.command("5001", consult.ID, "reconnect", "{}").ID)
	ended(d.t, c)
	talk(d.t, cust, customerTone, agent, agentTone)

	d.agentDoes("5002", "cancel-forward", "")
	d.agentDoes("5002", "dnd-on", "")
	d.as("5001", http.MethodPost, "/api/v1/calls/"+id+"/consult", `{"to": "5002"}`).want(http.StatusConflict)
	talk(d.t, cust, customerTone, agent, agentTone)
	d.agentDoes("5002", "dnd-off", "")
	d.over(cust, agent, "consult_forwarded")
}
