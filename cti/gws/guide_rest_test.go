package gws_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/access"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti/gws"
)

// other is a further call of a DN.
func other(id, dn string, state bridge.PartyState) bridge.CallView {
	v := call(dn, state)
	v.ID = bridge.CallID(id)
	return v
}

func TestActive(t *testing.T) {
	t.Parallel()
	p := auth.Principal{Role: auth.RoleAgent, DNs: []string{"5001"}, Scope: []string{"5001"}}
	ringing, dialing := other("R", "5001", bridge.PartyRinging), other("D", "5001", bridge.PartyDialing)
	talking, held := other("T", "5001", bridge.PartyEstablished), other("H", "5001", bridge.PartyHeld)
	foreign := other("F", "5002", bridge.PartyEstablished)
	listening := other("L", "5001", bridge.PartyEstablished)
	listening.Parties[1].Role = bridge.RoleObserver
	for name, c := range map[string]struct {
		verb  access.Verb
		calls []bridge.CallView
		want  string
	}{
		"answer the ringing one":            {access.Answer, []bridge.CallView{talking, ringing}, "R"},
		"nothing rings":                     {access.Answer, []bridge.CallView{talking, dialing}, "none"},
		"hold the established":              {access.Hold, []bridge.CallView{held, talking, ringing}, "T"},
		"transfer the established":          {access.Transfer, []bridge.CallView{held, talking}, "T"},
		"dtmf to the established":           {access.SendDTMF, []bridge.CallView{held}, "none"},
		"retrieve the held":                 {access.Retrieve, []bridge.CallView{held, talking}, "H"},
		"hangup: established first":         {access.Release, []bridge.CallView{held, ringing, talking}, "T"},
		"hangup: ringing before held":       {access.Release, []bridge.CallView{held, ringing}, "R"},
		"hangup: dialing before held":       {access.Release, []bridge.CallView{held, dialing}, "D"},
		"hangup: the held at last":          {access.Release, []bridge.CallView{held}, "H"},
		"others' calls are not meant":       {access.Hold, []bridge.CallView{foreign}, "none"},
		"several":                           {access.Release, []bridge.CallView{ringing, dialing}, "several R, D"},
		"complete the consultation":         {access.CompleteTransfer, []bridge.CallView{held, talking}, "T"},
		"complete it while it rings":        {access.CompleteTransfer, []bridge.CallView{held, dialing}, "D"},
		"who listens holds nothing":         {access.Hold, []bridge.CallView{listening}, "none"},
		"who listens can hang up":           {access.Release, []bridge.CallView{listening}, "L"},
		"no call at all":                    {access.Release, nil, "none"},
		"data of the one that one talks in": {access.UpdateData, []bridge.CallView{held, talking}, "T"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mine, err := gws.Active(p, c.calls, c.verb)
			switch {
			case c.want == "none":
				var none *gws.NoActiveError
				require.ErrorAs(t, err, &none)
			case strings.HasPrefix(c.want, "several "):
				var several *gws.SeveralError
				require.ErrorAs(t, err, &several)
				require.Contains(t, err.Error(), strings.TrimPrefix(c.want, "several "))
			default:
				require.NoError(t, err)
				require.Equal(t, c.want, string(mine.Call.ID))
				require.Equal(t, bridge.DN("5001"), mine.DN)
			}
		})
	}
}

func TestGuideLogin(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := d.send("POST", "/api/v2/login", "", `{"username": "agent1", "password": "secret-agent1", "more": 1}`).want(http.StatusOK)
	require.Contains(t, a.body, `"token":"agent1"`)
	require.Contains(t, a.body, `"dn":"5001"`)
	require.Regexp(t, `"expiresIn":3[56]\d\d`, a.body)
	require.Contains(t, a.header.Get("Set-Cookie"), gws.CookieName+"=agent1")

	d.send("POST", "/api/v2/login", "", ``, "Authorization", basic("agent1", "secret-agent1")).want(http.StatusOK)
	d.send("POST", "/api/v2/login", "", `{"user": "agent1", "password": "guess"}`).says(http.StatusUnauthorized, "bad_credentials")
	d.send("POST", "/api/v2/login", "", `{"user": "agent1"}`).says(http.StatusUnprocessableEntity, "invalid_field")
	d.send("POST", "/api/v2/login", "", `{"user": "agent1", "password": "secret-agent1"}`, "Origin", "https://evil.test").says(http.StatusForbidden, "foreign_origin")
	d.send("POST", "/api/v2/me/calls/active/hold", "", "").says(http.StatusUnauthorized, "no_token")
	d.send("POST", "/api/v2/me/calls/active/hold", "guess", "").says(http.StatusUnauthorized, "token_revoked")

	d.send("POST", "/api/v2/logout", "agent1", "").want(http.StatusOK)
	d.send("GET", "/api/v2/me/calls/active", "agent1", "").says(http.StatusUnauthorized, "token_revoked")
}

// A password is checked once, and its token every time.
func TestBasicOnAnyRequest(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	me := basic("agent1", "secret-agent1")
	first := d.send("GET", "/api/v2/me/calls/active", "", "", "Authorization", me).want(http.StatusOK)
	require.Contains(t, first.header.Get("Set-Cookie"), gws.CookieName+"=agent1")
	again := d.send("GET", "/api/v2/me/calls/active", "", "", "Authorization", me, "Cookie", gws.CookieName+"=agent1").want(http.StatusOK)
	require.Empty(t, again.header.Get("Set-Cookie"), "it has the cookie")
	require.Equal(t, 1, d.tokens.count())
	d.send("GET", "/api/v2/me/calls/active", "", "", "Cookie", gws.CookieName+"=agent1").want(http.StatusOK)

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
		other("F", "5002", bridge.PartyEstablished))
	const active = "/api/v2/me/calls/active/"
	for _, c := range []struct{ method, path, body, done string }{
		{"POST", active + "answer", "", "answer R 5001"},
		{"POST", active + "hold", "{}", "hold T 5001"},
		{"POST", active + "retrieve", "", "retrieve H 5001"},
		{"POST", active + "transfer", `{"destination": "5003", "extra": [1]}`, "transfer T 5001"},
		{"POST", active + "dtmf", `{"digits": "12#a"}`, "dtmf T 5001"},
		{"POST", active + "consult", `{"destination": "5003"}`, "consult T 5001"},
		{"POST", active + "initiate-conference", `{"destination": "5003"}`, "consult T 5001"},
		{"DELETE", active + "hangup", "", "release T 5001"},
		{"POST", "/api/v2/me/calls/H/hangup", "", "release H 5001"},
		{"POST", "/api/v2/me/calls", `{"destination": "030"}`, "make  5001"},
	} {
		a := d.send(c.method, c.path, "agent1", c.body).want(http.StatusOK)
		done := d.board.took()
		require.Equal(t, c.done, done[len(done)-1], a.body)
		require.Contains(t, a.body, `{"call":{"id":"`, c.path)
	}
	require.Equal(t, 10, len(d.board.took()))
	a := d.send("POST", "/api/v2/me/not-ready", "agent1", `{"reason": "lunch"}`).want(http.StatusOK)
	require.JSONEq(t, `{"dn": "5001", "state": "NotReady", "reason": "lunch", "dnd": false}`, a.body)
	a = d.send("GET", "/api/v2/me/calls/active", "agent1", "").want(http.StatusOK)
	require.Equal(t, 3, strings.Count(a.body, `"connId"`), a.body)
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
	d.send("POST", active+"hold", "agent1", "", "Operation-Id", "a b").says(http.StatusUnprocessableEntity, "invalid_field")

	d.stand.set(other("T", "5001", bridge.PartyEstablished), other("U", "5001", bridge.PartyEstablished))
	message := d.send("DELETE", active+"hangup", "agent1", "").says(http.StatusConflict, "several_calls")
	require.Contains(t, message, "T, U")
	d.stand.set(other("T", "5001", bridge.PartyEstablished))
	d.board.err = &bridge.StateError{Call: "T", Verb: "hold", State: bridge.PartyHeld, Why: "it is held"}
	a := d.send("POST", active+"hold", "agent1", "")
	a.says(http.StatusConflict, "state_conflict")
	require.Contains(t, a.body, `"state":"Held"`)
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

// What a command causes is told to its own login after the reply, and to others at once.
func TestEventsComeAfterTheReply(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.people.set("boss", gws.Principal{ID: "3", SeesDN: func(string) bool { return true }})
	own := newDesktop(t, d.url+"/cometd", "agent1").start(nil, gws.ChannelAgentEvents)
	own.receive(1)
	boss := newDesktop(t, d.url+"/cometd", "boss").start(nil, gws.ChannelAgentEvents)
	boss.receive(3)
	d.stand.set(other("T", "5001", bridge.PartyEstablished))
	told := make(chan struct{})
	early := make(chan bool, 1)
	var wg sync.WaitGroup
	d.board.hook = func() {
		began := time.Now()
		d.happen(1, "5001", bridge.EventHeld, bridge.PartyHeld)
		boss.receive(1) // others don't wait
		select {
		case <-told:
			early <- time.Since(began) < gws.HoldAtMost // on a machine that stood still it may be told
		default:
			early <- false
		}
	}
	wg.Go(func() { own.receive(1); close(told) })
	d.send("POST", "/api/v2/me/calls/active/hold", "agent1", "").want(http.StatusOK)
	require.False(t, <-early)
	wg.Wait()
}

// A command that takes long holds up nothing for long.
func TestEventsDoNotWaitForever(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	own := newDesktop(t, d.url+"/cometd", "agent1").start(nil, gws.ChannelAgentEvents)
	own.receive(1)
	d.stand.set(other("T", "5001", bridge.PartyEstablished))
	began := time.Now()
	d.board.hook = func() {
		d.happen(1, "5001", bridge.EventHeld, bridge.PartyHeld)
		own.receive(1)
		if waited := time.Since(began); waited < gws.HoldAtMost {
			t.Errorf("it waited %s", waited)
		}
		d.happen(2, "5001", bridge.EventRetrieved, bridge.PartyEstablished)
		own.receive(1)
	}
	d.send("POST", "/api/v2/me/calls/active/hold", "agent1", "").want(http.StatusOK)
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
