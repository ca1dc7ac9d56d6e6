package gws_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/access"
	"sidecar/agent"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/gws"
)

// switchboard is an engine that does what it is told at once and remembers it.
type switchboard struct {
	access.Engine // what no test asks for

	stand *stand
	mu    sync.Mutex
	done  []string // verb call by
	last  any
	hook  func() // runs while a command is under way
	err   error
}

func (s *switchboard) Calls() []bridge.CallView { return s.stand.Calls() }

func (s *switchboard) Call(id bridge.CallID) (bridge.CallView, bool) {
	for _, v := range s.Calls() {
		if v.ID == id {
			return v, true
		}
	}
	return bridge.CallView{}, false
}

func (s *switchboard) run(verb string, call bridge.CallID, by bridge.DN, cmd any) (bridge.CallView, error) {
	s.mu.Lock()
	s.done = append(s.done, strings.TrimSpace(verb+" "+string(call)+" "+string(by)))
	s.last = cmd
	hook, err := s.hook, s.err
	s.mu.Unlock()
	if hook != nil {
		hook()
	}
	v, _ := s.Call(call)
	return v, err
}

func (s *switchboard) MakeCall(_ context.Context, cmd bridge.MakeCall) (bridge.CallView, error) {
	_, err := s.run("make", "", cmd.From, cmd)
	return call(string(cmd.From), bridge.PartyDialing), err
}

func (s *switchboard) Answer(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return s.run("answer", c.Call, c.By, c)
}

func (s *switchboard) Hold(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return s.run("hold", c.Call, c.By, c)
}

func (s *switchboard) Retrieve(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return s.run("retrieve", c.Call, c.By, c)
}

func (s *switchboard) Release(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return s.run("release", c.Call, c.By, c)
}

func (s *switchboard) Transfer(_ context.Context, c bridge.Transfer) (bridge.CallView, error) {
	return s.run("transfer", c.Call, c.By, c)
}

func (s *switchboard) Consult(_ context.Context, c bridge.Consult) (bridge.CallView, error) {
	return s.run("consult "+string(c.Purpose), c.Call, c.By, c)
}

func (s *switchboard) SendDTMF(_ context.Context, c bridge.SendDTMF) (bridge.CallView, error) {
	return s.run("dtmf", c.Call, c.By, c)
}

func (s *switchboard) took() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.done)
}

// tokens are those of people, with passwords: "agent1" has the token "agent1" and the password "secret1".
type tokens struct {
	people *people
	mu     sync.Mutex
	logins int
	err    error // of every login
}

func (a *tokens) principal(name string) auth.Principal {
	p := auth.Principal{User: name, Role: auth.RoleAgent, TokenID: name}
	switch name {
	case "agent1":
		p.UserID, p.DNs = 1, []string{"5001"}
	case "agent2":
		p.UserID, p.DNs = 2, []string{"5002"}
	case "boss":
		p.UserID, p.Role = 3, auth.RoleSupervisor
	case "lead": // a supervisor who takes calls too, and may act for 5002
		p.UserID, p.Role, p.Team, p.DNs = 4, auth.RoleSupervisor, "north", []string{"5003"}
	}
	p.Scope = p.DNs
	if name == "lead" {
		p.Scope = []string{"5002", "5003"}
	}
	return p
}

func (a *tokens) Login(_ context.Context, name, password, _ string) (auth.Token, auth.Principal, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.logins++
	if a.err != nil {
		return auth.Token{}, auth.Principal{}, a.err
	}
	if password != "secret-"+name {
		return auth.Token{}, auth.Principal{}, auth.ErrBadCredentials
	}
	return auth.Token{Value: name, ExpiresAt: time.Now().Add(time.Hour)}, a.principal(name), nil
}

func (a *tokens) Verify(ctx context.Context, token string) (auth.Principal, error) {
	if _, err := a.people.Authenticate(ctx, token); err != nil {
		return auth.Principal{}, auth.ErrTokenRevoked
	}
	return a.principal(token), nil
}

func (a *tokens) CheckOrigin(r *http.Request) error {
	if r.Header.Get("Origin") == "https://evil.test" {
		return auth.ErrOrigin
	}
	return nil
}

func (a *tokens) Logout(_ context.Context, p auth.Principal) error {
	a.people.revoke(p.User)
	return nil
}

func (a *tokens) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.logins
}

type nobody struct{}

func (nobody) All() []agent.View                 { return nil }
func (nobody) View(dn string) (agent.View, bool) { return agent.View{Number: dn}, true }
func (nobody) Do(c agent.Command) (agent.View, error) {
	return agent.View{Number: c.DN, Agent: agent.Status{State: agent.NotReady, Reason: c.Reason}}, nil
}

func (nobody) User(context.Context, string) (auth.User, error) {
	return auth.User{}, auth.ErrUserNotFound
}
func (nobody) Audit(context.Context, string, string, string, map[string]string) error { return nil }

// desk is the dialect with its commands.
type desk struct {
	*rig
	board  *switchboard
	tokens *tokens
	url    string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d, handler := newDeskWithoutServer(t)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	d.url = server.URL
	return d
}

func newDeskWithoutServer(t *testing.T) (*desk, http.Handler) {
	t.Helper()
	d := &desk{tokens: &tokens{}}
	logins := access.NewLogins(d.tokens, auth.CookieName, func(*http.Request) string { return "" })
	d.rig = newRig(t, cti.FeedOptions{}, gws.Options{Logins: logins, Recheck: time.Hour}).run()
	d.tokens.people = d.people
	d.board = &switchboard{stand: d.stand}
	a := access.New(access.Options{
		Engine: d.board, Agents: nobody{}, Users: nobody{}, Audit: nobody{}, KnownDN: func(string) bool { return true }, Log: slog.New(slog.DiscardHandler),
	})
	mux := http.NewServeMux()
	gws.NewGuideREST(gws.REST{
		Logins: logins, Sessions: d.guide.Sessions, Log: slog.New(slog.DiscardHandler),
		Cookie: func(l access.Login, _ *http.Request) *http.Cookie { return auth.SessionCookie(l.Token, false) },
	}, a).Mount(mux)
	mux.Handle("/cometd", d.guide)
	mux.Handle("/cometd/", d.guide)
	return d, gws.GuideCORS([]string{"https://desk.test"}).Allow(mux)
}

type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

func (a answer) want(status int) answer {
	a.t.Helper()
	require.Equal(a.t, status, a.status, a.body)
	return a
}

// says requires the error's code and gives the message.
func (a answer) says(status int, code string) string {
	a.t.Helper()
	a.want(status)
	var e struct{ Error, Message string }
	require.NoError(a.t, json.Unmarshal([]byte(a.body), &e), a.body)
	require.Equal(a.t, code, e.Error, a.body)
	return e.Message
}

func (d *desk) send(method, path, token, body string, headers ...string) answer {
	d.t.Helper()
	t, ok := d.t.(*testing.T)
	require.True(d.t, ok)
	req, err := http.NewRequestWithContext(t.Context(), method, d.url+path, bytes.NewBufferString(body))
	require.NoError(t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	require.NoError(t, err)
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return answer{t, res.StatusCode, res.Header, string(raw)}
}

func basic(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

var errSwitch = errors.New("secret detail")
