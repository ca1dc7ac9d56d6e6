//go:build e2e

package e2e_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

type object = map[string]any

func data(members object) object { return object{"data": members} }

// The published client does an agent's work, from its login to its logout.
func TestWorkspaceClient(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "recording: {enabled: true}\nagents: {reasons: [lunch, training]}\nqueues: {sales: {number: \"8100\"}}\n")
	d := &v3Day{third: s.agentPhone("5003", phone.RingOnly), day: &day{
		system: s, t: t, first: s.agentPhone("5001", phone.RingOnly), second: s.agentPhone("5002", phone.RingOnly), customer: s.customerPhone(),
	}}
	s.inService("5001", "5002", "5003")
	d.desks[0] = s.workspaceClient("5001", "-")
	for i, step := range []struct {
		name string
		run  func(*v3Day)
	}{
		{"begins", (*v3Day).begins},
		{"states", (*v3Day).states},
		{"settings", (*v3Day).settings},
		{"data, digits and recording", (*v3Day).attachments},
		{"to itself and nowhere", (*v3Day).invalidDestinations},
		{"merges two calls", (*v3Day).merges},
		{"puts calls away by itself", (*v3Day).completes},
		{"two windows", (*v3Day).windows},
		{"targets", (*v3Day).targets},
		{"statistics", (*v3Day).statistics},
		{"ends", (*v3Day).destroys},
	} {
		ok := t.Run(step.name, func(t *testing.T) {
			now, inner := *d, *d.day
			inner.t, inner.system, now.day = t, d.in(t), &inner
			now.desks[0].t = t
			if i > 0 { // there is a voice channel then
				now.desks[0].rests()
			}
			step.run(&now)
			now.requireNoLeftovers()
		})
		require.True(t, ok, "the steps share one system")
	}
}

func (d *v3Day) begins() {
	c := d.desks[0]
	started := c.must("", "initialize", object{"token": d.token("5001")})
	var user struct {
		UserName, EmployeeID, AgentLogin, DefaultPlace string
		DBID                                           int
	}
	require.NoError(d.t, json.Unmarshal(started.User, &user))
	require.Equal(d.t, []string{"5001", "5001", "5001"}, []string{user.UserName, user.AgentLogin, user.DefaultPlace})
	require.NotZero(d.t, user.DBID)
	require.Contains(d.t, string(c.do("VoiceApi", "getCalls").Body), "activate-channels", "there is no voice channel yet")
	c.must("", "activateChannels", "5001", nil, "5001") // by place
	c.saw("the login", func(m *v3Message) bool {
		return m.DN != nil && m.DN.AgentState == "NotReady" && m.DN.AgentWorkMode == "AuxWork" && m.DN.AgentID == "5001"
	})
	c.saw("the media", func(m *v3Message) bool { return m.MessageType == "ChannelStateChanged" && m.Media != nil })
	var session struct {
		Data struct {
			User struct {
				ActiveSession struct {
					CurrentPlace     string
					DN               struct{ Number, AgentState string }
					Services         []struct{ ServiceName, ServiceState string }
					AutoCompleteCall bool
				}
			}
			PendingLoginAsync struct{ State string }
			Configuration     struct{ ActionCodes []struct{ Name, Code string } }
		}
	}
	require.NoError(d.t, json.Unmarshal(c.must("http", "get", "/current-session").Result, &session))
	active := session.Data.User.ActiveSession
	require.Equal(d.t, []string{"5001", "5001", "NotReady", "Complete"}, []string{active.CurrentPlace, active.DN.Number, active.DN.AgentState, session.Data.PendingLoginAsync.State})
	require.True(d.t, active.AutoCompleteCall)
	require.Equal(d.t, "AVAILABLE", active.Services[0].ServiceState)
	require.Equal(d.t, "lunch", session.Data.Configuration.ActionCodes[0].Code)
}

func (d *v3Day) states() {
	c := d.desks[0]
	state := func(what string, is func(m *v3Message) bool) {
		d.t.Helper()
		c.saw(what, func(m *v3Message) bool { return m.DN != nil && is(m) })
		c.forget()
	}
	c.must("voice", "ready")
	state("ready", func(m *v3Message) bool { return m.DN.AgentState == "Ready" && m.DN.AgentWorkMode == "AutoIn" })
	c.must("voice", "ready") // which changes nothing, and is told all the same
	state("ready", func(m *v3Message) bool { return m.DN.AgentState == "Ready" })
	c.must("voice", "notReady", "AuxWork", "lunch")
	state("lunch", func(m *v3Message) bool { return len(m.DN.Reasons) == 1 && m.DN.Reasons[0].Value == "lunch" })
	require.Equal(d.t, http.StatusBadRequest, c.do("voice", "notReady", "AuxWork", "sleep").Status, "not one of the reasons")
	c.must("voice", "notReady", "AfterCallWork")
	state("after-call work", func(m *v3Message) bool { return m.DN.AgentState == "NotReady" && m.DN.AgentWorkMode == "AfterCallWork" })
	c.must("voice", "dndOn")
	state("dnd", func(m *v3Message) bool { return m.DN.DND })
	c.must("voice", "dndOff")
	state("no dnd", func(m *v3Message) bool { return !m.DN.DND })
	c.must("voice", "setForward", "5002")
	state("a forward", func(m *v3Message) bool { return m.DN.ForwardTo == "5002" })
	c.must("voice", "cancelForward")
	state("no forward", func(m *v3Message) bool { return m.DN.ForwardTo == "" })
	c.must("voice", "logout")
	state("logged out", func(m *v3Message) bool { return m.DN.AgentState == "LoggedOut" })
	c.must("voice", "login")
	state("logged in", func(m *v3Message) bool { return m.DN.AgentState == "LoggedIn" })
	c.must("voice", "ready")
}

func (d *v3Day) settings() {
	c := d.desks[0]
	c.must("SessionApi", "getConfiguration")
	require.Contains(d.t, string(c.must("http", "get", "/configuration?types=actionCodes").Result), `"code":"training"`)
	require.NotContains(d.t, string(c.must("http", "get", "/configuration?types=actionCodes").Result), "agentGroups")
	require.Contains(d.t, string(c.must("http", "get", "/configuration?types=agentGroups").Result), `"name":"default"`)
	require.Contains(d.t, string(c.must("http", "get", "/configuration/business-attribute/1").Result), "voice")
	require.Contains(d.t, string(c.must("http", "get", "/configuration/places/5001/dns").Result), `"number":"5001"`)
	require.Equal(d.t, http.StatusInternalServerError, c.do("http", "get", "/configuration/places/5002/dns").Status, "another's place")
	c.must("http", "get", "/auth-keep-alive")
	c.must("http", "get", "/version")
}

func (d *v3Day) attachments() {
	c := d.desks[0]
	cust, agent, call := d.answered()
	value := func(key string) (found []string) {
		for _, m := range c.seen() {
			if m.NotificationType == "AttachedDataChanged" {
				found = nil
				for _, p := range m.Call.UserData {
					if p.Key == key {
						text, _ := p.Value.(string)
						found = append(found, text)
					}
				}
			}
		}
		return found
	}
	pair := func(key, value string) []object { return []object{{"key": key, "type": "str", "value": value}} }
	c.must("voice", "attachUserData", call.ID, pair("Case", "1"))
	c.must("voice", "attachUserData", call.ID, pair("Case", "2"))
	d.eventually("attached twice", func() bool { return len(value("Case")) == 2 })
	c.must("voice", "updateUserData", call.ID, pair("Case", "3"))
	d.eventually("updated", func() bool { v := value("Case"); return len(v) == 1 && v[0] == "3" })
	c.must("voice", "deleteUserDataPair", call.ID, "Case")
	d.eventually("deleted", func() bool { return len(value("Case")) == 0 })
	c.must("VoiceApi", "attachUserData", call.ID, object{"operationId": "my-op", "data": object{"userData": pair("Note", "x")}})
	c.saw("the operation", func(m *v3Message) bool {
		return m.OperationID == "my-op" && m.NotificationType == "AttachedDataChanged"
	})

	c.must("voice", "sendDTMF", call.ID, "42#")
	require.NoError(d.t, cust.WaitDTMF(soon(d.t), "42#"))
	recording := func(method, state string) {
		d.t.Helper()
		c.must("voice", method, call.ID)
		m := c.saw(method, func(m *v3Message) bool {
			return m.NotificationType == "CallRecordingStateChange" && m.Call.RecordingState == state
		})
		require.NotEmpty(d.t, m.OperationID)
		c.forget()
	}
	recording("startRecording", "Recording")
	recording("pauseRecording", "Paused")
	recording("resumeRecording", "Recording")
	recording("stopRecording", "Stopped")

	c.must("voice", "sendUserEvent", pair("Lamp", "on"), call.CallUUID)
	c.saw("the user event", func(m *v3Message) bool { return m.MessageType == "EventUserEvent" && m.UserData[0].Key == "Lamp" })
	require.Contains(d.t, string(c.must("http", "get", "/voice/calls").Result), `"state":"Established"`)
	d.ends(cust, agent)
}

// invalidDestinations are accepted, and fail by an event, as at a T-Server.
func (d *v3Day) invalidDestinations() {
	c := d.desks[0]
	c.must("voice", "makeCall", "5001")
	m := c.saw("an error", func(m *v3Message) bool { return m.MessageType == "EventError" })
	require.Equal(d.t, 415, m.Error.ErrorCode)
	c.forget()
	c.must("voice", "makeCall", "+883123456")
	c.saw("an error", func(m *v3Message) bool { return m.MessageType == "EventError" && m.Error.ErrorCode == 415 })
	require.Equal(d.t, http.StatusBadRequest, c.do("voice", "makeCall", nil).Status)
}

func (d *v3Day) merges() {
	c := d.desks[0]
	cust, agent, first := d.answered()
	other := dial(d.t, d.second, "5001", secondTone)
	waiting := incoming(d.t, d.first, 0)
	c.must("voice", "holdCall", first.ID)
	c.call("Held")
	waiting.SendTone(fourthTone)
	require.NoError(d.t, waiting.Answer(soon(d.t)))
	second := c.saw("the second call", func(m *v3Message) bool {
		return m.Call != nil && m.Call.ID != first.ID && m.Call.State == "Established"
	}).Call
	c.must("voice", "mergeCalls", first.ID, second.ID)
	talk(d.t, cust, customerTone, other, secondTone)
	c.must("voice", "clearCall", first.ID)
	for _, p := range []*phone.Call{cust, other, agent, waiting} {
		ended(d.t, p)
	}
}

// completes is a desktop that puts its calls away by itself.
func (d *v3Day) completes() {
	c := d.desks[0]
	c.must("SessionApi", "activateChannels", data(object{"agentId": "5001", "dn": "5001", "autoCompleteCall": false}))
	cust, agent, call := d.answered()
	require.Equal(d.t, http.StatusConflict, c.do("VoiceApi", "completeCall", call.ID, object{}).Status, "it lives")
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	ended(d.t, agent)
	require.Equal(d.t, []string{"complete"}, c.call("Released").Capabilities)
	require.Contains(d.t, string(c.must("http", "get", "/voice/calls").Result), call.ID)
	for _, m := range c.seen() {
		require.False(d.t, m.Call != nil && m.Call.State == "Completed")
	}
	c.must("VoiceApi", "completeCall", call.ID, object{"operationId": "away"})
	m := c.saw("completed", func(m *v3Message) bool { return m.Call != nil && m.Call.State == "Completed" })
	require.Equal(d.t, []string{call.ID, "away"}, []string{m.Call.ID, m.OperationID})
	require.NotContains(d.t, string(c.must("http", "get", "/voice/calls").Result), call.ID)
	c.must("SessionApi", "activateChannels", data(object{"agentId": "5001", "dn": "5001"}))
}

// windows is a user with two: both are told of everything, and a command's id comes to both.
func (d *v3Day) windows() {
	c := d.desks[0]
	other := d.workspace("5001")
	other.saw("how things stand", func(m *v3Message) bool { return m.DN != nil && m.DN.Number == "5001" })
	c.must("VoiceApi", "setAgentStateNotReady", object{"notReadyData": object{"operationId": "tea", "data": object{"reasonCode": "lunch"}}})
	for _, w := range []*workspaceClient{c, other} {
		w.saw("not ready", func(m *v3Message) bool { return m.DN != nil && m.DN.AgentState == "NotReady" && m.OperationID == "tea" })
	}
	other.must("", "destroy")
	c.must("voice", "ready") // the first goes on
	c.saw("ready", func(m *v3Message) bool { return m.DN != nil && m.DN.AgentState == "Ready" })
}

func (d *v3Day) targets() {
	c := d.desks[0]
	var found []struct {
		Name, Type, Number string
		DBID               int64
		Availability       *struct {
			Channels []struct{ UserState struct{ State string } }
		}
	}
	require.NoError(d.t, json.Unmarshal(c.must("targets", "search", "500").Result, &found))
	require.Len(d.t, found, 5)
	require.Equal(d.t, []string{"Agent 5001", "agent", "5001"}, []string{found[0].Name, found[0].Type, found[0].Number})
	require.Equal(d.t, "Ready", found[0].Availability.Channels[0].UserState.State)
	require.NoError(d.t, json.Unmarshal(c.must("targets", "search", "sales").Result, &found))
	require.Equal(d.t, []string{"sales", "route-point", "8100"}, []string{found[0].Name, found[0].Type, found[0].Number})
	require.Contains(d.t, string(c.must("targets", "getTarget", "5002", "agent").Result), `"number":"5002"`)

	c.must("targets", "savePersonalFavorite", object{"id": "7", "type": "contact", "firstName": "Ada", "numbers": []string{"030777"}}, "friends")
	require.Contains(d.t, string(c.must("targets", "getPersonalFavorites", 10).Result), "Ada")
	c.must("targets", "addRecentTarget", object{"id": "8", "type": "contact", "firstName": "Ben"}, "voice")
	require.Contains(d.t, string(c.must("targets", "getRecentTargets", 10).Result), "Ben")
	c.must("targets", "ackRecentMissedCalls")
	c.must("targets", "deletePersonalFavorite", "7", "contact")
	require.NotContains(d.t, string(c.must("targets", "getPersonalFavorites", 10).Result), "Ada")
	require.Contains(d.t, string(c.must("http", "get", "/users?limit=9").Result), `"totalMatches":1`, "an agent sees nobody else's state")
}

func (d *v3Day) statistics() {
	c := d.desks[0]
	var got struct {
		Data struct {
			SubscriptionID string
			Statistics     []struct {
				Name  string
				Value struct{ IntValue int }
			}
		}
	}
	want := []object{{"objectId": "5001", "objectType": "Agent", "name": "InboundCalls"}, {"objectId": "5001", "objectType": "Agent", "name": "TalkDuration"}}
	require.NoError(d.t, json.Unmarshal(c.must("reporting", "subscribe", want).Result, &got))
	before := got.Data.Statistics[0].Value.IntValue
	require.Positive(d.t, before)
	cust, agent, _ := d.answered()
	d.ends(cust, agent)
	d.eventually("the call is counted", func() bool {
		require.NoError(d.t, json.Unmarshal(c.must("reporting", "peek", got.Data.SubscriptionID).Result, &got))
		return got.Data.Statistics[0].Value.IntValue == before+1
	})
	c.saw("the statistics", func(m *v3Message) bool {
		return m.MessageType == "StatisticsUpdated" && m.SubscriptionID == got.Data.SubscriptionID
	})
	other := object{"objectId": "5002", "objectType": "Agent", "name": "InboundCalls"}
	require.Equal(d.t, http.StatusInternalServerError, c.do("reporting", "subscribe", []object{other}).Status, "another's")
}

func (d *v3Day) destroys() {
	c := d.desks[0]
	c.must("", "destroy")
	d.eventually("the agent is logged out", func() bool { return d.agentOf("5001").State == "LoggedOut" })
	r := c.do("http", "get", "/current-session")
	require.Equal(d.t, http.StatusForbidden, r.Status)
	require.True(d.t, strings.Contains(string(r.Body), "603"), "%s", r.Body)
}

// A browser's phone is answered, held and retrieved by the desktop.
func TestWorkspaceAnswer(t *testing.T) {
	t.Parallel()
	s := newDesks(t, "")
	d := &webDay{day: &day{system: s, t: t, customer: s.customerPhone()}}
	with := s.webAccount("5001", 0)
	with.AllowEvents = "talk, hold"
	w := s.window(with)
	require.Equal(t, "registered", w.start())
	s.inService("5001")
	c := s.workspace("5001")
	c.must("", "activateChannels", "5001", "5001")
	cust := dial(t, d.customer, "8000", customerTone)
	a := w.incoming()
	call := c.call("Ringing")
	require.Subset(t, call.Capabilities, []string{"answer", "redirect", "clear", "attach-user-data"})
	c.must("VoiceApi", "answer", call.ID, object{"answerData": object{"operationId": "take"}})
	d.talk(cust, customerTone, a, browserTone)
	m := c.saw("the answer", func(m *v3Message) bool { return m.Call != nil && m.Call.State == "Established" })
	require.Equal(t, "take", m.OperationID)
	c.must("voice", "holdCall", call.ID)
	c.call("Held")
	require.NoError(t, cust.WaitNoTone(soon(t), browserTone))
	c.must("voice", "retrieveCall", call.ID)
	d.talk(cust, customerTone, a, browserTone)
	c.must("voice", "releaseCall", call.ID)
	a.ended()
	ended(t, cust)
	s.requireNoLeftovers()
}
