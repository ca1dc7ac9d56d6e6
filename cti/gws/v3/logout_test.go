package v3_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/cti/gws/v3"
)

// cookie is the session's, as the window's browser has it.
func (d *desk) cookie() string {
	d.t.Helper()
	u, err := url.Parse(d.url)
	require.NoError(d.t, err)
	for _, c := range d.client.Jar.Cookies(u) {
		if c.Name == v3.CookieName {
			return c.Value
		}
	}
	return ""
}

// hasCookie reports whether the browser keeps one, be it an empty one.
func (d *desk) hasCookie() bool {
	d.t.Helper()
	u, err := url.Parse(d.url)
	require.NoError(d.t, err)
	return slices.ContainsFunc(d.client.Jar.Cookies(u), func(c *http.Cookie) bool { return c.Name == v3.CookieName })
}

// keeps gives the window a cookie, as one that has not heard of the end.
func (d *desk) keeps(cookie string) {
	d.t.Helper()
	u, err := url.Parse(d.url)
	require.NoError(d.t, err)
	d.client.Jar.SetCookies(u, []*http.Cookie{{Name: v3.CookieName, Value: cookie}})
}

func (d *desk) state(dn string) string {
	v, _ := d.registry.View(dn)
	return string(v.Agent.State)
}

// A logout ends the session: its cookie, its notifications, its token, and the agent's work.
func TestLogout(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.join("anna")
	d.send(http.MethodPost, "/activate-channels", `{"data": {"dn": "5001"}}`)
	require.Equal(t, "NotReady", d.state("5001"))
	require.True(t, d.server.Present("5001"))
	old := d.cookie()
	require.NotEmpty(t, old)
	status, reply := d.send(http.MethodPost, "/logout", ``)
	require.Equal(t, http.StatusOK, status)
	require.InDelta(t, 0, code(reply), 0)
	require.Empty(t, d.cookie(), "the browser forgets it")
	require.False(t, d.hasCookie())
	require.Equal(t, "LoggedOut", d.state("5001"))
	require.Equal(t, []string{"anna"}, r.tokens.ended())
	require.Eventually(t, func() bool { return !d.server.Present("5001") }, 20*time.Second, time.Millisecond, "a held poll ends at once, not by its time")

	d.keeps(old)
	for _, path := range []string{"/voice/ready", "/logout", "/activate-channels"} {
		status, reply = d.send(http.MethodPost, path, `{}`)
		require.Equal(t, http.StatusForbidden, status, path)
		require.InDelta(t, 603, code(reply), 0)
	}
	status, _ = d.send(http.MethodGet, "/current-session", "")
	require.Equal(t, http.StatusForbidden, status)
	connect := d.bayeux(map[string]any{"channel": "/meta/connect", "connectionType": "long-polling"})
	require.Equal(t, false, connect[len(connect)-1]["successful"], "the notifications have ended too")
	d.id = ""
	handshake := d.bayeux(map[string]any{"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": []string{"long-polling"}})[0]
	require.Equal(t, false, handshake["successful"])
	advice, _ := handshake["advice"].(map[string]any)
	require.Equal(t, "none", advice["reconnect"], "clients don't try on and on")

	again := r.join("anna")
	status, _ = again.send(http.MethodPost, "/voice/ready", "")
	require.Equal(t, http.StatusConflict, status, "the voice channel went with the session")
	require.Equal(t, "Complete", again.next(v3.ChannelInitialization, "WorkspaceInitializationComplete")["state"])
	status, _ = again.send(http.MethodPost, "/activate-channels", `{"data": {"dn": "5001"}}`)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "NotReady", again.state("5001"))
}

// Of two windows of a user one may go: the agent goes on in the other, with the token that both have.
func TestLogoutOfOneWindow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first, second := r.join("anna"), r.join("anna")
	require.NotEqual(t, first.cookie(), second.cookie())
	first.send(http.MethodPost, "/activate-channels", `{"data": {"dn": "5001"}}`)
	for _, d := range []*desk{first, second} {
		d.next(v3.ChannelVoice, "DnStateChanged")
	}
	first.send(http.MethodPost, "/logout", "")
	require.Empty(t, r.tokens.ended())
	require.Equal(t, "NotReady", second.state("5001"))
	status, _ := second.send(http.MethodPost, "/voice/ready", "")
	require.Equal(t, http.StatusOK, status)
	for state := ""; state != "Ready"; {
		dn, _ := second.next(v3.ChannelVoice, "DnStateChanged")["dn"].(map[string]any)
		state, _ = dn["agentState"].(string)
	}
	second.send(http.MethodPost, "/logout", "")
	require.Equal(t, []string{"anna"}, r.tokens.ended())
	require.Equal(t, "LoggedOut", second.state("5001"))
}

// A page that is loaded again keeps its session.
func TestInitializeAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.join("anna")
	d.send(http.MethodPost, "/activate-channels", `{"data": {"dn": "5001"}}`)
	before := d.cookie()
	status, _ := d.post(v3.Base+"/initialize-workspace", nil, "Authorization", "Bearer anna")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, before, d.cookie())
	status, _ = d.send(http.MethodPost, "/voice/ready", "")
	require.Equal(t, http.StatusOK, status, "and its voice channel")
	status, _ = d.post(v3.Base+"/initialize-workspace", nil, "Authorization", "Bearer ben")
	require.Equal(t, http.StatusOK, status)
	require.NotEqual(t, before, d.cookie(), "somebody else gets one of his own")
	status, _ = d.send(http.MethodPost, "/voice/ready", "")
	require.Equal(t, http.StatusConflict, status, "without the other's DN")
}

// The redirect of a logout ends the session as well, leads to known pages only, and may not be had by a foreign page.
func TestLogoutRedirect(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.join("anna")
	d.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	get := func(path string) (status int, to string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url+v3.Base+path, http.NoBody)
		require.NoError(t, err)
		resp, err := d.client.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode, resp.Header.Get("Location")
	}
	status, _ := get("/logout?redirect_uri=https%3A%2F%2Fevil.example%2F")
	require.Equal(t, http.StatusBadRequest, status)
	require.NotEmpty(t, d.cookie())
	old := d.cookie()
	status, to := get("/logout?redirect_uri=" + url.QueryEscape(d.url+"/bye"))
	require.Equal(t, http.StatusFound, status)
	require.Equal(t, d.url+"/bye", to)
	require.Empty(t, d.cookie())
	d.keeps(old)
	status, _ = d.send(http.MethodGet, "/current-session", "")
	require.Equal(t, http.StatusForbidden, status)
	status, _ = get("/logout")
	require.Equal(t, http.StatusOK, status, "twice does no harm")
	status, to = get("/login?redirect_uri=" + url.QueryEscape(d.url+"/page") + "&state=s&type=x&locale=en&include_state=true")
	require.Equal(t, http.StatusFound, status)
	require.True(t, strings.HasPrefix(to, "/auth/v3/oauth/authorize?"))
	require.Contains(t, to, "state=s")
}

// The cookie is of the whole site, out of reach of scripts, and goes with the browser.
func TestSessionCookie(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.desk()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.url+v3.Base+"/initialize-workspace", http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer anna")
	resp, err := d.client.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	var got *http.Cookie
	for _, c := range resp.Cookies() {
		if c.Name == v3.CookieName {
			got = c
		}
	}
	require.NotNil(t, got)
	require.Equal(t, []any{"/", true, false, http.SameSiteLaxMode}, []any{got.Path, got.HttpOnly, got.Secure, got.SameSite}, "no Secure without TLS")
	require.Zero(t, got.MaxAge)
	require.True(t, got.Expires.Before(time.Now()), "it goes with the browser")
}
