package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/auth"
)

func TestUsers(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	admin := s.user("root", auth.RoleAdmin, "")

	a := s.send("POST", "/api/v1/users", admin, `{"user": "eva@site", "password": "long enough", "role": "agent", "displayName": "Eva", "team": "red", "dns": ["5002", "5001", "5002"]}`)
	require.Equal(t, http.StatusCreated, a.status, a.body)
	require.Equal(t, "/api/v1/users/eva@site", a.header.Get("Location"))
	require.NotContains(t, a.body, "argon2")
	require.Contains(t, a.body, `"dns":["5001","5002"]`)

	a = s.send("GET", "/api/v1/users/EVA@site", admin, "")
	require.Equal(t, http.StatusOK, a.status, "names are found without regard to case")
	a = s.send("PATCH", "/api/v1/users/eva@site", admin, `{"displayName": "Eva Z.", "team": "", "dns": []}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Contains(t, a.body, `"displayName":"Eva Z."`)
	require.Contains(t, a.body, `"dns":[]`)
	require.NotContains(t, a.body, "red")
	require.NotEmpty(t, s.login("eva@site", "long enough"))
	a = s.send("GET", "/api/v1/users", admin, "")
	require.Equal(t, http.StatusOK, a.status)
	require.Contains(t, a.body, `"user":"root"`)
}

func TestUsersRefused(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	admin := s.user("root", auth.RoleAdmin, "")
	create := func(body string) answer { return s.send("POST", "/api/v1/users", admin, body) }

	create(`{"user": "Root", "password": "long enough", "role": "agent"}`).problem(http.StatusConflict, "user_exists")
	p := create(`{"user": "x", "password": "long enough", "role": "agent", "dns": ["5001", "6001"]}`).problem(http.StatusUnprocessableEntity, "invalid_field")
	require.Equal(t, "dns[1]", p.Field)
	require.Contains(t, p.Rule, "6001")
	p = create(`{"user": "x", "password": "long\u0007 enough", "role": "agent"}`).problem(http.StatusUnprocessableEntity, "invalid_field")
	require.Equal(t, "password", p.Field)
	p = create(`{"user": "a/b", "password": "long enough", "role": "agent"}`).problem(http.StatusUnprocessableEntity, "invalid_field")
	require.Equal(t, "user", p.Field)
	p = create(`{"user": "x", "password": "long enough", "role": "agent", "team": " x"}`).problem(http.StatusUnprocessableEntity, "invalid_field")
	require.Equal(t, "team", p.Field)
	p = create(`{"user": "x", "password": "long enough", "role": "chief"}`).problem(http.StatusUnprocessableEntity, "invalid_field")
	require.Equal(t, "role", p.Field)

	s.send("GET", "/api/v1/users/nobody", admin, "").problem(http.StatusNotFound, "user_not_found")
	s.send("PATCH", "/api/v1/users/nobody", admin, `{"team": "x"}`).problem(http.StatusNotFound, "user_not_found")
	s.send("PATCH", "/api/v1/users/root", admin, `{"disabled": true}`).problem(http.StatusConflict, "last_admin")
	s.send("PATCH", "/api/v1/users/root", admin, `{"role": "agent"}`).problem(http.StatusConflict, "last_admin")
	require.Equal(t, http.StatusOK, s.send("GET", "/api/v1/me", admin, "").status, "a refused change leaves the session alone")
}

func TestDNs(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	a := s.send("GET", "/api/v1/dns", s.user("5001", auth.RoleAgent, "", "5001"), "")
	require.JSONEq(t, `{"dns": [{"number": "5001", "inService": true, "since": "1970-01-01T00:00:01.000Z", "calls": 1,
		"owner": "phone", "callerId": "Agent 5001", "class": "default"}]}`, a.body)
	a = s.send("GET", "/api/v1/dns", s.user("root", auth.RoleAdmin, ""), "")
	require.Regexp(t, `5001.*5002.*5003`, a.body)
}
