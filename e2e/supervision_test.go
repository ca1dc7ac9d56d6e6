//go:build e2e

package e2e_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

const supervisorTone = 1720

// supervised is a system where 5003 supervises 5001.
type supervised struct {
	day

	third *phone.Phone // the supervisor's
}

// supervision is what REST says of one.
type supervision struct{ ID, State, Mode, Call string }

// Who hears whom when a supervisor listens, coaches and barges in, after each switch, wherever the agent and the call go.
func TestSupervision(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "")
	d := &supervised{third: s.agentPhone("5003", phone.RingOnly), day: day{
		system: s, t: t, first: s.agentPhone("5001", phone.RingOnly), second: s.agentPhone("5002", phone.RingOnly), customer: s.customerPhone(),
	}}
	s.inService("5001", "5002", "5003")
	for _, step := range []struct {
		name string
		run  func(*supervised)
	}{
		{"modes", (*supervised).modes},
		{"an agent transfers, the supervisor goes with him", (*supervised).followsAgent},
		{"an agent transfers, the supervisor stays with the call", (*supervised).followsCall},
		{"an agent consults", (*supervised).consultation},
		{"all calls", (*supervised).allCalls},
		{"one call, by a number", (*supervised).oneCall},
		{"refused", (*supervised).refused},
		{"the supervisor hangs up and rejects", (*supervised).leaves},
	} {
		ok := t.Run(step.name, func(t *testing.T) {
			d.step(t, func(inner *day) { step.run(&supervised{day: *inner, third: d.third}) })
		})
		require.True(t, ok, "the steps share one system")
	}
}

// supervise orders a supervision by 5003.
func (d *supervised) supervise(body string) supervision {
	d.t.Helper()
	var m supervision
	d.as("supervisor", http.MethodPost, "/api/v1/monitors", body).want(http.StatusCreated).into(&m)
	return m
}

func (d *supervised) monitors() []supervision {
	d.t.Helper()
	var list struct{ Monitors []supervision }
	d.as("supervisor", http.MethodGet, "/api/v1/monitors", nil).want(http.StatusOK).into(&list)
	return list.Monitors
}

func (d *supervised) state(want string) {
	d.t.Helper()
	d.eventually("the supervision is "+want, func() bool {
		list := d.monitors()
		return len(list) == 0 && want == "ended" || len(list) == 1 && list[0].State == want
	})
}

func (d *supervised) switchTo(m supervision, mode string) {
	d.t.Helper()
	d.as("supervisor", http.MethodPost, "/api/v1/monitors/"+m.ID+"/mode", `{"mode":"`+mode+`"}`).want(http.StatusOK)
}

func (d *supervised) stop(m supervision) {
	d.t.Helper()
	d.as("supervisor", http.MethodDelete, "/api/v1/monitors/"+m.ID, nil).want(http.StatusOK)
}

// hears requires what somebody hears of the tones of all, and that it is nothing else.
func (d *supervised) hears(who string, c *phone.Call, tones ...float64) {
	d.t.Helper()
	heard := map[float64]bool{}
	for _, tone := range tones {
		heard[tone] = true
		require.NoError(d.t, c.WaitTone(soon(d.t), tone), "%s hears %v", who, tone)
	}
	for _, tone := range []float64{customerTone, agentTone, secondTone, supervisorTone} {
		if !heard[tone] {
			require.NoError(d.t, c.WaitNoTone(soon(d.t), tone), "%s does not hear %v", who, tone)
		}
	}
}

// listens is a call at which the supervisor listens.
func (d *supervised) listens(scope, mode string) (cust, agent, boss *phone.Call, m supervision) {
	d.t.Helper()
	cust, agent = d.connected()
	m = d.supervise(`{"supervisor":"5003","target":"5001","scope":"` + scope + `","mode":"` + mode + `"}`)
	boss = incoming(d.t, d.third, supervisorTone)
	require.Equal(d.t, "5001", boss.Remote().Number, "the supervisor's phone shows whom it is about")
	d.hears("the supervisor", boss, customerTone, agentTone)
	d.state("active")
	return cust, agent, boss, m
}

func (d *supervised) modes() {
	cust, agent, boss, m := d.listens("call", "mute")
	for _, step := range []struct {
		mode        string
		agent, cust bool // hear the supervisor
	}{
		{"mute", false, false},
		{"coach", true, false},
		{"connect", true, true},
		{"mute", false, false},
		{"connect", true, true},
		{"coach", true, false},
		{"mute", false, false},
	} {
		d.switchTo(m, step.mode)
		for _, other := range []struct {
			who   string
			call  *phone.Call
			hears bool
			tone  float64
		}{{"the agent", agent, step.agent, customerTone}, {"the customer", cust, step.cust, agentTone}} {
			if other.hears {
				d.hears(other.who+" in "+step.mode, other.call, other.tone, supervisorTone)
			} else {
				d.hears(other.who+" in "+step.mode, other.call, other.tone)
			}
		}
		d.hears("the supervisor in "+step.mode, boss, customerTone, agentTone)
	}
	d.stop(m)
	ended(d.t, boss)
	d.state("ended")
	talk(d.t, cust, customerTone, agent, agentTone)
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	ended(d.t, agent)
	d.feed.want(golden(d.t, "supervised")...)
}

func (d *supervised) transfer() *phone.Call {
	id := d.onlyCall("Established").ID
	d.as("5001", http.MethodPost, "/api/v1/calls/"+id+"/transfer", `{"to":"5002"}`).want(http.StatusOK)
	return incoming(d.t, d.second, secondTone)
}

func (d *supervised) followsAgent() {
	cust, agent, boss, _ := d.listens("agent", "connect")
	second := d.transfer()
	ended(d.t, agent)
	ended(d.t, boss)
	d.state("ended")
	talk(d.t, cust, customerTone, second, secondTone)
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	ended(d.t, second)
}

func (d *supervised) followsCall() {
	cust, agent, boss, m := d.listens("call", "coach")
	second := d.transfer()
	ended(d.t, agent)
	d.hears("the supervisor after the transfer", boss, customerTone, secondTone)
	d.hears("the second agent", second, customerTone, supervisorTone)
	d.hears("the customer", cust, secondTone)
	d.switchTo(m, "connect")
	d.hears("the customer", cust, secondTone, supervisorTone)
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	ended(d.t, second)
	ended(d.t, boss)
	d.state("ended")
}

// The supervisor hears the agent's phone, so the consultation too; the call is the one that it was.
func (d *supervised) consultation() {
	cust, agent, boss, _ := d.listens("agent", "coach")
	id := d.onlyCall("Established").ID
	d.as("5001", http.MethodPost, "/api/v1/calls/"+id+"/consult", `{"to":"5002"}`).want(http.StatusOK)
	second := incoming(d.t, d.second, secondTone)
	d.hears("the supervisor in the consultation", boss, agentTone, secondTone)
	d.hears("the agent in the consultation", agent, secondTone, supervisorTone)
	d.hears("the consulted", second, agentTone)
	d.as("5001", http.MethodPost, "/api/v1/calls/"+id+"/reconnect", `{}`).want(http.StatusOK)
	ended(d.t, second)
	d.hears("the supervisor afterwards", boss, customerTone, agentTone)
	require.NoError(d.t, agent.Hangup(soon(d.t)))
	ended(d.t, cust)
	ended(d.t, boss)
	d.state("ended")
}

func (d *supervised) allCalls() {
	m := d.supervise(`{"supervisor":"5003","target":"5001","next":"all","mode":"coach"}`)
	require.Equal(d.t, "waiting", m.State)
	for range 2 {
		cust, agent := d.connected()
		boss := incoming(d.t, d.third, supervisorTone)
		d.hears("the supervisor", boss, customerTone, agentTone)
		d.hears("the agent", agent, customerTone, supervisorTone)
		require.NoError(d.t, cust.Hangup(soon(d.t)))
		ended(d.t, agent)
		ended(d.t, boss)
		d.state("waiting")
	}
	d.stop(m)
	d.state("ended")
}

func (d *supervised) oneCall() {
	m := d.supervise(`{"supervisorNumber":"030777","target":"5001"}`)
	require.Equal(d.t, "waiting", m.State)
	cust, agent := d.connected()
	boss := incoming(d.t, d.customer, supervisorTone)
	require.Equal(d.t, "030777", boss.Called())
	d.hears("the supervisor", boss, customerTone, agentTone)
	d.hears("the agent", agent, customerTone)
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	ended(d.t, agent)
	ended(d.t, boss)
	d.state("ended")
	cust, agent = d.connected() // it was one call
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	ended(d.t, agent)
	require.Empty(d.t, d.monitors())
}

func (d *supervised) refused() {
	for body, status := range map[string]int{
		`{"supervisor":"5001","target":"5001"}`:               http.StatusUnprocessableEntity,
		`{"supervisor":"5003","target":"7001"}`:               http.StatusForbidden,
		`{"supervisor":"5003","target":"5001","mode":"loud"}`: http.StatusUnprocessableEntity,
		`{"supervisor":"5003","target":"5001","scope":"all"}`: http.StatusUnprocessableEntity,
		`{"supervisorNumber":"+88123","target":"5001"}`:       http.StatusUnprocessableEntity,
		`{"supervisor":"5003","call":"0123"}`:                 http.StatusUnprocessableEntity,
		`{"supervisor":"5003","target":"5001","call":"0123"}`: http.StatusUnprocessableEntity,
	} {
		require.Equal(d.t, status, d.as("supervisor", http.MethodPost, "/api/v1/monitors", body).status, body)
	}
	d.as("5001", http.MethodPost, "/api/v1/monitors", `{"supervisor":"5001","target":"5002"}`).want(http.StatusForbidden)
	m := d.supervise(`{"supervisor":"5003","target":"5001"}`)
	d.as("supervisor", http.MethodPost, "/api/v1/monitors", `{"supervisor":"5003","target":"5002"}`).want(http.StatusConflict)
	d.stop(m)
	d.as("supervisor", http.MethodDelete, "/api/v1/monitors/"+m.ID, nil).want(http.StatusNotFound)
	cust, agent := d.connected()
	d.as("supervisor", http.MethodPost, "/api/v1/monitors", `{"supervisor":"5004","target":"5001"}`).want(http.StatusConflict) // no phone there
	require.Empty(d.t, d.monitors())
	talk(d.t, cust, customerTone, agent, agentTone)
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	ended(d.t, agent)
}

func (d *supervised) leaves() {
	cust, agent, boss, _ := d.listens("call", "connect")
	require.NoError(d.t, boss.Hangup(soon(d.t)))
	d.state("ended")
	d.supervise(`{"supervisor":"5003","target":"5001","next":"all"}`)
	require.NoError(d.t, incoming(d.t, d.third, 0).Reject(603, "Decline"))
	d.state("waiting")
	d.stop(d.monitors()[0])
	d.hears("the agent", agent, customerTone)
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	ended(d.t, agent)
}

// A kill changes nothing of what is heard, and the orders are known afterwards.
func TestSupervisionThroughAKill(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "")
	d := &supervised{third: s.agentPhone("5003", phone.RingOnly), day: day{
		system: s, t: t, first: s.agentPhone("5001", phone.RingOnly), customer: s.customerPhone(),
	}}
	s.inService("5001", "5003")
	cust, agent, boss, m := d.listens("call", "coach")
	d.killSidecar()
	d.hears("the supervisor without us", boss, customerTone, agentTone)
	d.startSidecar()
	d.waitReady()
	d.state("active")
	d.switchTo(m, "mute")
	d.hears("the agent", agent, customerTone)
	d.hears("the supervisor", boss, customerTone, agentTone)
	d.stop(m)
	ended(t, boss)
	require.NoError(t, cust.Hangup(soon(d.t)))
	ended(t, agent)
	s.requireNoLeftovers()
}
