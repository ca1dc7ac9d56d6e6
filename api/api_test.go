package api_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/agent"
	"sidecar/api"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/store"
)

const password = "correct horse"

type fakeDNs []agent.View

func (f fakeDNs) All() []agent.View { return f }

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// system is the API with the real users and tokens, over a fake engine.
type system struct {
	t      *testing.T
	engine *fakeEngine
	audit  *fakeAudit
	users  *auth.Directory
	clock  *clock
	log    *logBuffer
	door   http.Handler
	tokens map[string]string
}

type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func known(number string) (api.DNInfo, bool) {
	if number < "5001" || number > "5020" {
		return api.DNInfo{}, false
	}
	return api.DNInfo{Owner: "phone", CallerID: "Agent " + number, Class: "default"}, true
}

func newSystem(t *testing.T, edit ...func(*api.Options)) *system {
	t.Helper()
	db, err := store.OpenDB(t.Context(), filepath.Join(t.TempDir(), "data"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	s := &system{
		t: t, engine: &fakeEngine{}, audit: &fakeAudit{}, clock: &clock{t: time.Now()}, log: &logBuffer{}, tokens: map[string]string{},
		users: auth.NewDirectory(db, func(dn string) bool { _, ok := known(dn); return ok }),
	}
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	service, err := auth.New(auth.Options{
		Directory: s.users, Revocations: db, Key: []byte(strings.Repeat("k", 32)), TokenLife: time.Hour,
		AllowedOrigins: []string{"https://desktop.example.com"}, Log: log, Now: s.clock.now,
	})
	require.NoError(t, err)
	o := api.Options{
		Engine: s.engine, Audit: s.audit, Auth: service, Users: s.users, DNInfo: known, Log: log, Version: "test",
		DNs:            fakeDNs{{Number: "5002"}, {Number: "5001", InService: true, Since: time.Unix(1, 0), Calls: 1}, {Number: "5003"}},
		Classes:        map[string]string{"supervisor": "wide", "agent": "wide"},
		AllowedOrigins: []string{"https://desktop.example.com"},
	}
	for _, e := range edit {
		e(&o)
	}
	s.door, err = api.New(o)
	require.NoError(t, err)
	return s
}

// user adds a user and gives their token.
func (s *system) user(name string, role auth.Role, team string, dns ...string) string {
	s.t.Helper()
	_, err := s.users.Create(s.t.Context(), auth.NewUser{Name: name, Password: password, Role: role, Team: team, DNs: dns})
	require.NoError(s.t, err)
	return s.login(name, password)
}

func (s *system) login(name, pass string) string {
	s.t.Helper()
	body, err := json.Marshal(map[string]string{"user": name, "password": pass})
	require.NoError(s.t, err)
	a := s.send("POST", "/api/v1/login", "", string(body))
	require.Equal(s.t, http.StatusOK, a.status, a.body)
	var out struct{ Token string }
	require.NoError(s.t, json.Unmarshal([]byte(a.body), &out))
	require.NotEmpty(s.t, out.Token)
	return out.Token
}

// answer is what came back.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

// send makes a request; headers come as name and value.
func (s *system) send(method, path, token, body string, headers ...string) answer {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.door.ServeHTTP(w, r)
	text, err := io.ReadAll(w.Result().Body)
	require.NoError(s.t, err)
	return answer{t: s.t, status: w.Code, header: w.Header(), body: string(text)}
}

// problem checks that the answer is a problem with this status and code.
func (a answer) problem(status int, code string) api.Problem {
	a.t.Helper()
	require.Equal(a.t, status, a.status, a.body)
	require.Equal(a.t, "application/problem+json", a.header.Get("Content-Type"))
	var p api.Problem
	require.NoError(a.t, json.Unmarshal([]byte(a.body), &p))
	require.Equal(a.t, code, p.Code)
	require.Equal(a.t, status, p.Status)
	require.Equal(a.t, http.StatusText(status), p.Title)
	require.NotEmpty(a.t, p.Detail)
	require.Equal(a.t, a.header.Get("X-Request-Id"), p.RequestID)
	return p
}

// call is a call between a customer and DNs.
func call(id string, state bridge.PartyState, dns ...bridge.DN) bridge.CallView {
	v := bridge.CallView{
		ID: bridge.CallID(id), ConnID: 0x0123456789abcdef, Type: bridge.CallInbound, Controller: bridge.ControlAsterisk,
		State: state, ANI: "03012345", DNIS: "5001", StartedAt: time.UnixMilli(1700000000123),
		Parties: []bridge.PartyView{{ID: 1, Number: "03012345", Role: bridge.RoleOrigination, State: state}},
	}
	for i, dn := range dns {
		v.Parties = append(v.Parties, bridge.PartyView{
			ID: bridge.PartyID(i + 2), DN: dn, Number: string(dn), Role: bridge.RoleDestination, State: state,
			Capabilities: []bridge.Capability{bridge.CanRelease},
		})
	}
	return v
}
