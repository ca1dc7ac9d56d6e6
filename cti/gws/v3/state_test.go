package v3_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/agent"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/gws/v3"
)

func TestDNObject(t *testing.T) {
	t.Parallel()
	view := agent.View{Number: "5001", InService: true, Agent: agent.Status{State: agent.Ready, AgentID: "anna", Mode: agent.AutoIn, Since: noon}}
	n := v3.EncodeDN(agent.Event{Kind: agent.BecameReady, Time: noon, AgentID: "anna", DN: view})
	require.Equal(t, "DnStateChanged", n.MessageType)
	require.Equal(t, []string{"5001", "sw", "anna", "Ready", "AutoIn", "Idle"}, []string{n.DN.Number, n.DN.SwitchName, n.DN.AgentID, n.DN.AgentState, n.DN.AgentWorkMode, n.DN.Activity})
	require.True(t, n.DN.Available)
	require.Equal(t, noon.UnixMilli(), n.DN.Timestamp)
	for what, change := range map[string]func(*agent.View){
		"in a call": func(v *agent.View) { v.Calls = 1 }, "out of service": func(v *agent.View) { v.InService = false },
		"do not disturb": func(v *agent.View) { v.DND = true }, "forwarded": func(v *agent.View) { v.Forward = "5002" },
		"not ready": func(v *agent.View) { v.Agent.State = agent.NotReady },
	} {
		other := view
		change(&other)
		require.False(t, v3.EncodeDN(agent.Event{Kind: agent.BecameReady, Time: noon, AgentID: "anna", DN: other}).DN.Available, what)
	}
	require.Contains(t, n.DN.Capabilities, "not-ready")
	require.NotContains(t, n.DN.Capabilities, "after-call-work", "the API has no such path")
	require.NotContains(t, n.DN.Capabilities, "start-monitoring", "only for supervisors")

	view.Agent.State, view.Agent.Mode = agent.AfterCallWork, agent.ModeAfterCallWork
	n = v3.EncodeDN(agent.Event{Kind: agent.BecameAfterCallWork, Time: noon, AgentID: "anna", DN: view})
	require.Equal(t, []string{"NotReady", "AfterCallWork"}, []string{n.DN.AgentState, n.DN.AgentWorkMode})

	view.Agent = agent.Status{State: agent.NotReady, AgentID: "anna", Mode: agent.AuxWork, Reason: "lunch"}
	n = v3.EncodeDN(agent.Event{Kind: agent.BecameNotReady, Time: noon, AgentID: "anna", DN: view})
	reason, _ := n.DN.Reasons.Get("ReasonCode")
	require.Equal(t, "lunch", reason.String())
	n = v3.EncodeDN(agent.Event{Kind: agent.Login, Time: noon, AgentID: "anna", DN: view})
	require.Equal(t, []string{"LoggedIn", "Unknown"}, []string{n.DN.AgentState, n.DN.AgentWorkMode}, "the state follows in an event of its own")
	require.Equal(t, noon.UnixMilli(), n.DN.Timestamp, "the event's, when the state has none")
}

// What a DN does in its calls is told when it changes, and only then.
func TestActivities(t *testing.T) {
	t.Parallel()
	told := v3.NewActivities()
	call := func(state cti.CallState, conn bridge.ConnID, more ...func(*cti.Event)) string {
		e := cti.Event{Topic: cti.TopicAgent, DN: "5001", Call: &cti.Call{ID: "c", ConnID: conn, Type: bridge.CallInbound, State: state}}
		for _, change := range more {
			change(&e)
		}
		v, changed := told.Take(e)
		require.Equal(t, changed, v.Number == "5001")
		return string(v.Activity)
	}
	dn := func(calls int, does agent.Activity) {
		_, changed := told.Take(cti.EncodeDN(agent.Event{Kind: agent.BecameReady, AgentID: "anna", DN: agent.View{
			Number: "5001", InService: true, Calls: calls, Activity: does, Agent: agent.Status{State: agent.Ready, AgentID: "anna"},
		}}))
		require.False(t, changed, "it is told as it is")
	}
	require.Empty(t, call(cti.StateEstablished, 1), "how the DN is, is not known yet")
	require.Empty(t, call(cti.StateReleased, 1))

	dn(1, agent.ReceivingCall)
	require.Empty(t, call(cti.StateRinging, 1), "the agent was reserved for it")
	require.Equal(t, "HandlingInboundCall", call(cti.StateEstablished, 1))
	require.Empty(t, call(cti.StateEstablished, 1), "its data changed")
	require.Empty(t, call(cti.StateRinging, 2), "who talks, talks")
	require.Empty(t, call(cti.StateReleased, 2))
	require.Equal(t, "CallOnHold", call(cti.StateHeld, 1))
	consult := func(e *cti.Event) {
		e.Call.Type, e.Call.ParentConnID, e.Attributes.PreviousConnID = bridge.CallConsult, 1, 1
	}
	require.Equal(t, "InitiatingCall", call(cti.StateDialing, 3, consult))
	require.Equal(t, "HandlingConsultCall", call(cti.StateEstablished, 3, consult))
	require.Equal(t, "CallOnHold", call(cti.StateReleased, 3, consult), "the first call still waits")
	require.Equal(t, "HandlingInboundCall", call(cti.StateEstablished, 4, func(e *cti.Event) { e.Attributes.PreviousConnID = 1 }))
	v, changed := told.Take(cti.Event{Topic: cti.TopicAgent, DN: "5001", Call: &cti.Call{ConnID: 4, State: cti.StateReleased}})
	require.True(t, changed)
	require.Equal(t, []any{agent.Idle, 0, agent.Ready}, []any{v.Activity, v.Calls, v.Agent.State}, "the call has had another id since")

	require.Empty(t, call(cti.StateEstablished, 5, func(e *cti.Event) { e.Attributes.ThisDNRole = bridge.RoleObserver }), "to supervise is no work")
	dn(1, agent.HandlingInboundCall)
	require.Empty(t, call(cti.StateHeld, 6, func(e *cti.Event) { e.Snapshot = true }), "the snapshot's DN knows of it")
	require.Equal(t, "Idle", call(cti.StateReleased, 6))
}

func TestCodes(t *testing.T) {
	t.Parallel()
	var c v3.Codes
	code, ok := c.Issue("https://desk/", noon)
	require.True(t, ok)
	require.False(t, c.Redeem(code, "https://elsewhere/", noon))
	require.False(t, c.Redeem(code, "https://desk/", noon), "who tries with the wrong page has spent it")
	code, _ = c.Issue("https://desk/", noon)
	require.True(t, c.Redeem(code, "https://desk/", noon.Add(time.Minute)))
	require.False(t, c.Redeem(code, "https://desk/", noon.Add(time.Minute)), "once")
	code, _ = c.Issue("https://desk/", noon)
	require.False(t, c.Redeem(code, "https://desk/", noon.Add(time.Minute+time.Second)), "too late")
	for range 10_000 {
		_, ok = c.Issue("", noon)
	}
	require.True(t, ok)
	_, ok = c.Issue("", noon)
	require.False(t, ok, "a flood of logins is bounded")
	_, ok = c.Issue("", noon.Add(2*time.Minute))
	require.True(t, ok, "and passes")
}

// The event that a command causes carries its id in all desktops, and no later event does.
func TestOperations(t *testing.T) {
	t.Parallel()
	var o v3.Operations
	held := func(id string, after time.Duration) *cti.Event {
		return &cti.Event{Name: "Held", ID: id, DN: "5001", Time: cti.Time{Time: noon.Add(after)}, Call: &cti.Call{ID: "c"}}
	}
	o.Expect("op", "5001", "c", "Held", noon)
	other := held("x", 0)
	other.DN = "5002"
	require.Empty(t, o.Cause(other))
	stands := held("e1", time.Second)
	stands.Snapshot = true
	require.Empty(t, o.Cause(stands), "how things stand is no effect")
	require.Equal(t, "op", o.Cause(held("e1", time.Second)))
	require.Equal(t, "op", o.Cause(held("e1", time.Second)), "the second desktop asks about the same event")
	require.Empty(t, o.Cause(held("e2", 2*time.Second)), "held again, at the phone")
	o.Expect("late", "5001", "c", "Held", noon)
	require.Empty(t, o.Cause(held("e3", time.Minute)))
}

func TestTally(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 11, 20, 9, 0, 0, 0, time.Local)
	at := func(s int) time.Time { return day.Add(time.Duration(s) * time.Second) }
	tally := v3.NewTally()
	state := func(name string, to agent.State, when int) {
		tally.Take(cti.Event{Topic: cti.TopicAgent, Name: name, DN: "5001", Time: cti.Time{Time: at(when)}, Agent: &cti.AgentState{State: to}})
	}
	call := func(to cti.CallState, when int) {
		tally.Take(cti.Event{Topic: cti.TopicAgent, DN: "5001", Time: cti.Time{Time: at(when)}, Call: &cti.Call{ID: "c", Type: bridge.CallInbound, State: to}})
	}
	want := func(name string, when, value int) {
		t.Helper()
		got, ok := tally.Value("5001", name, at(when))
		require.True(t, ok, name)
		require.Equal(t, value, got, name)
	}
	state("Ready", agent.Ready, 0)
	want("ReadyDuration", 10, 10)
	call(cti.StateRinging, 10)
	want("InboundCalls", 12, 0)
	tally.Take(cti.Event{
		Topic: cti.TopicAgent, DN: "5001", Time: cti.Time{Time: at(12)}, Snapshot: true, Call: &cti.Call{ID: "d", Type: bridge.CallInbound, State: cti.StateEstablished},
	})
	want("InboundCalls", 12, 0)
	call(cti.StateEstablished, 15)
	want("TalkDuration", 20, 5)
	call(cti.StateHeld, 20)
	call(cti.StateEstablished, 27)
	call(cti.StateReleased, 30)
	want("InboundCalls", 40, 1)
	want("TotalCalls", 40, 1)
	want("TalkDuration", 40, 8)
	want("HoldDuration", 40, 7)
	want("AverageHandlingTime", 40, 15)
	state("NotReady", agent.NotReady, 50)
	want("ReadyDuration", 60, 50)
	want("NotReadyDuration", 60, 10)
	_, ok := tally.Value("5001", "Moods", at(60))
	require.False(t, ok)
	midnight := 15 * 3600
	want("InboundCalls", midnight+5, 0)
	want("ReadyDuration", midnight+5, 0)
	want("NotReadyDuration", midnight+5, 5)
}

func TestSessions(t *testing.T) {
	t.Parallel()
	l := v3.NewLogins(time.Hour)
	first, _ := l.Open(1, noon.Add(3*time.Hour), noon)
	require.True(t, l.Touch(first, noon.Add(59*time.Minute)))
	l.Sweep(noon.Add(118 * time.Minute))
	require.True(t, l.Touch(first, noon.Add(118*time.Minute)), "it was used")
	require.False(t, l.Touch(first, noon.Add(4*time.Hour)), "its token has expired")
	l.Sweep(noon.Add(5 * time.Hour))
	require.False(t, l.Touch(first, noon), "it was idle")

	oldest, _ := l.Open(2, noon.Add(time.Hour), noon)
	for i := range 32 {
		_, ok := l.Open(2, noon.Add(time.Hour), noon.Add(time.Duration(i+1)*time.Second))
		require.True(t, ok)
	}
	require.False(t, l.Touch(oldest, noon), "a user has 32")
}

// Where a user works lasts as long as the user's sessions; a DN's calls are put away for all who work there, or for nobody.
func TestSeats(t *testing.T) {
	t.Parallel()
	l := v3.NewLogins(time.Hour)
	for user := range auth.UserID(2) {
		_, ok := l.Open(user+1, noon.Add(3*time.Hour), noon.Add(time.Duration(user)*time.Minute))
		require.True(t, ok)
		l.Sit(user+1, "5001", true)
	}
	require.True(t, l.AutoCompletes("5001"))
	require.False(t, l.AutoCompletes("5002"), "nobody works there")
	l.Sit(2, "5001", false)
	require.False(t, l.AutoCompletes("5001"))
	l.Sweep(noon.Add(time.Hour + 30*time.Second))
	require.Equal(t, []bool{false, true}, []bool{l.Sits(1), l.Sits(2)})
}
