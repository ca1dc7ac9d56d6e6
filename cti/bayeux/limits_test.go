package bayeux_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"sidecar/cti/bayeux"
)

func TestLimitOfMessagesPerRequest(t *testing.T) {
	eachTransport(t, bayeux.Options{MaxBatch: 3}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		list := make([]msg, 3)
		for i := range list {
			list[i] = msg{"channel": "/open/a", "clientId": c.id, "data": i}
		}
		require.Len(t, c.post(list...).messages(), 3)
		body := c.encode(append(list, list[0])...)
		if s.socket {
			require.NoError(t, c.link.conn.WriteMessage(websocket.TextMessage, []byte(body)))
			code, reason := c.link.awaitClose(t)
			require.Equal(t, websocket.CloseMessageTooBig, code)
			require.Equal(t, "bayeux: request too large: it holds too many messages", reason)
		} else {
			require.Equal(t, http.StatusRequestEntityTooLarge, c.raw(body).Code)
			c.header.Set("Content-Type", "application/x-www-form-urlencoded")
			require.Equal(t, http.StatusRequestEntityTooLarge, c.raw(`message=[{},{}]&message=[{},{}]`).Code)
		}
		require.Empty(t, only(t, s, "anna").Reason(), "the session is not to blame")
	})
}

func TestLimitOfDepth(t *testing.T) {
	t.Parallel()
	s := newServer(t, bayeux.Options{})
	c := connected(t, s, "anna")
	for _, deep := range []string{strings.Repeat("[", 60_000), strings.Repeat(`{"data":`, 8000), `[{"channel":"/open/a","data":` + strings.Repeat("[", 30_000)} {
		a := c.raw(deep)
		require.Equal(t, http.StatusBadRequest, a.Code)
		require.Contains(t, a.Body.String(), "invalid JSON")
	}
}

func TestLimitOfMessageRate(t *testing.T) {
	inBubbles(t, bayeux.Options{MaxMessageRate: 10}, func(t *testing.T, s *rig) {
		c, other := connected(t, s, "anna"), connected(t, s, "berta")
		pass(2 * time.Second)
		for range 20 {
			require.Equal(t, true, c.subscribe("/a")["successful"])
		}
		require.Equal(t, "429::too_many_messages", c.subscribe("/b")["error"])
		require.False(t, only(t, s, "anna").Subscribed("/b"))
		_, reply := c.poll()
		require.Equal(t, "429::too_many_messages", reply["error"])
		require.EqualValues(t, 1000, requireAdvice(t, reply, "retry")["interval"])
		require.Equal(t, true, other.subscribe("/a")["successful"], "others may")

		pass(100 * time.Millisecond) // time for one
		_, reply = c.poll()
		require.Equal(t, true, reply["successful"])
		require.Equal(t, "429::too_many_messages", c.subscribe("/b")["error"])
		bye := c.post(msg{"channel": "/meta/disconnect", "clientId": c.id}).one()
		require.Equal(t, true, bye["successful"], "who goes is not kept")
	})
}

// TestLimitOfMessageRateIsTheOwners: who knows the id of a session and isn't its principal does not use its share up.
func TestLimitOfMessageRateIsTheOwners(t *testing.T) {
	inBubbles(t, bayeux.Options{MaxMessageRate: 10}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		thief := newClient(t, s, "berta")
		thief.id = c.id
		for range 50 {
			require.Equal(t, "402::session_unknown", thief.subscribe("/a")["error"])
		}
		require.Equal(t, true, c.subscribe("/a")["successful"])
	})
}

func TestLimitOfHandshakeRate(t *testing.T) {
	inBubbles(t, bayeux.Options{MaxHandshakeRate: 2, MaxSessionsPerPrincipal: 5}, func(t *testing.T, s *rig) {
		c := newClient(t, s, "anna")
		for range 10 {
			c.handshake()
		}
		m := c.post(handshakeMsg()).one()
		require.Equal(t, "403:too many handshakes:handshake_denied", m["error"])
		require.EqualValues(t, 5000, requireAdvice(t, m, "handshake")["interval"])
		connected(t, s, "berta")
		pass(500 * time.Millisecond)
		c.handshake()
		require.Equal(t, false, c.post(handshakeMsg()).one()["successful"])
	})
}

func TestLimitOfStrangers(t *testing.T) {
	inBubble(t, bayeux.Options{
		WebSocket: true, MaxStrangersPerAddress: 2, WriteTimeout: 5 * time.Second,
		ClientAddress: func(r *http.Request) string { return r.Header.Get("X-From") },
	}, func(t *testing.T, s *bayeux.Server) {
		from := func(address string) http.Header {
			return http.Header{"X-From": {address}, "Authorization": {"Bearer anna"}}
		}
		guest := newClient(t, &rig{Server: s, socket: true}, "anna")
		guest.header.Set("X-From", "one")
		guest.handshake()
		guest.poll()
		var strangers []*websocket.Conn
		for range 2 {
			conn, _, err := dialPipe(t, s, from("one"))
			strangers = append(strangers, conn)
			require.NoError(t, err, "who has a session doesn't count")
		}
		_, response, err := dialPipe(t, s, from("one"))
		require.Error(t, err)
		require.Equal(t, http.StatusTooManyRequests, response.status)
		late, _, err := dialPipe(t, s, from("two"))
		require.NoError(t, err)
		require.Equal(t, 4, s.Stats().Sockets)

		pass(3 * time.Second)
		for _, conn := range strangers {
			require.NoError(t, conn.WriteJSON([]msg{{"channel": "/meta/connect", "clientId": "00000000", "connectionType": "websocket"}}))
			_, _, err = conn.ReadMessage()
			require.NoError(t, err, "what is sent buys no time")
		}
		pass(2 * time.Second)
		_, _, err = late.ReadMessage()
		require.True(t, websocket.IsCloseError(err, websocket.ClosePolicyViolation), "%v", err)
		pass(2 * time.Second)
		synctest.Wait()
		require.Equal(t, 1, s.Stats().Sockets, "nobody stays without a session")
		_, reply := guest.poll()
		require.Equal(t, true, reply["successful"])
		_, _, err = dialPipe(t, s, from("one"))
		require.NoError(t, err)
	})
}

func TestLimitOfSocketsPerPrincipal(t *testing.T) {
	pushing(t, bayeux.Options{MaxSessionsPerPrincipal: 2, MaxStrangersPerAddress: 1}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		for range 3 {
			c = c.again()
			c.poll()
		}
		surplus := c.again()
		surplus.connect()
		code, reason := surplus.link.awaitClose(t)
		require.Equal(t, websocket.ClosePolicyViolation, code)
		require.Equal(t, "too many WebSockets", reason)
		synctest.Wait()
		require.Equal(t, 4, s.Stats().Sockets)
		_, reply := c.poll()
		require.Equal(t, true, reply["successful"])
		c.link.close()
		synctest.Wait()
		_, reply = c.again().poll()
		require.Equal(t, true, reply["successful"], "there is room again")
	})
}

// lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p) //nolint:wrapcheck // an adapter
}

func (l *lines) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

func TestFloodOfRefusalsDoesNotFloodTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &lines{}
		s := newServer(t, bayeux.Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
		c := newClient(t, s, "nobody")
		for range 1000 {
			require.Equal(t, false, c.post(handshakeMsg()).one()["successful"])
		}
		require.Equal(t, 50, log.count("what=handshake"))
		pass(2 * time.Second)
		synctest.Wait()
		require.Equal(t, 1, log.count("count=950"))
		c.post(handshakeMsg())
		require.Equal(t, 51, log.count("what=handshake"))
	})
}

// TestSubscriptionsAreCountedFirst: a list that is too long costs the policy nothing, and a channel that is named twice in
// one is subscribed to once.
func TestSubscriptionsAreCountedFirst(t *testing.T) {
	subscribed := 0
	opts := bayeux.Options{MaxSubscriptions: 3, Hooks: bayeux.Hooks{OnSubscribe: func(*bayeux.Session, string) { subscribed++ }}}
	s := newServer(t, opts)
	c := connected(t, s, "anna")
	many := make([]string, 4)
	for i := range many {
		many[i] = fmt.Sprintf("/closed/%d", i)
	}
	require.Equal(t, "403:too many subscriptions:subscribe_denied", c.subscribe(many)["error"])
	require.Equal(t, true, c.subscribe([]string{"/a", "/a", "/a"})["successful"])
	require.Equal(t, 1, subscribed)
}
