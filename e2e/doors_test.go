//go:build e2e

package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
)

// cometdDoor is one of the places where the daemon takes CometD clients.
type cometdDoor struct {
	path, channel string
	// enter gives the headers by which a user is known there.
	enter func(s *system, user string) http.Header
}

func byToken(s *system, user string) http.Header {
	return http.Header{"Authorization": {"Bearer " + s.token(user)}}
}

func bySession(s *system, user string) http.Header {
	return http.Header{"Cookie": {"WORKSPACE_SESSIONID=" + s.v3Session(user).cookie}}
}

func cometdDoors() []cometdDoor {
	return []cometdDoor{
		{"/cometd", "/user/agent/events", byToken},
		{"/api/v2/notifications", "/v2/me/calls", byToken},
		{"/workspace/v3/notifications", "/workspace/v3/voice", bySession},
	}
}

// intruder speaks CometD without being a CometD client.
type intruder struct {
	t      *testing.T
	url    string // without the scheme
	door   cometdDoor
	header http.Header
	client *http.Client
	socket bool
	conn   *websocket.Conn
	id     string
}

// elsewhere is where intruders come from: the proxy on this host says so. They must not use up what the innocent have.
const elsewhere = "203.0.113.66"

func (s *system) intruder(door cometdDoor, header http.Header, socket bool) *intruder {
	s.t.Helper()
	header = header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("X-Forwarded-For", elsewhere)
	i := &intruder{t: s.t, url: "://" + s.http + door.path, door: door, header: header, client: &http.Client{Transport: &http.Transport{}}, socket: socket}
	s.t.Cleanup(func() { i.client.CloseIdleConnections(); i.hangUp() })
	return i
}

// answered is what comes back: Bayeux replies, or the status or close code in their place.
type answered struct {
	refused int
	list    []bayeuxReply
}

type bayeuxReply struct {
	Channel, ClientID, Error string
	Successful               bool
	Data                     json.RawMessage
	Advice                   struct{ Reconnect string }
}

// one is the reply to a lone message.
func (a answered) one(t *testing.T) bayeuxReply {
	t.Helper()
	require.Zero(t, a.refused)
	for _, r := range a.list {
		if r.Data == nil {
			return r
		}
	}
	require.Fail(t, "there is no reply", "%v", a.list)
	return bayeuxReply{}
}

// dial opens the socket; the status is not 101 if it was refused.
func (i *intruder) dial() (status int) {
	if i.conn != nil {
		return http.StatusSwitchingProtocols
	}
	conn, resp, err := websocket.DefaultDialer.DialContext(i.t.Context(), "ws"+i.url, i.header)
	if resp == nil {
		i.t.Errorf("dialing: %v", err)
		return 0
	}
	_ = resp.Body.Close()
	if err == nil {
		i.conn = conn
	}
	return resp.StatusCode
}

func (i *intruder) hangUp() {
	if i.conn != nil {
		_ = i.conn.Close()
		i.conn = nil
	}
}

// raw sends a body or frame, from any goroutine, and takes what comes next. What isn't a refusal or an array is an error.
func (i *intruder) raw(kind int, body []byte) (a answered) {
	var text []byte
	if i.socket {
		if status := i.dial(); status != http.StatusSwitchingProtocols {
			return answered{refused: status}
		}
		err := i.conn.WriteMessage(kind, body)
		if err == nil {
			_, text, err = i.conn.ReadMessage()
		}
		if err != nil {
			i.hangUp()
			code := 0                                     // the connection is gone without a word
			if e, ok := err.(*websocket.CloseError); ok { //nolint:errorlint // never wrapped
				code = e.Code
			}
			return answered{refused: code}
		}
	} else {
		req, err := http.NewRequestWithContext(i.t.Context(), http.MethodPost, "http"+i.url, bytes.NewReader(body))
		if err != nil {
			i.t.Error(err)
			return a
		}
		req.Header = i.header.Clone()
		req.Header.Set("Content-Type", "application/json")
		resp, err := i.client.Do(req)
		if err != nil {
			return a // nobody waits for the rest of a body that is too long
		}
		defer func() { _ = resp.Body.Close() }()
		if text, err = io.ReadAll(resp.Body); err != nil {
			i.t.Error(err)
		}
		if resp.StatusCode != http.StatusOK {
			return answered{refused: resp.StatusCode}
		}
	}
	if err := json.Unmarshal(text, &a.list); err != nil || len(a.list) == 0 {
		i.t.Errorf("%s: %v: %s", i.door.path, err, text)
	}
	return a
}

func (i *intruder) send(messages ...object) answered {
	body, err := json.Marshal(messages)
	if err != nil {
		i.t.Error(err)
	}
	return i.raw(websocket.TextMessage, body)
}

func (i *intruder) kind() string {
	if i.socket {
		return "websocket"
	}
	return "long-polling"
}

func (i *intruder) shake() answered {
	return i.send(object{"channel": "/meta/handshake", "id": "1", "version": "1.0", "supportedConnectionTypes": []string{i.kind()}})
}

func (i *intruder) connect() answered {
	return i.send(object{"channel": "/meta/connect", "id": "2", "clientId": i.id, "connectionType": i.kind(), "advice": object{"timeout": 0}})
}

func (i *intruder) subscribe(channel any) answered {
	return i.send(object{"channel": "/meta/subscribe", "id": "3", "clientId": i.id, "subscription": channel})
}

// within opens a session.
func (i *intruder) within() *intruder {
	i.t.Helper()
	r := i.shake().one(i.t)
	require.True(i.t, r.Successful, r.Error)
	i.id = r.ClientID
	return i
}

// Each CometD door, by each transport: what is wrong gets the protocol's own error, and the session that it was aimed at
// doesn't notice.
func TestDoorsRefuse(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "")
	for _, door := range cometdDoors() {
		victim := s.intruder(door, door.enter(s, "5001"), false).within()
		require.True(t, victim.connect().one(t).Successful)
		for _, socket := range []bool{false, true} {
			t.Run(strings.TrimPrefix(door.path, "/")+" "+(&intruder{socket: socket}).kind(), func(t *testing.T) {
				doorRefuses(s.in(t), door, socket, victim)
			})
			victim.t = t
			require.True(t, victim.connect().one(t).Successful, "nothing has become of it")
		}
	}
}

func doorRefuses(s *system, door cometdDoor, socket bool, victim *intruder) {
	t := s.t
	own := door.enter(s, "5002")
	wrong := http.Header{"Authorization": {"Bearer wrong"}, "Cookie": {"WORKSPACE_SESSIONID=wrong"}}
	for name, header := range map[string]http.Header{"nobody": nil, "somebody wrong": wrong} {
		a := s.intruder(door, header, socket).shake()
		if socket && a.refused != 0 {
			require.Equal(t, http.StatusUnauthorized, a.refused, name)
			continue
		}
		r := a.one(t)
		require.True(t, strings.HasPrefix(r.Error, "403:") && strings.HasSuffix(r.Error, ":handshake_denied"), r.Error)
		require.Equal(t, "none", r.Advice.Reconnect)
		require.Empty(t, r.ClientID)
	}

	thief := s.intruder(door, own, socket)
	thief.id = victim.id
	require.Equal(t, "402::session_unknown", thief.subscribe(door.channel).one(t).Error)
	r := thief.connect().one(t)
	require.Equal(t, "402::session_unknown", r.Error)
	require.Equal(t, "handshake", r.Advice.Reconnect)
	require.Equal(t, "402::session_unknown", thief.send(object{"channel": "/meta/disconnect", "id": "4", "clientId": victim.id}).one(t).Error)

	agent := s.intruder(door, own, socket).within()
	wrongChannels := []any{
		"/**", "/*", "/user/**", "/v2/*", "/v2/**", "/workspace/v3/**", "/phone/**", "/phone/*", "/user/agent/events/5001", "/v2/5001/calls",
		[]string{door.channel, "/**"},
		"/meta/connect", "/no/such/channel", "/" + strings.Repeat("x", 300), "no slash", 7,
		[]string{},
		nil,
	}
	for _, channel := range wrongChannels {
		r := agent.subscribe(channel).one(t)
		require.True(t, strings.HasPrefix(r.Error, "403:"), "%v: %s", channel, r.Error)
	}
	require.Regexp(t, "^403:.*:publish_denied$", agent.send(object{"channel": door.channel, "id": "5", "clientId": agent.id, "data": object{"event": "Ringing"}}).one(t).Error)
	require.Equal(t, "404::channel_unknown", agent.send(object{"channel": "/meta/take-over", "id": "6", "clientId": agent.id}).one(t).Error)

	tooLarge, malformed := http.StatusRequestEntityTooLarge, http.StatusBadRequest
	if socket {
		tooLarge, malformed = websocket.CloseMessageTooBig, websocket.CloseInternalServerErr
		require.Equal(t, websocket.CloseUnsupportedData, s.intruder(door, own, true).raw(websocket.BinaryMessage, []byte("[]")).refused)
	}
	for body, want := range map[string]int{
		`[{"channel":"/meta/subscribe","x":"` + strings.Repeat("x", 70_000) + `"}]`: tooLarge,
		"[" + strings.Repeat("{},", 20_000) + "{}]":                                 tooLarge,
		strings.Repeat("[", 60_000):                                                 malformed,
		`[{"channel":"/meta/handshake"`:                                             malformed,
		"\"\xff\"":                                                                  malformed,
		"[]":                                                                        malformed,
		"[null]":                                                                    malformed,
		`[{"channel":["/meta/handshake"]}]`:                                         malformed,
	} {
		require.Equal(t, want, s.intruder(door, own, socket).raw(websocket.TextMessage, []byte(body)).refused, "%.40s", body)
	}
	require.True(t, agent.connect().one(t).Successful, "who was refused may go on")
}
