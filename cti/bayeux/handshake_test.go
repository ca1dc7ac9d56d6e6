package bayeux_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/cti/bayeux"
)

// The numbers in the names are those of conformance.md.

func TestHandshake01Minimal(t *testing.T) {
	t.Parallel()
	c := newClient(t, newServer(t, bayeux.Options{}), "anna")
	m := c.post(msg{"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": []string{"long-polling"}}).one()
	require.Equal(t, true, m["successful"])
	require.Equal(t, "1.0", m["version"])
	require.Equal(t, []any{"long-polling"}, m["supportedConnectionTypes"])
	require.Len(t, m["clientId"], 40)
	require.NotContains(t, m, "id")
	a := requireAdvice(t, m, "retry")
	require.EqualValues(t, 30000, a["timeout"])
	require.EqualValues(t, 0, a["interval"])
	require.EqualValues(t, 60000, a["maxInterval"])
}

func TestHandshake02EchoesID(t *testing.T) {
	eachTransport(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := newClient(t, s, "anna")
		for raw, want := range map[string]any{`"17"`: "17", `"a-b_c.d"`: "a-b_c.d", `4`: float64(4)} {
			m := c.raw(`[{"channel":"/meta/handshake","version":"1.0","id":` + raw + `,"supportedConnectionTypes":["long-polling"]}]`).one()
			require.Equal(t, true, m["successful"])
			require.Equal(t, want, m["id"])
		}
		for _, raw := range []string{`"<script>"`, `"a b"`, `"` + strings.Repeat("a", 65) + `"`, `{"a":1}`, `[1]`, `true`} {
			m := c.raw(`[{"channel":"/meta/handshake","version":"1.0","id":` + raw + `,"supportedConnectionTypes":["long-polling"]}]`).one()
			require.Equal(t, false, m["successful"])
			require.Equal(t, "405::message_id_invalid", m["error"])
			require.NotContains(t, m, "id")
			requireAdvice(t, m, "none")
		}
	})
}

func TestHandshake03NoCommonTransportOrVersion(t *testing.T) {
	eachTransport(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := newClient(t, s, "anna")
		for want, change := range map[string]msg{
			"400::connection_type_unsupported": {"supportedConnectionTypes": []string{"callback-polling"}},
			"400::version_unsupported":         {"version": "2.0"},
		} {
			m := handshakeMsg()
			maps.Copy(m, change)
			got := c.post(m).one()
			require.Equal(t, false, got["successful"])
			require.Equal(t, want, got["error"])
			require.NotContains(t, got, "clientId")
			requireAdvice(t, got, "none")
		}
		require.Zero(t, s.Stats().Sessions)
	})
}

func TestHandshake04IgnoresCompanions(t *testing.T) {
	eachTransport(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		anna := connected(t, s, "anna")
		sub := msg{"channel": "/meta/subscribe", "clientId": anna.id, "id": "2", "subscription": "/a/b"}
		m := anna.post(sub, handshakeMsg(), sub).one()
		require.Equal(t, "/meta/handshake", m["channel"])
		require.Equal(t, true, m["successful"])
		require.False(t, s.Sessions("anna")[0].Subscribed("/a/b"))
		require.False(t, s.Sessions("anna")[1].Subscribed("/a/b"))
	})
}

func TestHandshake05Denied(t *testing.T) {
	eachTransport(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		a := newClient(t, s, "nobody").post(handshakeMsg())
		m := a.one()
		require.Equal(t, false, m["successful"])
		require.Equal(t, "403::handshake_denied", m["error"], "the cause stays in the log")
		require.NotContains(t, m, "clientId")
		require.Empty(t, a.Result().Cookies())
		requireAdvice(t, m, "none")
		require.Zero(t, s.Stats().Sessions)

		m = newClient(t, s, "busy").post(handshakeMsg()).one()
		require.Equal(t, "403:come back  later:handshake_denied", m["error"])
		require.EqualValues(t, 7000, requireAdvice(t, m, "handshake")["interval"])
	})
}

func TestHandshake05CredentialsInExt(t *testing.T) {
	eachTransport(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		m := handshakeMsg()
		m["ext"] = msg{"auth": msg{"token": "berta"}, "since": "e:5"}
		require.Equal(t, true, newClient(t, s, "").post(m).one()["successful"])
		require.Len(t, s.Sessions("berta"), 1)
		require.JSONEq(t, `{"auth":{"token":"berta"},"since":"e:5"}`, string(s.Sessions("berta")[0].HandshakeExt()))
	})
}

func TestHandshake07CookieSetOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t, bayeux.Options{AllowedOrigins: []string{"https://desk.example.com"}})
	c := newClient(t, s, "anna")
	cookies := c.post(handshakeMsg()).Result().Cookies()
	require.Len(t, cookies, 1)
	require.Equal(t, "BAYEUX_BROWSER", cookies[0].Name)
	require.Equal(t, "/", cookies[0].Path)
	require.True(t, cookies[0].HttpOnly)
	require.False(t, cookies[0].Secure, "a browser would not send it back over plain http")
	require.Equal(t, http.SameSiteLaxMode, cookies[0].SameSite)
	c.cookie = cookies[0].Value
	require.Empty(t, c.post(handshakeMsg()).Result().Cookies())

	secure := newServer(t, bayeux.Options{SecureCookies: true, AllowedOrigins: []string{"https://desk.example.com"}})
	c = newClient(t, secure, "anna")
	c.header.Set("Origin", "https://desk.example.com")
	cookies = c.post(handshakeMsg()).Result().Cookies()
	require.Len(t, cookies, 1)
	require.True(t, cookies[0].Secure)
	require.Equal(t, http.SameSiteNoneMode, cookies[0].SameSite)
}

func TestHandshake08ClientIDsAreUnique(t *testing.T) {
	t.Parallel()
	const n = 100_000
	seen := make(map[string]bool, n)
	for range n {
		id := bayeux.NewID()
		require.False(t, seen[id])
		seen[id] = true
	}
	s := newServer(t, bayeux.Options{})
	require.Regexp(t, "^[0-9a-f]{40}$", newClient(t, s, "anna").handshake()["clientId"])
}

func TestHandshake09LoneObjectAndForm(t *testing.T) {
	t.Parallel()
	c := newClient(t, newServer(t, bayeux.Options{}), "anna")
	lone := `{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["long-polling"]}`
	require.Equal(t, true, c.raw(lone).one()["successful"])
	c.header.Set("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8")
	require.Equal(t, true, c.raw("message=" + strings.ReplaceAll(lone, `"`, "%22")).one()["successful"])
	require.Equal(t, http.StatusBadRequest, c.raw("massage=1").Code)
}

func TestHandshake10And11BadBodies(t *testing.T) {
	t.Parallel()
	s := newServer(t, bayeux.Options{MaxMessageSize: 200})
	c := newClient(t, s, "anna")
	for body, want := range map[string]string{
		"":                          "want a JSON array",
		"[]":                        "the array holds no message",
		"[{]":                       "invalid JSON at byte 3",
		`[{"channel":"/a"}]x`:       "invalid JSON at byte",
		`"text"`:                    "want a JSON array",
		"[null]":                    "message 1 is no object",
		`[{"channel":"/a"},7]`:      "message 2 is no object",
		`[{"channel":5}]`:           "channel can't be a JSON number",
		`{"channel":["/a"]}`:        "channel can't be a JSON array",
		"[{\"channel\":\"/\xff\"}]": "not UTF-8",
	} {
		a := c.raw(body)
		require.Equal(t, http.StatusBadRequest, a.Code, body)
		require.Contains(t, a.Body.String(), want, body)
	}
	a := c.raw("[" + strings.Repeat(" ", 200) + "]")
	require.Equal(t, http.StatusRequestEntityTooLarge, a.Code)
	require.Contains(t, a.Body.String(), "the limit is 200 bytes")
}

func TestHandshake12OnlyPost(t *testing.T) {
	t.Parallel()
	s := newServer(t, bayeux.Options{})
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodHead} {
		for _, target := range []string{"/cometd", "/cometd/handshake?jsonp=stolen&message=" + url.QueryEscape(`[{"channel":"/meta/handshake"}]`)} {
			a := httptest.NewRecorder()
			s.ServeHTTP(a, httptest.NewRequestWithContext(t.Context(), method, target, nil))
			require.Equal(t, http.StatusMethodNotAllowed, a.Code)
			require.Equal(t, "OPTIONS, POST", a.Header().Get("Allow"))
			require.NotContains(t, a.Body.String(), "stolen", "no script for pages of other origins")
		}
	}
}

func TestHandshake13Suffixes(t *testing.T) {
	t.Parallel()
	s := newServer(t, bayeux.Options{})
	mux := http.NewServeMux()
	mux.Handle("/cometd", s)
	mux.Handle("/cometd/", s)
	for _, path := range []string{"/cometd", "/cometd/", "/cometd/handshake", "/cometd/connect", "/cometd/disconnect"} {
		a := httptest.NewRecorder()
		r := newClient(t, s, "anna").request(t.Context(), newClient(t, s, "").encode(handshakeMsg()))
		r.URL.Path = path
		mux.ServeHTTP(a, r)
		require.Equal(t, http.StatusOK, a.Code, path)
		require.Equal(t, "no-store", a.Header().Get("Cache-Control"))
		require.Equal(t, "application/json;charset=UTF-8", a.Header().Get("Content-Type"))
	}
}

func TestHandshake14Origins(t *testing.T) {
	t.Parallel()
	s := newServer(t, bayeux.Options{AllowedOrigins: []string{"https://desk.example.com"}})
	c := newClient(t, s, "anna")

	preflight := func(origin string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodOptions, "/cometd/handshake", nil)
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", "POST")
		a := httptest.NewRecorder()
		s.ServeHTTP(a, r)
		return a
	}
	a := preflight("https://desk.example.com")
	require.Equal(t, http.StatusNoContent, a.Code)
	require.Equal(t, "https://desk.example.com", a.Header().Get("Access-Control-Allow-Origin"))
	require.Equal(t, "true", a.Header().Get("Access-Control-Allow-Credentials"))
	require.Contains(t, a.Header().Get("Access-Control-Allow-Headers"), "x-api-key")
	require.Equal(t, "Origin", a.Header().Get("Vary"))

	for _, origin := range []string{"https://evil.example.com", "http://desk.example.com", "null", "https://desk.example.com.evil.org"} {
		a := preflight(origin)
		require.Equal(t, http.StatusForbidden, a.Code, origin)
		require.Empty(t, a.Header().Get("Access-Control-Allow-Origin"))
		c.header.Set("Origin", origin)
		require.Equal(t, http.StatusForbidden, c.post(handshakeMsg()).Code, origin)
	}
	hostless := c.request(t.Context(), c.encode(handshakeMsg())) // HTTP/1.0
	hostless.Host = ""
	hostless.Header.Set("Origin", "null")
	refused := httptest.NewRecorder()
	s.ServeHTTP(refused, hostless)
	require.Equal(t, http.StatusForbidden, refused.Code)
	c.header.Set("Origin", "https://desk.example.com")
	require.Equal(t, "https://desk.example.com", c.post(handshakeMsg()).Header().Get("Access-Control-Allow-Origin"))
	c.header.Set("Origin", "http://example.com") // the host that httptest requests name
	require.Equal(t, http.StatusOK, c.post(handshakeMsg()).Code)
}

func TestSessionsPerPrincipalTheLongestIdleMakesRoom(t *testing.T) {
	inBubbles(t, bayeux.Options{MaxSessionsPerPrincipal: 3}, func(t *testing.T, s *rig) {
		var all []*client
		for range 3 {
			all = append(all, connected(t, s, "anna"))
			pass(time.Second)
		}
		all[0].poll()
		connected(t, s, "anna")
		for i, stays := range []bool{true, false, true} {
			_, reply := all[i].poll()
			require.Equal(t, stays, reply["successful"], i)
		}
	})
}

func TestSessionsPerPrincipal(t *testing.T) {
	t.Parallel()
	s := newServer(t, bayeux.Options{MaxSessionsPerPrincipal: 2})
	left, held := newClient(t, s, "anna"), connected(t, s, "anna")
	left.handshake()
	hanging := held.connect()
	require.Eventually(t, func() bool { return s.Stats().Requests == 1 }, waitLimit, waitStep)

	third := connected(t, s, "anna") // takes the place of the one that never connected
	require.Len(t, s.Sessions("anna"), 2)
	events, reply := left.poll()
	require.Empty(t, events)
	require.Equal(t, "402::session_unknown", reply["error"])
	requireAdvice(t, reply, "handshake")

	hangingToo := third.connect()
	require.Eventually(t, func() bool { return s.Stats().Requests == 2 }, waitLimit, waitStep)
	m := left.post(handshakeMsg()).one()
	require.Equal(t, "403:too many sessions:handshake_denied", m["error"])
	require.EqualValues(t, 5000, requireAdvice(t, m, "handshake")["interval"])
	require.False(t, hanging.finished())
	require.False(t, hangingToo.finished())
	for _, session := range s.Sessions("anna") {
		session.Close("test is over")
	}
	<-hanging.done
	<-hangingToo.done
	connected(t, s, "berta")
}
