package bayeux_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"sidecar/cti/bayeux"
)

// sockets opens another socket for the client of a session, as after a cut or in a page that was reloaded.
func (c *client) again() *client {
	c.t.Helper()
	n := newClient(c.t, c.server, c.token)
	n.id, n.cookie = c.id, c.cookie
	return n
}

func TestWebSocketHandshakeOffersBoth(t *testing.T) {
	t.Parallel()
	for _, socket := range []bool{false, true} {
		s := &rig{Server: newServer(t, bayeux.Options{WebSocket: true}), socket: socket}
		c := newClient(t, s, "anna")
		require.Equal(t, []any{"websocket", "long-polling"}, c.handshake()["supportedConnectionTypes"])
		m := handshakeMsg()
		m["supportedConnectionTypes"] = []string{"websocket"}
		require.Equal(t, true, c.post(m).one()["successful"])
	}
}

func TestWebSocketGivesTheBrowserItsCookie(t *testing.T) {
	t.Parallel()
	s := newServer(t, bayeux.Options{WebSocket: true, BindCookie: true})
	_, response, err := dialPipe(t, s, nil)
	require.NoError(t, err)
	cookies := response.cookies
	require.Len(t, cookies, 1)
	require.Equal(t, "BAYEUX_BROWSER", cookies[0].Name)

	rig := &rig{Server: s, socket: true}
	anna := newClient(t, rig, "anna")
	anna.cookie = cookies[0].Value
	anna.handshake()
	stranger := anna.again()
	stranger.cookie = ""
	_, reply := stranger.poll()
	require.Equal(t, "402::session_unknown", reply["error"])
	_, reply = anna.again().poll()
	require.Equal(t, true, reply["successful"])
	_, response, err = dialPipe(t, s, http.Header{"Cookie": {"BAYEUX_BROWSER=" + cookies[0].Value}})
	require.NoError(t, err)
	require.Empty(t, response.cookies, "it has one already")
}

func TestWebSocket60PushWithoutConnectReply(t *testing.T) {
	pushing(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := newClient(t, s, "anna")
		c.handshake()
		c.subscribe("/a")
		require.NoError(t, s.Publish(event(t, "/a", "early")))
		synctest.Wait()
		require.Empty(t, c.link.events(t), "nothing is pushed before the first connect")
		events, _ := c.post(c.connectMsg()).last()
		require.Equal(t, []msg{{"channel": "/a", "data": "early"}}, events)

		for range 3 { // between two connects, and while one is held
			require.NoError(t, s.Publish(event(t, "/a", 1)))
			synctest.Wait()
			require.Equal(t, []msg{{"channel": "/a", "data": 1.0}}, c.link.events(t))
			held := c.connect()
			began := time.Now()
			for i := range 3 {
				pass(time.Second)
				require.NoError(t, s.Publish(event(t, "/a", i)))
				synctest.Wait()
				require.Equal(t, []msg{{"channel": "/a", "data": float64(i)}}, c.link.events(t))
				require.False(t, held.finished(), "the connect is a heartbeat")
			}
			reply := held.one()
			require.Equal(t, bayeux.DefaultTimeout, time.Since(began))
			requireAdvice(t, reply, "retry")
		}
	})
}

func TestWebSocket60EventsPrecedeTheReplyOfTheirTransaction(t *testing.T) {
	hooks := bayeux.Hooks{OnSubscribe: func(s *bayeux.Session, channel string) {
		_ = s.Deliver(bayeux.Event{Channel: channel, Data: []byte(`"snapshot"`)}) // a missing one fails the test below
	}}
	pushing(t, bayeux.Options{Hooks: hooks}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		c.connect()
		synctest.Wait()
		for range 20 {
			events, reply := c.post(msg{"channel": "/meta/subscribe", "clientId": c.id, "id": "5", "subscription": []string{"/a", "/b"}}).last()
			require.Equal(t, "/meta/subscribe", reply["channel"])
			require.Equal(t, []msg{{"channel": "/a", "data": "snapshot"}, {"channel": "/b", "data": "snapshot"}}, events)
		}
	})
}

func TestWebSocket60BatchLeavesInOneFrame(t *testing.T) {
	pushing(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		synctest.Wait()
		before := len(c.link.frames)
		session := only(t, s, "anna")
		session.Batch(func() {
			for i := range 3 {
				require.NoError(t, session.Deliver(event(t, "/a", i)))
				synctest.Wait()
				require.Empty(t, c.link.events(t))
			}
		})
		synctest.Wait()
		require.Len(t, c.link.frames, before+1)
		require.Len(t, c.link.events(t), 3)
	})
}

func TestWebSocket61SessionMovesToANewSocket(t *testing.T) {
	pushing(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		c.connect()
		synctest.Wait()
		session := only(t, s, "anna")
		c.link.close()
		synctest.Wait()
		require.Empty(t, session.Reason(), "a socket that closes doesn't end the session")
		require.Zero(t, s.Stats().Sockets)
		require.NoError(t, session.Deliver(event(t, "/a", "while away")))

		n := c.again()
		events, reply := n.poll()
		require.Equal(t, true, reply["successful"])
		require.Equal(t, []msg{{"channel": "/a", "data": "while away"}}, events)
		require.NoError(t, session.Deliver(event(t, "/a", "pushed again")))
		synctest.Wait()
		require.Len(t, n.link.events(t), 1)

		n.link.close()
		pass(bayeux.DefaultMaxInterval + time.Second)
		synctest.Wait()
		require.Equal(t, bayeux.ReasonExpired, session.Reason())
		_, reply = n.again().poll()
		require.Equal(t, "402::session_unknown", reply["error"])
		requireAdvice(t, reply, "handshake")
	})
}

// TestWebSocket61OldSocketStillOpen: the network has changed under the client, and the server doesn't know.
func TestWebSocket61OldSocketStillOpen(t *testing.T) {
	pushing(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		old := connected(t, s, "anna")
		held := old.connect()
		synctest.Wait()
		n := old.again()
		n.poll()
		require.Equal(t, "400::connect_duplicated", held.one()["error"])
		require.NoError(t, only(t, s, "anna").Deliver(event(t, "/a", 1)))
		synctest.Wait()
		require.Empty(t, old.link.events(t))
		require.Len(t, n.link.events(t), 1)
		pass(3 * time.Minute)
		code, _ := old.link.awaitClose(t)
		require.Contains(t, []int{0, websocket.CloseAbnormalClosure}, code, "a socket over which nothing comes is cut")
	})
}

// TestWebSocket61OldSocketCloses: its end is not that of what is pushed on the new one.
func TestWebSocket61OldSocketCloses(t *testing.T) {
	pushing(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		old := connected(t, s, "anna")
		old.connect()
		synctest.Wait()
		n := old.again()
		n.poll()
		old.link.close()
		synctest.Wait()
		require.Equal(t, 1, s.Stats().Sockets)
		require.NoError(t, only(t, s, "anna").Deliver(event(t, "/a", 1)))
		synctest.Wait()
		require.Len(t, n.link.events(t), 1)
	})
}

// TestWebSocket61OldSocketIsStuck: what is being written into the network that was cut holds up nobody who is back, and
// ends nothing.
func TestWebSocket61OldSocketIsStuck(t *testing.T) {
	pushing(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := newClient(t, s, "anna")
		c.handshake()
		old := deafen(t, c)
		session := only(t, s, "anna")
		require.NoError(t, session.Deliver(event(t, "/a", "stuck")))
		synctest.Wait()
		began := time.Now()
		n := newClient(t, s, "anna")
		n.id = c.id
		events, _ := n.poll()
		require.Equal(t, []msg{{"channel": "/a", "data": "stuck"}}, events)
		require.Zero(t, time.Since(began))
		old.swallow()
		pass(bayeux.DefaultMaxInterval / 2)
		synctest.Wait()
		require.Empty(t, session.Reason())
		require.NoError(t, session.Deliver(event(t, "/a", "later")))
		_, reply := n.poll()
		require.Equal(t, true, reply["successful"])
	})
}

func TestWebSocket61TransportSwitch(t *testing.T) {
	pushing(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		session := only(t, s, "anna")
		poller := newClient(t, s.Server, "anna")
		poller.id = c.id
		synctest.Wait()
		held := poller.connect()
		synctest.Wait()
		require.False(t, held.finished(), "the session has connected before: %s", held.Body)
		require.NoError(t, session.Deliver(event(t, "/a", 1)))
		events, _ := held.last()
		require.Len(t, events, 1, "events leave where the last connect was")
		require.Empty(t, c.link.events(t))
		began := time.Now()
		held = poller.connect()
		synctest.Wait()
		require.Equal(t, true, c.subscribe("/a")["successful"], "the socket is still good for the rest")
		require.Zero(t, time.Since(began))
		c.poll()
		<-held.done
		require.Equal(t, http.StatusConflict, held.Code)
		require.NoError(t, session.Deliver(event(t, "/a", 2)))
		synctest.Wait()
		require.Len(t, c.link.events(t), 1)
	})
}

func TestWebSocket62HandshakePerSocket(t *testing.T) {
	pushing(t, bayeux.Options{HandshakePerSocket: true}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		n := c.again()
		_, reply := n.poll()
		require.Equal(t, "402::session_unknown", reply["error"])
		requireAdvice(t, reply, "handshake")
		require.Equal(t, "402::session_unknown", n.subscribe("/a")["error"])
		n.handshake()
		_, reply = n.poll()
		require.Equal(t, true, reply["successful"])
		_, reply = c.poll()
		require.Equal(t, true, reply["successful"], "the first session is where it was")
	})
}

func TestWebSocket63ConnectIsAnsweredBeforeDisconnect(t *testing.T) {
	pushing(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		c.connect()
		synctest.Wait()
		require.NoError(t, c.link.conn.WriteJSON([]msg{{"channel": "/meta/disconnect", "clientId": c.id, "id": "d"}}))
		synctest.Wait()
		list := c.link.events(t) // nobody waits for the disconnect's reply, so it is still here
		last := c.link.frames[len(c.link.frames)-1]
		require.Equal(t, "/meta/disconnect", list[len(list)-1]["channel"])
		require.Contains(t, string(last[len(last)-1]), `"/meta/disconnect"`)
		require.Zero(t, s.Stats().Sessions)
		require.NoError(t, c.link.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, "Disconnect"), time.Now().Add(time.Second)))
		code, reason := c.link.awaitClose(t)
		require.Equal(t, 1000, code)
		require.Empty(t, reason)
		synctest.Wait()
		require.Zero(t, s.Stats().Sockets)
	})
}

// The disconnect may be handled before the connect in front of it is held: clients take a refusal for a failed disconnect.
func TestWebSocket63DisconnectRightBehindAConnect(t *testing.T) {
	pushing(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		require.NoError(t, c.link.conn.WriteJSON([]msg{
			{"channel": "/meta/connect", "clientId": c.id, "connectionType": "websocket", "id": "c"},
			{"channel": "/meta/disconnect", "clientId": c.id, "id": "d"},
		}))
		synctest.Wait()
		list := c.link.events(t)
		require.Len(t, list, 2)
		require.Equal(t, "/meta/connect", list[0]["channel"])
		require.Equal(t, true, list[0]["successful"], list[0])
		require.Equal(t, "/meta/disconnect", list[1]["channel"])
		require.Equal(t, true, list[1]["successful"])
	})
}

func TestWebSocket64SeveralMessagesPerFrame(t *testing.T) {
	pushing(t, bayeux.Options{MaxMessageSize: 1 << 20}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		var all []msg
		for range 50 {
			all = append(all, msg{"channel": "/meta/subscribe", "clientId": c.id, "id": "1", "subscription": "/a"})
		}
		require.Len(t, c.post(all...).messages(), 50)

		// What is too much for one frame comes in several, in order.
		synctest.Wait()
		before := len(c.link.frames)
		session := only(t, s, "anna")
		session.Batch(func() {
			for i := range 300 {
				require.NoError(t, session.Deliver(event(t, "/a", msg{"n": i, "text": strings.Repeat("x", 1000)})))
			}
		})
		synctest.Wait()
		frames := c.link.frames[before:]
		require.Greater(t, len(frames), 4)
		require.Less(t, len(frames), 10)
		for i, e := range c.link.events(t) {
			require.EqualValues(t, i, e["data"].(msg)["n"])
		}
		require.NoError(t, session.Deliver(event(t, "/a", strings.Repeat("y", 200_000))))
		synctest.Wait()
		require.Len(t, c.link.events(t), 1, "an event larger than a frame usually is travels all the same")
	})
}

func TestWebSocket65To67Refusals(t *testing.T) {
	for name, tc := range map[string]struct {
		kind   int
		body   string
		code   int
		reason string
	}{
		"binary":       {websocket.BinaryMessage, `[]`, websocket.CloseUnsupportedData, "Bayeux messages are text"},
		"oversized":    {websocket.TextMessage, "[" + strings.Repeat(" ", 300) + "]", websocket.CloseMessageTooBig, ""},
		"invalid JSON": {websocket.TextMessage, `[{]`, websocket.CloseInternalServerErr, "bayeux: malformed request: invalid JSON at byte 3"},
		"no message":   {websocket.TextMessage, `[]`, websocket.CloseInternalServerErr, "bayeux: malformed request: the array holds no message"},
		"no UTF-8":     {websocket.TextMessage, "\"\xff\"", websocket.CloseInternalServerErr, "bayeux: malformed request: not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			pushing(t, bayeux.Options{MaxMessageSize: 300}, func(t *testing.T, s *rig) {
				c := connected(t, s, "anna")
				require.NoError(t, c.link.conn.WriteMessage(tc.kind, []byte(tc.body)))
				code, reason := c.link.awaitClose(t)
				require.Equal(t, tc.code, code)
				require.Equal(t, tc.reason, reason)
				synctest.Wait()
				require.Zero(t, s.Stats().Sockets)
				require.Empty(t, only(t, s, "anna").Reason(), "the session is not to blame")
				_, reply := c.again().poll()
				require.Equal(t, true, reply["successful"])
			})
		})
	}
}

func TestWebSocket66BadOrigin(t *testing.T) {
	t.Parallel()
	s := newServer(t, bayeux.Options{WebSocket: true, AllowedOrigins: []string{"https://desk.example.com"}})
	for origin, want := range map[string]int{
		"https://evil.example.org":    http.StatusForbidden,
		"null":                        http.StatusForbidden,
		"http://example.com.evil.org": http.StatusForbidden,
		"http://example.com":          http.StatusSwitchingProtocols,
		"https://desk.example.com":    http.StatusSwitchingProtocols,
	} {
		_, response, err := dialPipe(t, s, http.Header{"Origin": {origin}})
		require.Equal(t, want, response.status, origin)
		require.Equal(t, want == http.StatusSwitchingProtocols, err == nil)
	}
}

// TestWebSocket69Unaccepted: a page that would come without its credentials is better off with long-polling.
func TestWebSocket69Unaccepted(t *testing.T) {
	t.Parallel()
	s := newServer(t, bayeux.Options{WebSocket: true, AcceptSocket: func(r *http.Request) bool { return tokenOf(r) != "" }})
	_, response, err := dialPipe(t, s, nil)
	require.Error(t, err)
	require.Equal(t, http.StatusUnauthorized, response.status)
	_, _, err = dialPipe(t, s, http.Header{"Authorization": {"Bearer anna"}})
	require.NoError(t, err)
}

func TestWebSocket68SlowReaderEndsItsSession(t *testing.T) {
	ends := make(chan bayeux.CloseReason, 1)
	opts := bayeux.Options{WriteTimeout: 5 * time.Second, Hooks: bayeux.Hooks{OnClose: func(_ *bayeux.Session, r bayeux.CloseReason) { ends <- r }}}
	pushing(t, opts, func(t *testing.T, s *rig) {
		other := connected(t, s, "berta")
		conn, _, err := dialPipe(t, s, http.Header{"Authorization": {"Bearer anna"}})
		require.NoError(t, err)
		c := newClient(t, s.Server, "anna")
		c.handshake()
		c.socket = true
		connect := c.connectMsg()
		connect["advice"] = msg{"timeout": 0}
		require.NoError(t, conn.WriteJSON([]msg{connect}))
		_, _, err = conn.ReadMessage()
		require.NoError(t, err)

		session := only(t, s, "anna")
		require.NoError(t, session.Deliver(event(t, "/a", 1)))
		pass(5*time.Second - time.Millisecond)
		synctest.Wait()
		require.Empty(t, session.Reason())
		require.NoError(t, only(t, s, "berta").Deliver(event(t, "/a", 1)))
		synctest.Wait()
		require.Len(t, other.link.events(t), 1, "nobody else waits")
		pass(2 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, bayeux.ReasonSlow, <-ends)
		require.Equal(t, 1, s.Stats().Sockets)
		_, reply := c.again().poll()
		require.Equal(t, "402::session_unknown", reply["error"])
	})
}

func TestWebSocket69UpgradeRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t, bayeux.Options{})
	_, response, err := dialPipe(t, s, nil)
	require.ErrorIs(t, err, websocket.ErrBadHandshake)
	require.Equal(t, http.StatusMethodNotAllowed, response.status)
	require.Equal(t, []any{"long-polling"}, newClient(t, s, "anna").handshake()["supportedConnectionTypes"])

	s = newServer(t, bayeux.Options{WebSocket: true})
	a := httptest.NewRecorder() // which can't be taken over
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/cometd", nil)
	for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-Websocket-Version": "13", "Sec-Websocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="} {
		r.Header.Set(name, value)
	}
	s.ServeHTTP(a, r)
	require.GreaterOrEqual(t, a.Code, 400)
	require.Zero(t, s.Stats().Requests)
	require.NoError(t, s.Close(t.Context()))
	a = httptest.NewRecorder()
	s.ServeHTTP(a, r)
	require.Equal(t, http.StatusServiceUnavailable, a.Code)
}

func TestWebSocketCloseOfTheServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server, err := bayeux.NewServer(bayeux.Options{Policy: &house{}, WebSocket: true})
		require.NoError(t, err)
		s := &rig{Server: server, socket: true}
		c, idle := connected(t, s, "anna"), connected(t, s, "berta")
		held := c.connect()
		synctest.Wait()
		began := time.Now()
		require.NoError(t, s.Close(t.Context()))
		require.Zero(t, time.Since(began))
		require.EqualValues(t, 1000, requireAdvice(t, held.one(), "retry")["interval"])
		for _, c := range []*client{c, idle} {
			code, reason := c.link.awaitClose(t)
			require.Equal(t, websocket.CloseGoingAway, code)
			require.Equal(t, "the server is closing", reason)
		}
	})
}
