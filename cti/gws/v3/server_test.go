package v3_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sidecar/access"
	"sidecar/agent"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/gws/v3"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// people are users whose token is their name.
type people struct{}

func (people) Login(_ context.Context, name, password, _ string) (auth.Token, auth.Principal, error) {
	if password == "once more" {
		return auth.Token{}, auth.Principal{}, &auth.BackoffError{RetryAfter: time.Second}
	}
	if password != "good" {
		return auth.Token{}, auth.Principal{}, auth.ErrBadCredentials
	}
	p, err := people{}.Verify(context.Background(), name)
	return auth.Token{Value: name, ExpiresAt: time.Now().Add(time.Hour)}, p, err
}

func (people) Verify(_ context.Context, token string) (auth.Principal, error) {
	p := auth.Principal{User: token, DisplayName: "Anna Blum", Role: auth.RoleAgent, ExpiresAt: time.Now().Add(time.Hour), TokenID: token}
	switch token {
	case "anna":
		p.UserID, p.DNs, p.Scope = 1, []string{"5001", "5003"}, []string{"5001", "5003"}
	case "ben":
		p.UserID, p.DNs, p.Scope = 2, []string{"5002"}, []string{"5002"}
	case "boss":
		p = boss(p)
	default:
		return auth.Principal{}, auth.ErrBadToken
	}
	return p, nil
}

// doormen are people whose tokens end.
type doormen struct {
	people

	mu      sync.Mutex
	gone    []string
	revoked map[string]bool // tokens
}

func (d *doormen) Verify(ctx context.Context, token string) (auth.Principal, error) {
	d.mu.Lock()
	revoked := d.revoked[token]
	d.mu.Unlock()
	if revoked {
		return auth.Principal{}, auth.ErrTokenRevoked
	}
	return d.people.Verify(ctx, strings.TrimSuffix(token, "+")) // a further login of the user
}

func (d *doormen) revoke(token string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.revoked = map[string]bool{token: true}
}

func (d *doormen) Logout(_ context.Context, p auth.Principal) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = append(d.gone, p.User)
	return nil
}

func (d *doormen) ended() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.gone)
}

func (people) CheckOrigin(r *http.Request) error {
	if r.Header.Get("Origin") == evil {
		return auth.ErrOrigin
	}
	return nil
}

// Pages on other hosts: one that may use the API, and one that may not.
const (
	friend = "https://desk.test"
	evil   = "https://evil.test"
)

func (people) Users(context.Context) ([]auth.User, error) {
	return folk(), nil
}

func (people) User(_ context.Context, name string) (auth.User, error) {
	for _, u := range folk() {
		if u.Name == name {
			return u, nil
		}
	}
	return auth.User{Name: name}, nil
}

// quiet is an engine without calls.
type quiet struct{ access.Engine }

func (quiet) Calls() []bridge.CallView                   { return nil }
func (quiet) Call(bridge.CallID) (bridge.CallView, bool) { return bridge.CallView{}, false }
func (quiet) Monitors() []bridge.MonitorView             { return nil }
func (quiet) Released(bridge.DN) []bridge.CallView       { return nil }
func (quiet) Put(string, v3.Notes) error                 { return nil }
func (quiet) All() ([]v3.Notes, error)                   { return nil, nil }
func (quiet) Complete(context.Context, bridge.PartyCommand) (bridge.CallView, error) {
	return bridge.CallView{}, bridge.ErrCallNotFound
}

func (quiet) Audit(context.Context, string, string, string, map[string]string) error { return nil }

// board is the agents, as snapshots want them.
type board struct {
	quiet

	registry *agent.Registry
}

func (b board) DNs() []agent.View { return b.registry.All() }

// elsewhere is a call that another sidecar runs.
func elsewhere(yield func(string, bridge.CallView) bool) {
	yield("b", bridge.CallView{ID: "far", ConnID: 7, Parties: []bridge.PartyView{{DN: "5001", State: bridge.PartyEstablished}}})
}

// rig is the API on a real feed and real agents, over HTTP.
type rig struct {
	t         testing.TB
	server    *v3.Server
	feed      *cti.Feed
	url       string
	registry  *agent.Registry
	tokens    doormen
	transport http.RoundTripper // in place of a network
	available atomic.Bool
}

func newRig(t *testing.T, keys ...string) *rig {
	t.Helper()
	return newRigOn(t, quiet{}, keys...)
}

// engine is what the API needs of the call engine.
type engine interface {
	access.Engine
	Released(dn bridge.DN) []bridge.CallView
}

func newRigOn(t testing.TB, calls engine, keys ...string) *rig {
	t.Helper()
	return newRigWith(t, calls, func(o *v3.Options) { o.APIKeys = keys })
}

func newRigWith(t testing.TB, calls engine, change func(*v3.Options)) *rig {
	t.Helper()
	r := newRigUnserved(t, calls, change)
	web := httptest.NewServer(r.server)
	r.url = web.URL
	t.Cleanup(func() {
		require.NoError(t, r.server.Close(context.Background())) // or the held connects would have to end by themselves
		web.Close()
	})
	return r
}

// newRigUnserved has no HTTP server.
func newRigUnserved(t testing.TB, calls engine, change func(*v3.Options)) *rig {
	t.Helper()
	r := &rig{t: t}
	r.available.Store(true)
	feed := cti.NewFeed(cti.FeedOptions{})
	registry := agent.NewRegistry("n1", feed)
	for _, dn := range []string{"5001", "5002", "5003"} {
		registry.Add(dn, 2)
		registry.SetService("pbx1", dn, true)
	}
	options := v3.Options{
		Access: access.New(access.Options{
			Engine: calls, Elsewhere: elsewhere, Agents: registry, Users: people{}, KnownDN: func(string) bool { return true }, Audit: quiet{},
		}),
		Tokens: &r.tokens, Users: people{}, Released: calls.Released, Complete: calls.Complete, Feed: feed, Snapshot: board{registry: registry}, Keep: quiet{},
		Available: r.available.Load, Client: func(*http.Request) (string, bool) { return "", false },
		Queues: func() []v3.Queue { return []v3.Queue{{Name: "sales", Number: "8100", Waiting: 3, Ready: 2}} }, Reasons: []string{"lunch"},
	}
	change(&options)
	server, err := v3.New(options)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = feed.Run(ctx) })
	r.feed, r.registry, r.server = feed, registry, server
	t.Cleanup(func() {
		require.NoError(t, server.Close(context.Background()))
		cancel()
		running.Wait()
		registry.Close()
	})
	return r
}

// desk is a browser window.
type desk struct {
	*rig

	client *http.Client
	id     string           // of the Bayeux session
	inbox  []map[string]any // what has come and nobody has asked for yet
}

func (r *rig) desk() *desk {
	jar, err := cookiejar.New(nil)
	require.NoError(r.t, err)
	d := &desk{rig: r, client: &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}}
	if r.transport != nil {
		d.client.Transport = r.transport
	}
	return d
}

func (d *desk) post(path string, body any, header ...string) (status int, reply map[string]any) {
	d.t.Helper()
	text, err := json.Marshal(body)
	require.NoError(d.t, err)
	return d.request(http.MethodPost, path, text, header...)
}

// send is a request of the API with a body as it is.
func (d *desk) send(method, path, body string) (status int, reply map[string]any) {
	d.t.Helper()
	return d.request(method, v3.Base+path, []byte(body))
}

func (d *desk) request(method, path string, text []byte, header ...string) (status int, reply map[string]any) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, bytes.NewReader(text))
	require.NoError(d.t, err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := d.client.Do(req)
	require.NoError(d.t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(d.t, err)
	require.Equal(d.t, "application/json", strings.Split(resp.Header.Get("Content-Type"), ";")[0])
	if !bytes.HasPrefix(raw, []byte("[")) {
		require.NoError(d.t, json.Unmarshal(raw, &reply), "%s", raw)
		return resp.StatusCode, reply
	}
	var list []map[string]any
	require.NoError(d.t, json.Unmarshal(raw, &list))
	return resp.StatusCode, map[string]any{"list": list}
}

// bayeux sends a message and gives what comes back, events too.
func (d *desk) bayeux(message map[string]any) []map[string]any {
	d.t.Helper()
	message["id"] = "1"
	if d.id != "" {
		message["clientId"] = d.id
	}
	_, reply := d.post(v3.Base+"/notifications", []any{message})
	list, _ := reply["list"].([]map[string]any)
	return list
}

// settle waits until the feed has handed out what was published: who subscribes before that is told of it.
func (r *rig) settle() {
	r.t.Helper()
	require.Eventually(r.t, func() bool { s := r.feed.Stats(); return s.Head.Seq == s.Published }, time.Minute, time.Millisecond)
}

// join is a window of a user that listens to all channels.
func (r *rig) join(user string) *desk {
	r.t.Helper()
	r.settle()
	d := r.desk()
	status, reply := d.post(v3.Base+"/initialize-workspace", nil, "Authorization", "Bearer "+user)
	require.Equal(r.t, http.StatusOK, status)
	require.InDelta(r.t, 1, code(reply), 0)
	shaken := d.bayeux(map[string]any{"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": []string{"long-polling"}})
	d.id, _ = shaken[0]["clientId"].(string)
	require.NotEmpty(r.t, d.id)
	for _, channel := range []string{v3.ChannelInitialization, v3.ChannelVoice, v3.ChannelMedia} {
		require.Equal(r.t, true, d.bayeux(map[string]any{"channel": "/meta/subscribe", "subscription": channel})[0]["successful"])
	}
	return d
}

func code(reply map[string]any) any {
	status, _ := reply["status"].(map[string]any)
	return status["code"]
}

func message(reply map[string]any) string {
	status, _ := reply["status"].(map[string]any)
	text, _ := status["message"].(string)
	return text
}

// next polls until there is such a message.
func (d *desk) next(channel, kind string) map[string]any {
	d.t.Helper()
	for range 20 {
		for i, m := range d.inbox {
			data, _ := m["data"].(map[string]any)
			if m["channel"] == channel && data["messageType"] == kind {
				d.inbox = d.inbox[i+1:]
				return data
			}
		}
		d.inbox = d.bayeux(map[string]any{"channel": "/meta/connect", "connectionType": "long-polling"})
	}
	require.FailNow(d.t, "no "+kind)
	return nil
}

func TestBeginning(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.join("anna")
	begun := d.next(v3.ChannelInitialization, "WorkspaceInitializationComplete")
	require.Equal(t, "Complete", begun["state"])
	data, _ := begun["data"].(map[string]any)
	user, _ := data["user"].(map[string]any)
	require.Equal(t, []any{"Anna", "Blum", "5001"}, []any{user["firstName"], user["lastName"], user["defaultPlace"]})

	status, reply := d.post(v3.Base+"/voice/ready", nil)
	require.Equal(t, http.StatusConflict, status, "not active yet: %v", reply)
	_, reply = d.post(v3.Base+"/activate-channels", map[string]any{"operationId": "mine", "data": map[string]any{"dn": "5001", "channels": []string{"voice", "chat"}}})
	require.InDelta(t, 2, code(reply), 0, "there is no chat: %v", reply)
	require.Equal(t, "mine", reply["operationId"])
	require.Equal(t, "mine", d.next(v3.ChannelVoice, "DnStateChanged")["operationId"])

	// The user's other DN is none of this desktop's business, and another user is told nothing at all.
	r.registry.SetService("pbx1", "5003", false)
	_, reply = d.post(v3.Base+"/voice/ready", nil)
	require.InDelta(t, 1, code(reply), 0)
	require.NotEmpty(t, reply["operationId"], "ours, since there was none")
	for state := ""; state != "Ready"; {
		dn, _ := d.next(v3.ChannelVoice, "DnStateChanged")["dn"].(map[string]any)
		require.Equal(t, "5001", dn["number"])
		state, _ = dn["agentState"].(string)
	}
	other := r.join("ben")
	other.post(v3.Base+"/activate-channels", map[string]any{"data": map[string]any{"dn": "5002"}})
	dn, _ := other.next(v3.ChannelVoice, "DnStateChanged")["dn"].(map[string]any)
	require.Equal(t, "5002", dn["number"])
}

func TestServiceState(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.join("anna")
	r.available.Store(false)
	m := d.next(v3.ChannelVoice, "ServiceStateChanged")
	require.Equal(t, []any{"VOICE", "UNAVAILABLE"}, []any{m["serviceName"], m["serviceState"]})
}

// A command for a call of the user's own that another sidecar runs names that one; to others the call is unknown.
func TestCallElsewhere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for user, want := range map[string]struct {
		dn     string
		status int
		says   string
	}{
		"anna": {"5001", http.StatusConflict, "call far is run by the sidecar with node b: give the command to that one"},
		"ben":  {"5002", http.StatusInternalServerError, "Call 0000000000000007 not found"},
	} {
		d := r.join(user)
		d.post(v3.Base+"/activate-channels", map[string]any{"data": map[string]any{"dn": want.dn}})
		status, reply := d.post(v3.Base+"/voice/calls/0000000000000007/hold", nil)
		require.Equal(t, want.status, status, "%v", reply)
		said, _ := reply["status"].(map[string]any)
		require.Equal(t, want.says, said["message"])
	}
}

func TestAPIKeys(t *testing.T) {
	t.Parallel()
	r := newRig(t, "a-key")
	d := r.desk()
	for _, header := range [][]string{nil, {"X-Api-Key", "wrong"}} {
		status, reply := d.post(v3.Base+"/initialize-workspace", nil, append(header, "Authorization", "Bearer anna")...)
		require.Equal(t, http.StatusForbidden, status)
		require.InDelta(t, 603, code(reply), 0)
	}
	status, _ := d.post(v3.Base+"/initialize-workspace", nil, "Authorization", "Bearer anna", "X-Api-Key", "a-key")
	require.Equal(t, http.StatusOK, status)
	refused := d.bayeux(map[string]any{"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": []string{"long-polling"}})[0]
	require.Equal(t, false, refused["successful"], "notifications need it too, and refuse in Bayeux's words")
	require.NotContains(t, refused, "clientId")
}
