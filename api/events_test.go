package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"sidecar/agent"
	"sidecar/api"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti"
)

// stand is what snapshots show: two DNs, and the calls of the engine.
type stand struct{ engine *fakeEngine }

func (s stand) Calls() []bridge.CallView { return s.engine.calls }
func (s stand) DNs() []agent.View {
	return []agent.View{{Number: "5001", InService: true}, {Number: "5002"}}
}

// newsroom is the API behind a real server, with a real feed.
type newsroom struct {
	*system
	feed   *cti.Feed
	events *api.Events
	url    string
	n      int
}

func newNewsroom(t *testing.T, fo cti.FeedOptions, eo api.EventsOptions) *newsroom {
	t.Helper()
	n := &newsroom{feed: cti.NewFeed(fo)}
	n.system = newSystem(t, func(o *api.Options) {
		eo.Feed, eo.Snapshot = n.feed, stand{o.Engine.(*fakeEngine)}
		n.events = api.NewEvents(eo)
		o.Events = n.events
	})
	server := httptest.NewServer(n.door)
	n.url = server.URL + "/api/v1/events"
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = n.feed.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		soon, done := context.WithTimeout(context.Background(), time.Minute)
		defer done()
		if err := n.events.Close(soon); err != nil {
			t.Errorf("Close: %v", err)
		}
		server.Close()
	})
	return n
}

// happen publishes an event of a DN's call, and the change of the call, and gives their ids.
func (n *newsroom) happen(dn bridge.DN, kind bridge.EventKind, state bridge.PartyState) []string {
	view := call("call-of-"+string(dn), state, dn)
	e := bridge.Event{
		Kind: kind, Call: view, This: view.Parties[1], Other: view.Parties[0], CallState: bridge.CallStateOK,
		Audience: []bridge.DN{dn}, Time: time.Now(),
	}
	n.n += 2
	e.ID, e.N = fmt.Sprintf("e-%d", n.n-1), n.n-1
	n.feed.PublishCall(e)
	changed := bridge.Event{ID: fmt.Sprintf("e-%d", n.n), N: n.n, Kind: bridge.EventCallChanged, Call: view, Audience: e.Audience, Time: e.Time}
	n.feed.PublishCall(changed)
	return []string{e.ID, changed.ID}
}

// news is an event as a client gets it.
type news struct {
	name, id string // of the server-sent event
	data     string
	comment  bool
	Event    string
	EventID  string `json:"eventId"`
	Cursor   string
	DN       string
	Snapshot bool
	Reason   string
}

func (n news) line() string {
	text := n.Event
	if n.DN != "" {
		text = n.DN + ": " + text
	}
	if n.Snapshot {
		text += " snapshot"
	}
	return text
}

// reader reads a stream.
type reader struct {
	t    *testing.T
	body *bufio.Reader
	stop func()
}

// open asks for a stream; what is not one comes back as an answer.
func (n *newsroom) open(query, token string, headers ...string) (*reader, answer) {
	n.t.Helper()
	r, err := http.NewRequestWithContext(n.t.Context(), http.MethodGet, n.url+query, nil)
	require.NoError(n.t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	require.NoError(n.t, err)
	n.t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		body, err := io.ReadAll(res.Body)
		require.NoError(n.t, err)
		return nil, answer{t: n.t, status: res.StatusCode, header: res.Header, body: string(body)}
	}
	require.Equal(n.t, "text/event-stream", res.Header.Get("Content-Type"))
	require.Equal(n.t, "no-store", res.Header.Get("Cache-Control"))
	return &reader{t: n.t, body: bufio.NewReader(res.Body), stop: func() { _ = res.Body.Close() }}, answer{}
}

func (n *newsroom) stream(query, token string, headers ...string) *reader {
	n.t.Helper()
	r, a := n.open(query, token, headers...)
	require.NotNil(n.t, r, a.body)
	return r
}

// next reads the next event, or comment.
func (r *reader) next() (n news, err error) {
	r.t.Helper()
	empty := true
	for {
		line, err := r.body.ReadString('\n')
		if err != nil {
			return n, err
		}
		line = strings.TrimSuffix(line, "\n")
		field, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && empty:
			continue
		case line == "":
			if n.data != "" {
				require.NoError(r.t, json.Unmarshal([]byte(n.data), &n))
				require.Equal(r.t, n.name, n.Event)
			}
			return n, nil
		case line == ":":
			n.comment = true
		case field == "event":
			n.name = value
		case field == "id":
			n.id = value
		case field == "data":
			n.data = value
		case field == "retry":
			continue
		default:
			r.t.Fatalf("unexpected line %q", line)
		}
		empty = false
	}
}

// until reads up to an event whose line this is.
func (r *reader) until(line string) (all []news) {
	r.t.Helper()
	for {
		n, err := r.next()
		require.NoError(r.t, err, "waiting for %q after %v", line, linesOf(all))
		if n.comment {
			continue
		}
		all = append(all, n)
		if n.line() == line {
			return all
		}
	}
}

func linesOf(all []news) []string {
	out := []string{}
	for _, n := range all {
		out = append(out, n.line())
	}
	return out
}

const complete = "SnapshotComplete snapshot"

func TestEventsBeginWithASnapshot(t *testing.T) {
	t.Parallel()
	n := newNewsroom(t, cti.FeedOptions{}, api.EventsOptions{})
	n.engine.calls = []bridge.CallView{call("C", bridge.PartyEstablished, "5001"), call("D", bridge.PartyRinging, "5002")}
	r := n.stream("", n.user("5001", auth.RoleAgent, "", "5001"))
	all := r.until(complete)
	require.Equal(t, []string{
		"5001: InService snapshot", "5001: Established snapshot", "Established snapshot", complete,
	}, linesOf(all), "the agent's own DN, and the call as a whole")
	for _, e := range all[:len(all)-1] {
		require.Empty(t, e.id, "who breaks off in the middle gets the whole again")
	}
	at := all[len(all)-1]
	require.NotEmpty(t, at.id)
	require.Equal(t, at.Cursor, at.id)

	n.happen("5002", bridge.EventRinging, bridge.PartyRinging)
	n.happen("5001", bridge.EventHeld, bridge.PartyHeld)
	all = r.until("Held")
	require.Equal(t, []string{"5001: Held", "Held"}, linesOf(all), "nothing of others")
	require.Equal(t, all[0].Cursor, all[0].id)
	require.Contains(t, all[0].data, `"call":{"id":"call-of-5001"`)
}

func TestEventsGoOnAfterACursor(t *testing.T) {
	t.Parallel()
	n := newNewsroom(t, cti.FeedOptions{Retain: 8, Log: cti.NewMemoryLog(8)}, api.EventsOptions{})
	boss := n.user("boss", auth.RoleSupervisor, "")
	n.user("x", auth.RoleAgent, "", "5001")
	r := n.stream("", boss)
	r.until(complete)
	want := n.happen("5001", bridge.EventRinging, bridge.PartyRinging)
	seen := r.until("5001: Ringing")
	last := seen[len(seen)-1]
	r.stop()
	want = append(want, n.happen("5001", bridge.EventEstablished, bridge.PartyEstablished)...)

	ids := []string{last.EventID}
	for _, e := range n.stream("?since=e:1", boss, "Last-Event-ID", last.id).until("Established") { // the header counts more
		ids = append(ids, e.EventID)
	}
	require.Equal(t, want, ids, "each once, in order")
	all := n.stream("?since="+last.Cursor, boss).until("Established")
	require.Equal(t, []string{"Ringing", "5001: Established", "Established"}, linesOf(all))

	lost := []string{"Reset snapshot", "5001: InService snapshot", "5002: OutOfService snapshot", complete}
	require.Equal(t, lost, linesOf(n.stream("?since=another:1", boss).until(complete)))
	for k := range uint64(5) { // the log keeps eight, and they must have been read before that
		n.happen("5001", bridge.EventHeld, bridge.PartyHeld)
		require.Eventually(t, func() bool { return n.feed.Head().Seq == 6+2*k }, time.Minute, time.Millisecond)
	}
	require.Equal(t, lost, linesOf(n.stream("?since="+last.Cursor, boss).until(complete)), "no longer kept")
}

func TestEventsFiltered(t *testing.T) {
	t.Parallel()
	n := newNewsroom(t, cti.FeedOptions{}, api.EventsOptions{})
	boss := n.user("boss", auth.RoleSupervisor, "")
	from := n.stream("", boss).until(complete)
	since := "&since=" + from[len(from)-1].Cursor
	for _, dn := range []bridge.DN{"5001", "5002", "5003"} {
		n.happen(dn, bridge.EventRinging, bridge.PartyRinging)
		n.happen(dn, bridge.EventEstablished, bridge.PartyEstablished)
	}
	n.happen("5003", bridge.EventReleased, bridge.PartyReleased)
	n.happen("5001", bridge.EventReleased, bridge.PartyReleased)
	cases := map[string][]string{
		"?dn=5001&topic=agent":                                {"5001: Ringing", "5001: Established", "5001: Released"},
		"?dn=5001&dn=5002&topic=agent&type=Ringing&type=Held": {"5001: Ringing", "5002: Ringing"},
		"?call=call-of-5002&topic=agent":                      {"5002: Ringing", "5002: Established"},
		"?call=call-of-5002&topic=call":                       {"Ringing", "Established"},
		"?type=Established&topic=all":                         {"5001: Established", "Established", "5002: Established", "Established", "5003: Established", "Established"},
	}
	for query, want := range cases {
		r := n.stream(query+since, boss)
		for _, line := range want {
			e, err := r.next()
			require.NoError(t, err)
			require.Equal(t, line, e.line(), query)
		}
		r.stop()
	}
	// A snapshot is filtered, too.
	require.Equal(t, []string{"5002: OutOfService snapshot", complete}, linesOf(n.stream("?dn=5002", boss).until(complete)))
}

func TestEventsRefused(t *testing.T) {
	t.Parallel()
	n := newNewsroom(t, cti.FeedOptions{}, api.EventsOptions{})
	agent := n.user("5001", auth.RoleAgent, "", "5001")
	refuse := func(query, token string, headers ...string) answer {
		r, a := n.open(query, token, headers...)
		require.True(t, r == nil, query)
		return a
	}
	refuse("", "").problem(http.StatusUnauthorized, "no_token")
	refuse("?token="+agent, "").problem(http.StatusUnauthorized, "no_token")
	for query, field := range map[string]string{
		"?since=yesterday": "since", "?since=e:-1": "since", "?type=Rinqing": "type", "?topic=both": "topic",
		"?sinze=e:1": "sinze",
	} {
		require.Equal(t, field, refuse(query, agent).problem(http.StatusUnprocessableEntity, "invalid_field").Field, query)
	}
	require.Equal(t, "Last-Event-ID", refuse("", agent, "Last-Event-ID", "7").problem(http.StatusUnprocessableEntity, "invalid_field").Field)
	require.Equal(t, "dn", refuse("?dn=5001&dn=5002", agent).problem(http.StatusForbidden, "forbidden").Field)
	refuse("", agent, "Origin", "https://evil.example.com").problem(http.StatusForbidden, "foreign_origin")
	require.Zero(t, n.events.Streams())
	s := newSystem(t)
	s.send("GET", "/api/v1/events", s.user("5001", auth.RoleAgent, ""), "").problem(http.StatusNotFound, "not_found")
}

func TestEventsOfOneUserAreBounded(t *testing.T) {
	t.Parallel()
	n := newNewsroom(t, cti.FeedOptions{}, api.EventsOptions{PerUser: 2})
	agent, other := n.user("5001", auth.RoleAgent, "", "5001"), n.user("5002", auth.RoleAgent, "", "5002")
	first := n.stream("", agent)
	n.stream("", agent).until(complete)
	_, a := n.open("", agent)
	a.problem(http.StatusTooManyRequests, "too_many_streams")
	n.stream("", other).until(complete)
	first.stop()
	require.Eventually(t, func() bool { return n.events.Streams() == 2 }, time.Minute, time.Millisecond)
	n.stream("", agent).until(complete)
}

func TestEventsEndWithTheToken(t *testing.T) {
	t.Parallel()
	n := newNewsroom(t, cti.FeedOptions{}, api.EventsOptions{Recheck: 5 * time.Millisecond})
	agent := n.user("5001", auth.RoleAgent, "", "5001")
	r, conn := n.stream("", agent), n.dial("", agent)
	r.until(complete)
	require.Equal(t, http.StatusNoContent, n.send("POST", "/api/v1/logout", agent, "").status)
	all := r.until("End")
	require.Equal(t, "token_revoked", all[len(all)-1].Reason)
	_, err := r.next()
	require.ErrorIs(t, err, io.EOF)
	requireClosed(t, conn, websocket.ClosePolicyViolation, "token_revoked")

	agent = n.login("5001", password)
	r = n.stream("", agent)
	r.until(complete)
	n.clock.add(time.Hour + time.Second)
	all = r.until("End")
	require.Equal(t, "token_expired", all[len(all)-1].Reason)
}

// What a user may see can change while a stream lasts.
func TestEventsFollowTheUsersDNs(t *testing.T) {
	t.Parallel()
	n := newNewsroom(t, cti.FeedOptions{}, api.EventsOptions{Recheck: 5 * time.Millisecond})
	admin, agent := n.user("root", auth.RoleAdmin, ""), n.user("5001", auth.RoleAgent, "", "5001")
	r := n.stream("?topic=agent", agent)
	r.until(complete)
	require.Equal(t, http.StatusOK, n.send("PATCH", "/api/v1/users/5001", admin, `{"dns": ["5003"]}`).status)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // until the change has been noticed
		for {
			n.happen("5003", bridge.EventRinging, bridge.PartyRinging)
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	r.until("5003: Ringing")
	close(stop)
	wg.Wait()
	n.happen("5001", bridge.EventHeld, bridge.PartyHeld)
	n.happen("5003", bridge.EventHeld, bridge.PartyHeld)
	require.NotContains(t, linesOf(r.until("5003: Held")), "5001: Held")
}

func TestEventsEndWithTheDaemon(t *testing.T) {
	t.Parallel()
	n := newNewsroom(t, cti.FeedOptions{}, api.EventsOptions{})
	agent := n.user("5001", auth.RoleAgent, "", "5001")
	r, conn := n.stream("", agent), n.dial("", agent)
	r.until(complete)
	require.NoError(t, n.events.Close(t.Context()))
	all := r.until("End")
	require.Equal(t, "draining", all[len(all)-1].Reason)
	requireClosed(t, conn, websocket.CloseGoingAway, "draining")
	_, a := n.open("", agent)
	a.problem(http.StatusServiceUnavailable, "draining")
}

func TestEventsShowThatTheyLive(t *testing.T) {
	t.Parallel()
	n := newNewsroom(t, cti.FeedOptions{}, api.EventsOptions{Beat: 5 * time.Millisecond})
	agent := n.user("5001", auth.RoleAgent, "", "5001")
	r := n.stream("", agent)
	r.until(complete)
	for range 3 {
		e, err := r.next()
		require.NoError(t, err)
		require.True(t, e.comment)
	}
}

// gate is a client that takes nothing until it is opened.
type gate struct {
	*httptest.ResponseRecorder
	once   sync.Once
	closed chan struct{} // when the first event came
	open   chan struct{}
}

func (g *gate) Write(p []byte) (int, error) {
	if strings.HasPrefix(string(p), "event: ") {
		g.once.Do(func() { close(g.closed) })
		<-g.open
	}
	return g.ResponseRecorder.Write(p)
}

func TestSlowClientIsCutOffAndComesBack(t *testing.T) {
	t.Parallel()
	n := newNewsroom(t, cti.FeedOptions{}, api.EventsOptions{Buffer: 4})
	agent := n.user("5001", auth.RoleAgent, "", "5001")
	g := &gate{ResponseRecorder: httptest.NewRecorder(), closed: make(chan struct{}), open: make(chan struct{})}
	request := httptest.NewRequestWithContext(t.Context(), "GET", "/api/v1/events", nil)
	request.Header.Set("Authorization", "Bearer "+agent)
	var wg sync.WaitGroup
	wg.Go(func() { n.door.ServeHTTP(g, request) })
	<-g.closed
	var want []string
	for range 5 {
		want = append(want, n.happen("5001", bridge.EventHeld, bridge.PartyHeld)...)
	}
	require.Eventually(t, func() bool { return n.feed.Stats().Slow == 1 }, time.Minute, time.Millisecond)
	close(g.open)
	wg.Wait()

	slow := &reader{t: t, body: bufio.NewReader(g.Body)}
	slow.until(complete)
	all := slow.until("End")
	end := all[len(all)-1]
	require.Equal(t, "slow_consumer", end.Reason)
	require.Empty(t, end.id)
	var ids []string
	last := all[len(all)-2]
	for _, e := range all[:len(all)-1] {
		ids = append(ids, e.EventID)
	}
	require.Len(t, ids, 4, "what had room")
	back := n.stream("", agent, "Last-Event-ID", last.id)
	for len(ids) < len(want) {
		e, err := back.next()
		require.NoError(t, err)
		ids = append(ids, e.EventID)
	}
	require.Equal(t, want, ids)
}
