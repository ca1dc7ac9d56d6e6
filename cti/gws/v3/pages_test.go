package v3_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/cti/gws/v3"
)

func form(values ...string) []byte {
	f := url.Values{}
	for i := 0; i+1 < len(values); i += 2 {
		f.Set(values[i], values[i+1])
	}
	return []byte(f.Encode())
}

// A page of a foreign host gets its visitor neither in nor out, and commands nothing.
func TestForeignPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.join("anna")
	d.send(http.MethodPost, "/activate-channels", `{"data": {"dn": "5001"}}`)
	for _, c := range []struct{ path, body string }{
		{v3.Base + "/voice/ready", "{}"},
		{v3.Base + "/initialize-workspace", ""},
		{"/auth/v3/sign-in", string(form("username", "anna", "password", "good", "redirect_uri", r.url))},
		{"/auth/v3/oauth/token", string(form("grant_type", "password", "username", "anna", "password", "good"))},
	} {
		status, reply := d.request(http.MethodPost, c.path, []byte(c.body), "Origin", evil, "Authorization", "Bearer anna", "Content-Type", "application/x-www-form-urlencoded")
		require.Equal(t, http.StatusForbidden, status, c.path)
		require.InDelta(t, 603, code(reply), 0)
	}
	status, _ := d.request(http.MethodGet, v3.Base+"/logout", nil, "Origin", evil)
	require.Equal(t, http.StatusForbidden, status)
	require.Equal(t, "NotReady", d.state("5001"))
	require.NotEmpty(t, d.must("/current-session"))
}

// Pages of an allowed origin are answered as browsers want it, and their session's cookie comes along where there is TLS.
func TestPagesOfAllowedOrigins(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, quiet{}, func(o *v3.Options) {
		o.Origins, o.Client = []string{friend}, func(*http.Request) (string, bool) { return "", true }
	})
	ask := func(method, origin string, header ...string) *httptest.ResponseRecorder {
		t.Helper()
		req := httptest.NewRequestWithContext(t.Context(), method, v3.Base+"/initialize-workspace", http.NoBody)
		req.Header.Set("Origin", origin)
		req.Header.Set("Authorization", "Bearer anna")
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		r.server.ServeHTTP(w, req)
		return w
	}
	w := ask(http.MethodPost, friend)
	require.Equal(t, []string{friend, "true"}, []string{w.Header().Get("Access-Control-Allow-Origin"), w.Header().Get("Access-Control-Allow-Credentials")})
	require.Equal(t, []any{true, http.SameSiteNoneMode}, []any{w.Result().Cookies()[0].Secure, w.Result().Cookies()[0].SameSite})
	require.Empty(t, ask(http.MethodPost, "https://desk.test.evil").Header().Get("Access-Control-Allow-Origin"))
}

// The form of the sign-in page gives a code to the page that asked, and its state back.
func TestSignIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	send := func(method, path string, body []byte) *httptest.ResponseRecorder {
		t.Helper()
		req := httptest.NewRequestWithContext(t.Context(), method, r.url+path, strings.NewReader(string(body)))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		r.server.ServeHTTP(w, req)
		return w
	}
	page := r.url + "/desk"
	shown := send(http.MethodGet, "/auth/v3/oauth/authorize?redirect_uri="+url.QueryEscape(page), nil)
	require.Equal(t, []any{http.StatusOK, "DENY"}, []any{shown.Code, shown.Header().Get("X-Frame-Options")})
	w := send(http.MethodPost, "/auth/v3/sign-in", form("username", "anna", "password", "good", "redirect_uri", page, "state", "s"))
	require.Equal(t, http.StatusFound, w.Code)
	back, err := url.Parse(w.Header().Get("Location"))
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(back.String(), page))
	require.Equal(t, "s", back.Query().Get("state"))
	require.NotEmpty(t, back.Query().Get("code"))
	for to, want := range map[string]int{
		"https://evil.test/": 400, "javascript:x": 400, "": 400, page + "#x": 400, strings.Replace(page, "http://", "http://user@", 1): 400, page: 302,
	} {
		require.Equal(t, want, send(http.MethodPost, "/auth/v3/sign-in", form("username", "anna", "password", "good", "redirect_uri", to)).Code, to)
	}
	for password, want := range map[string]int{"bad": 403, "once more": 429} {
		require.Equal(t, want, send(http.MethodPost, "/auth/v3/sign-in", form("username", "anna", "password", password, "redirect_uri", page)).Code, password)
	}
}

// A session ends with its token, and lasts when its page has brought a newer one.
func TestSessionAndItsToken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.join("anna")
	d.send(http.MethodPost, "/activate-channels", `{"data": {"dn": "5001"}}`)
	status, _ := d.post(v3.Base+"/initialize-workspace", nil, "Authorization", "Bearer anna+")
	require.Equal(t, http.StatusOK, status)
	r.tokens.revoke("anna")
	require.NotEmpty(t, d.must("/current-session"), "by the newer token")
	r.tokens.revoke("anna+")
	status, reply := d.send(http.MethodGet, "/current-session", "")
	require.Equal(t, http.StatusForbidden, status)
	require.InDelta(t, 603, code(reply), 0)
	require.Eventually(t, func() bool { return !r.server.Present("5001") }, 20*time.Second, time.Millisecond, "its notifications too")
}

// Notifications are the session's of the cookie or, from clients without cookies, of the token; not of two users at once.
func TestNotificationsByToken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.join("ben")
	own := r.join("anna")
	shake := func(d *desk, token string) bool {
		t.Helper()
		_, reply := d.post(v3.Base+"/notifications", []any{map[string]any{
			"channel": "/meta/handshake", "id": "1", "version": "1.0", "supportedConnectionTypes": []string{"long-polling"},
		}}, "Authorization", "Bearer "+token)
		list, _ := reply["list"].([]map[string]any)
		ok, _ := list[0]["successful"].(bool)
		return ok
	}
	own.next(v3.ChannelMedia, "ChannelStateChanged")
	require.True(t, shake(r.desk(), "anna"))
	require.True(t, shake(own, "anna"))
	require.False(t, shake(r.desk(), "boss"), "who has no session")
	require.False(t, shake(own, "ben"))

	for channel, want := range map[string]bool{"/workspace/v3/contacts": true, v3.ChannelStatistics: true, "/workspace/v3/other": false, "/user/agent/events": false} {
		require.Equal(t, want, own.bayeux(map[string]any{"channel": "/meta/subscribe", "subscription": channel})[0]["successful"], channel)
	}
}

// A supervisor may work at the DN of somebody of the team, and is told of it.
func TestWorkAtAnothersDN(t *testing.T) {
	t.Parallel()
	d := newRig(t).join("boss")
	status, reply := d.send(http.MethodPost, "/activate-channels", `{"data": {"dn": "5002", "agentId": "ben"}}`)
	require.Equal(t, http.StatusOK, status, reply)
	dn, _ := d.next(v3.ChannelVoice, "DnStateChanged")["dn"].(map[string]any)
	require.Equal(t, "5002", dn["number"])
	status, _ = d.send(http.MethodPost, "/voice/ready", "")
	require.Equal(t, http.StatusOK, status)
	for state := ""; state != "Ready"; {
		dn, _ = d.next(v3.ChannelVoice, "DnStateChanged")["dn"].(map[string]any)
		state, _ = dn["agentState"].(string)
	}
}
