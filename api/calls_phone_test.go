package api_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/auth"
	"sidecar/bridge"
)

func partyVerbs() []string { return []string{"answer", "hold", "retrieve", "reject"} }

func TestPartyCommands(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	agent := s.user("5001", auth.RoleAgent, "red", "5001")
	boss := s.user("boss", auth.RoleSupervisor, "red")
	s.user("5002", auth.RoleAgent, "blue", "5002")
	admin := s.user("root", auth.RoleAdmin, "")
	s.engine.calls = []bridge.CallView{call("C", bridge.PartyRinging, "5001", "5002"), call("FOREIGN", bridge.PartyRinging, "5002")}
	var got []string
	s.engine.party = func(verb string, cmd bridge.PartyCommand) (bridge.CallView, error) {
		got = append(got, fmt.Sprintf("%s %s %s %s", verb, cmd.Call, cmd.By, cmd.Op))
		return call("C", bridge.PartyEstablished, "5001", "5002"), nil
	}
	for _, verb := range partyVerbs() {
		path := "/api/v1/calls/C/" + verb
		a := s.send("POST", path, agent, "", "Operation-Id", "op-"+verb)
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.Contains(t, a.body, `"state":"Established"`)
		require.Equal(t, http.StatusOK, s.send("POST", path, boss, `{}`).status)
		require.Equal(t, http.StatusOK, s.send("POST", path, admin, `{"dn": "5002"}`).status)
		require.Equal(t, []string{verb + " C 5001 op-" + verb, verb + " C 5001 ", verb + " C 5002 "}, got)
		got = nil

		p := s.send("POST", path, admin, "").problem(http.StatusUnprocessableEntity, "ambiguous_party")
		require.Equal(t, "dn", p.Field)
		p = s.send("POST", path, agent, `{"dn": "5002"}`).problem(http.StatusForbidden, "forbidden")
		require.Equal(t, "dn", p.Field)
		require.Contains(t, p.Detail, verb)
		s.send("POST", path, agent, `{"DN": 5001}`).problem(http.StatusUnprocessableEntity, "invalid_field")
		s.send("POST", "/api/v1/calls/FOREIGN/"+verb, agent, "").problem(http.StatusNotFound, "call_not_found")
		s.send("POST", "/api/v1/calls/NONE/"+verb, agent, "").problem(http.StatusNotFound, "call_not_found")
		require.Empty(t, got)
	}
	s.engine.party = func(string, bridge.PartyCommand) (bridge.CallView, error) {
		return call("FOREIGN", bridge.PartyRinging, "5002"), nil
	}
	s.send("POST", "/api/v1/calls/C/answer", agent, "", "Operation-Id", "guessed").problem(http.StatusConflict, "operation_id_taken")
}

func TestPartyCommandErrors(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	token := s.user("5001", auth.RoleAgent, "", "5001")
	s.engine.calls = []bridge.CallView{call("C", bridge.PartyRinging, "5001")}
	for _, c := range []struct {
		err    error
		status int
		code   string
		detail string
	}{
		{&bridge.StateError{Call: "C", Verb: "answer", State: bridge.PartyRinging, Why: "its phone takes no such command"}, 409, "state_conflict", "its phone takes no such command"},
		{fmt.Errorf("%w: no microphone", bridge.ErrPhoneRefused), 409, "phone_refused", "no microphone"},
		{fmt.Errorf("%w: page", bridge.ErrPhoneSilent), 504, "phone_silent", bridge.ErrPhoneSilent.Error()},
	} {
		s.engine.party = func(string, bridge.PartyCommand) (bridge.CallView, error) { return bridge.CallView{}, c.err }
		p := s.send("POST", "/api/v1/calls/C/answer", token, "").problem(c.status, c.code)
		require.Contains(t, p.Detail, c.detail)
	}
}

func TestLostMediaShows(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	token := s.user("5001", auth.RoleAgent, "", "5001")
	v := call("C", bridge.PartyEstablished, "5001")
	v.Parties[1].MediaLost = true
	s.engine.calls = []bridge.CallView{v}
	require.Contains(t, s.send("GET", "/api/v1/calls/C", token, "").body, `"mediaLost":true`)
}
