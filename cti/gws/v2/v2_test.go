package v2_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/cti/gws"
	"sidecar/cti/gws/v2"
)

// What Workspace Web Edition 8.5.202 asks at its start, in its order.
func TestStartOfWorkspaceWebEdition(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.desktop("")
	const first = "/api/v2/me?subresources=features,devices,channels"
	require.EqualValues(t, 20, d.get(first, http.StatusForbidden)["statusCode"])
	d = r.desktop("5001")
	user, _ := d.get(first, 200)["user"].(map[string]any)
	require.Equal(t, "5001", user["userName"])
	require.Len(t, user["devices"], 1)
	require.Len(t, user["channels"], 1)
	require.NotContains(t, user, "calls")
	id, _ := user["id"].(string)
	device := v2.DeviceID("5001")
	require.Equal(t, "1a86ec16-e0f6-9ddb-d5a4-be0d01a1859a", device, "the same at every start, and in every version: desktops keep it")

	resources, _ := d.get("/internal-api/me/settings?fields=*", 200)["resources"].(map[string]any)
	states, _ := resources["agentStates"].([]any)
	require.Len(t, states, 6, "five, and one reason")
	require.Equal(t, map[string]any{"id": "9430250E-0A1B-421F-B372-F29E69366DED", "operationName": "Ready", "displayName": "Ready", "state": "Ready"}, states[0])
	require.Len(t, d.get("/api/v2/services?fields=*", 200)["resources"], 1)
	require.Empty(t, d.get("/api/v2/me/groups?type=BusinessUnit&fields=*", 200)["uris"])
	require.Contains(t, d.get("/internal-api/contact-center?subresources=businessAttributes", 200), "contactCenter")
	require.Empty(t, d.get("/api/v2/groups?type=dispositions&fields=*", 200)["uris"])
	session := d.post("/api/v2/me", `{"operationName": "StartContactCenterSession", "channels": ["voice", "chat"]}`, 200, 7)
	require.Len(t, session["succeeded"], 1)
	require.Len(t, session["failed"], 1)
	d.get("/api/v2/contacts/"+id+"?type=User", 200)
	d.connect(v2.ChannelCalls, v2.ChannelDevices, v2.ChannelMe, v2.ChannelUsers, v2.ChannelServices)
	require.Equal(t, "test", d.get("/api/v2/diagnostics/version", 200)["version"])
	user, _ = d.get("/api/v2/me/?subresources=devices,calls,channels,interactions,chats", 200)["user"].(map[string]any)
	require.Equal(t, []any{}, user["calls"])
	require.Equal(t, []any{}, user["chats"])
	d.post("/internal-api/operations", `{"operationName": "SendUserEvent", "deviceId": "`+device+`", "userData": {"a": "b"}}`, 200, 0)
	require.Equal(t, map[string]any{"of": "5001"}, d.get("/api/v2/devices/"+device+"/settings/tserver", 200)["settings"])
	d.post("/api/v2/me/channels/voice", `{"operationName": "NotReady"}`, 200, 0)
	d.post("/api/v2/me/channels/voice", `{"operationName": "Ready"}`, 200, 0)
	told := d.told(2)
	last, _ := told[len(told)-1].Data.Devices[0]["userState"].(map[string]any)
	require.Equal(t, "9430250E-0A1B-421F-B372-F29E69366DED", last["id"])
	require.Equal(t, v2.ChannelDevices, told[0].Channel)
	require.EqualValues(t, 6, d.get("/api/v2/workbins", 404)["statusCode"])
}

func TestAgentStates(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.desktop("5001")
	d.post("/api/v2/me", `{"operationName": "StartContactCenterSession"}`, 200, 0)
	state := func() map[string]any {
		device, _ := d.get("/api/v2/me/devices/"+v2.DeviceID("5001"), 200)["device"].(map[string]any)
		state, _ := device["userState"].(map[string]any)
		return state
	}
	offered := map[any]any{} // state ids by operation
	resources, _ := d.get("/internal-api/me/settings", 200)["resources"].(map[string]any)
	states, _ := resources["agentStates"].([]any)
	for _, s := range states {
		one, _ := s.(map[string]any)
		offered[one["operationName"]] = one["id"]
	}
	require.Equal(t, "Auxiliary Work", state()["displayName"], "after a login, as T-Server has it")
	for _, c := range []struct{ operation, id, state, display, mode string }{
		{"Ready", "9430250E-0A1B-421F-B372-F29E69366DED", "Ready", "Ready", ""},
		{"NotReady", "900D55CC-2BB0-431F-8BF9-D3525B383BE6", "NotReady", "Not Ready", ""},
		{"AuxWork", "2B36138D-C564-4562-A8CB-3C32D564F296", "NotReady", "Auxiliary Work", "AuxWork"},
		{"AfterCallWork", "D3663509-3D82-4DD3-A82E-2EA8EFA02AEF", "NotReady", "After Call Work", "AfterCallWork"},
		{"NotReady_lunch", "", "NotReady", "Not Ready - lunch", "AuxWork"},
		{"NotReady", "900D55CC-2BB0-431F-8BF9-D3525B383BE6", "NotReady", "Not Ready", ""},
		{"Offline", "0F7F5003-EF26-4D13-A6Ef-D0C7EC819BEB", "LoggedOut", "Offline", ""},
	} {
		d.post("/api/v2/me/channels/voice", `{"operationName": "`+c.operation+`"}`, 200, 0)
		got := state()
		require.Equal(t, c.state, got["state"], c.operation)
		require.Equal(t, c.display, got["displayName"], c.operation)
		if c.mode == "" {
			require.NotContains(t, got, "workMode", c.operation)
		} else {
			require.Equal(t, c.mode, got["workMode"], c.operation)
		}
		if c.id != "" {
			require.Equal(t, c.id, got["id"], c.operation)
		}
		require.Equal(t, offered[c.operation], got["id"], "a state that the desktop knows")
	}
	for _, back := range []string{"Ready", "NotReady_lunch"} { // all that a desktop lists leads back from Offline
		d.post("/api/v2/me/channels/voice", `{"operationName": "`+back+`"}`, 200, 0)
		require.Equal(t, offered[back], state()["id"])
		d.post("/api/v2/me/channels/voice", `{"operationName": "Offline"}`, 200, 0)
	}
	d.post("/api/v2/me/channels/voice", `{"operationName": "Sing"}`, 400, 10)
	d.post("/api/v2/me/channels/voice", `{}`, 400, 1)

	at := "/api/v2/me/devices/" + v2.DeviceID("5001")
	d.post(at, `{"operationName": "DoNotDisturbOn"}`, 200, 0)
	d.post(at, `{"operationName": "ForwardCallsOn", "destination": {"phoneNumber": "5002"}}`, 200, 0)
	device, _ := d.get(at, 200)["device"].(map[string]any)
	require.Equal(t, "On", device["doNotDisturb"])
	require.Equal(t, "5002", device["forwardCallsTo"])
	require.Equal(t, []any{"DoNotDisturbOff", "ForwardCallsOff"}, device["capabilities"])
	d.post(at, `{"operationName": "DoNotDisturbOff"}`, 200, 0)
	d.post(at, `{"operationName": "ForwardCallsOff"}`, 200, 0)
	d.post("/api/v2/me", `{"operationName": "StartContactCenterSession"}`, 200, 0)
	require.Equal(t, "NotReady", state()["state"])
	d.post("/api/v2/me", `{"operationName": "EndContactCenterSession"}`, 200, 0)
	require.Equal(t, "LoggedOut", state()["state"])
	d.post("/api/v2/me", `{"operationName": "EndContactCenterSession"}`, 200, 0)
}

// Who has two DNs is ready and not ready at the one where they work.
func TestAgentWithTwoDNs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, err := r.agents.Do(agent.Command{DN: "5010", Verb: agent.VerbLogin, AgentID: "duo"})
	require.NoError(t, err)
	d := r.desktop("duo")
	session := d.post("/api/v2/me", `{"operationName": "StartContactCenterSession"}`, 200, 0)
	require.Len(t, session["succeeded"], 1)
	d.post("/api/v2/me/channels/voice", `{"operationName": "Ready"}`, 200, 0)
	for dn, want := range map[string]agent.State{"5001": agent.LoggedOut, "5010": agent.Ready} {
		v, ok := r.agents.View(dn)
		require.True(t, ok)
		require.Equal(t, want, v.Agent.State, dn)
	}
}

// A DN without a phone can't take calls, and the desktop is told so in the words that it knows.
func TestDeviceThatIsNotRegistered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.desktop("5002").connect(v2.ChannelDevices)
	reply := d.post("/api/v2/me/channels/voice", `{"operationName": "Ready"}`, 500, 4)
	require.Equal(t, "Device '5002' is not registered.", reply["statusMessage"])
	reply = d.post("/api/v2/me/devices/"+v2.DeviceID("5002")+"/calls", `{"operationName": "Dial", "destination": {"phoneNumber": "030"}}`, 500, 4)
	require.Equal(t, "Device '5002' is not registered.", reply["statusMessage"])
	r.agents.SetService("pbx1", "5002", true)
	require.Equal(t, "Active", d.told(1)[0].Data.Devices[0]["deviceState"])
	r.agents.SetService("pbx1", "5002", false)
	told := d.told(2)
	require.Equal(t, "Inactive", told[0].Data.Devices[0]["deviceState"])
	require.Equal(t, "ErrorMessage", told[1].Data.MessageType)
	require.Contains(t, told[1].Data.DeviceURI, v2.DeviceID("5002"))
}

func TestCallOperations(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.board.calls = []bridge.CallView{inbound("C", "5001", bridge.PartyEstablished), inbound("D", "5001", bridge.PartyHeld), inbound("F", "5002", bridge.PartyEstablished)}
	d := r.desktop("5001")
	for _, c := range []struct{ body, done string }{
		{`"Answer"`, "answer C 5001"},
		{`"Hangup"`, "release C 5001"},
		{`"Hold"`, "hold C 5001"},
		{`"Retrieve"`, "retrieve C 5001"},
		{`"ClearCall"`, "clear C "},
		{`"Redirect", "destination": {"phoneNumber": "5003"}`, "redirect 5003 C 5001"},
		{`"SendDtmf", "digits": "1#"`, "dtmf 1# C 5001"},
		{`"SwapCalls"`, "alternate C 5001"},
		{`"AttachUserData", "userData": {"a": {"b": 1}}`, "attach C 5001"},
		{`"UpdateUserData", "userData": {"WWE_PARTY_5001": "x", "IW_CaseUid": "y"}, "unknown": [1]`, "update C 5001"},
		{`"DeleteUserDataPair", "key": "a"`, "delete a C 5001"},
		{`"DeleteUserData"`, "delete C 5001"},
		{`"StartCallRecording"`, "record C 5001"},
		{`"StopCallRecording"`, "record off C 5001"},
		{`"PauseCallRecording"`, "pause C 5001"},
		{`"ResumeCallRecording"`, "resume C 5001"},
		{`"Reject"`, "reject C 5001"},
		{`"Complete"`, "complete C 5001"},
		{`"Reconnect"`, "reconnect C 5001"},
		{`"MuteCall"`, "mute in true C 5001"},
		{`"UnmuteCall"`, "mute in false C 5001"},
		{`"RemoveParticipantFromConference", "participant": {"phoneNumber": "5002"}`, "drop 5002 C 5001"},
		{`"InitiateTransfer", "destination": {"phoneNumber": "5003"}, "location": "here"`, "consult transfer 5003 C 5001"},
		{`"InitiateConference", "destination": {"phoneNumber": "5003"}`, "consult conference 5003 C 5001"},
		{`"CompleteTransfer", "consultCallUri": "http://x/api/v2/me/calls/D"`, "complete-transfer D 5001"},
		{`"CompleteConference"`, "complete-conference C 5001"},
		{`"SingleStepTransfer", "destination": {"phoneNumber": "5003"}`, "transfer 5003 C 5001"},
		{`"SingleStepConference", "destination": {"phoneNumber": "5003"}`, "conference 5003 C 5001"},
	} {
		d.post("/api/v2/me/calls/C", `{"operationName": `+c.body+`}`, 200, 0)
		require.Equal(t, c.done, r.board.done[len(r.board.done)-1])
	}
	reply := d.post("/api/v2/me/devices/"+v2.DeviceID("5001")+"/calls", `{"operationName": "Dial", "destination": {"phoneNumber": "030"}, "userData": {"a": "b"}}`, 200, 0)
	require.Equal(t, "make 030 5001", r.board.done[len(r.board.done)-1])
	require.Equal(t, "/api/v2/me/calls/NEW", reply["callUri"])
	made, _ := r.board.last.(bridge.MakeCall)
	require.Len(t, made.UserData, 1)

	reply = d.post("/api/v2/me/calls/C", `{"operationName": "InitiateTransfer", "destination": {"phoneNumber": "5003"}}`, 200, 0)
	require.Equal(t, "/api/v2/me/calls/C", reply["callUri"], "of the call that the engine has begun")
	d.header.Set("Operation-Id", "op-1")
	require.Equal(t, "op-1", d.post("/api/v2/me/calls/C", `{"operationName": "Hold"}`, 200, 0)["referenceId"])
	held, _ := r.board.last.(bridge.PartyCommand)
	require.NotEmpty(t, held.Op, "so that the engine knows a repetition")
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.board.calls = []bridge.CallView{inbound("C", "5001", bridge.PartyEstablished), inbound("F", "5002", bridge.PartyEstablished)}
	d := r.desktop("5001")
	const at = "/api/v2/me/calls/C"
	nobody := d.post(at, `{"operationName": "RemoveParticipantFromConference"}`, 400, 1)
	require.Contains(t, nobody["statusMessage"], "participant", "the field is named as it is called here")
	own, foreign := "/api/v2/me/devices/"+v2.DeviceID("5001"), "/api/v2/me/devices/"+v2.DeviceID("5002")
	for _, c := range []struct {
		path, body   string
		status, code int
	}{
		{at, `{"operationName": "Sing"}`, 400, 10},
		{at, `{"operationName": 7}`, 400, 10},
		{at, `{"operationName": "SendDtmf"}`, 400, 1},
		{at, `{"operationName": "SendDtmf", "digits": "x"}`, 400, 10},
		{at, `{"operationName": "SingleStepTransfer"}`, 400, 1},
		{at, `{"operationName": "SingleStepTransfer", "destination": "5003"}`, 400, 10},
		{at, `{"operationName": "UpdateUserData", "userData": "x"}`, 400, 10},
		{at, `{"operationName": "UpdateUserData"}`, 400, 1},
		{at, `{"operationName": "DeleteUserDataPair"}`, 400, 1},
		{at, `{"operationName": "CompleteTransfer", "consultCallUri": "/api/v2/me/calls/F"}`, 400, 10},
		{at, `{"operationName"`, 400, 10},
		{at, `[]`, 400, 10},
		{at, ``, 400, 10},
		{at, `{"operationName": "Hold", "more": "` + strings.Repeat("x", gws.MaxBody) + `"}`, 400, 10},
		{"/api/v2/me/calls/F", `{"operationName": "Hold"}`, 404, 6},
		{"/api/v2/me/calls/NONE", `{"operationName": "Hold"}`, 404, 6},
		{foreign, `{"operationName": "DoNotDisturbOn"}`, 404, 6},
		{foreign + "/calls", `{"operationName": "Dial", "destination": {"phoneNumber": "030"}}`, 404, 6},
		{own + "/calls", `{"operationName": "Dial"}`, 400, 1},
		{own + "/calls", `{"operationName": "MakeCall", "destination": {"phoneNumber": "030"}}`, 400, 10},
		{own, `{"operationName": "ListenIn", "phoneNumber": "5002"}`, 403, 5},
		{"/api/v2/me", `{"operationName": "Sing"}`, 400, 10},
		{"/internal-api/operations", `{"operationName": "SendUserEvent", "deviceId": "` + v2.DeviceID("5002") + `"}`, 404, 6},
		{"/api/v2/nothing", `{}`, 404, 6},
	} {
		reply := d.post(c.path, c.body, c.status, c.code)
		require.NotEmpty(t, reply["statusMessage"])
	}
	require.Empty(t, r.board.done)
	d.get("/api/v2/me/calls/F", 404)
	d.get("/api/v2/devices/"+v2.DeviceID("5002"), 404)
	d.get("/api/v2/contacts/other", 404)
	r.board.err = &bridge.StateError{Call: "C", Verb: "hold", State: bridge.PartyHeld, Why: "it is held"}
	d.post(at, `{"operationName": "Hold"}`, 409, 2)
	d.header.Set("Origin", "https://evil.test")
	d.post(at, `{"operationName": "Hold"}`, 403, 3)
	d.header.Del("Origin")
	d.header.Set("Authorization", "Bearer guess")
	d.post(at, `{"operationName": "Hold"}`, 403, 20)

	d.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("5001:once more")))
	require.EqualValues(t, 20, d.get("/api/v2/me", 429)["statusCode"])

	d = r.desktop("5001").connect()
	for _, channel := range []string{"/v2/me/**", "/v2/*", "/v2/**", "/**", "/v2/users/5002/calls", "/user/agent/events"} {
		replies := d.bayeux(map[string]any{"channel": "/meta/subscribe", "subscription": channel})
		require.False(t, *replies[0].Successful, channel)
		require.True(t, strings.HasPrefix(replies[0].Error, "403:"), replies[0].Error)
	}
	replies := d.bayeux(map[string]any{"channel": v2.ChannelCalls, "data": map[string]any{}})
	require.False(t, *replies[0].Successful)
}

func TestCallNotifications(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.desktop("5001").connect(v2.ChannelCalls)
	other := r.desktop("5002").connect(v2.ChannelCalls)
	ringing := inbound("C", "5001", bridge.PartyRinging, bridge.CanAnswer, bridge.CanClear, bridge.CanAttachUserData, bridge.CanUpdateUserData, bridge.CanDeleteUserDataPair)
	r.board.mu.Lock()
	r.board.calls = []bridge.CallView{ringing}
	r.board.mu.Unlock()
	r.happens(1, bridge.EventRinging, ringing)
	m := d.told(1)[0].Data
	require.Equal(t, "CallStateChangeMessage StatusChange 5001", m.MessageType+" "+m.NotificationType+" "+m.PhoneNumber)
	require.Equal(t, map[string]any{"BusinessCall": 1.0, "OriginationDN": "030123", "NO_ANSWER_TIMEOUT": 20.0, "NO_ANSWER_ACTION": "notready"}, m.Extensions)
	shown, _ := d.get("/api/v2/me/calls/C", 200)["call"].(map[string]any)
	delete(shown, "duration")
	delete(m.Call, "duration")
	require.Equal(t, shown, m.Call, "the notification and the resource are one")
	for field, want := range map[string]any{
		"id": "C", "callUuid": "C", "connId": "000000000000001a", "state": "Ringing", "callType": "Inbound", "dnis": "8000", "mute": "Off",
		"capabilities": []any{"Answer", "ClearCall", "AttachUserData", "UpdateUserData", "DeleteUserDataPair", "DeleteUserData"},
		"userData":     map[string]any{"Segment": "Gold"}, "uri": "/api/v2/me/calls/C", "path": "/calls/C", "recordingState": "Stopped",
		"deviceUri": "/api/v2/me/devices/" + v2.DeviceID("5001"), "monitoring": false, "case": []any{},
		"participants": []any{map[string]any{"e164Number": "", "formattedPhoneNumber": "030123", "phoneNumber": "030123", "digits": "030123"}},
	} {
		require.Equal(t, want, m.Call[field], field)
	}
	talking := inbound("C", "5001", bridge.PartyEstablished, bridge.CanHold, bridge.CanMuteOff)
	for i, c := range []struct {
		kind       bridge.EventKind
		want       string
		extensions map[string]any
	}{
		{bridge.EventEstablished, "StatusChange", map[string]any{"BusinessCall": 1.0, "WrapUpTime": 30.0}},
		{bridge.EventAttachedDataChanged, "AttachedDataChanged", nil},
		{bridge.EventPartyAdded, "ParticipantsUpdated", nil},
		{bridge.EventRecordingChanged, "CallRecordingStateChange", nil},
		{bridge.EventReleased, "StatusChange", map[string]any{"BusinessCall": 1.0}},
	} {
		r.happens(i+2, c.kind, talking)
		m = d.told(1)[0].Data
		require.Equal(t, c.want, m.NotificationType, c.kind)
		require.Equal(t, "On", m.Call["mute"])
		require.Equal(t, c.extensions, m.Extensions, c.kind)
	}
	r.happens(9, bridge.EventError, talking)
	m = d.told(1)[0].Data
	require.Equal(t, "ErrorMessage /api/v2/me/calls/C", m.MessageType+" "+m.CallURI)
	before := time.Now().UnixMilli()
	listens := inbound("C", "5001", bridge.PartyEstablished)
	listens.Recording = bridge.RecordingOn
	listens.Parties[1].Role, listens.Parties[1].Observes = bridge.RoleObserver, &bridge.Observes{Target: "5002", VisibleTo: []bridge.DN{"5001"}}
	r.happens(11, bridge.EventEstablished, listens)
	m = d.told(1)[0].Data
	require.Equal(t, map[string]any{"BusinessCall": 1.0}, m.Extensions, "to supervise is no work of an agent")
	require.Equal(t, true, m.Call["monitoring"])
	require.EqualValues(t, bridge.RecordingOn, m.Call["recordingState"])
	require.GreaterOrEqual(t, m.Metrics.EventProcessing.ServerGenerationTimestamp, before)
	r.happens(10, bridge.EventRinging, inbound("F", "5002", bridge.PartyRinging))
	require.Equal(t, "5002", other.told(1)[0].Data.PhoneNumber, "and nothing of 5001's before")
}

// Each thing that can be done with a call goes by a name that is an operation.
func TestCapabilities(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.desktop("5001")
	for can, want := range map[bridge.Capability][]any{
		bridge.CanAnswer: {"Answer"}, bridge.CanRelease: {"Hangup"}, bridge.CanClear: {"ClearCall"}, bridge.CanHold: {"Hold"}, bridge.CanRetrieve: {"Retrieve"},
		bridge.CanComplete: {"Complete"}, bridge.CanRedirect: {"Redirect"}, bridge.CanAlternate: {"SwapCalls"}, bridge.CanReconnect: {"Reconnect"},
		bridge.CanInitiateTransfer: {"InitiateTransfer"}, bridge.CanInitiateConference: {"InitiateConference"},
		bridge.CanCompleteTransfer: {"CompleteTransfer"}, bridge.CanCompleteConference: {"CompleteConference"},
		bridge.CanSingleStepTransfer: {"SingleStepTransfer"}, bridge.CanSingleStepConference: {"SingleStepConference"},
		bridge.CanDeleteFromConference: {"RemoveParticipantFromConference"}, bridge.CanSendDTMF: {"SendDtmf"},
		bridge.CanAttachUserData: {"AttachUserData"}, bridge.CanUpdateUserData: {"UpdateUserData"}, bridge.CanDeleteUserDataPair: {"DeleteUserDataPair", "DeleteUserData"},
		bridge.CanStartRecording: {"StartCallRecording"}, bridge.CanStopRecording: {"StopCallRecording"},
		bridge.CanPauseRecording: {"PauseCallRecording"}, bridge.CanResumeRecording: {"ResumeCallRecording"},
		bridge.CanMuteOn: {"MuteCall"}, bridge.CanMuteOff: {"UnmuteCall"},
	} {
		r.board.mu.Lock()
		r.board.calls = []bridge.CallView{inbound("C", "5001", bridge.PartyEstablished, can)}
		r.board.mu.Unlock()
		shown, _ := d.get("/api/v2/me/calls/C", 200)["call"].(map[string]any)
		require.Equal(t, want, shown["capabilities"], can)
		for _, operation := range want {
			reply := d.do(http.MethodPost, "/api/v2/me/calls/C", fmt.Sprintf(`{"operationName": %q}`, operation), map[bool]int{true: 400, false: 200}[needsMore(operation)])
			require.NotContains(t, fmt.Sprint(reply["statusMessage"]), "must be an operation", operation)
		}
	}
}

// needsMore tells the operations that are none without a number, digits or data.
func needsMore(operation any) bool {
	switch operation {
	case "Redirect", "InitiateTransfer", "InitiateConference", "SingleStepTransfer", "SingleStepConference", "RemoveParticipantFromConference", "SendDtmf",
		"AttachUserData", "UpdateUserData", "DeleteUserDataPair":
		return true
	}
	return false
}

// A supervisor sees the devices and calls of the team, and commands only the own ones here.
func TestSupervisorsOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.board.calls = []bridge.CallView{inbound("C", "5010", bridge.PartyEstablished), inbound("F", "5001", bridge.PartyEstablished)}
	d := r.desktop("boss").connect(v2.PatternMe)
	user, _ := d.get("/api/v2/me?subresources=devices,calls", 200)["user"].(map[string]any)
	require.Equal(t, []any{"ROLE_AGENT", "ROLE_SUPERVISOR"}, user["roles"])
	require.Len(t, user["devices"], 1)
	require.Len(t, user["calls"], 1)
	d.get("/api/v2/me/calls/F", 404)
	d.get("/api/v2/me/devices/"+v2.DeviceID("5001"), 404)
	d.post("/api/v2/me/calls/F", `{"operationName": "Hold"}`, 404, 6)
	d.post("/api/v2/me/devices/"+v2.DeviceID("5001"), `{"operationName": "DoNotDisturbOn"}`, 404, 6)
	d.post("/internal-api/operations", `{"operationName": "SendUserEvent", "deviceId": "`+v2.DeviceID("5001")+`"}`, 404, 6)
	d.post("/api/v2/me/calls/C", `{"operationName": "CompleteTransfer", "consultCallUri": "/api/v2/me/calls/F"}`, 400, 10)
	require.Empty(t, r.board.done)
	r.happens(1, bridge.EventHeld, inbound("F", "5001", bridge.PartyHeld))
	r.happens(1, bridge.EventHeld, inbound("C", "5010", bridge.PartyHeld))
	require.Equal(t, "C", d.told(1)[0].Data.Call["id"], "and nothing of the team's before")
}

func TestSupervision(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.desktop("boss")
	at := "/api/v2/me/devices/" + v2.DeviceID("5010")
	user, _ := d.get("/api/v2/me?subresources=features", 200)["user"].(map[string]any)
	require.Len(t, user["features"], 4)
	d.post(at, `{"operationName": "CancelSupervisorMonitoring"}`, 404, 6)
	d.post(at, `{"operationName": "ListenIn"}`, 400, 1)
	d.post(at, `{"operationName": "ListenIn", "targetDeviceUri": "/api/v2/devices/other"}`, 404, 6)
	d.post(at, `{"operationName": "ListenIn", "phoneNumber": "5001", "supervisorMonitoringScope": "All"}`, 400, 10)
	d.post(at, `{"operationName": "ListenIn", "targetDeviceUri": "http://x/api/v2/devices/`+v2.DeviceID("5001")+`"}`, 200, 0)
	require.Equal(t, "monitor mute call all 5001 5010", r.board.done[0])
	device, _ := d.get(at, 200)["device"].(map[string]any)
	require.Contains(t, device["capabilities"], "CancelSupervisorMonitoring")
	require.Equal(t, map[string]any{
		"state": "Waiting", "mode": "ListenIn", "scope": "Call", "targetDeviceUri": "/api/v2/me/devices/" + v2.DeviceID("5001"),
	}, device["supervisorMonitoringState"])
	d.post(at, `{"operationName": "Coach", "phoneNumber": "5001"}`, 200, 0)
	d.post(at, `{"operationName": "BargeIn", "phoneNumber": "5002", "supervisorMonitoringScope": "Agent", "supervisorMonitoringMode": "NextCall"}`, 200, 0)
	d.post(at, `{"operationName": "CancelSupervisorMonitoring", "phoneNumber": "5001"}`, 200, 0)
	require.Equal(t, []string{"switch coach M ", "monitor connect agent one 5002 5010", "stop M "}, r.board.done[1:])
}

// Desktops subscribe to a pattern in place of each channel. It gives what is the agent's own, each once, and nothing else.
func TestPattern(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.desktop("5001").connect(v2.PatternMe)
	r.happens(1, bridge.EventRinging, inbound("F", "5002", bridge.PartyRinging))
	r.happens(2, bridge.EventRinging, inbound("C", "5001", bridge.PartyRinging))
	m := d.told(1)
	require.Len(t, m, 1)
	require.Equal(t, v2.ChannelCalls+" 5001", m[0].Channel+" "+m[0].Data.PhoneNumber)
	d.post("/api/v2/me/devices/"+v2.DeviceID("5001"), `{"operationName": "DoNotDisturbOn"}`, 200, 0)
	require.Equal(t, v2.ChannelDevices, d.told(1)[0].Channel)

	r.happens(3, bridge.EventEstablished, inbound("C", "5001", bridge.PartyEstablished))
	replies := d.bayeux(map[string]any{"channel": "/meta/subscribe", "subscription": v2.ChannelCalls})
	require.True(t, *replies[0].Successful)
	r.happens(4, bridge.EventHeld, inbound("C", "5001", bridge.PartyHeld))
	var states []any
	for len(states) < 2 {
		for _, n := range d.told(1) {
			states = append(states, n.Data.Call["state"])
		}
	}
	require.Equal(t, []any{"Established", "Held"}, states, "the channel's own subscription brings nothing twice, and loses nothing")

	replies = d.bayeux(map[string]any{"channel": "/meta/unsubscribe", "subscription": v2.PatternMe},
		map[string]any{"channel": "/meta/unsubscribe", "subscription": v2.ChannelCalls})
	require.True(t, *replies[0].Successful && *replies[1].Successful)
	r.happens(5, bridge.EventReleased, inbound("C", "5001", bridge.PartyReleased))
	r.settle()
	require.True(t, *d.bayeux(map[string]any{"channel": "/meta/subscribe", "subscription": v2.PatternMe})[0].Successful)
	r.happens(6, bridge.EventRinging, inbound("D", "5001", bridge.PartyRinging))
	require.Equal(t, "D", d.told(1)[0].Data.Call["id"], "what happened while it was not subscribed is not told")
}

// The third party's call becomes another one when a transfer is completed: the desktop is told of that first, and then that the
// consult call is over, so that it can take the one for the other, and does not keep it either.
func TestFormerCall(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.desktop("5001").connect(v2.ChannelCalls)
	consult := inbound("CONSULT", "5001", bridge.PartyEstablished, bridge.CanHold)
	consult.ConnID, consult.Parent, consult.Type = 0x2b, 0x1a, bridge.CallConsult
	r.happens(1, bridge.EventEstablished, consult)
	require.Equal(t, "CONSULT", d.told(1)[0].Data.Call["id"])

	asker := consult
	asker.Parties = []bridge.PartyView{consult.Parties[1], {ID: 3, DN: "5002", Number: "5002", Role: bridge.RoleOrigination, State: bridge.PartyReleased}}
	r.happens(2, bridge.EventReleased, asker)
	first := inbound("FIRST", "5001", bridge.PartyEstablished, bridge.CanHold)
	r.feed.PublishCall(bridge.Event{
		ID: "FIRST-1", N: 1, Kind: bridge.EventPartyChanged, Call: first, This: first.Parties[1], Other: first.Parties[0], PreviousConnID: 0x2b,
		CallState: bridge.CallStateTransferred, Audience: []bridge.DN{"5001"}, Time: time.Now(),
	})
	told := d.told(2)
	require.Len(t, told, 2)
	for i, want := range []map[string]any{
		{"id": "FIRST", "callUuid": "FIRST", "connId": "000000000000001a", "previousConnId": "000000000000002b", "state": "Established", "callType": "Inbound"},
		{
			"id": "CONSULT", "callUuid": "CONSULT", "connId": "000000000000002b", "state": "Released", "callType": "Consult", "uri": "/api/v2/me/calls/CONSULT",
			"deviceUri": "/api/v2/me/devices/" + v2.DeviceID("5001"), "capabilities": []any{}, "participants": []any{},
		},
	} {
		for field, value := range want {
			require.Equal(t, value, told[i].Data.Call[field], field)
		}
	}
	require.Equal(t, "ParticipantsUpdated 5001, StatusChange 5001", told[0].Data.NotificationType+" "+told[0].Data.PhoneNumber+", "+
		told[1].Data.NotificationType+" "+told[1].Data.PhoneNumber)
	require.NotContains(t, told[1].Data.Call, "previousConnId")
}

// The call that a consultation is for may be another sidecar's, and an event is not held up until that one has told how it stands.
func TestTheParentOfAConsultCall(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.desktop("5001").connect(v2.ChannelCalls)
	consult := inbound("CONSULT", "5001", bridge.PartyEstablished)
	consult.ConnID, consult.Parent, consult.Type = 0x2b, 0x1a, bridge.CallConsult
	r.board.mu.Lock()
	r.board.calls, r.board.asked = []bridge.CallView{inbound("FIRST", "5001", bridge.PartyHeld), consult}, 0
	r.board.mu.Unlock()
	r.happens(1, bridge.EventEstablished, consult)
	require.Equal(t, "/api/v2/me/calls/FIRST", d.told(1)[0].Data.Call["parentCallUri"])
	consult.Parent = 0x3c
	r.happens(2, bridge.EventHeld, consult)
	require.NotContains(t, d.told(1)[0].Data.Call, "parentCallUri", "it has ended")
	r.board.mu.Lock()
	defer r.board.mu.Unlock()
	require.Zero(t, r.board.asked)
}
