package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"sidecar/api"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti"
)

// Clients that do wrong, by both transports: the answer says what would be right, nothing is opened, and who does right goes on.
func TestEventsOfThoseWhoDoWrong(t *testing.T) {
	t.Parallel()
	n := newNewsroom(t, cti.FeedOptions{}, api.EventsOptions{})
	agent := n.user("5001", auth.RoleAgent, "", "5001")
	good := n.stream("?topic=agent", agent)
	good.until(complete)
	for _, c := range []struct {
		name, query, token, since string
		status                    int
		code, field               string
	}{
		{name: "no token", status: 401, code: "no_token"},
		{name: "a token that is none", token: "nonsense", status: 401, code: "invalid_token"},
		{name: "a token in the URL", query: "?access_token=" + agent, status: 401, code: "no_token"},
		{name: "another agent's DN", query: "?dn=5002", token: agent, status: 403, code: "forbidden", field: "dn"},
		{name: "a DN that nobody has", query: "?dn=999999", token: agent, status: 403, code: "forbidden", field: "dn"},
		{name: "a pattern", query: "?dn=*", token: agent, status: 403, code: "forbidden", field: "dn"},
		{name: "an unknown filter", query: "?agent=5001", token: agent, status: 422, code: "invalid_field", field: "agent"},
		{name: "a filter in other letters", query: "?DN=5001", token: agent, status: 422, code: "invalid_field", field: "DN"},
		{name: "an unknown event", query: "?type=ringing", token: agent, status: 422, code: "invalid_field", field: "type"},
		{name: "an unknown topic", query: "?topic=*", token: agent, status: 422, code: "invalid_field", field: "topic"},
		{name: "two topics", query: "?topic=agent&topic=call", token: agent, status: 422, code: "invalid_field", field: "topic"},
		{name: "too many DNs", query: "?" + strings.Repeat("dn=5001&", 101), token: agent, status: 422, code: "invalid_field", field: "dn"},
		{name: "a cursor of nonsense", since: "%00%ff", token: agent, status: 422, code: "invalid_field", field: "Last-Event-ID"},
		{name: "a cursor without a number", since: "k7:", token: agent, status: 422, code: "invalid_field", field: "Last-Event-ID"},
		{name: "a number too large", since: "k7:99999999999999999999", token: agent, status: 422, code: "invalid_field", field: "Last-Event-ID"},
		{name: "a cursor too long", since: strings.Repeat("k", 5000) + ":1", token: agent, status: 422, code: "invalid_field", field: "Last-Event-ID"},
	} {
		headers := []string{}
		if c.since != "" {
			headers = append(headers, "Last-Event-ID", c.since)
		}
		r, a := n.open(c.query, c.token, headers...)
		require.True(t, r == nil, c.name)
		require.Equal(t, c.field, a.problem(c.status, c.code).Field, c.name)
		if c.token != "" {
			headers = append(headers, "Authorization", "Bearer "+c.token)
		}
		conn, a := n.tryDial(c.query, nil, headers...)
		require.Nil(t, conn, c.name)
		require.Equal(t, c.status, a.status, c.name) // this client reads the first 1024 characters of a problem only
	}
	require.Equal(t, 1, n.events.Streams())
	n.happen("5001", bridge.EventHeld, bridge.PartyHeld)
	good.until("5001: Held")
	require.NotContains(t, n.log.String(), agent)
}

// deaf opens a stream on a connection of its own, and reads no more than its beginning.
func (n *newsroom) deaf(token string, headers ...string) net.Conn {
	n.t.Helper()
	u, err := url.Parse(n.url)
	require.NoError(n.t, err)
	conn, err := (&net.Dialer{}).DialContext(n.t.Context(), "tcp", u.Host)
	require.NoError(n.t, err)
	n.t.Cleanup(func() { _ = conn.Close() })
	require.NoError(n.t, conn.(*net.TCPConn).SetReadBuffer(4096))
	text := "GET " + u.Path + " HTTP/1.1\r\nHost: " + u.Host + "\r\nAuthorization: Bearer " + token + "\r\n"
	for i := 0; i < len(headers); i += 2 {
		text += headers[i] + ": " + headers[i+1] + "\r\n"
	}
	_, err = io.WriteString(conn, text+"\r\n")
	require.NoError(n.t, err)
	line, err := bufio.NewReaderSize(conn, 16).ReadString('\n')
	require.NoError(n.t, err)
	require.Contains(n.t, line, "HTTP/1.1 ")
	return conn
}

// Clients that take nothing hold neither events nor a place for ever, and nobody waits for them.
func TestEventsOfThoseWhoDoNotRead(t *testing.T) {
	t.Parallel()
	n := newNewsroom(t, cti.FeedOptions{}, api.EventsOptions{Buffer: 64})
	agent, other := n.user("5001", auth.RoleAgent, "", "5001"), n.user("5002", auth.RoleAgent, "", "5002")
	n.deaf(agent)
	n.deaf(agent, "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "c2l4dGVlbiBieXRlcyEhIQ==")
	require.Eventually(t, func() bool { return n.events.Streams() == 2 }, time.Minute, time.Millisecond)
	good := n.stream("?topic=agent", other)
	good.until(complete)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for told := 0; n.events.Streams() > 1; told++ { // what the kernel takes of them has to be filled first
		require.NoError(t, ctx.Err(), "after %d events", told)
		n.happen("5001", bridge.EventHeld, bridge.PartyHeld)
		if told%32 == 0 {
			n.happen("5002", bridge.EventHeld, bridge.PartyHeld)
			good.until("5002: Held")
		}
	}
	require.EqualValues(t, 2, n.feed.Stats().Slow, "the feed let go of them at once")
	n.happen("5002", bridge.EventRetrieved, bridge.PartyEstablished)
	good.until("5002: Retrieved")
	n.stream("", agent).until(complete)
}

// A user's places are a user's, whatever the transport and the token.
func TestStreamsOfAUserAreCountedTogether(t *testing.T) {
	t.Parallel()
	n := newNewsroom(t, cti.FeedOptions{}, api.EventsOptions{PerUser: 3})
	one, other := n.user("5001", auth.RoleAgent, "", "5001"), n.user("5002", auth.RoleAgent, "", "5002")
	again := n.login("5001", password)
	n.stream("", one).until(complete)
	frames(t, n.dial("", one), complete)
	last := n.dial("", again)
	frames(t, last, complete)
	for range 20 {
		_, a := n.open("", one)
		a.problem(http.StatusTooManyRequests, "too_many_streams")
		conn, a := n.tryDial("", nil, "Authorization", "Bearer "+again)
		require.Nil(t, conn)
		a.problem(http.StatusTooManyRequests, "too_many_streams")
	}
	n.stream("", other).until(complete)
	require.NoError(t, last.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Minute)))
	require.Eventually(t, func() bool { return n.events.Streams() == 3 }, time.Minute, time.Millisecond)
	n.stream("", one).until(complete)
}

// Whatever a client asks for, it gets a stream or a problem that can be read, and no more than it may see.
func FuzzEvents(f *testing.F) {
	for _, seed := range [][2]string{
		{"", ""},
		{"dn=5001&topic=agent", "e:1"},
		{"type=Ringing&type=Held&call=C", ""},
		{"since=e:18446744073709551615", ""},
		{"dn=5002", ":"},
		{"dn=%35%30%30%31&topic=all", "e:01"},
		{"since=%00&&=&dn", "e:-1"},
	} {
		f.Add(seed[0], seed[1])
	}
	door := fuzzDoor(f)
	gone, cancel := context.WithCancel(f.Context())
	cancel() // a client that leaves as soon as it has its snapshot
	f.Fuzz(func(t *testing.T, query, last string) {
		r := (&http.Request{
			Method: http.MethodGet, URL: &url.URL{Path: "/api/v1/events", RawQuery: query}, Header: http.Header{}, Host: "localhost", RemoteAddr: "127.0.0.1:1",
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody,
		}).WithContext(gone)
		if last != "" {
			r.Header.Set("Last-Event-ID", last)
		}
		w := httptest.NewRecorder()
		door.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			require.Contains(t, []int{http.StatusForbidden, http.StatusUnprocessableEntity}, w.Code, w.Body)
			answer{t: t, status: w.Code, header: w.Header(), body: w.Body.String()}.problem(w.Code, map[int]string{403: "forbidden", 422: "invalid_field"}[w.Code])
			return
		}
		for line := range strings.Lines(w.Body.String()) {
			if text, ok := strings.CutPrefix(line, "data: "); ok {
				var e news
				require.NoError(t, json.Unmarshal([]byte(text), &e))
				require.Contains(t, []string{"", "5001"}, e.DN)
			}
		}
	})
}

// everybodyIs lets everybody in as one.
type everybodyIs struct {
	api.Auth

	who auth.Principal
}

func (e everybodyIs) Authenticate(*http.Request) (auth.Principal, error) { return e.who, nil }

func fuzzDoor(f *testing.F) http.Handler {
	f.Helper()
	engine := &fakeEngine{calls: []bridge.CallView{call("C", bridge.PartyEstablished, "5001"), call("D", bridge.PartyRinging, "5002")}}
	events := api.NewEvents(api.EventsOptions{Feed: cti.NewFeed(cti.FeedOptions{}), Snapshot: stand{engine}})
	f.Cleanup(func() { _ = events.Close(context.Background()) })
	door, err := api.New(api.Options{
		Engine: engine, Events: events, DNInfo: known, Log: slog.New(slog.DiscardHandler), Version: "test",
		Auth: everybodyIs{who: auth.Principal{UserID: 1, User: "5001", Role: auth.RoleAgent, DNs: []string{"5001"}, Scope: []string{"5001"}, ExpiresAt: time.Now().Add(time.Hour)}},
	})
	require.NoError(f, err)
	return door
}
