package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/bridge"
	"sidecar/internal/userdata"
)

func TestUserDataForms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, body := range []string{
		`{"userData": {"z": "x", "n": -1, "l": {"k": "v"}}}`,
		`{"userData": [{"key": "z", "type": "str", "value": "x"}, {"key": "n", "value": -1}, {"key": "l", "type": "kvlist", "value": [{"key": "k", "value": "v"}]}]}`,
	} {
		a := r.send("POST", "/api/v1/calls/C/user-data", r.agent, body)
		require.Equal(t, http.StatusOK, a.status, a.body)
		got, ok := r.take()[0].(bridge.AttachData)
		require.True(t, ok)
		require.Equal(t, bridge.UserData{
			{Key: "z", Value: userdata.Text("x")},
			{Key: "n", Value: userdata.Int(-1)},
			{Key: "l", Value: userdata.List(bridge.UserData{{Key: "k", Value: userdata.Text("v")}})},
		}, got.Data)
	}
}

func TestUserDataRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.engine.makeCall = func(bridge.MakeCall) (bridge.CallView, error) {
		t.Error("the engine is asked")
		return bridge.CallView{}, nil
	}
	for _, c := range []struct{ data, field, rule string }{
		{`5`, "userData", "must be an object or an array of pairs"},
		{`null`, "userData", "must be an object or an array of pairs"},
		{`{"a": 1.5}`, "userData.a", "must be a whole number of 64 bits"},
		{`{"a": 9223372036854775808}`, "userData.a", "must be a whole number of 64 bits"},
		{`{"a": true}`, "userData.a", "must be a text, a whole number or a list"},
		{`{"a": {"b": null}}`, "userData.a.b", "must be a text, a whole number or a list"},
		{`{"": "x"}`, "userData", "has an empty key"},
		{`{"a": ["x"]}`, "userData.a", "must be an array of pairs"},
		{`[{"key": "a"}]`, "userData.a", "must have a key and a value"},
		{`[{"key": "a", "type": "int", "value": "1"}]`, "userData.a", "must have the type str"},
		{`{"` + strings.Repeat("k", 129) + `": "x"}`, "userData." + strings.Repeat("k", 40) + "...", "at most 128"},
		{strings.Repeat(`{"a":`, 9) + `"x"` + strings.Repeat("}", 9), "userData.a.a.a.a.a.a.a.a", "more than 8 deep"},
	} {
		for path, body := range map[string]string{
			"/api/v1/calls/C/user-data": `{"userData": ` + c.data + `}`,
			"/api/v1/calls/C/consult":   `{"to": "5003", "userData": ` + c.data + `}`,
			"/api/v1/calls":             `{"from": "5001", "to": "5003", "userData": ` + c.data + `}`,
		} {
			p := r.send("POST", path, r.agent, body).problem(http.StatusUnprocessableEntity, "invalid_field")
			require.Equal(t, c.field, p.Field, "%s %s", path, c.data)
			require.Contains(t, p.Rule, c.rule)
			require.Contains(t, p.Detail, p.Field)
		}
	}
	r.send("POST", "/api/v1/calls/C/user-data", r.agent, `{"userData": {"a": 1, "a": 2}}`).problem(http.StatusBadRequest, "bad_request")
	require.Empty(t, r.take())
}

func TestDeleteUserData(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const path = "/api/v1/calls/C/user-data"
	cmd := bridge.PartyCommand{Call: "C", By: "5001", Op: "op"}
	a := r.send("DELETE", path+"?key=a&key=b%2Cc", r.agent, "", "Operation-Id", "op")
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Equal(t, http.StatusOK, r.send("DELETE", path+"?all=true&dn=5001", r.boss, "", "Operation-Id", "op").status)
	require.Equal(t, []any{bridge.DeleteData{PartyCommand: cmd, Keys: []string{"a", "b,c"}}, bridge.DeleteData{PartyCommand: cmd}}, r.take())

	for query, field := range map[string]string{
		"": "key", "key=": "key", "key=a&all=true": "key", "all=maybe": "all", "key=a&key=": "key", "key=" + strings.Repeat("k", 129): "key", "dn=" + strings.Repeat("5", 33): "dn", "keys=a": "keys",
		strings.Repeat("key=a&", 501): "key",
	} {
		p := r.send("DELETE", path+"?"+query, r.agent, "").problem(http.StatusUnprocessableEntity, "invalid_field")
		require.Equal(t, field, p.Field, query[:min(len(query), 40)])
	}
	p := r.send("DELETE", path+"?key=a&dn=5002", r.agent, "").problem(http.StatusForbidden, "forbidden")
	require.Equal(t, "dn", p.Field)
	r.send("DELETE", "/api/v1/calls/NONE/user-data?key=a", r.agent, "").problem(http.StatusNotFound, "call_not_found")
	r.send("DELETE", "/api/v1/calls/FOREIGN/user-data?key=a", r.agent, "").problem(http.StatusNotFound, "call_not_found")
	require.Empty(t, r.take())
	r.err = &bridge.StateError{Call: "C", Verb: "delete", State: bridge.PartyReleased}
	r.send("DELETE", path+"?all=true", r.agent, "").problem(http.StatusConflict, "state_conflict")
}
