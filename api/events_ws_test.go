package api_test

import (
	"encoding/json"
	"io"
	"net/http"
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

func (n *newsroom) tryDial(query string, protocols []string, headers ...string) (*websocket.Conn, answer) {
	n.t.Helper()
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	dialer := websocket.Dialer{Subprotocols: protocols}
	conn, res, err := dialer.DialContext(n.t.Context(), "ws"+strings.TrimPrefix(n.url, "http")+query, h) //nolint:bodyclose // the dialer has read it
	if err != nil {
		require.NotNil(n.t, res, err)
		body, _ := io.ReadAll(res.Body)
		return nil, answer{t: n.t, status: res.StatusCode, header: res.Header, body: string(body)}
	}
	n.t.Cleanup(func() { _ = conn.Close() })
	require.NoError(n.t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	return conn, answer{t: n.t, header: res.Header}
}

func (n *newsroom) dial(query, token string) *websocket.Conn {
	n.t.Helper()
	conn, a := n.tryDial(query, nil, "Authorization", "Bearer "+token)
	require.NotNil(n.t, conn, a.body)
	return conn
}

// frames reads up to an event whose line this is.
func frames(t *testing.T, conn *websocket.Conn, line string) (all []news) {
	t.Helper()
	for {
		kind, text, err := conn.ReadMessage()
		require.NoError(t, err, "after %v", linesOf(all))
		require.Equal(t, websocket.TextMessage, kind)
		e := news{data: string(text)}
		require.NoError(t, json.Unmarshal(text, &e))
		all = append(all, e)
		if e.line() == line {
			return all
		}
	}
}

func requireClosed(t *testing.T, conn *websocket.Conn, code int, reason string) {
	t.Helper()
	for {
		_, _, err := conn.ReadMessage()
		if err == nil {
			continue
		}
		var closed *websocket.CloseError
		require.ErrorAs(t, err, &closed)
		require.Equal(t, code, closed.Code)
		require.Contains(t, closed.Text, reason+": ")
		return
	}
}

func TestEventsByWebSocket(t *testing.T) {
	t.Parallel()
	n := newNewsroom(t, cti.FeedOptions{}, api.EventsOptions{})
	agent := n.user("5001", auth.RoleAgent, "", "5001")
	conn, r := n.dial("", agent), n.stream("", agent)
	first := frames(t, conn, complete)
	require.Equal(t, []string{"5001: InService snapshot", complete}, linesOf(first))
	r.until(complete)
	n.happen("5002", bridge.EventRinging, bridge.PartyRinging)
	n.happen("5001", bridge.EventRinging, bridge.PartyRinging)
	got, same := frames(t, conn, "Ringing"), r.until("Ringing")
	require.Equal(t, []string{"5001: Ringing", "Ringing"}, linesOf(got))
	require.Equal(t, same[0].data, got[0].data, "one envelope")

	// Gone on with after a cursor.
	back := frames(t, n.dial("?topic=call&since="+first[1].Cursor, agent), "Ringing")
	require.Equal(t, []string{"Ringing"}, linesOf(back))
	require.NoError(t, conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Minute)))
	require.Eventually(t, func() bool { return n.events.Streams() == 2 }, time.Minute, time.Millisecond)
}

func TestPagesBringTheirTokenAsASubprotocol(t *testing.T) {
	t.Parallel()
	n := newNewsroom(t, cti.FeedOptions{}, api.EventsOptions{})
	token := n.user("5001", auth.RoleAgent, "", "5001")
	const page = "https://desktop.example.com"
	conn, a := n.tryDial("", []string{api.EventsProtocol, api.BearerProtocol + token}, "Origin", page)
	require.NotNil(t, conn, a.body)
	require.Equal(t, api.EventsProtocol, conn.Subprotocol())
	require.NotContains(t, a.header.Get("Sec-WebSocket-Protocol"), token, "it is not sent back")
	frames(t, conn, complete)

	_, a = n.tryDial("", []string{api.BearerProtocol + token}, "Origin", page)
	require.Equal(t, "Sec-WebSocket-Protocol", a.problem(http.StatusBadRequest, "bad_request").Field)
	_, a = n.tryDial("", []string{api.EventsProtocol, api.BearerProtocol + "nonsense"}, "Origin", page)
	a.problem(http.StatusUnauthorized, "invalid_token")
	_, a = n.tryDial("", []string{api.EventsProtocol}, "Origin", page)
	a.problem(http.StatusUnauthorized, "no_token")
	_, a = n.tryDial("", []string{api.EventsProtocol, api.BearerProtocol + token}, "Origin", "https://evil.example.com")
	a.problem(http.StatusForbidden, "foreign_origin")

	// A session cookie does, too, but not on a foreign page.
	cookie := auth.CookieName + "=" + token
	conn, a = n.tryDial("", nil, "Origin", page, "Cookie", cookie)
	require.NotNil(t, conn, a.body)
	frames(t, conn, complete)
	_, a = n.tryDial("", nil, "Origin", "https://evil.example.com", "Cookie", cookie)
	a.problem(http.StatusForbidden, "foreign_origin")
	require.NotContains(t, n.log.String(), token)
}

func TestWebSocketClientsThatDoWrong(t *testing.T) {
	t.Parallel()
	n := newNewsroom(t, cti.FeedOptions{}, api.EventsOptions{Beat: 5 * time.Millisecond})
	agent := n.user("5001", auth.RoleAgent, "", "5001")
	_, a := n.tryDial("?since=x", nil, "Authorization", "Bearer "+agent)
	require.Equal(t, "since", a.problem(http.StatusUnprocessableEntity, "invalid_field").Field)

	// One that answers no ping: it does not read, so its library does not see them.
	n.dial("", agent)
	require.Eventually(t, func() bool { return n.events.Streams() == 0 }, time.Minute, time.Millisecond)

	// One that says too much, and would have time for a pong.
	n = newNewsroom(t, cti.FeedOptions{}, api.EventsOptions{Beat: time.Hour})
	conn := n.dial("", n.user("5001", auth.RoleAgent, "", "5001"))
	require.NoError(t, conn.WriteMessage(websocket.TextMessage, []byte(strings.Repeat("x", 2000))))
	require.Eventually(t, func() bool { return n.events.Streams() == 0 }, time.Minute, time.Millisecond)
}

func TestWebSocketClientThatLives(t *testing.T) {
	t.Parallel()
	n := newNewsroom(t, cti.FeedOptions{}, api.EventsOptions{Beat: 2 * time.Second})
	pings := 0
	conn := n.dial("?topic=agent", n.user("5001", auth.RoleAgent, "", "5001"))
	answer := conn.PingHandler()
	conn.SetPingHandler(func(text string) error {
		if pings++; pings == 4 {
			n.happen("5001", bridge.EventHeld, bridge.PartyHeld)
		}
		return answer(text)
	})
	frames(t, conn, "5001: Held")
	require.GreaterOrEqual(t, pings, 4)
}
