//go:build e2e

package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

// deskDialect is how a desktop of one dialect gives commands and is told.
type deskDialect interface {
	address() (path, channels string)
	// command is given to the DN's call that is in the state, or, if it needs none, to the desktop's device.
	command(d *deskDay, dn, operation, state, arg string)
	// lines are the notifications in short, those of calls or those of the agent.
	lines(told []telling, agents bool) []string
}

// telling is a notification as it came.
type telling struct {
	Channel string
	Data    json.RawMessage
}

// agentDesk is a desktop: a published CometD client, run by Node.
type agentDesk struct {
	who  string
	mu   sync.Mutex
	told []telling
	step map[string]int
}

// agentDesk starts the desktop of a user, and returns when it has subscribed to everything.
func (s *system) agentDesk(of deskDialect, user string) *agentDesk {
	s.t.Helper()
	desk := &agentDesk{who: user, step: map[string]int{}}
	path, channels := of.address()
	s.node(desk.read, func() {}, "node/listen.mjs", "--client", "3", "--url", "http://"+s.http+path, "--token", s.token(user), "--channels", channels)
	n := len(strings.Split(channels, ","))
	within(s.t, startup, "the desktop of "+user+" has subscribed", func() bool {
		desk.mu.Lock()
		defer desk.mu.Unlock()
		return desk.step["subscribed"] >= n
	})
	return desk
}

func (k *agentDesk) read(lines *bufio.Scanner) {
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Lifecycle string
			telling
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue // then what is waited for doesn't come
		}
		k.mu.Lock()
		if line.Lifecycle != "" {
			k.step[line.Lifecycle]++
		} else {
			k.told = append(k.told, line.telling)
		}
		k.mu.Unlock()
	}
}

func (k *agentDesk) since(from int) []telling {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]telling{}, k.told[min(from, len(k.told)):]...)
}

// deskDay is a day of agents who give all commands from their desktops.
type deskDay struct {
	*day
	of    deskDialect
	third *phone.Phone  // the supervisor's
	desks [3]*agentDesk // of 5001, 5002 and the supervisor, who works at 5003
	from  [3]int        // what they were told before the step
}

type deskStep struct {
	name   string
	run    func(*deskDay)
	agents bool // it is about DNs and their agents, not about calls
}

// deskSteps runs the cases of the reference, each by a call of its own, and requires what all desktops have been told.
func deskSteps(t *testing.T, of deskDialect, prefix string, steps []deskStep) {
	t.Helper()
	s := newRunning(t, "calls: {ring_timeout: 12s}\nagents: {wrap_up: 1s, reasons: [lunch]}\n")
	d := &deskDay{of: of, third: s.agentPhone("5003", phone.RingOnly), day: &day{
		system: s, t: t, first: s.agentPhone("5001", phone.RingOnly), second: s.agentPhone("5002", phone.RingOnly), customer: s.customerPhone(),
	}}
	s.boss()
	s.inService("5001", "5002", "5003")
	for i, user := range []string{"5001", "5002", "boss"} {
		d.desks[i] = s.agentDesk(of, user)
	}
	for _, step := range steps {
		ok := t.Run(step.name, func(t *testing.T) {
			now, inner := *d, *d.day
			inner.t, inner.system, now.day = t, d.in(t), &inner
			for i, desk := range now.desks { // what the step before has led to may still be under way
				now.from[i] = now.rests(desk)
			}
			step.run(&now)
			now.requireNoLeftovers()
			now.eventually("no call is left", func() bool { return len(now.calls("supervisor")) == 0 })
			now.told(prefix+step.name, step.agents)
		})
		require.True(t, ok, "the steps share one system")
	}
}

// rests waits until the desktops of a user are told all that has happened so far, and says how much the first of them was.
func (d *deskDay) rests(desks ...*agentDesk) int {
	d.t.Helper()
	d.tell("dnd-on", `"(doNotDisturb|dnd)":\s*("On"|true)`, desks)
	d.tell("dnd-off", `"(doNotDisturb|dnd)":\s*("Off"|false)`, desks)
	return len(desks[0].since(0))
}

// tell changes something at a user's DN, and waits until the user's desktops are told.
func (d *deskDay) tell(verb, pattern string, desks []*agentDesk) {
	d.t.Helper()
	user, what := desks[0].who, regexp.MustCompile(pattern)
	dn, from := user, make([]int, len(desks))
	if dn == "boss" {
		dn = "5003"
	}
	for i, desk := range desks {
		from[i] = len(desk.since(0))
	}
	d.as(user, http.MethodPost, "/api/v1/agents/"+dn+"/"+verb, nil).want(http.StatusOK)
	for i, desk := range desks {
		d.eventually("the desktop of "+user+" is told: "+verb, func() bool {
			return slices.ContainsFunc(desk.since(from[i]), func(t telling) bool { return what.Match(t.Data) && bytes.Contains(t.Data, []byte(`"`+dn+`"`)) })
		})
	}
}

// boss makes a supervisor who works at 5003.
func (s *system) boss() {
	s.t.Helper()
	s.as("admin", http.MethodPost, "/api/v1/users", map[string]any{
		"user": "boss", "password": "correct horse", "role": "supervisor", "team": "default", "dns": []string{"5003"},
	}).want(http.StatusCreated)
	s.passwords["boss"] = "correct horse"
}

// told requires what the desktops have been told in the step.
func (d *deskDay) told(name string, agents bool) {
	d.t.Helper()
	seen := func() []string {
		var out []string
		for i, desk := range d.desks {
			if lines := d.of.lines(desk.since(d.from[i]), agents); len(lines) > 0 {
				out = append(append(out, "desktop of "+desk.who), lines...)
			}
		}
		return out
	}
	d.t.Cleanup(func() {
		if d.t.Failed() {
			d.t.Log("told:\n" + strings.Join(seen(), "\n"))
		}
	})
	wanted := golden(d.t, name)
	d.eventually(name+" is told", func() bool { return len(seen()) >= len(wanted) })
	require.Equal(d.t, wanted, seen())
}

// mine waits for a DN's call to be in a state, as its desktop is shown it, and gives its id.
func (d *deskDay) mine(dn, state string) string {
	d.t.Helper()
	user := map[string]string{"5003": "boss"}[dn]
	if user == "" {
		user = dn
	}
	id := ""
	d.eventually("a call of "+dn+" is "+state, func() bool {
		var list struct{ Calls []struct{ ID, State string } }
		d.as(user, http.MethodGet, "/api/v2/me/calls", nil).want(http.StatusOK).into(&list)
		for _, c := range list.Calls {
			if c.State == state {
				id = c.ID
				return true
			}
		}
		return false
	})
	return id
}

func (d *deskDay) agent(operation, state, arg string) {
	d.t.Helper()
	d.of.command(d, "5001", operation, state, arg)
}

// answered is a customer's call that 5001 has answered.
func (d *deskDay) answered() (cust, agent *phone.Call) {
	cust, agent = d.connected()
	d.mine("5001", "Established")
	return cust, agent
}

// ringing is 5001 asking 5002, whose phone rings, while the customer waits.
func (d *deskDay) ringing(operation string) (cust, agent, b *phone.Call) {
	cust, agent = d.answered()
	d.agent(operation, "Established", "5002")
	b = incoming(d.t, d.second, 0)
	d.mine("5002", "Ringing")
	return cust, agent, b
}

// consulted is the same when 5002 has answered.
func (d *deskDay) consulted(operation string) (cust, agent, b *phone.Call) {
	cust, agent, b = d.ringing(operation)
	b.SendTone(secondTone)
	require.NoError(d.t, b.Answer(soon(d.t)))
	talk(d.t, agent, agentTone, b, secondTone)
	d.mine("5001", "Established")
	return cust, agent, b
}

// ends is somebody who hangs up, and the others' ends.
func (d *deskDay) ends(hangs *phone.Call, others ...*phone.Call) {
	d.t.Helper()
	require.NoError(d.t, hangs.Hangup(soon(d.t)))
	for _, other := range others {
		ended(d.t, other)
	}
}

func cases() []deskStep {
	return []deskStep{
		{"inbound", (*deskDay).inbound, false},
		{"abandoned", (*deskDay).noMoreWaiting, false},
		{"outbound", (*deskDay).dials, false},
		{"outbound_busy", (*deskDay).dialsBusy, false},
		{"internal", (*deskDay).dialsAgent, false},
		{"held", (*deskDay).holds, false},
		{"consult", (*deskDay).asks, false},
		{"transferred", (*deskDay).transfers, false},
		{"transferred_ringing", (*deskDay).transfersRinging, false},
		{"single_step_transfer", (*deskDay).transfersAtOnce, false},
		{"conference", (*deskDay).confers, false},
		{"single_step_conference", (*deskDay).confersAtOnce, false},
		{"alternate", (*deskDay).alternates, false},
		{"redirected", (*deskDay).redirects, false},
		{"data", (*deskDay).attaches, false},
		{"agent", (*deskDay).works, true},
		{"no_answer", (*deskDay).ringsOut, true},
		{"supervised", (*deskDay).isSupervised, false},
		{"supervised_left", (*deskDay).leavesSupervisor, false},
		{"service", (*deskDay).goesAway, true},
	}
}

func (d *deskDay) inbound() {
	cust, agent := d.answered()
	d.agent("hangup", "Established", "")
	ended(d.t, agent)
	ended(d.t, cust)
}

func (d *deskDay) noMoreWaiting() {
	cust := dial(d.t, d.customer, "8000", customerTone)
	agent := incoming(d.t, d.first, 0)
	d.mine("5001", "Ringing")
	d.ends(cust, agent)
}

func (d *deskDay) dials() {
	d.agent("dial", "", "030999")
	agent := incoming(d.t, d.first, agentTone)
	cust := d.rung(customerTone)
	talk(d.t, agent, agentTone, cust, customerTone)
	d.mine("5001", "Established")
	d.agent("dtmf", "Established", "12#")
	d.ends(cust, agent)
}

func (d *deskDay) dialsBusy() {
	d.agent("dial", "", "030999")
	agent := incoming(d.t, d.first, agentTone)
	cust := d.rung(0)
	require.NoError(d.t, cust.Busy())
	ended(d.t, agent)
}

// rung is the call at the customer's phone, when the one that called has been told that it rings there: a phone that
// answers in the same moment may be quicker than Asterisk tells of its ringing. With a tone it is answered then.
func (d *deskDay) rung(hz float64) *phone.Call {
	d.t.Helper()
	cust := incoming(d.t, d.customer, 0)
	d.eventually("the call has reached the network", func() bool {
		return len(d.of.lines(d.desks[0].since(d.from[0]), false)) >= 2
	})
	if hz != 0 {
		cust.SendTone(hz)
		require.NoError(d.t, cust.Answer(soon(d.t)))
	}
	return cust
}

func (d *deskDay) dialsAgent() {
	d.agent("dial", "", "5002")
	agent := incoming(d.t, d.first, agentTone)
	b := incoming(d.t, d.second, secondTone)
	talk(d.t, agent, agentTone, b, secondTone)
	d.mine("5002", "Established")
	d.of.command(d, "5002", "hangup", "Established", "")
	ended(d.t, b)
	ended(d.t, agent)
}

func (d *deskDay) holds() {
	cust, agent := d.answered()
	d.agent("hold", "Established", "")
	waits(d.t, cust, agentTone)
	d.agent("retrieve", "Held", "")
	talk(d.t, cust, customerTone, agent, agentTone)
	d.ends(cust, agent)
}

func (d *deskDay) asks() {
	cust, agent, b := d.ringing("consult")
	d.agent("reconnect", "Dialing", "")
	ended(d.t, b)
	talk(d.t, cust, customerTone, agent, agentTone)
	d.ends(cust, agent)
}

func (d *deskDay) transfers() {
	cust, agent, b := d.consulted("consult")
	d.agent("complete-transfer", "Established", "")
	ended(d.t, agent)
	talk(d.t, cust, customerTone, b, secondTone)
	d.ends(cust, b)
}

func (d *deskDay) transfersRinging() {
	cust, agent, b := d.ringing("consult")
	d.agent("complete-transfer", "Dialing", "")
	ended(d.t, agent)
	b.SendTone(secondTone)
	require.NoError(d.t, b.Answer(soon(d.t)))
	talk(d.t, cust, customerTone, b, secondTone)
	d.ends(cust, b)
}

func (d *deskDay) transfersAtOnce() {
	cust, agent := d.answered()
	d.agent("transfer", "Established", "5002")
	ended(d.t, agent)
	b := incoming(d.t, d.second, secondTone)
	talk(d.t, cust, customerTone, b, secondTone)
	d.ends(b, cust)
}

func (d *deskDay) confers() {
	cust, agent, b := d.consulted("consult-conference")
	d.agent("complete-conference", "Established", "")
	together(d.t, voice{cust, customerTone}, voice{agent, agentTone}, voice{b, secondTone})
	d.agent("drop", "Established", "5002")
	ended(d.t, b)
	talk(d.t, cust, customerTone, agent, agentTone)
	d.ends(cust, agent)
}

func (d *deskDay) confersAtOnce() {
	cust, agent := d.answered()
	d.agent("conference", "Established", "5002")
	b := incoming(d.t, d.second, secondTone)
	together(d.t, voice{cust, customerTone}, voice{agent, agentTone}, voice{b, secondTone})
	d.ends(b)
	d.eventually("two are left", func() bool {
		left := 0
		for _, p := range d.onlyCall("Established").Parties {
			if p.State != "Released" {
				left++
			}
		}
		return left == 2
	})
	d.ends(cust, agent)
}

func (d *deskDay) alternates() {
	cust, agent, b := d.consulted("consult")
	d.agent("alternate", "Established", "")
	talk(d.t, cust, customerTone, agent, agentTone)
	d.agent("alternate", "Established", "")
	talk(d.t, agent, agentTone, b, secondTone)
	d.agent("reconnect", "Established", "")
	ended(d.t, b)
	talk(d.t, cust, customerTone, agent, agentTone)
	d.ends(cust, agent)
}

func (d *deskDay) redirects() {
	cust := dial(d.t, d.customer, "8000", customerTone)
	agent := incoming(d.t, d.first, 0)
	d.mine("5001", "Ringing")
	d.agent("redirect", "Ringing", "5002")
	ended(d.t, agent)
	b := incoming(d.t, d.second, secondTone)
	talk(d.t, cust, customerTone, b, secondTone)
	d.ends(cust, b)
}

// attaches is what a desktop does as soon as the phone rings.
func (d *deskDay) attaches() {
	cust := dial(d.t, d.customer, "8000", customerTone)
	agent := incoming(d.t, d.first, 0)
	d.mine("5001", "Ringing")
	d.agent("update-data", "Ringing", `{"WWE_PARTY_5001": "x", "IW_Case": {"Id": 7}}`)
	d.ends(cust, agent)
}

func (d *deskDay) works() {
	for _, operation := range []string{"login", "ready", "not-ready", "ready"} {
		d.agent(operation, "", "")
	}
	cust, agent := d.answered()
	d.ends(cust, agent)
	d.eventually("after-call work is told", func() bool {
		return strings.Contains(strings.ReplaceAll(strings.Join(d.of.lines(d.desks[0].since(d.from[0]), true), "\n"), " ", ""), "AfterCallWork")
	})
	d.eventually("after-call work is over", func() bool { return d.agentOf("5001").State == "Ready" })
	d.agent("logout", "", "")
}

func (d *deskDay) isSupervised() {
	cust, agent := d.answered()
	d.of.command(d, "5003", "listen", "", "5001")
	ear := incoming(d.t, d.third, supervisorTone)
	require.NoError(d.t, ear.WaitTone(soon(d.t), customerTone))
	d.mine("5003", "Established")
	require.NoError(d.t, agent.WaitNoTone(soon(d.t), supervisorTone))
	d.of.command(d, "5003", "coach", "", "5001")
	require.NoError(d.t, agent.WaitTone(soon(d.t), supervisorTone))
	require.NoError(d.t, cust.WaitNoTone(soon(d.t), supervisorTone))
	d.of.command(d, "5003", "barge-in", "", "5001")
	require.NoError(d.t, cust.WaitTone(soon(d.t), supervisorTone))
	d.of.command(d, "5003", "cancel", "", "5001")
	ended(d.t, ear)
	talk(d.t, cust, customerTone, agent, agentTone)
	d.ends(cust, agent)
}

// ringsOut is an agent who is ready and lets a call ring out.
func (d *deskDay) ringsOut() {
	d.agent("login", "", "")
	d.agent("ready", "", "")
	cust := dial(d.t, d.customer, "8000", customerTone)
	agent := incoming(d.t, d.first, 0)
	ended(d.t, agent)
	ended(d.t, cust)
	d.eventually("the agent is not ready", func() bool { return d.agentOf("5001").State == "NotReady" })
	d.agent("logout", "", "")
}

// leavesSupervisor is an agent who is supervised and passes the call on: the supervisor of the agent is left without it.
func (d *deskDay) leavesSupervisor() {
	cust, agent := d.answered()
	d.of.command(d, "5003", "listen-agent", "", "5001")
	ear := incoming(d.t, d.third, supervisorTone)
	require.NoError(d.t, ear.WaitTone(soon(d.t), customerTone))
	d.mine("5003", "Established")
	d.agent("transfer", "Established", "5002")
	ended(d.t, agent)
	ended(d.t, ear)
	b := incoming(d.t, d.second, secondTone)
	talk(d.t, cust, customerTone, b, secondTone)
	d.of.command(d, "5003", "cancel", "", "5001")
	d.ends(cust, b)
}

// goesAway is a phone that is unregistered, and comes back.
func (d *deskDay) goesAway() {
	require.NoError(d.t, d.second.Unregister(soon(d.t)))
	d.eventually("5002 is out of service", func() bool {
		lines := d.of.lines(d.desks[1].since(d.from[1]), true)
		return len(lines) > 0
	})
	require.NoError(d.t, d.second.Register(soon(d.t), time.Minute))
	d.inService("5002")
}
