//go:build e2e

package e2e_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

// v3Door asks the Workspace API without the published client, as whoever means harm would.
type v3Door struct {
	*system

	cookie string // of the session; empty: there is none
	header http.Header
}

func (d *v3Door) ask(method, path, body string) reply {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, "http://"+d.http+path, strings.NewReader(body))
	require.NoError(d.t, err)
	req.Header = d.header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	if body != "" && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if d.cookie != "" {
		req.AddCookie(&http.Cookie{Name: "WORKSPACE_SESSIONID", Value: d.cookie})
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	require.NoError(d.t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(d.t, err)
	return reply{t: d.t, status: resp.StatusCode, header: resp.Header, body: text}
}

// refused requires a refusal in the API's own words, and gives its message.
func (d *v3Door) refused(r reply, status, code int) string {
	d.t.Helper()
	var body struct {
		Status struct {
			Code    int
			Message string
		}
	}
	r.want(status).into(&body)
	require.Equal(d.t, "application/json", r.header.Get("Content-Type"))
	require.Equal(d.t, code, body.Status.Code)
	require.NotEmpty(d.t, body.Status.Message)
	return body.Status.Message
}

func (d *v3Door) post(path, body string) reply {
	d.t.Helper()
	return d.ask(http.MethodPost, "/workspace/v3"+path, body)
}

// begin is a session of a user with its voice channel.
func (s *system) v3Session(user string) *v3Door {
	s.t.Helper()
	d := &v3Door{system: s, header: http.Header{"Authorization": {"Bearer " + s.token(user)}}}
	r := d.post("/initialize-workspace", "").want(http.StatusOK)
	for _, c := range (&http.Response{Header: r.header}).Cookies() {
		if c.Name == "WORKSPACE_SESSIONID" {
			d.cookie = c.Value
			require.False(s.t, c.Secure, "there is no TLS here")
			require.True(s.t, c.HttpOnly)
		}
	}
	require.NotEmpty(s.t, d.cookie)
	d.header = nil
	d.post("/activate-channels", `{"data": {"dn": "`+user+`"}}`).want(http.StatusOK)
	return d
}

// cometd sends a Bayeux message and gives the reply to it.
func (d *v3Door) cometd(message object) (got struct {
	Successful bool
	ClientID   string
	Error      string
	Advice     struct{ Reconnect string }
},
) {
	d.t.Helper()
	text, err := json.Marshal([]object{message})
	require.NoError(d.t, err)
	var list []json.RawMessage
	d.post("/notifications", string(text)).want(http.StatusOK).into(&list)
	require.NoError(d.t, json.Unmarshal(list[len(list)-1], &got))
	return got
}

func (d *v3Door) handshake() string {
	d.t.Helper()
	return d.cometd(handshakeMessage()).ClientID
}

func handshakeMessage() object {
	return object{"channel": "/meta/handshake", "id": "1", "version": "1.0", "supportedConnectionTypes": []string{"long-polling"}}
}

// What nobody should get, and who is not harmed by the asking.
func TestWorkspaceAbuse(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "")
	first, customer := s.agentPhone("5001", phone.RingOnly), s.customerPhone()
	s.agentPhone("5002", phone.RingOnly)
	s.inService("5001", "5002")
	desk := s.workspace("5001")
	desk.must("", "activateChannels", "5001", "5001")
	cust, agent := conversation(t, customer, first)
	call := desk.call("Established")
	foreign := s.v3Session("5002")
	own := s.v3Session("5001")

	for _, step := range []struct {
		name string
		run  func(d *v3Door)
	}{
		{"no session", func(d *v3Door) {
			nobody := &v3Door{system: d.system}
			for _, cookie := range []string{"", "guessed", strings.Repeat("x", 4000)} {
				nobody.cookie = cookie
				require.Equal(d.t, "Unauthorized", nobody.refused(nobody.ask(http.MethodGet, "/workspace/v3/current-session", ""), http.StatusForbidden, 603))
				nobody.refused(nobody.post("/voice/ready", "{}"), http.StatusForbidden, 603)
				nobody.refused(nobody.post("/no-such-command", "{}"), http.StatusForbidden, 603)
			}
			nobody.header = http.Header{"Authorization": {"Bearer wrong"}}
			nobody.refused(nobody.post("/initialize-workspace", ""), http.StatusForbidden, 603)
			nobody.header = nil
			nobody.refused(nobody.post("/initialize-workspace?code=wrong&redirect_uri=x", ""), http.StatusForbidden, 603)
		}},
		{"another's session", func(d *v3Door) {
			both := &v3Door{system: d.system, cookie: own.cookie, header: http.Header{"Authorization": {"Bearer " + d.token("5002")}}}
			both.refused(both.post("/voice/ready", "{}"), http.StatusForbidden, 603)
			page := &v3Door{system: d.system, cookie: own.cookie, header: http.Header{"Origin": {"https://evil.example"}}}
			page.refused(page.post("/voice/ready", "{}"), http.StatusForbidden, 603)
		}},
		{"another's DN and call", func(d *v3Door) {
			d.refused(d.post("/activate-channels", `{"data": {"dn": "5001"}}`), http.StatusForbidden, 603)
			d.refused(d.post("/activate-channels", `{"data": {"agentId": "5001", "dn": "5002"}}`), http.StatusBadRequest, 400)
			for _, verb := range []string{"release", "hold", "clear", "complete", "start-recording", "switch-to-barge-in"} {
				require.Contains(d.t, d.refused(d.post("/voice/calls/"+call.ID+"/"+verb, "{}"), http.StatusInternalServerError, 500), call.ID)
			}
			d.refused(d.post("/voice/send-user-event", `{"data": {"connId": "`+call.ID+`", "userData": [{"key": "a", "type": "str", "value": "b"}]}}`), http.StatusInternalServerError, 500)
			d.refused(d.post("/voice/start-monitoring", `{"data": {"phoneNumberToMonitor": "5001"}}`), http.StatusForbidden, 603)
			d.refused(d.post("/users/1/voice/logout", "{}"), http.StatusForbidden, 603)
			d.refused(d.post("/reporting/subscriptions", `{"data": {"statistics": [{"objectId": "5001", "objectType": "Agent", "name": "InboundCalls"}]}}`), http.StatusInternalServerError, 500)
			require.NotContains(d.t, string(d.ask(http.MethodGet, "/workspace/v3/voice/calls", "").body), call.ID)
		}},
		{"bodies", func(d *v3Door) {
			require.Contains(d.t, d.refused(d.post("/voice/make-call", `{"data": {"destination": 5001}}`), 400, 400), "destination must be a JSON string")
			d.refused(d.post("/voice/make-call", `{"data": []}`), 400, 400)
			d.refused(d.post("/voice/make-call", `{"data"`), 400, 400)
			d.refused(d.post("/voice/make-call", `{"data": {"destination": "5001", "userData": {"a": "b"}}}`), 400, 400)
			require.Equal(d.t, "Missing parameters", d.refused(d.post("/voice/make-call", ``), 400, 400))
			d.refused(d.post("/voice/make-call", `{"operationId": "`+strings.Repeat("x", 200)+`", "data": {"destination": "5001"}}`), 400, 400)
			d.refused(d.post("/voice/make-call", `{"data": {"destination": "`+strings.Repeat("x", 300_000)+`"}}`), 413, 413)
			d.refused(d.post("/voice/not-ready", `{"data": {"agentWorkMode": "Sleeping"}}`), 400, 400)
			d.refused(d.post("/voice/start-monitoring", `{"data": {"phoneNumberToMonitor": "5001", "monitoringMode": "Loud"}}`), 400, 400)
			require.Contains(d.t, d.refused(d.post("/voice/calls/0000000000000001/hold", "{}"), 500, 500), "0000000000000001")
			d.refused(d.post("/voice/calls/0000000000000001/teleport", "{}"), 501, 501)
			d.refused(d.post("/teleport", "{}"), 501, 501)
			d.refused(d.ask(http.MethodGet, "/workspace/v3/targets?limit=many", ""), 400, 400)
		}},
		{"notifications", func(d *v3Door) {
			nobody := &v3Door{system: d.system}
			refused := nobody.cometd(handshakeMessage())
			require.False(d.t, refused.Successful)
			require.Equal(d.t, "none", refused.Advice.Reconnect)
			theirs := own.handshake()
			connect := object{"channel": "/meta/connect", "id": "2", "clientId": theirs, "connectionType": "long-polling", "advice": object{"timeout": 0}}
			stolen := d.cometd(connect)
			require.True(d.t, strings.HasPrefix(stolen.Error, "402"), stolen.Error)
			mine := d.handshake()
			for _, channel := range []string{"/workspace/v3/**", "/**", "/workspace/v3/*", "/user/agent/events", "/call/state"} {
				got := d.cometd(object{"channel": "/meta/subscribe", "id": "3", "clientId": mine, "subscription": channel})
				require.True(d.t, strings.HasPrefix(got.Error, "403"), "%s: %s", channel, got.Error)
			}
			got := d.cometd(object{"channel": "/workspace/v3/voice", "id": "4", "clientId": mine, "data": object{"messageType": "CallStateChanged"}})
			require.True(d.t, strings.HasPrefix(got.Error, "403"), got.Error)
		}},
		{"too much", func(d *v3Door) {
			for range 20 {
				d.post("/reporting/subscriptions", `{"data": {"statistics": [{"objectId": "5002", "objectType": "Agent", "name": "InboundCalls"}]}}`).want(http.StatusOK)
			}
			d.refused(d.post("/reporting/subscriptions", `{"data": {"statistics": [{"objectId": "5002", "objectType": "Agent", "name": "InboundCalls"}]}}`), 409, 409)
			for range 40 { // a user has so many sessions at most, and loses the oldest
				d.v3Session("5002")
			}
			d.refused(d.ask(http.MethodGet, "/workspace/v3/current-session", ""), http.StatusForbidden, 603)
			guess := &v3Door{system: d.system, header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}
			eventually(d.t, "guessing is slowed down", func() bool {
				r := guess.ask(http.MethodPost, "/auth/v3/oauth/token", "grant_type=password&username=5003&password=guess")
				require.Contains(d.t, string(r.body), "invalid_grant")
				return r.status == http.StatusTooManyRequests
			})
		}},
	} {
		ok := t.Run(step.name, func(t *testing.T) {
			d := *foreign
			d.system = s.in(t)
			step.run(&d)
		})
		require.True(t, ok, "the steps share one system")
	}

	talk(t, cust, customerTone, agent, agentTone)
	desk.must("voice", "holdCall", call.ID)
	desk.call("Held")
	desk.must("voice", "releaseCall", call.ID)
	ended(t, agent)
	ended(t, cust)
	desk.call("Released")
	s.requireNoLeftovers()
}

// The sign-in page gives a code, the code a token or a session, each once, and only to pages that may have it. Programs need
// one of the keys where there are any.
func TestWorkspaceSignIn(t *testing.T) {
	t.Parallel()
	const key = "0123456789abcdef-key"
	s := newRunning(t, "workspace: {api_keys: ["+key+"]}\n")
	s.agentPhone("5001", phone.RingOnly)
	s.inService("5001")
	page := "http://" + s.http + "/desk.html"
	browser := &v3Door{system: s, header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}
	program := &v3Door{system: s, header: http.Header{"X-Api-Key": {key}}}

	r := program.ask(http.MethodGet, "/workspace/v3/login?redirect_uri="+url.QueryEscape(page)+"&state=a%26b", "").want(http.StatusFound)
	form := browser.ask(http.MethodGet, r.header.Get("Location"), "").want(http.StatusOK)
	require.Contains(t, string(form.body), `value="a&amp;b"`)
	require.NotContains(t, string(browser.ask(http.MethodGet, "/auth/v3/oauth/authorize?redirect_uri="+url.QueryEscape(page)+"&state=%22%3E%3Cscript%3E", "").body), "<script>")
	for _, to := range []string{"https://evil.example/", "javascript:alert(1)", "//evil.example", "", page + "#x", "http://user@" + s.http + "/"} {
		r := browser.ask(http.MethodGet, "/auth/v3/oauth/authorize?redirect_uri="+url.QueryEscape(to), "")
		browser.refused(r, http.StatusBadRequest, 400)
	}
	signIn := func(password string) reply {
		return browser.ask(http.MethodPost, "/auth/v3/sign-in", url.Values{
			"username": {"5001"}, "password": {password}, "redirect_uri": {page}, "state": {"a&b"},
		}.Encode())
	}
	require.Contains(t, string(signIn("wrong").want(http.StatusForbidden).body), "User or password is wrong")
	code := func() string {
		t.Helper()
		back, err := url.Parse(signIn(s.passwords["5001"]).want(http.StatusFound).header.Get("Location"))
		require.NoError(t, err)
		require.Equal(t, "a&b", back.Query().Get("state"))
		require.True(t, strings.HasPrefix(back.String(), page))
		return back.Query().Get("code")
	}
	token := func(code, to string) reply {
		form := &v3Door{system: s, header: http.Header{"X-Api-Key": {key}, "Content-Type": {"application/x-www-form-urlencoded"}}}
		return form.ask(http.MethodPost, "/auth/v3/oauth/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {to}}.Encode())
	}
	require.Contains(t, string(token(code(), "http://elsewhere/").want(http.StatusBadRequest).body), "invalid_grant")
	once := code()
	var got struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"`
	}
	token(once, page).want(http.StatusOK).into(&got)
	require.Equal(t, "bearer", got.TokenType)
	require.Positive(t, got.ExpiresIn)
	token(once, page).want(http.StatusBadRequest)
	known := &v3Door{system: s, header: http.Header{"X-Api-Key": {key}, "Authorization": {"Bearer " + got.AccessToken}}}
	require.Contains(t, string(known.ask(http.MethodGet, "/auth/v3/userinfo", "").want(http.StatusOK).body), `"userName":"5001"`)

	keyless := s.workspaceClient("5001", "-")
	require.Equal(t, http.StatusForbidden, keyless.do("", "initialize", object{"token": got.AccessToken}).Status)
	c := s.workspaceClient("5001", key)
	c.must("", "initialize", object{"code": code(), "redirectUri": page})
	c.must("", "activateChannels", "5001", "5001")
	c.must("voice", "ready")
	c.saw("ready", func(m *v3Message) bool { return m.DN != nil && m.DN.AgentState == "Ready" })
	c.must("", "destroy")
}
