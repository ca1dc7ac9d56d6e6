package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/api"
	"sidecar/auth"
)

// door is an operation that needs a token.
type door struct{ method, path, body string }

func doors() []door {
	return []door{
		{"GET", "/api/v1/me", ""},
		{"POST", "/api/v1/logout", ""},
		{"GET", "/api/v1/dns", ""},
		{"GET", "/api/v1/dns/5001", ""},
		{"GET", "/api/v1/phone", ""},
		{"GET", "/api/v1/calls", ""},
		{"GET", "/api/v1/calls/C", ""},
		{"POST", "/api/v1/calls", `{"from": "5001", "to": "5002"}`},
		{"POST", "/api/v1/calls/C/hangup", ""},
		{"POST", "/api/v1/calls/C/transfer", `{"to": "5002"}`},
		{"POST", "/api/v1/calls/C/answer", ""},
		{"POST", "/api/v1/calls/C/hold", ""},
		{"POST", "/api/v1/calls/C/retrieve", ""},
		{"POST", "/api/v1/calls/C/reject", ""},
		{"POST", "/api/v1/calls/C/release", ""},
		{"POST", "/api/v1/calls/C/complete", ""},
		{"POST", "/api/v1/calls/C/complete-transfer", ""},
		{"POST", "/api/v1/calls/C/complete-conference", ""},
		{"POST", "/api/v1/calls/C/alternate", ""},
		{"POST", "/api/v1/calls/C/reconnect", ""},
		{"POST", "/api/v1/calls/C/recording/start", ""},
		{"POST", "/api/v1/calls/C/recording/stop", ""},
		{"POST", "/api/v1/calls/C/recording/pause", ""},
		{"POST", "/api/v1/calls/C/recording/resume", ""},
		{"POST", "/api/v1/calls/C/redirect", `{"to": "5002"}`},
		{"POST", "/api/v1/calls/C/mute-transfer", `{"to": "5002"}`},
		{"POST", "/api/v1/calls/C/conference", `{"to": "5002"}`},
		{"POST", "/api/v1/calls/C/consult", `{"to": "5002"}`},
		{"POST", "/api/v1/calls/C/merge", `{"call": "D"}`},
		{"POST", "/api/v1/calls/C/drop", `{"member": "5002"}`},
		{"POST", "/api/v1/calls/C/mute", `{}`},
		{"POST", "/api/v1/calls/C/unmute", `{}`},
		{"POST", "/api/v1/calls/C/dtmf", `{"digits": "1"}`},
		{"POST", "/api/v1/calls/C/user-data", `{"userData": {}}`},
		{"PATCH", "/api/v1/calls/C/user-data", `{"userData": {}}`},
		{"DELETE", "/api/v1/calls/C/user-data?all=true", ""},
		{"GET", "/api/v1/monitors", ""},
		{"POST", "/api/v1/monitors", `{"target": "5001"}`},
		{"POST", "/api/v1/monitors/M/mode", `{"mode": "mute"}`},
		{"DELETE", "/api/v1/monitors/M", ""},
		{"GET", "/api/v1/audit", ""},
		{"GET", "/api/v1/agents", ""},
		{"GET", "/api/v1/agents/5001", ""},
		{"POST", "/api/v1/agents/5001/login", ""},
		{"POST", "/api/v1/agents/5001/logout", ""},
		{"POST", "/api/v1/agents/5001/ready", ""},
		{"POST", "/api/v1/agents/5001/not-ready", ""},
		{"POST", "/api/v1/agents/5001/after-call-work", ""},
		{"POST", "/api/v1/agents/5001/dnd-on", ""},
		{"POST", "/api/v1/agents/5001/dnd-off", ""},
		{"POST", "/api/v1/agents/5001/set-forward", `{"to": "5002"}`},
		{"POST", "/api/v1/agents/5001/cancel-forward", ""},
		{"GET", "/api/v1/queues", ""},
		{"GET", "/api/v1/queues/sales", ""},
		{"GET", "/api/v1/queues/sales/calls", ""},
		{"POST", "/api/v1/queues/sales/calls/C/route", `{"to": "5002"}`},
		{"GET", "/api/v1/users", ""},
		{"GET", "/api/v1/users/a", ""},
		{"POST", "/api/v1/users", `{}`},
		{"PATCH", "/api/v1/users/a", `{}`},
		{"GET", "/api/v1/calls/C/audio", ""},
		{"GET", "/api/v1/events", ""},
		{"GET", "/api/v1/webhooks", ""},
		{"GET", "/api/v1/webhooks/crm/dead-letters", ""},
		{"GET", "/api/v1/webhooks/crm/dead-letters/1", ""},
		{"POST", "/api/v1/webhooks/crm/dead-letters/1/redeliver", ""},
		{"DELETE", "/api/v1/webhooks/crm/dead-letters/1", ""},
		{"GET", "/api/v1/recordings", ""},
		{"GET", "/api/v1/recordings/C", ""},
		{"GET", "/api/v1/recordings/C/audio", ""},
		{"DELETE", "/api/v1/recordings/C", ""},
	}
}

func TestNoToken(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	for _, d := range doors() {
		a := s.send(d.method, d.path, "", d.body)
		a.problem(http.StatusUnauthorized, "no_token")
		require.Equal(t, `Bearer realm="sidecar"`, a.header.Get("WWW-Authenticate"), d.path)
	}
}

func TestTokenInTheURLDoesNotCount(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	token := s.user("root", auth.RoleAdmin, "")
	for _, name := range []string{"token", "access_token", auth.CookieName} {
		s.send("GET", "/api/v1/me?"+name+"="+token, "", "").problem(http.StatusUnauthorized, "no_token")
	}
	require.NotContains(t, s.log.String(), token, "the query is not logged")
}

func TestBadToken(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	a := s.send("GET", "/api/v1/me", "eyJhbGciOiJub25lIn0.e30.", "")
	a.problem(http.StatusUnauthorized, "invalid_token")
	require.Contains(t, a.header.Get("WWW-Authenticate"), `error="invalid_token"`)
	s.send("GET", "/api/v1/me", "", "", "Authorization", "Basic YTpi").problem(http.StatusUnauthorized, "no_token")
}

func TestExpiredToken(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	token := s.user("5001", auth.RoleAgent, "", "5001")
	require.Equal(t, http.StatusOK, s.send("GET", "/api/v1/me", token, "").status)
	s.clock.add(time.Hour + time.Second)
	s.send("GET", "/api/v1/me", token, "").problem(http.StatusUnauthorized, "token_expired")
}

func TestChangesEndSessions(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"password": `{"password": "a new password"}`, "disabled": `{"disabled": true}`, "role": `{"role": "supervisor"}`,
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t)
			admin := s.user("root", auth.RoleAdmin, "")
			token := s.user("5001", auth.RoleAgent, "", "5001")
			require.Equal(t, http.StatusOK, s.send("GET", "/api/v1/me", token, "").status)
			require.Equal(t, http.StatusOK, s.send("PATCH", "/api/v1/users/5001", admin, change).status)
			s.send("GET", "/api/v1/me", token, "").problem(http.StatusUnauthorized, "token_revoked")
		})
	}
}

func TestNewDNsCountAtOnce(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	admin := s.user("root", auth.RoleAdmin, "")
	token := s.user("5001", auth.RoleAgent, "", "5001")
	require.Equal(t, http.StatusOK, s.send("PATCH", "/api/v1/users/5001", admin, `{"dns": ["5003"], "team": "red"}`).status)
	a := s.send("GET", "/api/v1/me", token, "")
	require.JSONEq(t, `{"user": "5001", "displayName": "", "role": "agent", "team": "red", "dns": ["5003"], "scope": ["5003"], "seesAll": false}`, a.body)
}

func TestWrongRole(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	tokens := []string{s.user("5001", auth.RoleAgent, "", "5001"), s.user("boss", auth.RoleSupervisor, "")}
	for _, token := range tokens {
		for _, d := range doors() {
			if strings.HasPrefix(d.path, "/api/v1/users") || strings.HasPrefix(d.path, "/api/v1/webhooks") {
				s.send(d.method, d.path, token, d.body).problem(http.StatusForbidden, "forbidden")
			}
		}
	}
}

func TestBadBodies(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	admin := s.user("root", auth.RoleAdmin, "")
	const path = "/api/v1/calls"
	cases := []struct {
		name, body string
		status     int
		code       string
		field      string
		rule       string
	}{
		{"no body", "", 400, "bad_request", "", ""},
		{"broken", "{\"from\": \"5001\",\n \"to\": }", 400, "bad_request", "body", "line 2, column 8"},
		{"cut off", `{"from": "5001"`, 400, "bad_request", "body", "line 1, column 15"},
		{"something after", `{"from": "5001", "to": "5002"} x`, 400, "bad_request", "body", "line 1, column 32"},
		{"twice", `{"from": "5001", "to": "5002", "To": "0900"}`, 400, "bad_request", "body", `"To" is given twice`},
		{"not UTF-8", "{\"from\": \"\xff\"}", 400, "bad_request", "body", "UTF-8"},
		{"unknown field", `{"from": "5001", "to": "5002", "dest": "5003"}`, 422, "invalid_field", "dest", "unexpected property"},
		{"missing field", `{"from": "5001"}`, 422, "invalid_field", "to", "is missing"},
		{"wrong type", `{"from": 5001, "to": "5002"}`, 422, "invalid_field", "from", "string"},
		{"not an object", `["5001"]`, 422, "invalid_field", "body", "object"},
		{"empty number", `{"from": "5001", "to": ""}`, 422, "invalid_field", "to", "length"},
		{"too large", `{"from": "` + strings.Repeat("5", 70_000) + `"}`, 413, "body_too_large", "", ""},
	}
	for _, c := range cases {
		p := s.send("POST", path, admin, c.body).problem(c.status, c.code)
		require.Equal(t, c.field, p.Field, c.name)
		require.Contains(t, p.Rule, c.rule, c.name)
	}
	p := s.send("POST", path, admin, "from=5001", "Content-Type", "application/x-www-form-urlencoded")
	p.problem(http.StatusUnsupportedMediaType, "unsupported_media_type")
	s.send("GET", path+"?limit=5", admin, "").problem(http.StatusUnprocessableEntity, "invalid_field")
}

// A mistyped name is two faults: the field that is missing and the one that nobody knows.
func TestMistypedFieldNamesBoth(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	token := s.user("5001", auth.RoleAgent, "", "5001")
	p := s.send("POST", "/api/v1/calls", token, `{"from": "5001", "too": "5002"}`).problem(http.StatusUnprocessableEntity, "invalid_field")
	require.Equal(t, "to", p.Field)
	require.Equal(t, "is missing", p.Rule)
	require.Equal(t, "to: is missing", p.Detail)
	require.Equal(t, []api.FieldProblem{{Field: "to", Rule: "is missing"}, {Field: "too", Rule: "unexpected property"}}, p.Errors)
}

func TestLogNamesWhoWasRefused(t *testing.T) {
	t.Parallel()
	for path, status := range map[string]int{"/api/v1/users": http.StatusForbidden, "/api/v1/me": http.StatusMethodNotAllowed, "/api/v1/none": http.StatusNotFound} {
		s := newSystem(t)
		token := s.user("5001", auth.RoleAgent, "", "5001")
		require.Equal(t, status, s.send("POST", path, token, `{}`).status, path)
		require.Regexp(t, `path=`+path+` status=`+strconv.Itoa(status)+` .*user=5001 `, s.log.String())
	}
}

// A body that is refused may hold a password: neither the answer nor the log repeats it.
func TestRefusedPasswordIsNotRepeated(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	admin := s.user("root", auth.RoleAdmin, "")
	for _, body := range []string{
		`{"user": "x", "password": "hunter2", "role": "agent"}`,
		`{"user": "x", "password": "hunter2hunter2", "role": "boss"}`,
		`{"user": "x", "password": "hunter2hunter2"}`,
		`{"user": "x", "password": "hunter2hunter2", "rôle": "agent"}`,
		`{"user": "x", "password": "hunter2hunter2", `,
		`{"user": "x", "password": "hunter2hunter2\u0000", "role": "agent"}`,
	} {
		a := s.send("POST", "/api/v1/users", admin, body)
		require.GreaterOrEqual(t, a.status, 400)
		require.NotContains(t, a.body, "hunter2")
	}
	require.NotContains(t, s.log.String(), "hunter2")
}

func TestUnknownPaths(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.send("GET", "/api/v1/nothing", "", "").problem(http.StatusNotFound, "not_found")
	s.send("GET", "/", "", "").problem(http.StatusNotFound, "not_found")
	s.send("GET", "/openapi.yaml", "", "").problem(http.StatusNotFound, "not_found")
	a := s.send("DELETE", "/api/v1/calls", "", "")
	a.problem(http.StatusMethodNotAllowed, "method_not_allowed")
	require.Equal(t, "GET, HEAD, POST", a.header.Get("Allow"))
}

func TestCookie(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.user("5001", auth.RoleAgent, "", "5001")
	in := s.send("POST", "/api/v1/login", "", `{"user": "5001", "password": "`+password+`"}`, "X-Forwarded-Proto", "https")
	cookie := (&http.Response{Header: in.header}).Cookies()[0]
	require.Equal(t, auth.CookieName, cookie.Name)
	require.True(t, cookie.HttpOnly)
	require.False(t, cookie.Secure, "only a proxy on this host is believed, and this request came from elsewhere")
	require.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
	pair := cookie.Name + "=" + cookie.Value

	require.Equal(t, http.StatusOK, s.send("GET", "/api/v1/me", "", "", "Cookie", pair).status)
	logout := func(headers ...string) answer {
		return s.send("POST", "/api/v1/logout", "", "", append(headers, "Cookie", pair)...)
	}
	logout().problem(http.StatusForbidden, "foreign_origin")
	logout("Origin", "https://evil.example.com").problem(http.StatusForbidden, "foreign_origin")
	logout("Origin", "null").problem(http.StatusForbidden, "foreign_origin")
	logout("Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example.com").problem(http.StatusForbidden, "foreign_origin")

	out := logout("Origin", "http://example.com") // httptest's host
	require.Equal(t, http.StatusNoContent, out.status)
	require.Contains(t, out.header.Get("Set-Cookie"), "Max-Age=0")
	s.send("GET", "/api/v1/me", "", "", "Cookie", pair).problem(http.StatusUnauthorized, "token_revoked")
}

func TestForeignPageMustNotLogIn(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.user("5001", auth.RoleAgent, "", "5001")
	body := `{"user": "5001", "password": "` + password + `"}`
	s.send("POST", "/api/v1/login", "", body, "Origin", "https://evil.example.com").problem(http.StatusForbidden, "foreign_origin")
	a := s.send("POST", "/api/v1/login", "", body, "Origin", "https://desktop.example.com")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "https://desktop.example.com", a.header.Get("Access-Control-Allow-Origin"))
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	ask := func(origin string) answer {
		return s.send("OPTIONS", "/api/v1/calls", "", "", "Origin", origin, "Access-Control-Request-Method", "POST")
	}
	a := ask("https://desktop.example.com")
	require.Equal(t, http.StatusNoContent, a.status)
	require.Contains(t, a.header.Get("Access-Control-Allow-Headers"), "Authorization")
	require.Empty(t, ask("https://evil.example.com").header.Get("Access-Control-Allow-Origin"))
}

func TestLoginRefused(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.user("5001", auth.RoleAgent, "", "5001")
	s.user("5002", auth.RoleAgent, "", "5002")
	disabled := true
	_, err := s.users.Change(t.Context(), "5002", auth.Change{Disabled: &disabled})
	require.NoError(t, err)
	try := func(user, pass string) answer {
		body, err := json.Marshal(map[string]string{"user": user, "password": pass})
		require.NoError(t, err)
		return s.send("POST", "/api/v1/login", "", string(body))
	}
	wrong := try("5001", "wrong")
	wrong.problem(http.StatusUnauthorized, "bad_credentials")
	for _, a := range []answer{try("nobody", password), try("5002", password)} {
		p := a.problem(http.StatusUnauthorized, "bad_credentials")
		require.Equal(t, wrong.problem(http.StatusUnauthorized, "bad_credentials").Detail, p.Detail, "nothing tells which part was wrong")
	}
	for range 4 {
		try("5001", "wrong").problem(http.StatusUnauthorized, "bad_credentials")
	}
	a := try("5001", password)
	a.problem(http.StatusTooManyRequests, "too_many_failures")
	require.Equal(t, "1", a.header.Get("Retry-After"))
	s.clock.add(2 * time.Second)
	require.Equal(t, http.StatusOK, try("5001", password).status)
	require.NotContains(t, s.log.String(), "nobody", "what is no user's name may be a password")
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	require.Equal(t, "abc-1", s.send("GET", "/healthz", "", "", "X-Request-Id", "abc-1").header.Get("X-Request-Id"))
	made := s.send("GET", "/healthz", "", "", "X-Request-Id", "a\" b").header.Get("X-Request-Id")
	require.Regexp(t, `^[A-Z0-9]{20,}$`, made)
}

// A client can't make itself look like another address, so that it can't escape the back-off.
func TestForwardedFor(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	send := func(peer, forwarded string) {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/healthz", nil)
		r.RemoteAddr = peer
		r.Header.Set("X-Forwarded-For", forwarded)
		s.door.ServeHTTP(httptest.NewRecorder(), r)
	}
	send("203.0.113.9:4000", "198.51.100.1")
	require.Contains(t, s.log.String(), "address=203.0.113.9")
	send("127.0.0.1:4000", "198.51.100.1, 198.51.100.2")
	require.Contains(t, s.log.String(), "address=198.51.100.2")
	require.NotContains(t, s.log.String(), "198.51.100.1")
}

func TestProblemIsAnError(t *testing.T) {
	t.Parallel()
	var err error = &api.Problem{Detail: "to: is empty"}
	require.EqualError(t, err, "to: is empty")
}
