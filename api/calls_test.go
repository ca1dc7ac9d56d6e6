package api_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/api"
	"sidecar/auth"
	"sidecar/bridge"
)

func TestCallAsClientsSeeIt(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	token := s.user("5001", auth.RoleAgent, "", "5001")
	s.engine.calls = []bridge.CallView{call("C1", bridge.PartyEstablished, "5001")}

	a := s.send("GET", "/api/v1/calls/C1", token, "")

	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.JSONEq(t, `{
		"id": "C1", "connId": "0123456789abcdef", "type": "Inbound", "controller": "asterisk", "state": "Established",
		"ani": "03012345", "dnis": "5001", "userData": {}, "startedAt": "2023-11-14T22:13:20.123Z",
		"parties": [
			{"id": "1", "number": "03012345", "role": "RoleOrigination", "state": "Established", "capabilities": []},
			{"id": "2", "dn": "5001", "number": "5001", "role": "RoleDestination", "state": "Established", "capabilities": ["release"]}
		]
	}`, a.body)
}

func TestCallsThatAUserSees(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	tokens := map[string]string{
		"agent":              s.user("a1", auth.RoleAgent, "red", "5001"),
		"agent without DN":   s.user("a0", auth.RoleAgent, "red"),
		"team supervisor":    s.user("s1", auth.RoleSupervisor, "red"),
		"supervisor of none": s.user("s0", auth.RoleSupervisor, ""),
		"admin":              s.user("root", auth.RoleAdmin, ""),
	}
	s.user("a2", auth.RoleAgent, "red", "5002")
	s.user("a3", auth.RoleAgent, "blue", "5003")
	left := call("LEFT", bridge.PartyEstablished, "5003", "5001")
	left.Parties[2].State = bridge.PartyReleased
	ended := call("ENDED", bridge.PartyReleased, "5001")
	ended.EndedAt = time.UnixMilli(1700000009000)
	s.engine.calls = []bridge.CallView{
		call("A", bridge.PartyEstablished, "5001"), call("B", bridge.PartyRinging, "5002"), call("C", bridge.PartyRinging, "5003"),
		left, ended,
	}
	seen := map[string]string{
		"agent":              "A ENDED",
		"agent without DN":   "",
		"team supervisor":    "A B ENDED",
		"supervisor of none": "A B C ENDED LEFT",
		"admin":              "A B C ENDED LEFT",
	}
	for who, want := range seen {
		a := s.send("GET", "/api/v1/calls", tokens[who], "")
		require.Equal(t, http.StatusOK, a.status)
		var out api.CallList
		require.NoError(t, json.Unmarshal([]byte(a.body), &out))
		ids := []string{}
		for _, c := range out.Calls {
			ids = append(ids, c.ID)
		}
		require.Equal(t, want, strings.Join(ids, " "), who)
		for id := range strings.FieldsSeq("A B C LEFT ENDED") {
			a := s.send("GET", "/api/v1/calls/"+id, tokens[who], "")
			if strings.Contains(" "+want+" ", " "+id+" ") {
				require.Equal(t, http.StatusOK, a.status, "%s %s", who, id)
			} else {
				a.problem(http.StatusNotFound, "call_not_found")
			}
		}
	}
}

func TestMakeCall(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	token := s.user("boss", auth.RoleSupervisor, "")
	var got bridge.MakeCall
	s.engine.makeCall = func(cmd bridge.MakeCall) (bridge.CallView, error) {
		got = cmd
		return call("NEW", bridge.PartyInitiated, "5001"), nil
	}

	a := s.send("POST", "/api/v1/calls", token, `{"from": "5001", "to": "+49 30 1234"}`, "Operation-Id", "op-7")

	require.Equal(t, http.StatusCreated, a.status, a.body)
	require.Equal(t, "/api/v1/calls/NEW", a.header.Get("Location"))
	require.Equal(t, bridge.MakeCall{From: "5001", To: "+49 30 1234", Class: "wide", Op: "op-7"}, got)
}

func TestAgentsDialByTheClassOfTheDN(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	var got bridge.MakeCall
	s.engine.makeCall = func(cmd bridge.MakeCall) (bridge.CallView, error) {
		got = cmd
		return call("NEW", bridge.PartyInitiated, "5001"), nil
	}
	token := s.user("5001", auth.RoleAgent, "", "5001")
	require.Equal(t, http.StatusCreated, s.send("POST", "/api/v1/calls", token, `{"from": "5001", "to": "+49 30 1234"}`).status)
	require.Equal(t, bridge.MakeCall{From: "5001", To: "+49 30 1234", PickUp: true}, got, "who dials for himself has picked up by that")
}

func TestMakeCallRefused(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	agent := s.user("5001", auth.RoleAgent, "", "5001")
	admin := s.user("root", auth.RoleAdmin, "")

	p := s.send("POST", "/api/v1/calls", agent, `{"from": "5002", "to": "5003"}`).problem(http.StatusForbidden, "forbidden")
	require.Equal(t, "from", p.Field)
	p = s.send("POST", "/api/v1/calls", admin, `{"from": "6001", "to": "5003"}`).problem(http.StatusUnprocessableEntity, "unknown_dn")
	require.Equal(t, "from", p.Field)
	p = s.send("POST", "/api/v1/calls", admin, `{"from": "5001", "to": "5003\n"}`).problem(http.StatusUnprocessableEntity, "invalid_field")
	require.Equal(t, "to", p.Field)
	p = s.send("POST", "/api/v1/calls", admin, `{"from": "5001", "to": "5002"}`, "Operation-Id", "a b").problem(http.StatusUnprocessableEntity, "invalid_field")
	require.Equal(t, "Operation-Id", p.Field)

	s.engine.makeCall = func(bridge.MakeCall) (bridge.CallView, error) {
		return bridge.CallView{}, &bridge.TargetError{Number: "5001", Rule: "registration", Why: "no phone is registered there", Unreachable: true}
	}
	p = s.send("POST", "/api/v1/calls", agent, `{"from": "5001", "to": "5002"}`).problem(http.StatusConflict, "unreachable")
	require.Equal(t, "from", p.Field)
	require.Equal(t, "registration", p.Rule)
}

func TestHangup(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	token := s.user("5001", auth.RoleAgent, "", "5001")
	s.engine.calls = []bridge.CallView{call("MINE", bridge.PartyEstablished, "5001"), call("FOREIGN", bridge.PartyEstablished, "5002")}
	var got []bridge.Hangup
	s.engine.hangup = func(cmd bridge.Hangup) (bridge.CallView, error) {
		got = append(got, cmd)
		v := call(string(cmd.Call), bridge.PartyReleased, "5001")
		v.EndedAt = v.StartedAt
		return v, nil
	}

	require.Equal(t, http.StatusOK, s.send("POST", "/api/v1/calls/MINE/hangup", token, "", "Operation-Id", "x").status)
	s.send("POST", "/api/v1/calls/FOREIGN/hangup", token, "").problem(http.StatusNotFound, "call_not_found")
	s.send("POST", "/api/v1/calls/NONE/hangup", token, "").problem(http.StatusNotFound, "call_not_found")
	require.Equal(t, []bridge.Hangup{{Call: "MINE", Op: "x"}}, got)

	s.engine.calls = nil // the call has ended: the repeated command still has its result
	require.Equal(t, http.StatusOK, s.send("POST", "/api/v1/calls/MINE/hangup", token, "", "Operation-Id", "x").status)
}

func TestOperationIDOfSomebodyElse(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	token := s.user("5001", auth.RoleAgent, "", "5001")
	foreign := call("FOREIGN", bridge.PartyReleased, "5002")
	s.engine.calls = []bridge.CallView{call("MINE", bridge.PartyEstablished, "5001")}
	s.engine.hangup = func(bridge.Hangup) (bridge.CallView, error) { return foreign, nil }
	s.engine.transfer = func(bridge.Transfer) (bridge.CallView, error) { return foreign, nil }
	s.engine.makeCall = func(bridge.MakeCall) (bridge.CallView, error) { return foreign, nil }

	for path, body := range map[string]string{
		"/api/v1/calls/MINE/hangup": "", "/api/v1/calls/FOREIGN/hangup": "",
		"/api/v1/calls/MINE/transfer": `{"to": "5003"}`, "/api/v1/calls": `{"from": "5001", "to": "5003"}`,
	} {
		a := s.send("POST", path, token, body, "Operation-Id", "guessed")
		a.problem(http.StatusConflict, "operation_id_taken")
		require.NotContains(t, a.body, "FOREIGN", path)
	}
}

func TestTransfer(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	agent := s.user("5001", auth.RoleAgent, "red", "5001")
	boss := s.user("boss", auth.RoleSupervisor, "red")
	s.user("5002", auth.RoleAgent, "blue", "5002")
	admin := s.user("root", auth.RoleAdmin, "")
	s.engine.calls = []bridge.CallView{call("C", bridge.PartyEstablished, "5001", "5002")}
	var got bridge.Transfer
	s.engine.transfer = func(cmd bridge.Transfer) (bridge.CallView, error) {
		got = cmd
		return call("C", bridge.PartyRinging, "5002", "5003"), nil
	}
	do := func(token, body string) answer {
		got = bridge.Transfer{}
		return s.send("POST", "/api/v1/calls/C/transfer", token, body)
	}

	require.Equal(t, http.StatusOK, do(agent, `{"to": "5003"}`).status)
	require.Equal(t, bridge.Transfer{Call: "C", By: "5001", To: "5003"}, got)
	require.Equal(t, http.StatusOK, do(boss, `{"to": "5003"}`).status)
	require.Equal(t, bridge.Transfer{Call: "C", By: "5001", To: "5003", Class: "wide"}, got)
	require.Equal(t, http.StatusOK, do(admin, `{"to": "5003", "dn": "5002"}`).status)
	require.Equal(t, bridge.Transfer{Call: "C", By: "5002", To: "5003"}, got)

	p := do(admin, `{"to": "5003"}`).problem(http.StatusUnprocessableEntity, "ambiguous_party")
	require.Equal(t, "dn", p.Field)
	p = do(agent, `{"to": "5003", "dn": "5002"}`).problem(http.StatusForbidden, "forbidden")
	require.Equal(t, "dn", p.Field)
	do(boss, `{"to": "5003", "dn": "5002"}`).problem(http.StatusForbidden, "forbidden")
	require.Zero(t, got)
}

// An agent's own transfer takes its DN out of the call; the repetition must not be answered with 404.
func TestTransferRepeated(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	agent := s.user("5001", auth.RoleAgent, "", "5001")
	after := call("C", bridge.PartyRinging, "5001", "5003")
	after.Parties[1].State = bridge.PartyReleased
	s.engine.calls = []bridge.CallView{after}
	s.engine.transfer = func(cmd bridge.Transfer) (bridge.CallView, error) {
		require.Equal(t, bridge.DN("5001"), cmd.By)
		return after, nil
	}

	require.Equal(t, http.StatusOK, s.send("POST", "/api/v1/calls/C/transfer", agent, `{"to": "5003"}`, "Operation-Id", "t1").status)
	s.send("POST", "/api/v1/calls/C/transfer", agent, `{"to": "5003"}`).problem(http.StatusNotFound, "call_not_found")
}

func TestEngineErrors(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	token := s.user("5001", auth.RoleAgent, "", "5001")
	s.engine.calls = []bridge.CallView{call("C", bridge.PartyRinging, "5001")}
	cases := []struct {
		err    error
		status int
		code   string
		field  string
		rule   string
		state  string
	}{
		{&bridge.StateError{Call: "C", Verb: "transfer", State: bridge.PartyRinging, Why: "answer first"}, 409, "state_conflict", "", "", "Ringing"},
		{&bridge.TargetError{Number: "0900", Rule: "dial_rules.classes.default", Why: "0900 is denied"}, 422, "impossible_number", "to", "dial_rules.classes.default", ""},
		{&bridge.TargetError{Number: "5003", Rule: "registration", Why: "no phone", Unreachable: true}, 409, "unreachable", "to", "registration", ""},
		{bridge.ErrNotAParty, 422, "not_a_party", "dn", bridge.ErrNotAParty.Error(), ""},
		{bridge.ErrAmbiguousParty, 422, "ambiguous_party", "dn", bridge.ErrAmbiguousParty.Error(), ""},
		{bridge.ErrCallNotFound, 404, "call_not_found", "id", bridge.ErrCallNotFound.Error(), ""},
		{bridge.ErrBusy, 409, "busy", "", "", ""},
		{errors.New("dial tcp 10.0.0.7: secret detail"), 500, "internal", "", "", ""},
	}
	for _, c := range cases {
		s.engine.transfer = func(bridge.Transfer) (bridge.CallView, error) { return bridge.CallView{}, c.err }
		a := s.send("POST", "/api/v1/calls/C/transfer", token, `{"to": "5003"}`)
		p := a.problem(c.status, c.code)
		require.Equal(t, []string{c.field, c.rule, c.state}, []string{p.Field, p.Rule, p.State}, c.code)
		require.NotContains(t, a.body, "secret detail")
	}
	require.Contains(t, s.log.String(), "secret detail", "what the client is not told is in the log")
}

func TestSwitchAway(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	token := s.user("5001", auth.RoleAgent, "", "5001")
	for code, err := range map[string]error{"switch_unavailable": bridge.ErrSwitchUnavailable, "draining": bridge.ErrDraining} {
		s.engine.makeCall = func(bridge.MakeCall) (bridge.CallView, error) { return bridge.CallView{}, err }
		a := s.send("POST", "/api/v1/calls", token, `{"from": "5001", "to": "5002"}`)
		a.problem(http.StatusServiceUnavailable, code)
		require.NotEmpty(t, a.header.Get("Retry-After"))
	}
}

func TestPanicInAHandler(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	token := s.user("5001", auth.RoleAgent, "", "5001")
	a := s.send("POST", "/api/v1/calls", token, `{"from": "5001", "to": "5002"}`) // the fake has no MakeCall
	a.problem(http.StatusInternalServerError, "internal")
	require.NotContains(t, a.body, "nil pointer")
	require.Contains(t, s.log.String(), "nil pointer")
}
