package v2_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sidecar/access"
	"sidecar/agent"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/gws"
	"sidecar/cti/gws/v2"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// board is an engine with calls that tests fill in. It remembers what it is told.
type board struct {
	access.Engine // what no test asks for

	mu       sync.Mutex
	calls    []bridge.CallView
	monitors []bridge.MonitorView
	done     []string
	asked    int // for all calls
	last     any
	err      error
}

func (b *board) Calls() []bridge.CallView {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	return slices.Clone(b.calls)
}

func (b *board) callOf(id bridge.ConnID) (bridge.CallID, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.calls, func(v bridge.CallView) bool { return v.ConnID == id })
	if i < 0 {
		return "", false
	}
	return b.calls[i].ID, true
}

func (b *board) Call(id bridge.CallID) (bridge.CallView, bool) {
	for _, v := range b.Calls() {
		if v.ID == id {
			return v, true
		}
	}
	return bridge.CallView{}, false
}

func (b *board) Monitors() []bridge.MonitorView {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.monitors)
}

func (b *board) run(verb string, id bridge.CallID, by bridge.DN, cmd any) (bridge.CallView, error) {
	b.mu.Lock()
	b.done, b.last = append(b.done, fmt.Sprintf("%s %s %s", verb, id, by)), cmd
	err := b.err
	b.mu.Unlock()
	v, _ := b.Call(id)
	return v, err
}

func (b *board) MakeCall(_ context.Context, c bridge.MakeCall) (bridge.CallView, error) {
	_, err := b.run("make", bridge.CallID(c.To), c.From, c)
	return bridge.CallView{ID: "NEW"}, err
}

func (b *board) Hangup(_ context.Context, c bridge.Hangup) (bridge.CallView, error) {
	return b.run("clear", c.Call, "", c)
}

func (b *board) Answer(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return b.run("answer", c.Call, c.By, c)
}

func (b *board) Hold(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return b.run("hold", c.Call, c.By, c)
}

func (b *board) Retrieve(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return b.run("retrieve", c.Call, c.By, c)
}

func (b *board) Release(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return b.run("release", c.Call, c.By, c)
}

func (b *board) Alternate(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return b.run("alternate", c.Call, c.By, c)
}

func (b *board) CompleteTransfer(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return b.run("complete-transfer", c.Call, c.By, c)
}

func (b *board) CompleteConference(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return b.run("complete-conference", c.Call, c.By, c)
}

func (b *board) Redirect(_ context.Context, c bridge.Redirect) (bridge.CallView, error) {
	return b.run("redirect "+c.To, c.Call, c.By, c)
}

func (b *board) Transfer(_ context.Context, c bridge.Transfer) (bridge.CallView, error) {
	return b.run("transfer "+c.To, c.Call, c.By, c)
}

func (b *board) SingleStepConference(_ context.Context, c bridge.SingleStepConference) (bridge.CallView, error) {
	return b.run("conference "+c.To, c.Call, c.By, c)
}

func (b *board) Consult(_ context.Context, c bridge.Consult) (bridge.CallView, error) {
	return b.run("consult "+string(c.Purpose)+" "+c.To, c.Call, c.By, c)
}

func (b *board) SendDTMF(_ context.Context, c bridge.SendDTMF) (bridge.CallView, error) {
	return b.run("dtmf "+c.Digits, c.Call, c.By, c)
}

func (b *board) AttachData(_ context.Context, c bridge.AttachData) (bridge.CallView, error) {
	return b.run("attach", c.Call, c.By, c)
}

func (b *board) UpdateData(_ context.Context, c bridge.UpdateData) (bridge.CallView, error) {
	return b.run("update", c.Call, c.By, c)
}

func (b *board) DeleteData(_ context.Context, c bridge.DeleteData) (bridge.CallView, error) {
	return b.run(strings.TrimSpace("delete "+strings.Join(c.Keys, ",")), c.Call, c.By, c)
}

func (b *board) StartRecording(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return b.run("record", c.Call, c.By, c)
}

func (b *board) StopRecording(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return b.run("record off", c.Call, c.By, c)
}

func (b *board) PauseRecording(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return b.run("pause", c.Call, c.By, c)
}

func (b *board) ResumeRecording(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return b.run("resume", c.Call, c.By, c)
}

func (b *board) Reject(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return b.run("reject", c.Call, c.By, c)
}

func (b *board) Complete(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return b.run("complete", c.Call, c.By, c)
}

func (b *board) Reconnect(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return b.run("reconnect", c.Call, c.By, c)
}

func (b *board) DropMember(_ context.Context, c bridge.DropMember) (bridge.CallView, error) {
	return b.run("drop "+c.Member, c.Call, c.By, c)
}

func (b *board) SetMute(_ context.Context, c bridge.SetMute) (bridge.CallView, error) {
	return b.run(fmt.Sprintf("mute %s %t", c.Direction, c.On), c.Call, c.By, c)
}

func (b *board) Monitor(_ context.Context, c bridge.Monitor) (bridge.MonitorView, error) {
	_, err := b.run(fmt.Sprintf("monitor %s %s %s", c.Mode, c.Scope, c.Next), bridge.CallID(c.Target), c.Supervisor, c)
	v := bridge.MonitorView{
		ID: "M", Supervisor: string(c.Supervisor), Target: c.Target, Mode: c.Mode, Scope: c.Scope, Next: c.Next, State: bridge.MonitorWaiting,
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.monitors = append(b.monitors, v)
	return v, err
}

func (b *board) SwitchMonitor(_ context.Context, id bridge.MonitorID, mode bridge.MonitorMode) (bridge.MonitorView, error) {
	_, err := b.run("switch "+string(mode), bridge.CallID(id), "", nil)
	return bridge.MonitorView{}, err
}

func (b *board) StopMonitor(_ context.Context, id bridge.MonitorID) (bridge.MonitorView, error) {
	_, err := b.run("stop", bridge.CallID(id), "", nil)
	return bridge.MonitorView{}, err
}

// people are users by name, each with the password "secret-<name>" and the token "<name>".
type people struct {
	mu   sync.Mutex
	gone map[string]bool
}

func (p *people) principal(name string) auth.Principal {
	of := auth.Principal{User: name, DisplayName: "Ann " + name, Role: auth.RoleAgent, TokenID: name, DNs: []string{name}, UserID: auth.UserID(len(name))}
	if name == "boss" {
		of.Role, of.DNs = auth.RoleSupervisor, []string{"5010"}
	}
	if name == "duo" {
		of.DNs = []string{"5001", "5010"}
	}
	if n, err := strconv.Atoi(name); err == nil {
		of.UserID = auth.UserID(n)
	}
	of.Scope = of.DNs
	if name == "boss" {
		of.Team, of.Scope = "north", []string{"5001", "5002", "5010"}
	}
	return of
}

func (p *people) Login(_ context.Context, name, password, _ string) (auth.Token, auth.Principal, error) {
	if password == "once more" {
		return auth.Token{}, auth.Principal{}, &auth.BackoffError{RetryAfter: time.Second}
	}
	if password != "secret-"+name {
		return auth.Token{}, auth.Principal{}, auth.ErrBadCredentials
	}
	return auth.Token{Value: name, ExpiresAt: time.Now().Add(time.Hour)}, p.principal(name), nil
}

func (p *people) Verify(_ context.Context, token string) (auth.Principal, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone[token] || !slices.Contains([]string{"5001", "5002", "boss", "duo"}, token) {
		return auth.Principal{}, auth.ErrTokenRevoked
	}
	return p.principal(token), nil
}

func (p *people) Authenticate(ctx context.Context, token string) (gws.Principal, error) {
	who, err := p.Verify(ctx, token)
	if err != nil {
		return gws.Principal{}, fmt.Errorf("%w: %w", gws.ErrToken, err)
	}
	return gws.Principal{ID: who.ID(), OwnDNs: who.DNs, SeesDN: who.MaySeeDN, User: who}, nil
}

func (p *people) CheckOrigin(r *http.Request) error {
	if strings.HasPrefix(r.Header.Get("Origin"), "https://evil") {
		return auth.ErrOrigin
	}
	return nil
}

func (p *people) Logout(context.Context, auth.Principal) error { return nil }

func (p *people) User(context.Context, string) (auth.User, error) {
	return auth.User{}, auth.ErrUserNotFound
}

func (p *people) Audit(context.Context, string, string, string, map[string]string) error { return nil }

type standing struct {
	*board
	*agent.Registry
}

func (s standing) DNs() []agent.View { return s.All() }

// rig is the dialect on a real feed and real agents.
type rig struct {
	t      testing.TB
	feed   *cti.Feed
	board  *board
	agents *agent.Registry
	url    string
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, feed: cti.NewFeed(cti.FeedOptions{}), board: &board{}}
	r.agents = agent.NewRegistry("n1", r.feed)
	t.Cleanup(r.agents.Close)
	for _, dn := range []string{"5001", "5002", "5010"} {
		r.agents.Add(dn, 2)
		r.agents.SetService("pbx1", dn, dn != "5002")
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = r.feed.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	users := &people{}
	logins := access.NewLogins(users, auth.CookieName, func(*http.Request) string { return "" })
	log := slog.New(slog.DiscardHandler)
	server, err := v2.New(v2.Options{
		Access: access.New(access.Options{
			Engine: r.board, Agents: r.agents, Users: users, Audit: users, KnownDN: func(string) bool { return true }, Log: log,
		}),
		Sessions: gws.Options{Feed: r.feed, Snapshot: standing{r.board, r.agents}, Auth: users, Logins: logins},
		REST: gws.REST{
			Logins: logins, Log: log, Cookie: func(l access.Login, _ *http.Request) *http.Cookie { return auth.SessionCookie(l.Token, false) },
		},
		CallOf:  r.board.callOf,
		Annex:   func(dn string) map[string]string { return map[string]string{"of": dn} },
		Reasons: []string{"lunch"}, Version: "test", NoAnswer: v2.NoAnswer{After: 20 * time.Second, Action: agent.NotReady},
		WrapUp: func(kind bridge.CallType) time.Duration {
			return map[bridge.CallType]time.Duration{bridge.CallInbound: 30 * time.Second}[kind]
		},
	})
	require.NoError(t, err)
	mux := http.NewServeMux()
	server.Mount(mux)
	outer := http.NewServeMux()
	outer.Handle("/", mux)
	outer.Handle("/api/v2/notifications", server.Notifications())
	outer.Handle("/api/v2/notifications/", server.Notifications())
	host := httptest.NewServer(outer)
	t.Cleanup(func() {
		require.NoError(t, server.Notifications().Close(context.WithoutCancel(ctx)))
		host.Close()
	})
	r.url = host.URL
	return r
}

// settle waits until the feed has handed out what was published: who subscribes before that is told of it.
func (r *rig) settle() {
	r.t.Helper()
	require.Eventually(r.t, func() bool { s := r.feed.Stats(); return s.Head.Seq == s.Published }, time.Minute, time.Millisecond)
}

// desktop is a client as Workspace Web Edition is one: it sends its password once, and keeps cookies.
type desktop struct {
	t      testing.TB
	url    string
	http   *http.Client
	header http.Header
	settle func() // waits for what was published
	id     string
	n      int
	inbox  []note
}

type note struct {
	Channel    string
	ClientID   string
	Successful *bool
	Error      string
	Data       struct {
		MessageType, NotificationType, PhoneNumber, DeviceURI, CallURI, ErrorMessage string
		Call                                                                         map[string]any
		Devices                                                                      []map[string]any
		Extensions                                                                   map[string]any
		Metrics                                                                      struct {
			EventProcessing struct{ ServerGenerationTimestamp int64 }
		}
	}
}

func (r *rig) desktop(name string) *desktop {
	r.t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(r.t, err)
	d := &desktop{t: r.t, url: r.url, http: &http.Client{Jar: jar, Transport: &http.Transport{}}, header: http.Header{}, settle: r.settle}
	r.t.Cleanup(d.http.CloseIdleConnections)
	if name != "" {
		d.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(name+":secret-"+name)))
		d.get("/api/v2/me", 200)
		d.header.Del("Authorization")
	}
	return d
}

// do sends a request, requires its status, and gives the reply.
func (d *desktop) do(method, path, body string, status int) map[string]any {
	d.t.Helper()
	got, reply := d.try(method, path, body)
	require.Equal(d.t, status, got, "%s %s: %v", method, path, reply)
	require.Contains(d.t, reply, "statusCode")
	return reply
}

func (d *desktop) try(method, path, body string) (status int, reply map[string]any) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, bytes.NewBufferString(body))
	require.NoError(d.t, err)
	req.Header = d.header.Clone()
	res, err := d.http.Do(req)
	require.NoError(d.t, err)
	raw, err := io.ReadAll(res.Body)
	require.NoError(d.t, err)
	require.NoError(d.t, res.Body.Close())
	require.NoError(d.t, json.Unmarshal(raw, &reply), string(raw))
	return res.StatusCode, reply
}

func (d *desktop) get(path string, status int) map[string]any {
	d.t.Helper()
	return d.do(http.MethodGet, path, "", status)
}

func (d *desktop) post(path, body string, status, code int) map[string]any {
	d.t.Helper()
	reply := d.do(http.MethodPost, path, body, status)
	require.EqualValues(d.t, code, reply["statusCode"], "%s %s: %v", path, body, reply)
	return reply
}

func (d *desktop) bayeux(messages ...map[string]any) (replies []note) {
	d.t.Helper()
	for _, m := range messages {
		d.n++
		m["id"] = strconv.Itoa(d.n)
		if d.id != "" {
			m["clientId"] = d.id
		}
	}
	body, err := json.Marshal(messages)
	require.NoError(d.t, err)
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.url+"/api/v2/notifications", bytes.NewReader(body))
	require.NoError(d.t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := d.http.Do(req)
	require.NoError(d.t, err)
	raw, err := io.ReadAll(res.Body)
	require.NoError(d.t, err)
	require.NoError(d.t, res.Body.Close())
	var all []note
	require.NoError(d.t, json.Unmarshal(raw, &all), string(raw))
	for _, n := range all {
		if n.Data.MessageType != "" {
			d.inbox = append(d.inbox, n)
		} else {
			replies = append(replies, n)
		}
	}
	return replies
}

// connect begins the notifications, of what happens from now on.
func (d *desktop) connect(channels ...string) *desktop {
	d.t.Helper()
	d.settle()
	replies := d.bayeux(map[string]any{"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": []string{"long-polling"}})
	require.True(d.t, *replies[0].Successful, replies[0].Error)
	d.id = replies[0].ClientID
	for _, c := range channels {
		replies = d.bayeux(map[string]any{"channel": "/meta/subscribe", "subscription": c})
		require.True(d.t, *replies[0].Successful, "%s: %s", c, replies[0].Error)
	}
	return d
}

// told polls until n notifications have come.
func (d *desktop) told(n int) []note {
	d.t.Helper()
	for len(d.inbox) < n {
		replies := d.bayeux(map[string]any{"channel": "/meta/connect", "connectionType": "long-polling"})
		require.True(d.t, *replies[0].Successful, replies[0].Error)
	}
	got := d.inbox
	d.inbox = nil
	return got
}

// inbound is a call from outside that is in a state at a DN.
func inbound(id, dn string, state bridge.PartyState, can ...bridge.Capability) bridge.CallView {
	return bridge.CallView{
		ID: bridge.CallID(id), ConnID: 0x1a, Type: bridge.CallInbound, State: state, ANI: "030123", DNIS: "8000", StartedAt: time.Now().Add(-90 * time.Second),
		Parties: []bridge.PartyView{
			{ID: 1, Number: "030123", Role: bridge.RoleOrigination, State: bridge.PartyEstablished},
			{ID: 2, DN: bridge.DN(dn), Number: dn, Role: bridge.RoleDestination, State: state, Capabilities: can},
		},
		UserData: bridge.UserDataOf(map[string]string{"Segment": "Gold"}),
	}
}

// happens publishes what happened to the call's DN.
func (r *rig) happens(n int, kind bridge.EventKind, v bridge.CallView) {
	r.feed.PublishCall(bridge.Event{
		ID: fmt.Sprintf("%s-%d", v.ID, n), N: n, Kind: kind, Call: v, This: v.Parties[1], Other: v.Parties[0],
		CallState: bridge.CallStateOK, Audience: []bridge.DN{v.Parties[1].DN}, Time: time.Now(),
	})
}
