package gws_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"sidecar/cti"
	"sidecar/cti/gws"
)

// socket is a client's WebSocket: its token is shown once, by the upgrade.
type socket struct {
	t    *testing.T
	conn *websocket.Conn
	id   string
	n    int
}

func newSocket(t *testing.T, url, token string) *socket {
	t.Helper()
	conn, res, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(url, "http"), http.Header{"Authorization": {"Bearer " + token}})
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	t.Cleanup(func() { _ = conn.Close() })
	return &socket{t: t, conn: conn}
}

// send gives the reply to a message; events that come before it are left out.
func (s *socket) send(m map[string]any) message {
	s.t.Helper()
	s.n++
	m["id"], m["clientId"] = strconv.Itoa(s.n), s.id
	require.NoError(s.t, s.conn.WriteJSON([]any{m}))
	for {
		require.NoError(s.t, s.conn.SetReadDeadline(time.Now().Add(waitFor)))
		_, raw, err := s.conn.ReadMessage()
		require.NoError(s.t, err)
		var all []struct {
			message
			ID string `json:"id"`
		}
		require.NoError(s.t, json.Unmarshal(raw, &all), string(raw))
		for _, got := range all {
			if got.ID == m["id"] {
				return got.message
			}
		}
	}
}

func (s *socket) handshake() {
	s.t.Helper()
	reply := s.send(map[string]any{"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": []string{"websocket"}})
	require.True(s.t, reply.ok(), reply.Error)
	s.id = reply.ClientID
}

func (s *socket) subscribe() message {
	s.t.Helper()
	return s.send(map[string]any{"channel": "/meta/subscribe", "subscription": gws.ChannelAgentEvents})
}

// A client that has logged in anew while its WebSocket lives is known by the newer token from then on: the socket goes on showing that
// of its upgrade, which says nothing any more, neither when it is good nor when it is not.
func TestSocketKeepsTheNewerToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, cti.FeedOptions{}, gws.Options{Recheck: time.Hour}).run()
	url := r.serve()
	s := newSocket(t, url, "agent1")
	s.handshake()
	require.True(t, s.subscribe().ok())

	r.people.set("agent1 anew", gws.Principal{ID: "1", OwnDNs: []string{"5001"}})
	anew := newDesktop(t, url, "agent1 anew")
	anew.id = s.id
	require.True(t, anew.subscribe(gws.ChannelCallState).ok())
	require.True(t, s.subscribe().ok(), "a frame with the token of the upgrade")
	r.people.revoke("agent1")
	r.guide.RecheckTokens(t.Context())
	require.Equal(t, 1, r.guide.Count(), "the newer token is the session's")
	require.True(t, s.subscribe().ok())

	r.people.setBroken(true)
	require.True(t, s.subscribe().ok(), "nobody can tell at the moment")
	r.people.setBroken(false)
	old := newDesktop(t, url, "agent1")
	old.id = s.id
	require.Contains(t, old.subscribe(gws.ChannelCallState).Error, "401:", "a request that could show a good one is refused")

	r.people.set("agent1", gws.Principal{ID: "1", OwnDNs: []string{"5001"}})
	require.True(t, old.subscribe(gws.ChannelCallState).ok())
	r.people.revoke("agent1 anew")
	require.Contains(t, s.subscribe().Error, "401:", "an old one does not come back in the place of a newer that was revoked")
	r.guide.RecheckTokens(t.Context())
	require.Eventually(t, func() bool { return r.guide.Count() == 0 }, waitFor, tick)
}

func TestSocketEndsWithItsToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, cti.FeedOptions{}, gws.Options{Recheck: time.Hour}).run()
	s := newSocket(t, r.serve(), "agent1")
	s.handshake()
	require.True(t, s.subscribe().ok())
	r.people.revoke("agent1")
	require.Contains(t, s.subscribe().Error, "401:")
	r.guide.RecheckTokens(t.Context())
	require.Eventually(t, func() bool { return r.guide.Count() == 0 }, waitFor, tick)
}

// However often somebody logs in while the socket lives, the newest token counts.
func TestManyLoginsInOneSession(t *testing.T) {
	t.Parallel()
	r := newRig(t, cti.FeedOptions{}, gws.Options{Recheck: time.Hour}).run()
	url := r.serve()
	s := newSocket(t, url, "agent1")
	s.handshake()
	last := ""
	for i := range 20 {
		last = "agent1 login " + strconv.Itoa(i)
		r.people.set(last, gws.Principal{ID: "1", OwnDNs: []string{"5001"}})
		d := newDesktop(t, url, last)
		d.id = s.id
		require.True(t, d.subscribe(gws.ChannelCallState).ok())
		require.True(t, s.subscribe().ok())
	}
	r.people.revoke("agent1")
	r.guide.RecheckTokens(t.Context())
	require.True(t, s.subscribe().ok())
	r.people.revoke(last)
	require.Contains(t, s.subscribe().Error, "401:")
}

// A page that can't show its token by the upgrade is told so there, and goes on by long-polling.
func TestSocketNeedsItsToken(t *testing.T) {
	t.Parallel()
	url := newRig(t, cti.FeedOptions{}, gws.Options{}).run().serve()
	for _, header := range []http.Header{nil, {"Cookie": {"other=agent1"}}} {
		_, res, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(url, "http"), header)
		require.ErrorIs(t, err, websocket.ErrBadHandshake)
		require.Equal(t, http.StatusUnauthorized, res.StatusCode)
		require.NoError(t, res.Body.Close())
	}
}
