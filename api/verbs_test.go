package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/internal/userdata"
)

// verbCase is a command for a party: how it is asked for, and what the engine must get.
type verbCase struct {
	method string // empty: POST
	path   string // behind /api/v1/calls/C/
	body   string // without the dn; empty: none is needed
	want   any    // for the call C, DN 5001, operation op
	needs  string // the field that must not be missing
	long   string // the field that is bounded
	typed  string // the field that is made a number, or an array when it may be one
	elsewhere,
	unaudited bool
}

func (c verbCase) name() string { return strings.TrimSpace(c.method + " " + c.path) }

func (c verbCase) verb() string {
	if c.method == "" {
		return "POST"
	}
	return c.method
}

// with is the body with a member set, or taken away when the value is nil.
func (c verbCase) with(t *testing.T, field string, value any) string {
	t.Helper()
	members := map[string]any{}
	if c.body != "" {
		require.NoError(t, json.Unmarshal([]byte(c.body), &members))
	}
	if value == nil {
		delete(members, field)
	} else {
		members[field] = value
	}
	text, err := json.Marshal(members)
	require.NoError(t, err)
	return string(text)
}

func verbCases() []verbCase {
	cmd := bridge.PartyCommand{Call: "C", By: "5001", Op: "op"}
	data := bridge.UserData{{Key: "b", Value: userdata.Text("x")}, {Key: "a", Value: userdata.Int(7)}}
	const json = `{"userData": {"b": "x", "a": 7}}`
	cases := []verbCase{
		{path: "transfer", body: `{"to": "5003"}`, needs: "to", long: "to", typed: "to", want: bridge.Transfer{Call: "C", By: "5001", To: "5003", Class: "", Op: "op"}},
		{path: "redirect", body: `{"to": "5003"}`, needs: "to", long: "to", typed: "to", want: bridge.Redirect{PartyCommand: cmd, To: "5003"}},
		{path: "mute-transfer", body: `{"to": "5003"}`, needs: "to", long: "to", typed: "to", want: bridge.MuteTransfer{PartyCommand: cmd, To: "5003"}},
		{path: "conference", body: `{"to": "5003"}`, needs: "to", long: "to", typed: "to", want: bridge.SingleStepConference{PartyCommand: cmd, To: "5003"}},
		{path: "consult", body: `{"to": "5003"}`, needs: "to", long: "to", typed: "purpose", elsewhere: true, want: bridge.Consult{PartyCommand: cmd, To: "5003", Purpose: bridge.ConsultTransfer}},
		{path: "consult", body: `{"to": "5003", "purpose": "conference", "userData": {"b": "x", "a": 7}}`, needs: "to", long: "to", typed: "userData", elsewhere: true, want: bridge.Consult{PartyCommand: cmd, To: "5003", Purpose: bridge.ConsultConference, UserData: data}},
		{path: "mute", body: `{"direction": "both"}`, long: "direction", typed: "direction", want: bridge.SetMute{PartyCommand: cmd, Direction: bridge.MuteBoth, On: true}},
		{path: "mute", body: `{}`, long: "direction", typed: "direction", want: bridge.SetMute{PartyCommand: cmd, Direction: bridge.MuteIn, On: true}},
		{path: "unmute", body: `{"direction": "out"}`, long: "direction", typed: "direction", want: bridge.SetMute{PartyCommand: cmd, Direction: bridge.MuteOut}},
		{path: "dtmf", body: `{"digits": "12#a"}`, needs: "digits", long: "digits", typed: "digits", want: bridge.SendDTMF{PartyCommand: cmd, Digits: "12#A"}, unaudited: true},
		{path: "merge", body: `{"call": "D"}`, needs: "call", long: "call", typed: "call", elsewhere: true, want: bridge.Merge{PartyCommand: cmd, Other: "D"}},
		{path: "drop", body: `{"member": "5002"}`, needs: "member", long: "member", typed: "member", want: bridge.DropMember{PartyCommand: cmd, Member: "5002"}},
		{path: "user-data", body: json, needs: "userData", typed: "userData", want: bridge.AttachData{PartyCommand: cmd, Data: data}, unaudited: true},
		{method: "PATCH", path: "user-data", body: json, needs: "userData", typed: "userData", want: bridge.UpdateData{PartyCommand: cmd, Data: data}, unaudited: true},
	}
	for path, audited := range map[string]bool{
		"answer": false, "hold": false, "retrieve": false, "reject": false, "release": true, "complete": false,
		"complete-transfer": true, "complete-conference": true, "alternate": false, "reconnect": false,
		"recording/start": true, "recording/stop": true, "recording/pause": true, "recording/resume": true,
	} {
		cases = append(cases, verbCase{path: path, want: partyVerb{path, cmd}, unaudited: !audited, elsewhere: strings.HasPrefix(path, "complete-") || path == "alternate" || path == "reconnect"})
	}
	return cases
}

// partyVerb is a command that has nothing but the party, as the tests note it.
type partyVerb struct {
	verb string
	cmd  bridge.PartyCommand
}

// rig is a system whose engine notes each command and answers all of them alike.
type rig struct {
	*system
	got    []any
	result bridge.CallView
	err    error

	agent, boss, admin string // tokens: of 5001, of its team's supervisor, of an admin
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{system: newSystem(t)}
	r.agent, r.boss = r.user("5001", auth.RoleAgent, "red", "5001"), r.user("boss", auth.RoleSupervisor, "red", "5010")
	r.user("5002", auth.RoleAgent, "blue", "5002")
	r.admin = r.user("root", auth.RoleAdmin, "")
	r.engine.calls = []bridge.CallView{
		call("C", bridge.PartyEstablished, "5001", "5002"), call("D", bridge.PartyHeld, "5001"), call("FOREIGN", bridge.PartyRinging, "5002"),
	}
	r.result = call("C", bridge.PartyEstablished, "5001", "5002")
	note := func(cmd any) (bridge.CallView, error) {
		r.got = append(r.got, cmd)
		return r.result, r.err
	}
	r.engine.command = note
	r.engine.transfer = func(cmd bridge.Transfer) (bridge.CallView, error) { return note(cmd) }
	r.engine.party = func(verb string, cmd bridge.PartyCommand) (bridge.CallView, error) { return note(partyVerb{verb, cmd}) }
	return r
}

// take gives the commands that came since it was asked last.
func (r *rig) take() []any {
	got := r.got
	r.got = nil
	return got
}

func TestEveryVerbReachesTheEngine(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range verbCases() {
		path := "/api/v1/calls/C/" + c.path
		a := r.send(c.verb(), path, r.agent, c.body, "Operation-Id", "op")
		require.Equal(t, http.StatusOK, a.status, "%s: %s", c.name(), a.body)
		require.Contains(t, a.body, `"id":"C"`, c.name())
		require.Equal(t, []any{c.want}, r.take(), c.name())
		require.Empty(t, r.audit.take(), "what an agent does with the own DN is nobody else's: %s", c.name())

		a = r.send(c.verb(), path, r.boss, c.with(t, "dn", "5001"), "Operation-Id", "op")
		require.Equal(t, http.StatusOK, a.status, "%s: %s", c.name(), a.body)
		require.Len(t, r.take(), 1)
		require.Equal(t, !c.unaudited, len(r.audit.take()) == 1, "%s by a supervisor", c.name())
	}
}

func TestEveryVerbRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range verbCases() {
		t.Run(c.name(), func(t *testing.T) { // one after the other: they share users, whose passwords take long to hash
			at := func(call string) string { return "/api/v1/calls/" + call + "/" + c.path }
			p := r.send(c.verb(), at("NONE"), r.agent, c.body).problem(http.StatusNotFound, "call_not_found")
			require.Equal(t, "id", p.Field)
			r.send(c.verb(), at("FOREIGN"), r.agent, c.body).problem(http.StatusNotFound, "call_not_found")
			r.send(c.verb(), at(strings.Repeat("C", 65)), r.agent, c.body).problem(http.StatusUnprocessableEntity, "invalid_field")

			p = r.send(c.verb(), at("C"), r.agent, c.with(t, "dn", "5002")).problem(http.StatusForbidden, "forbidden")
			require.Equal(t, "dn", p.Field)
			require.Contains(t, p.Detail, c.path)
			r.send(c.verb(), at("C"), r.boss, c.with(t, "dn", "5002")).problem(http.StatusForbidden, "forbidden")
			p = r.send(c.verb(), at("C"), r.admin, c.body).problem(http.StatusUnprocessableEntity, "ambiguous_party")
			require.Equal(t, "dn", p.Field)
			p = r.send(c.verb(), at("C"), r.agent, c.with(t, "dn", strings.Repeat("5", 33))).problem(http.StatusUnprocessableEntity, "invalid_field")
			require.Equal(t, "dn", p.Field)
			p = r.send(c.verb(), at("C"), r.agent, c.with(t, "dn", 5001)).problem(http.StatusUnprocessableEntity, "invalid_field")
			require.Equal(t, "dn", p.Field)
			p = r.send(c.verb(), at("C"), r.agent, c.with(t, "dm", "5001")).problem(http.StatusUnprocessableEntity, "invalid_field")
			require.Equal(t, "dm", p.Field)
			p = r.send(c.verb(), at("C"), r.agent, c.body, "Operation-Id", strings.Repeat("x", 65)).problem(http.StatusUnprocessableEntity, "invalid_field")
			require.Equal(t, "Operation-Id", p.Field)
			if c.needs != "" {
				p = r.send(c.verb(), at("C"), r.agent, c.with(t, c.needs, nil)).problem(http.StatusUnprocessableEntity, "invalid_field")
				require.Equal(t, []string{c.needs, "is missing"}, []string{p.Field, p.Rule})
			}
			if c.long != "" {
				p = r.send(c.verb(), at("C"), r.agent, c.with(t, c.long, strings.Repeat("5", 65))).problem(http.StatusUnprocessableEntity, "invalid_field")
				require.Equal(t, c.long, p.Field)
			}
			if c.typed != "" {
				p = r.send(c.verb(), at("C"), r.agent, c.with(t, c.typed, 5)).problem(http.StatusUnprocessableEntity, "invalid_field")
				require.Equal(t, c.typed, p.Field)
			}
			r.send(c.verb(), at("C"), r.agent, `{"dn": "`+strings.Repeat("5", 70_000)+`"}`).problem(http.StatusRequestEntityTooLarge, "body_too_large")
			require.Empty(t, r.take(), "nothing of that reaches the engine")
		})
	}
}

// What the engine refuses is told in its words, and by a supervisor's command the audit has it.
func TestEveryVerbAnswersTheEnginesErrors(t *testing.T) {
	t.Parallel()
	failures := []struct {
		err    error
		status int
		code   string
		field  string
	}{
		{&bridge.StateError{Call: "C", Verb: "x", State: bridge.PartyRinging, Why: "answer first"}, 409, "state_conflict", ""},
		{&bridge.TargetError{Number: "5003", Rule: "registration", Why: "no phone", Unreachable: true}, 409, "unreachable", "to"},
		{&bridge.TargetError{Number: "0900", Rule: "dial_rules.classes.default", Why: "denied"}, 422, "impossible_number", "to"},
		{&bridge.UserDataError{Key: "a.b", Rule: "is too large"}, 422, "invalid_field", "userData.a.b"},
		{bridge.ErrNotAParty, 422, "not_a_party", "dn"},
		{bridge.ErrNotAMember, 422, "not_a_party", "member"},
		{fmt.Errorf("5003: %w", bridge.ErrSwitchUnavailable), 503, "switch_unavailable", ""},
		{bridge.ErrDraining, 503, "draining", ""},
		{bridge.ErrPhoneSilent, 504, "phone_silent", ""},
		{bridge.ErrMonitorField, 422, "incomplete_monitor", ""},
		{errors.New("secret detail"), 500, "internal", ""},
	}
	r := newRig(t)
	for _, c := range verbCases() {
		for _, f := range failures {
			r.err = f.err
			a := r.send(c.verb(), "/api/v1/calls/C/"+c.path, r.boss, c.with(t, "dn", "5001"))
			p := a.problem(f.status, f.code)
			require.Equal(t, f.field, p.Field, "%s %v", c.name(), f.err)
			require.NotContains(t, a.body, "secret")
			if entries := r.audit.take(); !c.unaudited {
				require.Len(t, entries, 1, c.name())
				require.Equal(t, f.code, entries[0].Detail["result"])
				require.Equal(t, []string{"boss", c.path, "5001", "C"}, []string{entries[0].Actor, entries[0].Action, entries[0].Subject, entries[0].Detail["call"]})
			}
		}
	}
}

// The result of a command belongs to whoever gave it: a guessed operation id shows nothing of another call.
func TestGuessedOperationID(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range verbCases() {
		r.result = call("FOREIGN", bridge.PartyRinging, "5002")
		a := r.send(c.verb(), "/api/v1/calls/C/"+c.path, r.agent, c.body, "Operation-Id", "guessed")
		a.problem(http.StatusConflict, "operation_id_taken")
		require.NotContains(t, a.body, "FOREIGN", c.name())

		r.result = call("D", bridge.PartyHeld, "5001") // a call of the agent's own
		a = r.send(c.verb(), "/api/v1/calls/C/"+c.path, r.agent, c.body, "Operation-Id", "guessed")
		if c.elsewhere {
			require.Equal(t, http.StatusOK, a.status, "%s may give another call", c.name())
		} else {
			a.problem(http.StatusConflict, "operation_id_taken")
		}
	}
}

// A command by which the DN left is repeated with its id, and has its result.
func TestEveryVerbCanBeRepeated(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range verbCases() {
		r.engine.calls = []bridge.CallView{call("D", bridge.PartyHeld, "5001")} // C has ended by now
		a := r.send(c.verb(), "/api/v1/calls/C/"+c.path, r.agent, c.with(t, "dn", "5001"), "Operation-Id", "op")
		require.Equal(t, http.StatusOK, a.status, "%s: %s", c.name(), a.body)
		require.Equal(t, reflect.TypeOf(c.want), reflect.TypeOf(r.take()[0]))
		r.send(c.verb(), "/api/v1/calls/C/"+c.path, r.agent, c.body).problem(http.StatusNotFound, "call_not_found")
	}
}

func TestMergeWithAnUnknownCall(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, other := range []string{"NONE", "FOREIGN"} {
		p := r.send("POST", "/api/v1/calls/C/merge", r.agent, `{"call": "`+other+`"}`).problem(http.StatusUnprocessableEntity, "call_not_found")
		require.Equal(t, "call", p.Field)
	}
	require.Empty(t, r.take())
}
