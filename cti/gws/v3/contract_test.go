package v3_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti/gws/v3"
	"sidecar/internal/userdata"
)

func by(call bridge.CallID) bridge.PartyCommand {
	return bridge.PartyCommand{Call: call, By: "5001"}
}

// pairs are one key with a value, as the engine has them.
func pairs(key, value string) bridge.UserData {
	return bridge.UserData{{Key: key, Value: userdata.Text(value)}}
}

// What each command for a call, with every parameter that it has, becomes. The rows are in the order of the API's documentation.
func TestCallCommands(t *testing.T) {
	t.Parallel()
	const (
		first = annasCall
		extra = `"reasons": [{"key": "a", "type": "str", "value": "b"}], "extensions": [{"key": "n", "type": "int", "value": 1}]`
		data  = `"userData": [{"key": "Case", "type": "str", "value": "7"}]`
		plain = `{"data": {` + extra + `}}`
	)
	one := bridge.CallID("uuid-1")
	two := by("uuid-2")
	x := newExchange()
	d := newRigOn(t, x).join("anna")
	status, _ := d.send(http.MethodPost, "/activate-channels", `{"data": {"dn": "5001", "autoCompleteCall": false}}`)
	require.Equal(t, http.StatusOK, status)
	for _, c := range []struct {
		path, body string
		want       []any
	}{
		{"/voice/make-call", `{"data": {"destination": "5002", "location": "x", "outboundCallerId": "030", ` + data + `, ` + extra + `}}`, []any{
			order{"make", bridge.MakeCall{From: "5001", To: "5002", CallerID: "030", PickUp: true, UserData: pairs("Case", "7")}},
		}},
		{first + "/answer", plain, []any{order{"answer", by(one)}}},
		{first + "/accept", plain, []any{order{"answer", by(one)}}},
		{first + "/hold", plain, []any{order{"hold", by(one)}}},
		{first + "/retrieve", plain, []any{order{"retrieve", by(one)}}},
		{first + "/release", plain, []any{order{"release", by(one)}}},
		{first + "/reject", plain, []any{order{"reject", by(one)}}},
		{first + "/clear", plain, []any{order{"hangup", bridge.Hangup{Call: one}}}},
		{overCall + "/complete", `{"data": {` + data + `}}`, []any{order{"complete", by("uuid-4")}}},
		{first + "/redirect", `{"data": {"destination": "5002", "location": "x", ` + extra + `}}`, []any{
			order{"redirect", bridge.Redirect{PartyCommand: by(one), To: "5002"}},
		}},
		{first + "/alternate", `{"data": {"heldConnId": "` + annasOther + `", ` + extra + `}}`, []any{order{"alternate", by(one)}}},
		{first + "/reconnect", `{"data": {"heldConnId": "` + annasOther + `", ` + extra + `}}`, []any{order{"reconnect", by(one)}}},
		{first + "/merge", `{"data": {"otherConnId": "` + annasOther + `", ` + extra + `}}`, []any{
			order{"merge", bridge.Merge{PartyCommand: by(one), Other: "uuid-2"}},
		}},
		{first + "/initiate-transfer", `{"data": {"destination": "5002", "location": "x", "outboundCallerId": "030", ` + data + `, ` + extra + `}}`, []any{
			order{"consult", bridge.Consult{PartyCommand: by(one), To: "5002", UserData: pairs("Case", "7"), Purpose: bridge.ConsultTransfer}},
		}},
		{first + "/initiate-conference", `{"data": {"destination": "5002", ` + data + `}}`, []any{
			order{"consult", bridge.Consult{PartyCommand: by(one), To: "5002", UserData: pairs("Case", "7"), Purpose: bridge.ConsultConference}},
		}},
		{annasOther + "/complete-transfer", `{"data": {"parentConnId": "` + first + `", ` + extra + `}}`, []any{order{"complete-transfer", two}}},
		{annasOther + "/complete-conference", `{"data": {}}`, []any{order{"complete-conference", two}}},
		{first + "/single-step-transfer", `{"data": {"destination": "5002", "location": "x", ` + data + `, ` + extra + `}}`, []any{
			order{"update", bridge.UpdateData{PartyCommand: by(one), Data: pairs("Case", "7")}},
			order{"transfer", bridge.Transfer{Call: one, By: "5001", To: "5002"}},
		}},
		{first + "/single-step-conference", `{"data": {"destination": "5002", "location": "x", ` + data + `, ` + extra + `}}`, []any{
			order{"update", bridge.UpdateData{PartyCommand: by(one), Data: pairs("Case", "7")}},
			order{"conference", bridge.SingleStepConference{PartyCommand: by(one), To: "5002"}},
		}},
		{first + "/delete-from-conference", `{"data": {"dnToDrop": "5002"}}`, []any{order{"drop", bridge.DropMember{PartyCommand: by(one), Member: "5002"}}}},
		{first + "/attach-user-data", `{"data": {` + data + `}}`, []any{order{"attach", bridge.AttachData{PartyCommand: by(one), Data: pairs("Case", "7")}}}},
		{first + "/update-user-data", `{"data": {` + data + `}}`, []any{order{"update", bridge.UpdateData{PartyCommand: by(one), Data: pairs("Case", "7")}}}},
		{first + "/delete-user-data-pair", `{"data": {"key": "Case"}}`, []any{order{"delete", bridge.DeleteData{PartyCommand: by(one), Keys: []string{"Case"}}}}},
		{first + "/delete-user-data", ``, []any{order{"delete", bridge.DeleteData{PartyCommand: by(one)}}}},
		{first + "/set-comment", `{"data": {"comment": "x"}}`, []any{order{"update", bridge.UpdateData{PartyCommand: by(one), Data: pairs("Comment", "x")}}}},
		{first + "/send-dtmf", `{"data": {"dtmfDigits": "12#"}}`, []any{order{"dtmf", bridge.SendDTMF{PartyCommand: by(one), Digits: "12#"}}}},
		{first + "/start-recording", ``, []any{order{"start-recording", by(one)}}},
		{first + "/stop-recording", ``, []any{order{"stop-recording", by(one)}}},
		{first + "/pause-recording", ``, []any{order{"pause-recording", by(one)}}},
		{first + "/resume-recording", ``, []any{order{"resume-recording", by(one)}}},
		{"uuid-1/hold", `{}`, []any{order{"hold", by(one)}}}, // by its UUID
	} {
		path := c.path
		if path[0] != '/' {
			path = "/voice/calls/" + path
		}
		status, reply := d.send(http.MethodPost, path, c.body)
		require.Equal(t, http.StatusOK, status, "%s: %v", path, reply)
		require.InDelta(t, 1, code(reply), 0, path)
		require.NotEmpty(t, reply["operationId"], path)
		require.Equal(t, c.want, x.taken(), path)
	}
}

// What each command for a call may not miss, and how it is refused: with 400 for what is missing, 500 for a call that the desktop does not
// have, in the words of the API.
func TestRefusedCallCommands(t *testing.T) {
	t.Parallel()
	x := newExchange()
	d := newRigOn(t, x).join("anna")
	status, reply := d.send(http.MethodPost, "/voice/calls/"+annasCall+"/hold", `{}`)
	require.Equal(t, http.StatusConflict, status, "the voice channel is not active: %v", reply)
	d.send(http.MethodPost, "/activate-channels", `{"data": {"dn": "5001"}}`)
	for path, missing := range map[string]string{
		"redirect": "", "merge": "", "initiate-transfer": "", "initiate-conference": "", "single-step-transfer": "", "single-step-conference": "",
		"delete-from-conference": "", "attach-user-data": "", "update-user-data": "", "delete-user-data-pair": "", "send-dtmf": "", "set-comment": "",
	} {
		status, reply = d.send(http.MethodPost, "/voice/calls/"+annasCall+"/"+path, missing)
		require.Equal(t, http.StatusBadRequest, status, path)
		require.Equal(t, []any{float64(400), "Missing parameters", "Missing parameters"}, []any{code(reply), message(reply), reply["message"]}, path)
	}
	for _, path := range []string{"/voice/make-call", "/voice/send-user-event", "/voice/set-forward", "/activate-channels", "/reporting/subscriptions"} {
		status, reply = d.send(http.MethodPost, path, `{"data": {}}`)
		require.Equal(t, http.StatusBadRequest, status, path)
		require.Equal(t, "Missing parameters", message(reply), path)
	}
	for _, id := range []string{bensCall, "uuid-3", "00000000000000ff", "%2e%2e", "x"} {
		for _, verb := range []string{"answer", "hold", "release", "clear", "complete", "send-dtmf", "start-recording", "switch-to-barge-in"} {
			status, reply = d.send(http.MethodPost, "/voice/calls/"+id+"/"+verb, `{"data": {"dtmfDigits": "1"}}`)
			require.Equal(t, http.StatusInternalServerError, status, "%s %s", id, verb)
			require.InDelta(t, 500, code(reply), 0)
			require.Contains(t, message(reply), "not found", "as if it were none")
		}
	}
	for _, body := range []string{`{"data": {"otherConnId": "` + bensCall + `"}}`, `{"data": {"otherConnId": "x"}}`} {
		status, reply = d.send(http.MethodPost, "/voice/calls/"+annasCall+"/merge", body)
		require.Equal(t, http.StatusInternalServerError, status)
		require.Contains(t, message(reply), "not found")
	}
	for _, path := range []string{"/voice/calls/" + annasCall + "/teleport", "/voice/sing", "/teleport", "/media/chat/interactions/1/accept", "/ucs/search"} {
		status, reply = d.send(http.MethodPost, path, `{}`)
		require.Equal(t, http.StatusNotImplemented, status, path)
		require.InDelta(t, 501, code(reply), 0)
	}
	require.Empty(t, x.taken(), "nothing of it reached the engine")

	x.fail(&bridge.StateError{Verb: "hold", Why: "the call is on hold already"})
	status, reply = d.send(http.MethodPost, "/voice/calls/"+annasCall+"/hold", `{}`)
	require.Equal(t, http.StatusConflict, status, reply)
	require.InDelta(t, 409, code(reply), 0)
	x.fail(bridge.ErrCallNotFound) // it ended on the way
	status, reply = d.send(http.MethodPost, "/voice/calls/"+annasCall+"/hold", `{}`)
	require.Equal(t, http.StatusInternalServerError, status, reply)
	require.InDelta(t, 500, code(reply), 0)
	x.fail(context.DeadlineExceeded)
	status, reply = d.send(http.MethodPost, "/voice/calls/"+annasCall+"/hold", `{}`)
	require.GreaterOrEqual(t, status, 500, reply)
}

// A supervisor's commands: for supervisions, and for other agents.
func TestSupervisorsCommands(t *testing.T) {
	t.Parallel()
	x := newExchange()
	x.monitors = []bridge.MonitorView{
		{ID: "m2", Supervisor: "5009", Target: "5001", Call: "uuid-s"},
		{ID: "m1", Supervisor: "5003", Target: "5001", Call: "uuid-s"},
		{ID: "m3", Supervisor: "5003", Target: "5002", Call: "uuid-3"},
	}
	boss := party("5003", bridge.PartyEstablished)
	boss.Role = bridge.RoleObserver
	watched := call(party("5001", bridge.PartyEstablished), boss)
	watched.ID, watched.ConnID = "uuid-s", 9
	x.calls = append(x.calls, watched)
	r := newRigOn(t, x)
	d := r.join("boss")
	d.send(http.MethodPost, "/activate-channels", `{"data": {"dn": "5003"}}`)
	for _, c := range []struct {
		path, body string
		want       []any
	}{
		{"/voice/start-monitoring", `{"data": {"phoneNumberToMonitor": "5002", "location": "x"}}`, []any{order{"monitor", bridge.Monitor{
			Supervisor: "5003", Target: "5002", Mode: bridge.MonitorMute, Scope: bridge.ScopeCall, Next: bridge.MonitorOne, By: "boss",
		}}}},
		{
			"/voice/start-monitoring",
			`{"data": {"phoneNumberToMonitor": "5002", "monitoringMode": "Coach", "monitoringScope": "Agent", "monitoringNextCallType": "AllCalls"}}`,
			[]any{order{"monitor", bridge.Monitor{
				Supervisor: "5003", Target: "5002", Mode: bridge.MonitorCoach, Scope: bridge.ScopeAgent, Next: bridge.MonitorAll, By: "boss",
			}}},
		},
		{"/voice/calls/0000000000000009/switch-to-listen-in", `{"data": {"monitoringScope": "Call"}}`, []any{order{"switch", [2]string{"m1", "mute"}}}},
		{"/voice/calls/0000000000000009/switch-to-coaching", ``, []any{order{"switch", [2]string{"m1", "coach"}}}},
		{"/voice/calls/0000000000000009/switch-to-barge-in", ``, []any{order{"switch", [2]string{"m1", "connect"}}}},
		{"/voice/stop-monitoring", `{"data": {"phoneNumber": "5001"}}`, []any{order{"stop", "m1"}}},
	} {
		status, reply := d.send(http.MethodPost, c.path, c.body)
		require.Equal(t, http.StatusOK, status, "%s: %v", c.path, reply)
		require.InDelta(t, 1, code(reply), 0)
		require.Equal(t, c.want, x.taken(), "%s %s", c.path, c.body)
	}
	for path, body := range map[string]string{
		"/voice/start-monitoring":                          `{"data": {"phoneNumberToMonitor": "5002", "monitoringScope": "World"}}`,
		"/voice/calls/0000000000000009/switch-to-coaching": `{"data": {"monitoringScope": "World"}}`,
		"/voice/stop-monitoring":                           `{}`,
	} {
		status, _ := d.send(http.MethodPost, path, body)
		require.Equal(t, http.StatusBadRequest, status, path)
	}

	status, reply := d.send(http.MethodPost, "/voice/stop-monitoring", `{"data": {"phoneNumber": "5009"}}`)
	require.Equal(t, http.StatusInternalServerError, status)
	require.Equal(t, "no supervision of 5009 by 5003", message(reply))

	status, reply = d.send(http.MethodPost, "/voice/calls/"+annasCall+"/hold", `{}`)
	require.Equal(t, http.StatusInternalServerError, status, "the supervisor's DN is not in it")
	require.Contains(t, message(reply), "not found")
	require.Empty(t, x.taken())

	// Other agents, by the number or the name of the user.
	r.join("anna").send(http.MethodPost, "/activate-channels", `{"data": {"dn": "5001"}}`)
	state := func() string { v, _ := r.registry.View("5001"); return string(v.Agent.State) }
	for _, step := range []struct{ path, body, state string }{
		{"/users/1/voice/ready", `{}`, "Ready"},
		{"/users/1/voice/not-ready", `{"data": {"reasonCode": "lunch"}}`, "NotReady"},
		{"/supervisor/voice/ready", `{"data": {"userName": "anna"}}`, "Ready"},
		{"/supervisor/voice/not-ready", `{"data": {"dn": "5001"}}`, "NotReady"},
		{"/users/1/voice/logout", ``, "LoggedOut"},
	} {
		status, reply = d.send(http.MethodPost, step.path, step.body)
		require.Equal(t, http.StatusOK, status, "%s: %v", step.path, reply)
		require.Equal(t, step.state, state(), step.path)
	}
	status, _ = d.send(http.MethodPost, "/users/77/voice/ready", `{}`)
	require.Equal(t, http.StatusInternalServerError, status)
	status, _ = d.send(http.MethodPost, "/users/1/voice/dance", `{}`)
	require.Equal(t, http.StatusNotImplemented, status)
	status, _ = r.join("ben").send(http.MethodPost, "/users/1/voice/ready", `{}`)
	require.Equal(t, http.StatusForbidden, status, "an agent is none")
	require.Equal(t, "LoggedOut", state())
}

// A supervisor's copy of a call that rings is accepted, where the phone can be answered by command.
func TestAccept(t *testing.T) {
	t.Parallel()
	boss := party("5003", bridge.PartyRinging, bridge.CanAnswer)
	boss.Role, boss.Observes = bridge.RoleObserver, &bridge.Observes{Target: "5001", Mode: bridge.MonitorMute, Scope: bridge.ScopeCall}
	agent := party("5001", bridge.PartyEstablished)
	agent.ID = 2
	n, _ := v3.Encode(bridge.Event{Kind: bridge.EventRinging, Time: noon, This: boss, Call: call(agent, boss)})
	require.Equal(t, []bridge.Capability{bridge.CanAnswer, "accept"}, n.Call.Capabilities)
	boss.Capabilities = nil
	n, _ = v3.Encode(bridge.Event{Kind: bridge.EventRinging, Time: noon, This: boss, Call: call(agent, boss)})
	require.Empty(t, n.Call.Capabilities)
}

// boss is a supervisor of all.
func boss(p auth.Principal) auth.Principal {
	p.UserID, p.Role, p.DNs, p.Scope = 3, auth.RoleSupervisor, []string{"5003"}, []string{"5001", "5002", "5003"}
	return p
}
