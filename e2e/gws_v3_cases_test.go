//go:build e2e

package e2e_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

// v3Day is a day of agents whose desktops are published clients of the Workspace API, which give all commands.
type v3Day struct {
	*day
	third *phone.Phone        // the supervisor's
	desks [3]*workspaceClient // of 5001, 5002 and the supervisor, who works at 5003
}

// The cases of the reference, each by a call of its own, as the desktops of both agents are told.
func TestWorkspaceCases(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "agents: {wrap_up: 1s}\nrecording: {enabled: true}\n")
	d := &v3Day{third: s.agentPhone("5003", phone.RingOnly), day: &day{
		system: s, t: t, first: s.agentPhone("5001", phone.RingOnly), second: s.agentPhone("5002", phone.RingOnly), customer: s.customerPhone(),
	}}
	s.as("admin", http.MethodPost, "/api/v1/users", map[string]any{
		"user": "boss", "password": "correct horse", "role": "supervisor", "team": "default", "dns": []string{"5003"},
	}).want(http.StatusCreated)
	s.passwords["boss"] = "correct horse"
	s.inService("5001", "5002", "5003")
	for i, user := range []string{"5001", "5002", "boss"} {
		d.desks[i] = s.workspace(user)
		d.desks[i].must("", "activateChannels", user, []string{"5001", "5002", "5003"}[i])
	}
	for _, step := range []struct {
		name string
		run  func(*v3Day)
	}{
		{"inbound", (*v3Day).inbound},
		{"abandoned", (*v3Day).abandoned},
		{"outbound", (*v3Day).outbound},
		{"outbound_busy", (*v3Day).outboundBusy},
		{"internal", (*v3Day).internal},
		{"held", (*v3Day).held},
		{"consult", (*v3Day).consult},
		{"transferred", (*v3Day).transferred},
		{"transferred_ringing", (*v3Day).transferredRinging},
		{"single_step_transfer", (*v3Day).singleStepTransfer},
		{"conference", (*v3Day).conference},
		{"single_step_conference", (*v3Day).singleStepConference},
		{"alternate", (*v3Day).alternate},
		{"redirected", (*v3Day).redirected},
		{"data", (*v3Day).data},
		{"agent", (*v3Day).agentStates},
		{"busy", (*v3Day).busy},
		{"service", (*v3Day).service},
		{"supervised", (*v3Day).supervised},
		{"supervised_next", (*v3Day).supervisedNext},
	} {
		ok := t.Run(step.name, func(t *testing.T) {
			now, inner := *d, *d.day
			inner.t, inner.system, now.day = t, d.in(t), &inner
			for i := range now.desks {
				now.desks[i].t = t
				now.desks[i].rests()
			}
			step.run(&now)
			now.requireNoLeftovers()
			now.want("v3_"+step.name, step.name == "agent" || step.name == "busy" || step.name == "service")
		})
		require.True(t, ok, "the steps share one system")
	}
}

// want requires what the desktops have been told: of calls and supervisions, or of the agents.
func (d *v3Day) want(name string, agents bool) {
	d.t.Helper()
	seen := func() []string {
		var all []v3Message
		var counts [3]int
		for i, desk := range d.desks {
			for _, m := range desk.seen() {
				if m.Channel == "voice" && (m.DN != nil) == agents {
					all = append(all, m)
					counts[i]++
				}
			}
		}
		lines := v3Lines(all)
		var out []string
		for i, desk := range d.desks {
			if counts[i] > 0 {
				out = append(out, "desktop of "+desk.who)
				out = append(out, lines[:counts[i]]...)
				lines = lines[counts[i]:]
			}
		}
		return out
	}
	wanted := golden(d.t, name)
	d.eventually(name+" is told", func() bool { return len(seen()) >= len(wanted) })
	require.Equal(d.t, wanted, seen())
}

// answered is the customer's call that 5001 has answered, as its desktop knows it.
func (d *v3Day) answered() (cust, agent *phone.Call, call v3Call) {
	d.t.Helper()
	cust, agent = d.connected()
	return cust, agent, d.desks[0].call("Established")
}

func (d *v3Day) ends(hangs *phone.Call, others ...*phone.Call) {
	d.t.Helper()
	require.NoError(d.t, hangs.Hangup(soon(d.t)))
	for _, c := range others {
		ended(d.t, c)
	}
	d.completed()
}

// completed waits until the desktop of 5001 has been told of its call's end.
func (d *v3Day) completed() {
	d.t.Helper()
	d.desks[0].call("Released")
}

func (d *v3Day) inbound() {
	cust, agent, call := d.answered()
	require.Equal(d.t, []string{"030123456", "8000", "5001"}, []string{call.ANI, call.DNIS, call.PhoneNumber})
	require.Equal(d.t, call.ID, call.ConnID)
	require.Len(d.t, call.ID, 16)
	require.Len(d.t, call.CallUUID, 32)
	require.Subset(d.t, call.Capabilities, []string{"release", "hold", "clear", "send-dtmf", "initiate-conference", "initiate-transfer", "single-step-conference", "single-step-transfer", "start-recording", "attach-user-data"})
	d.desks[0].must("voice", "releaseCall", call.ID)
	ended(d.t, agent)
	ended(d.t, cust)
	d.completed()
	require.Equal(d.t, []string{"complete"}, d.desks[0].call("Released").Capabilities)
	require.Empty(d.t, d.desks[0].must("http", "get", "/voice/calls").Calls, "the client has forgotten it")
}

func (d *v3Day) abandoned() {
	cust := dial(d.t, d.customer, "8000", customerTone)
	agent := incoming(d.t, d.first, 0)
	d.desks[0].call("Ringing")
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	ended(d.t, agent)
	d.completed()
}

func (d *v3Day) outbound() {
	d.desks[0].must("voice", "makeCall", "030999", map[string]any{"userData": []any{map[string]any{"key": "Case", "type": "str", "value": "42"}}})
	a := incoming(d.t, d.first, agentTone)
	cust := incoming(d.t, d.customer, customerTone)
	talk(d.t, a, agentTone, cust, customerTone)
	call := d.desks[0].call("Established")
	require.Equal(d.t, "Case", call.UserData[0].Key)
	d.ends(cust, a)
}

func (d *v3Day) outboundBusy() {
	d.desks[0].must("voice", "makeCall", "030999")
	a := incoming(d.t, d.first, agentTone)
	require.NoError(d.t, incoming(d.t, d.customer, 0).Busy())
	ended(d.t, a)
	d.completed()
}

func (d *v3Day) internal() {
	d.desks[0].must("voice", "makeCall", "5002")
	a := incoming(d.t, d.first, agentTone)
	b := incoming(d.t, d.second, secondTone)
	talk(d.t, a, agentTone, b, secondTone)
	d.ends(b, a)
	d.desks[1].call("Released")
}

func (d *v3Day) held() {
	cust, agent, call := d.answered()
	d.desks[0].must("voice", "holdCall", call.ID)
	held := d.desks[0].call("Held")
	require.Contains(d.t, held.Capabilities, "retrieve")
	require.NotContains(d.t, held.Capabilities, "hold")
	waits(d.t, cust, agentTone)
	d.desks[0].must("voice", "retrieveCall", call.ID)
	talk(d.t, cust, customerTone, agent, agentTone)
	d.ends(cust, agent)
}

// consulting is 5001 who asks 5002 while the customer waits.
func (d *v3Day) consulting(method string) (cust, agent, b *phone.Call, first, second v3Call) {
	d.t.Helper()
	cust, agent, first = d.answered()
	d.desks[0].must("voice", method, first.ID, "5002")
	b = incoming(d.t, d.second, 0)
	second = d.desks[0].saw("the consultation", func(m *v3Message) bool { return m.Call != nil && m.Call.CallType == "Consult" }).Call.copy()
	require.Equal(d.t, first.ID, second.ParentConnID)
	require.Subset(d.t, second.Capabilities, []string{"release", "complete-transfer", "reconnect"})
	d.desks[1].call("Ringing")
	return cust, agent, b, first, second
}

func (c *v3Call) copy() v3Call { return *c }

// consulted is the same when 5002 has answered.
func (d *v3Day) consulted(method string) (cust, agent, b *phone.Call, first, second v3Call) {
	d.t.Helper()
	cust, agent, b, first, second = d.consulting(method)
	b.SendTone(secondTone)
	require.NoError(d.t, b.Answer(soon(d.t)))
	talk(d.t, agent, agentTone, b, secondTone)
	d.desks[0].saw("the answer", func(m *v3Message) bool {
		return m.Call != nil && m.Call.ID == second.ID && m.Call.State == "Established"
	})
	return cust, agent, b, first, second
}

func (d *v3Day) consult() {
	cust, agent, b, first, second := d.consulting("initiateTransfer")
	d.desks[0].must("voice", "reconnectCall", second.ID, first.ID)
	ended(d.t, b)
	talk(d.t, cust, customerTone, agent, agentTone)
	d.ends(cust, agent)
}

func (d *v3Day) transferred() {
	cust, agent, b, first, second := d.consulted("initiateTransfer")
	d.desks[0].must("voice", "completeTransfer", second.ID, first.ID)
	ended(d.t, agent)
	talk(d.t, cust, customerTone, b, secondTone)
	moved := d.desks[1].saw("the new id", func(m *v3Message) bool { return m.Call != nil && m.Call.PreviousConnID == second.ID })
	require.Equal(d.t, first.ID, moved.Call.ID)
	d.ends(cust, b)
	d.desks[1].call("Released")
}

func (d *v3Day) transferredRinging() {
	cust, agent, b, first, second := d.consulting("initiateTransfer")
	d.desks[0].must("voice", "completeTransfer", second.ID, first.ID)
	ended(d.t, agent)
	b.SendTone(secondTone)
	require.NoError(d.t, b.Answer(soon(d.t)))
	talk(d.t, cust, customerTone, b, secondTone)
	d.ends(cust, b)
	d.desks[1].call("Released")
}

func (d *v3Day) singleStepTransfer() {
	cust, agent, call := d.answered()
	d.desks[0].must("voice", "singleStepTransfer", call.ID, "5002")
	ended(d.t, agent)
	b := incoming(d.t, d.second, secondTone)
	talk(d.t, cust, customerTone, b, secondTone)
	d.ends(b, cust)
	d.desks[1].call("Released")
}

func (d *v3Day) conference() {
	cust, agent, b, first, second := d.consulted("initiateConference")
	d.desks[0].must("voice", "completeConference", second.ID, first.ID)
	talk(d.t, cust, customerTone, b, secondTone)
	talk(d.t, cust, customerTone, agent, agentTone)
	d.desks[0].must("voice", "deleteFromConference", first.ID, "5002")
	ended(d.t, b)
	talk(d.t, cust, customerTone, agent, agentTone)
	d.desks[1].call("Released")
	d.desks[0].must("voice", "clearCall", first.ID)
	ended(d.t, agent)
	ended(d.t, cust)
}

func (d *v3Day) singleStepConference() {
	cust, agent, call := d.answered()
	d.desks[0].must("voice", "singleStepConference", call.ID, "5002")
	b := incoming(d.t, d.second, secondTone)
	talk(d.t, cust, customerTone, b, secondTone)
	d.desks[0].saw("the third party", func(m *v3Message) bool { return m.Call != nil && len(m.Call.Participants) == 2 })
	d.desks[0].must("voice", "clearCall", call.ID)
	ended(d.t, agent)
	ended(d.t, b)
	ended(d.t, cust)
	d.desks[1].call("Released")
}

func (d *v3Day) alternate() {
	cust, agent, b, first, second := d.consulted("initiateTransfer")
	d.desks[0].must("voice", "alternateCalls", second.ID, first.ID)
	talk(d.t, cust, customerTone, agent, agentTone)
	d.desks[0].must("voice", "alternateCalls", first.ID, second.ID)
	talk(d.t, agent, agentTone, b, secondTone)
	d.desks[0].must("voice", "reconnectCall", second.ID, first.ID)
	ended(d.t, b)
	talk(d.t, cust, customerTone, agent, agentTone)
	d.ends(cust, agent)
	d.desks[1].call("Released")
}

func (d *v3Day) redirected() {
	cust := dial(d.t, d.customer, "8000", customerTone)
	agent := incoming(d.t, d.first, 0)
	call := d.desks[0].call("Ringing")
	require.Contains(d.t, call.Capabilities, "redirect")
	d.desks[0].must("voice", "redirectCall", call.ID, "5002")
	ended(d.t, agent)
	b := incoming(d.t, d.second, secondTone)
	talk(d.t, cust, customerTone, b, secondTone)
	d.ends(cust, b)
	d.desks[1].call("Released")
}

// data is attached, changed and taken away while the phone rings, which is when desktops begin with it.
func (d *v3Day) data() {
	pair := func(value string) []object { return []object{{"key": "Case", "type": "str", "value": value}} }
	cust := dial(d.t, d.customer, "8000", customerTone)
	agent := incoming(d.t, d.first, 0)
	c := d.desks[0]
	call := c.call("Ringing")
	c.must("voice", "attachUserData", call.ID, pair("1"))
	c.must("voice", "attachUserData", call.ID, pair("2"))
	c.must("voice", "updateUserData", call.ID, pair("3"))
	c.must("voice", "deleteUserDataPair", call.ID, "Case")
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	ended(d.t, agent)
	d.completed()
}

// busy is what the DN of an agent does in a call that is held, and in a consultation: each change of it is told.
func (d *v3Day) busy() {
	cust, agent, b, first, second := d.consulted("initiateTransfer")
	d.desks[0].must("voice", "reconnectCall", second.ID, first.ID)
	ended(d.t, b)
	talk(d.t, cust, customerTone, agent, agentTone)
	d.ends(cust, agent)
	d.desks[1].call("Released")
	d.eventually("after-call work is over", func() bool { return d.agentOf("5001").State == "Ready" })
}

// service is a phone that goes away and comes back.
func (d *v3Day) service() {
	c := d.desks[1]
	available := func(now bool) {
		d.t.Helper()
		c.saw("the service", func(m *v3Message) bool { return m.DN != nil && m.DN.Available == now })
	}
	c.must("voice", "ready")
	available(true)
	require.NoError(d.t, d.second.Unregister(soon(d.t)))
	available(false)
	require.NoError(d.t, d.second.Register(soon(d.t), patience))
	d.inService("5002")
	c.must("voice", "notReady")
	c.saw("not ready", func(m *v3Message) bool { return m.DN != nil && m.DN.AgentState == "NotReady" })
}

func (d *v3Day) agentStates() {
	c := d.desks[0]
	state := func(state, mode string) {
		d.t.Helper()
		c.saw(state+" "+mode, func(m *v3Message) bool { return m.DN != nil && m.DN.AgentState == state && m.DN.AgentWorkMode == mode })
	}
	c.must("voice", "logout")
	state("LoggedOut", "Unknown")
	c.must("voice", "login")
	state("NotReady", "AuxWork")
	c.must("voice", "ready")
	state("Ready", "AutoIn")
	cust, agent := d.connected()
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	ended(d.t, agent)
	state("NotReady", "AfterCallWork")
	d.eventually("after-call work is over", func() bool { return d.agentOf("5001").State == "Ready" })
}

func (d *v3Day) supervised() {
	boss := d.desks[2]
	cust, agent, _ := d.answered()
	boss.must("VoiceApi", "startMonitoring", map[string]any{"data": map[string]any{
		"phoneNumberToMonitor": "5001", "monitoringMode": "Mute", "monitoringNextCallType": "OneCall", "monitoringScope": "Agent",
	}})
	ear := incoming(d.t, d.third, supervisorTone)
	require.NoError(d.t, ear.WaitTone(soon(d.t), customerTone))
	mine := boss.saw("the call", func(m *v3Message) bool { return m.Call != nil && m.Call.State == "Established" }).Call
	require.True(d.t, mine.IsMonitoredByMe)
	require.Equal(d.t, "5001", mine.MonitoringInfo.MonitoredDN)
	require.Equal(d.t, "Mute", mine.MonitoringInfo.MonitorMode)
	boss.must("VoiceApi", "switchToCoaching", mine.ID, map[string]any{})
	require.NoError(d.t, agent.WaitTone(soon(d.t), supervisorTone))
	require.NoError(d.t, cust.WaitNoTone(soon(d.t), supervisorTone))
	boss.must("VoiceApi", "switchToBargeIn", mine.ID, map[string]any{"monitoringScopeData": map[string]any{
		"operationId": "in", "data": map[string]any{"monitoringScope": "Call"},
	}})
	require.NoError(d.t, cust.WaitTone(soon(d.t), supervisorTone))
	d.desks[0].saw("the supervisor in the call", func(m *v3Message) bool { return m.Call != nil && m.Call.SupervisorBargedIn })
	boss.saw("the command's own event", func(m *v3Message) bool {
		return m.OperationID == "in" && m.Call != nil && m.Call.SupervisorMonitoringState == "connect"
	})
	boss.must("VoiceApi", "switchToListenIn", mine.ID, map[string]any{})
	require.NoError(d.t, cust.WaitNoTone(soon(d.t), supervisorTone))
	boss.must("VoiceApi", "stopMonitoring", map[string]any{"data": map[string]any{"phoneNumber": "5001"}})
	ended(d.t, ear)
	talk(d.t, cust, customerTone, agent, agentTone)
	d.ends(cust, agent)
	boss.call("Released")
}

// supervisedNext is a supervisor who waits for the agent's calls, coaches, and stays as long as the agent.
func (d *v3Day) supervisedNext() {
	boss := d.desks[2]
	boss.must("VoiceApi", "startMonitoring", map[string]any{"operationId": "watch", "data": map[string]any{
		"phoneNumberToMonitor": "5001", "monitoringMode": "Coach", "monitoringNextCallType": "AllCalls", "monitoringScope": "Agent",
	}})
	boss.saw("the order", func(m *v3Message) bool { return m.EventType == "MonitoringStarted" && m.OperationID == "watch" })
	cust, agent, call := d.answered()
	ear := incoming(d.t, d.third, supervisorTone)
	require.NoError(d.t, agent.WaitTone(soon(d.t), supervisorTone))
	require.NoError(d.t, cust.WaitNoTone(soon(d.t), supervisorTone))
	boss.call("Established")
	require.Equal(d.t, http.StatusConflict, d.desks[0].do("VoiceApi", "switchToBargeIn", call.ID, map[string]any{}).Status, "who is supervised is no supervisor")
	require.Equal(d.t, http.StatusForbidden, d.desks[0].do("VoiceApi", "startMonitoring", map[string]any{"data": map[string]any{
		"phoneNumberToMonitor": "5002", "monitoringMode": "Mute", "monitoringNextCallType": "OneCall", "monitoringScope": "Agent",
	}}).Status)
	d.desks[0].must("voice", "releaseCall", call.ID)
	ended(d.t, agent)
	ended(d.t, cust)
	ended(d.t, ear)
	d.completed()
	boss.call("Released")
	boss.must("VoiceApi", "stopMonitoring", map[string]any{"data": map[string]any{"phoneNumber": "5001"}})
	boss.saw("the end", func(m *v3Message) bool { return m.EventType == "MonitoringStopped" })
	r := boss.do("VoiceApi", "stopMonitoring", map[string]any{"data": map[string]any{"phoneNumber": "5001"}})
	require.Equal(d.t, http.StatusInternalServerError, r.Status, "it has ended")
}
