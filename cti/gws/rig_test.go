package gws_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/gws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errBadToken = fmt.Errorf("%w: unknown", gws.ErrToken)
	errDatabase = errors.New("the database is locked")
)

// people is an Authenticator whose tokens can change at any time.
type people struct {
	mu     sync.Mutex
	tokens map[string]gws.Principal
	broken bool // nobody can be looked up
}

func (p *people) Authenticate(_ context.Context, token string) (gws.Principal, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken {
		return gws.Principal{}, errDatabase
	}
	who, ok := p.tokens[token]
	if !ok {
		return gws.Principal{}, errBadToken
	}
	return who, nil
}

func (p *people) set(token string, who gws.Principal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tokens[token] = who
}

func (p *people) setBroken(broken bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = broken
}

func (p *people) revoke(token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.tokens, token)
}

// stand is what the snapshots show.
type stand struct {
	mu    sync.Mutex
	calls []bridge.CallView
	dns   []agent.View
}

func (s *stand) Calls() []bridge.CallView {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

func (s *stand) DNs() []agent.View {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.dns)
}

func (s *stand) set(calls ...bridge.CallView) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = calls
}

// rig is the dialect on a real feed. Tokens: "agent1" (5001), "agent2" (5002), "boss" (a team of both).
type rig struct {
	t      testing.TB
	feed   *cti.Feed
	people *people
	stand  *stand
	guide  *gws.Guide
}

func newRig(t testing.TB, fo cti.FeedOptions, o gws.Options) *rig {
	t.Helper()
	r := &rig{
		t:    t,
		feed: cti.NewFeed(fo),
		people: &people{tokens: map[string]gws.Principal{
			"agent1": {ID: "1", OwnDNs: []string{"5001"}},
			"agent2": {ID: "2", OwnDNs: []string{"5002"}},
			"boss":   {ID: "3", SeesDN: func(dn string) bool { return dn == "5001" || dn == "5002" }},
		}},
		stand: &stand{dns: []agent.View{{Number: "5001", InService: true}, {Number: "5002"}, {Number: "5003"}}},
	}
	o.Feed, o.Snapshot, o.Auth = r.feed, r.stand, r.people
	guide, err := gws.NewGuide(o)
	require.NoError(t, err)
	r.guide = guide
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := guide.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return r
}

// run lets the feed append until the test ends.
func (r *rig) run() *rig {
	ctx, cancel := context.WithCancel(r.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = r.feed.Run(ctx) })
	r.t.Cleanup(func() { cancel(); wg.Wait() })
	return r
}

// settle waits until the feed has handed out what was published: who subscribes before that is told of it.
func (r *rig) settle() {
	r.t.Helper()
	require.Eventually(r.t, func() bool { s := r.feed.Stats(); return s.Head.Seq == s.Published }, waitFor, tick)
}

// serve puts the dialect behind a real HTTP server and gives its address.
func (r *rig) serve() string {
	mux := http.NewServeMux()
	mux.Handle("/cometd", r.guide)
	mux.Handle("/cometd/", r.guide)
	server := httptest.NewServer(mux)
	r.t.Cleanup(server.Close)
	return server.URL + "/cometd"
}

// direct is a transport without a network, for tests in virtual time.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(req *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	d.handler.ServeHTTP(rec, req)
	return rec.Result(), nil
}

// message is a Bayeux message as far as the tests look at it.
type message struct {
	Channel      string          `json:"channel"`
	Successful   *bool           `json:"successful"`
	ClientID     string          `json:"clientId"`
	Error        string          `json:"error"`
	Subscription json.RawMessage `json:"subscription"`
	Advice       struct {
		Reconnect string `json:"reconnect"`
	} `json:"advice"`
	Data json.RawMessage `json:"data"`
}

func (m message) ok() bool { return m.Successful != nil && *m.Successful }

// event is the data of a message.
func (m message) event(t testing.TB) cti.Event {
	t.Helper()
	var e cti.Event
	require.NoError(t, json.Unmarshal(m.Data, &e), string(m.Data))
	e.Topic = cti.TopicAgent
	if m.Channel == gws.ChannelCallState {
		e.Topic = cti.TopicCall
	}
	return e
}

// desktop is a long-polling client.
type desktop struct {
	t      testing.TB
	url    string
	http   *http.Client
	header http.Header
	id     string
	n      int
	inbox  []message
}

func newDesktop(t testing.TB, url, token string) *desktop {
	t.Helper()
	d := &desktop{t: t, url: url, http: &http.Client{Transport: &http.Transport{}}, header: http.Header{}}
	t.Cleanup(d.http.CloseIdleConnections)
	if token != "" {
		d.header.Set("Authorization", "Bearer "+token)
	}
	return d
}

// send posts the messages and gives the replies; events go to the inbox.
func (d *desktop) send(messages ...map[string]any) (replies []message) {
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
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.url, bytes.NewReader(body))
	require.NoError(d.t, err)
	req.Header = d.header.Clone()
	req.Header.Set("Content-Type", "application/json")
	res, err := d.http.Do(req)
	require.NoError(d.t, err)
	raw, err := io.ReadAll(res.Body)
	require.NoError(d.t, err)
	require.NoError(d.t, res.Body.Close())
	require.Equal(d.t, http.StatusOK, res.StatusCode, string(raw))
	var all []message
	require.NoError(d.t, json.Unmarshal(raw, &all), string(raw))
	for _, m := range all {
		if m.Data != nil {
			d.inbox = append(d.inbox, m)
		} else {
			replies = append(replies, m)
		}
	}
	return replies
}

func (d *desktop) handshake(ext any) message {
	d.t.Helper()
	d.id = ""
	m := map[string]any{
		"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": []string{"long-polling"},
	}
	if ext != nil {
		m["ext"] = ext
	}
	replies := d.send(m)
	require.Len(d.t, replies, 1)
	d.id = replies[0].ClientID
	return replies[0]
}

func (d *desktop) subscribe(subscription any) message {
	d.t.Helper()
	replies := d.send(map[string]any{"channel": "/meta/subscribe", "subscription": subscription})
	require.Len(d.t, replies, 1)
	return replies[0]
}

// connect gives the reply of the connect; a farewell comes before it.
func (d *desktop) connect() (farewell bool, reply message) {
	d.t.Helper()
	replies := d.send(map[string]any{"channel": "/meta/connect", "connectionType": "long-polling"})
	for _, m := range replies {
		if m.Channel == "/meta/connect" {
			reply = m
		} else {
			farewell = farewell || m.Channel == "/meta/disconnect"
		}
	}
	return farewell, reply
}

// start shakes hands and subscribes.
func (d *desktop) start(ext any, channels ...string) *desktop {
	d.t.Helper()
	require.True(d.t, d.handshake(ext).ok())
	require.True(d.t, d.subscribe(channels).ok())
	return d
}

// receive connects until n messages have come, and gives them as lines.
func (d *desktop) receive(n int) (got []string, events []cti.Event) {
	d.t.Helper()
	for len(d.inbox) < n {
		_, reply := d.connect()
		require.True(d.t, reply.ok(), reply.Error)
	}
	require.Len(d.t, d.inbox, n, "more than was due")
	var l cti.Liner
	for _, m := range d.inbox {
		e := m.event(d.t)
		got = append(got, l.Line(e))
		events = append(events, e)
	}
	d.inbox = nil
	return got, events
}

// call is an inbound call that rings, or is established, at a DN.
func call(dn string, state bridge.PartyState) bridge.CallView {
	return bridge.CallView{
		ID: bridge.CallID(fmt.Sprintf("%032s", dn)), ConnID: bridge.ConnID(len(dn)), Type: bridge.CallInbound, State: state,
		ANI: "100", DNIS: dn, Parties: []bridge.PartyView{
			{ID: 1, Number: "100", Role: bridge.RoleOrigination, State: bridge.PartyDialing},
			{ID: 2, DN: bridge.DN(dn), Number: dn, Role: bridge.RoleDestination, State: state},
		},
	}
}

// happen publishes what happens to the DN, and the change of its call.
func (r *rig) happen(n int, dn string, kind bridge.EventKind, state bridge.PartyState) {
	view := call(dn, state)
	e := bridge.Event{
		ID: fmt.Sprintf("%s-%d", dn, 2*n-1), N: 2*n - 1, Kind: kind, Call: view, This: view.Parties[1], Other: view.Parties[0],
		CallState: bridge.CallStateOK, Audience: []bridge.DN{bridge.DN(dn)}, Time: time.Now(),
	}
	r.feed.PublishCall(e)
	r.feed.PublishCall(bridge.Event{
		ID: fmt.Sprintf("%s-%d", dn, 2*n), N: 2 * n, Kind: bridge.EventCallChanged, Call: view, Audience: e.Audience, Time: e.Time,
	})
}
