package gws_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/access"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti/gws"
)

func TestGuideLogin(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := d.send("POST", "/api/v2/login", "", `{"username": "agent1", "password": "secret-agent1", "more": 1}`).want(http.StatusOK)
	require.Contains(t, a.body, `"token":"agent1"`)
	require.Contains(t, a.body, `"dn":"5001"`)
	require.Regexp(t, `"expiresIn":3[56]\d\d`, a.body)
	require.Contains(t, a.header.Get("Set-Cookie"), auth.CookieName+"=agent1")

	d.send("POST", "/api/v2/login", "", ``, "Authorization", basic("agent1", "secret-agent1")).want(http.StatusOK)
	d.send("POST", "/api/v2/login", "", `{"user": "agent1", "password": "guess"}`).says(http.StatusUnauthorized, "bad_credentials")
	d.send("POST", "/api/v2/login", "", `{"user": "agent1"}`).says(http.StatusUnprocessableEntity, "invalid_field")
	d.send("POST", "/api/v2/login", "", `{"user": "agent1", "password": "secret-agent1"}`, "Origin", "https://evil.test").says(http.StatusForbidden, "foreign_origin")
	d.send("POST", "/api/v2/me/calls/active/hold", "", "").says(http.StatusUnauthorized, "no_token")
	d.send("POST", "/api/v2/me/calls/active/hold", "guess", "").says(http.StatusUnauthorized, "token_revoked")

	newDesktop(t, d.url+"/cometd", "agent1").start(nil, gws.ChannelAgentEvents)
	newDesktop(t, d.url+"/cometd", "agent2").start(nil, gws.ChannelAgentEvents)
	d.send("POST", "/api/v2/logout", "agent1", "").want(http.StatusOK)
	d.send("GET", "/api/v2/me/calls/active", "agent1", "").says(http.StatusUnauthorized, "token_revoked")
	require.Eventually(t, func() bool { return d.guide.Count() == 1 }, waitFor, tick, "the login's desktop has ended with it, the other goes on")

	d.tokens.err = &auth.BackoffError{RetryAfter: 7 * time.Second}
	a = d.send("POST", "/api/v2/login", "", `{"user": "agent1", "password": "secret-agent1"}`)
	a.says(http.StatusTooManyRequests, "too_many_failures")
	require.Equal(t, "7", a.header.Get("Retry-After"))
}

// A password is checked once, and its token every time.
func TestBasicOnAnyRequest(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	me := basic("agent1", "secret-agent1")
	first := d.send("GET", "/api/v2/me/calls/active", "", "", "Authorization", me).want(http.StatusOK)
	require.Contains(t, first.header.Get("Set-Cookie"), auth.CookieName+"=agent1")
	again := d.send("GET", "/api/v2/me/calls/active", "", "", "Authorization", me, "Cookie", auth.CookieName+"=agent1").want(http.StatusOK)
	require.Empty(t, again.header.Get("Set-Cookie"), "it has the cookie")
	require.Equal(t, 1, d.tokens.count())
	d.send("GET", "/api/v2/me/calls/active", "", "", "Cookie", auth.CookieName+"=agent1").want(http.StatusOK)

	d.send("GET", "/api/v2/me/calls/active", "", "", "Authorization", basic("agent1", "other")).says(http.StatusUnauthorized, "bad_credentials")
	d.send("GET", "/api/v2/me/calls/active", "", "", "Authorization", me, "Origin", "https://evil.test").says(http.StatusForbidden, "foreign_origin")
	d.people.revoke("agent1")
	d.send("GET", "/api/v2/me/calls/active", "", "", "Authorization", me).want(http.StatusOK)
	require.Equal(t, 3, d.tokens.count(), "a token that no longer counts is made anew, with the password checked")

	client := newDesktop(t, d.url+"/cometd", "")
	client.header.Set("Authorization", basic("agent2", "secret-agent2"))
	client.start(nil, gws.ChannelAgentEvents)
	client.header.Set("Authorization", basic("agent2", "guess"))
	require.False(t, client.handshake(nil).ok())
}

func TestGuideCommands(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.stand.set(other("T", "5001", bridge.PartyEstablished), other("H", "5001", bridge.PartyHeld), other("R", "5001", bridge.PartyRinging),
		other("F", "5002", bridge.PartyEstablished), other("L", "5001", bridge.PartyReleased))
	const active = "/api/v2/me/calls/active/"
	for _, c := range []struct{ method, path, body, done string }{
		{"POST", active + "answer", "", "answer R 5001"},
		{"POST", active + "hold", "{}", "hold T 5001"},
		{"POST", active + "retrieve", "", "retrieve H 5001"},
		{"POST", active + "transfer", `{"destination": "5003", "extra": [1]}`, "transfer T 5001"},
		{"POST", active + "dtmf", `{"digits": "12#a"}`, "dtmf T 5001"},
		{"POST", active + "consult", `{"destination": "5003"}`, "consult transfer T 5001"},
		{"POST", active + "consult", `{"destination": "5003", "purpose": "conference"}`, "consult conference T 5001"},
		{"POST", active + "initiate-transfer", `{"destination": "5003"}`, "consult transfer T 5001"},
		{"POST", active + "initiate-conference", `{"destination": "5003"}`, "consult conference T 5001"},
		{"DELETE", active + "hangup", "", "release T 5001"},
		{"POST", "/api/v2/me/calls/H/hangup", "", "release H 5001"},
		{"POST", "/api/v2/me/calls", `{"destination": "030"}`, "make  5001"},
	} {
		a := d.send(c.method, c.path, "agent1", c.body).want(http.StatusOK)
		done := d.board.took()
		require.Equal(t, c.done, done[len(done)-1], a.body)
		require.Contains(t, a.body, `{"call":{"id":"`, c.path)
	}
	require.Equal(t, 12, len(d.board.took()))
	d.send("POST", active+"hold", "agent1", "", "Operation-Id", "op-1").want(http.StatusOK)
	hold, _ := d.board.last.(bridge.PartyCommand)
	require.NotEmpty(t, hold.Op, "so that the engine knows a repetition")
	a := d.send("POST", "/api/v2/me/not-ready", "agent1", `{"reason": "lunch"}`).want(http.StatusOK)
	require.JSONEq(t, `{"dn": "5001", "state": "NotReady", "reason": "lunch", "dnd": false}`, a.body)
	a = d.send("GET", "/api/v2/me/calls/active", "agent1", "").want(http.StatusOK)
	require.Equal(t, 3, strings.Count(a.body, `"connId"`), a.body)
	require.NotContains(t, a.body, `"id":"L"`, "the agent has left it")
}

// Each command by each of its names.
func TestGuideNames(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for verb, names := range map[access.Verb]string{
		access.Answer: "answer", access.Reject: "reject", access.Redirect: "redirect", access.Hold: "hold", access.Retrieve: "retrieve",
		access.Release: "release hangup", access.Complete: "complete", access.Transfer: "transfer single-step-transfer", access.MuteTransfer: "mute-transfer",
		access.SingleStepConference: "conference single-step-conference", access.Consult: "consult initiate-transfer initiate-conference",
		access.CompleteTransfer: "complete-transfer", access.CompleteConference: "complete-conference", access.Alternate: "alternate",
		access.Reconnect: "reconnect", access.Merge: "merge", access.Drop: "drop", access.Mute: "mute", access.Unmute: "unmute", access.SendDTMF: "dtmf send-dtmf",
		access.AttachData: "attach-user-data", access.UpdateData: "update-user-data", access.DeleteData: "delete-user-data",
		access.StartRecording: "start-recording", access.StopRecording: "stop-recording",
		access.PauseRecording: "pause-recording", access.ResumeRecording: "resume-recording",
	} {
		for name := range strings.FieldsSeq(names) {
			message := d.send("POST", "/api/v2/me/calls/active/"+name, "agent1",
				`{"destination": "5003", "member": "5003", "digits": "1", "call": "X", "userData": {"a": "b"}}`).says(http.StatusNotFound, "no_active_call")
			require.True(t, strings.HasPrefix(message, string(verb)+": "), message)
		}
	}
}

// A supervisor's own desktop is that of an agent: what others do is commanded elsewhere.
func TestGuideIsForTheOwnDN(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.people.set("lead", gws.Principal{ID: "4", OwnDNs: []string{"5003"}})
	left := other("L", "5003", bridge.PartyReleased)
	left.Parties[0].DN, left.Parties[0].State = "5002", bridge.PartyEstablished
	d.stand.set(other("F", "5002", bridge.PartyEstablished), left)
	d.send("POST", "/api/v2/me/calls/F/hold", "lead", "").says(http.StatusNotFound, "call_not_found")
	d.send("POST", "/api/v2/me/calls/active/hold", "lead", "").says(http.StatusNotFound, "no_active_call")
	d.send("POST", "/api/v2/me/ready", "lead", `{"dn": "5002"}`).says(http.StatusForbidden, "forbidden")
	d.send("POST", "/api/v2/me/calls", "lead", `{"destination": "030", "dn": "5002"}`).says(http.StatusForbidden, "forbidden")
	require.NotContains(t, d.send("GET", "/api/v2/me/calls/active", "lead", "").want(http.StatusOK).body, `"connId"`)
	require.Empty(t, d.board.took())
}

func TestGuideRefuses(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.stand.set(other("T", "5001", bridge.PartyEstablished), other("F", "5002", bridge.PartyEstablished))
	const active = "/api/v2/me/calls/active/"
	for _, c := range []struct {
		path, body string
		status     int
		code       string
	}{
		{active + "answer", "", 404, "no_active_call"},
		{active + "sing", "", 404, "unknown_command"},
		{active + "transfer", "", 422, "invalid_field"},
		{active + "transfer", `{"destination": 5003}`, 422, "invalid_field"},
		{active + "transfer", `{"destination": "5003"`, 422, "invalid_field"},
		{active + "transfer", `["5003"]`, 422, "invalid_field"},
		{active + "transfer", `null`, 422, "invalid_field"},
		{active + "transfer", `{"destination": "<script>"}`, 422, "invalid_field"},
		{active + "transfer", `{"destination": "` + strings.Repeat("5", gws.MaxBody) + `"}`, 422, "invalid_field"},
		{active + "dtmf", `{"digits": "12x"}`, 422, "invalid_field"},
		{active + "user-data", `{}`, 404, "unknown_command"},
		{active + "attach-user-data", `{"userData": {"a": {"b": [1]}}}`, 422, "invalid_field"},
		{active + "attach-user-data", `{"userData": "x"}`, 422, "invalid_field"},
		{active + "merge", `{}`, 422, "invalid_field"},
		{"/api/v2/me/calls/F/hold", "", 404, "call_not_found"},
		{"/api/v2/me/calls/NONE/hold", "", 404, "call_not_found"},
		{"/api/v2/me/calls", `{"destination": "030", "dn": "5002"}`, 403, "forbidden"},
		{"/api/v2/me/calls", `{}`, 422, "invalid_field"},
		{"/api/v2/me/ready", `{"dn": "5002"}`, 403, "forbidden"},
		{"/api/v2/me/after-call-work", `{"seconds": -1}`, 422, "invalid_field"},
	} {
		d.send("POST", c.path, "agent1", c.body).says(c.status, c.code)
	}
	require.Empty(t, d.board.took())
	long := d.send("POST", active+"transfer", "agent1", `{"destination": "`+strings.Repeat("5", gws.MaxBody)+`"}`).want(http.StatusUnprocessableEntity)
	require.Contains(t, long.body, `"field":"body"`)
	d.send("POST", active+"hold", "agent1", "", "Operation-Id", "a b").says(http.StatusUnprocessableEntity, "invalid_field")

	d.stand.set(other("T", "5001", bridge.PartyEstablished), other("U", "5001", bridge.PartyEstablished))
	message := d.send("DELETE", active+"hangup", "agent1", "").says(http.StatusConflict, "several_calls")
	require.Contains(t, message, "T, U")
	require.Contains(t, d.send("DELETE", active+"hangup", "agent1", "").body, `"calls":["T","U"]`)
	d.stand.set(other("T", "5001", bridge.PartyEstablished))
	d.board.err = &bridge.StateError{Call: "T", Verb: "hold", State: bridge.PartyHeld, Why: "it is held"}
	a := d.send("POST", active+"hold", "agent1", "")
	a.says(http.StatusConflict, "state_conflict")
	require.Contains(t, a.body, `"state":"Held"`)
	d.board.err = &bridge.TargetError{Number: "030", Why: "is denied"}
	require.Contains(t, d.send("POST", active+"transfer", "agent1", `{"destination": "030"}`).body, `"field":"destination"`, "as it is called here")
	d.board.err = errSwitch
	require.NotContains(t, d.send("POST", active+"hold", "agent1", "").says(http.StatusInternalServerError, "internal"), "secret")
}

func TestOriginsOfCommands(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := d.send("OPTIONS", "/api/v2/me/calls/active/hold", "", "", "Origin", "https://desk.test", "Access-Control-Request-Method", "POST").want(http.StatusNoContent)
	require.Equal(t, "https://desk.test", a.header.Get("Access-Control-Allow-Origin"))
	a = d.send("OPTIONS", "/api/v2/me/calls/active/hold", "", "", "Origin", "https://desk.test.evil", "Access-Control-Request-Method", "POST")
	require.Empty(t, a.header.Get("Access-Control-Allow-Origin"))
	require.NotEqual(t, http.StatusNoContent, a.status)
}

func FuzzDecodeBody(f *testing.F) {
	for _, seed := range []string{`{}`, `{"destination":"5003","userData":{"a":"b","l":{"n":1}}}`, `{"userData":[{"key":"a","type":"str","value":"b"}]}`, `{"keys":["a",1]}`, `null`, `[`, "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var body struct {
			Destination string          `json:"destination"`
			Keys        []string        `json:"keys"`
			UserData    bridge.UserData `json:"userData"`
		}
		err := gws.DecodeBody(text, &body, true)
		if err == nil {
			require.NoError(t, body.UserData.Check())
			return
		}
		o, known := access.OutcomeOf(err)
		require.True(t, known, err)
		require.Equal(t, http.StatusUnprocessableEntity, o.Status)
	})
}
