package v3_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/cti/gws/v3"
)

// Whoever has no session, or another's, is refused in the API's words, whatever is asked for.
func TestNoSession(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	own := r.join("anna")
	for _, cookie := range []string{"", "guessed", strings.Repeat("x", 3000), own.cookie()[1:], own.cookie() + "x"} {
		d := r.desk()
		if cookie != "" {
			d.keeps(cookie)
		}
		for _, path := range []string{"/voice/ready", "/voice/calls/x/hold", "/activate-channels", "/logout", "/no-such", "/reporting/subscriptions", "/users/1/voice/ready"} {
			status, reply := d.send(http.MethodPost, path, `{`)
			require.Equal(t, http.StatusForbidden, status, path)
			require.Equal(t, []any{float64(603), "Unauthorized"}, []any{code(reply), message(reply)}, path)
		}
		for _, path := range []string{"/current-session", "/voice/calls", "/targets", "/users", "/configuration", "/targets/recents", "/reporting/subscriptions/1"} {
			status, reply := d.send(http.MethodGet, path, "")
			require.Equal(t, http.StatusForbidden, status, path)
			require.InDelta(t, 603, code(reply), 0)
		}
	}
	for _, header := range [][]string{
		nil, {"Authorization", "Bearer wrong"}, {"Authorization", "Basic YW5uYTpnb29k"}, {"Authorization", "Bearer"}, {"Authorization", "anna"},
	} {
		status, reply := r.desk().request(http.MethodPost, v3.Base+"/initialize-workspace?code=&redirect_uri=x", nil, header...)
		require.Equal(t, http.StatusForbidden, status, header)
		require.InDelta(t, 603, code(reply), 0)
	}
	status, _ := own.request(http.MethodPost, v3.Base+"/voice/ready", nil, "Authorization", "Bearer ben")
	require.Equal(t, http.StatusForbidden, status, "a cookie and a token of two users")
	status, _ = own.request(http.MethodPost, v3.Base+"/voice/ready", nil, "Authorization", "Bearer anna")
	require.Equal(t, http.StatusConflict, status)
}

// Bodies are read as JSON, whatever their label: the published client labels those that it doesn't send.
func TestBodies(t *testing.T) {
	t.Parallel()
	x := newExchange()
	d := newRigOn(t, x).join("anna")
	d.send(http.MethodPost, "/activate-channels", `{"data": {"dn": "5001"}}`)
	hold := v3.Base + "/voice/calls/" + annasCall + "/hold"
	for _, label := range []string{"application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "nonsense/", ""} {
		status, _ := d.request(http.MethodPost, hold, []byte(`{"operationId": "x"}`), "Content-Type", label)
		require.Equal(t, http.StatusOK, status, label)
		require.Len(t, x.taken(), 1)
		status, reply := d.request(http.MethodPost, hold, []byte(`operationId=x`), "Content-Type", label)
		require.Equal(t, http.StatusBadRequest, status, label)
		require.InDelta(t, 400, code(reply), 0)
	}
	deep := strings.Repeat(`[{"key":"a","type":"kvlist","value":`, 5000) + `[]` + strings.Repeat(`}]`, 5000)
	for body, status := range map[string]int{
		`{"data": {"userData": [{"key": "` + strings.Repeat("x", 300_000) + `"}]}}`: http.StatusRequestEntityTooLarge,
		`{"data": {"userData": ` + deep + `}}`:                                      http.StatusBadRequest,
		`{"data": {"userData": [{"key": "", "type": "str", "value": "x"}]}}`:        http.StatusBadRequest,
		`{"data": {"userData": [{"key": "a", "type": "str", "value": {}}]}}`:        http.StatusBadRequest,
		`{"data": {"userData": [{"key": "a", "type": "blob", "value": "x"}]}}`:      http.StatusBadRequest,
		`{"data": {"userData": "a=b"}}`:                                             http.StatusBadRequest,
		`{"data": {"userData": [1]}}`:                                               http.StatusBadRequest,
		`{"data": "x"}`:                                                             http.StatusBadRequest,
		`null x`:                                                                    http.StatusBadRequest,
		"\xff\xfe{}":                                                                http.StatusBadRequest,
	} {
		got, reply := d.send(http.MethodPost, "/voice/calls/"+annasCall+"/attach-user-data", body)
		require.Equal(t, status, got, "%.60s", body)
		require.InDelta(t, status, code(reply), 0)
		require.NotContains(t, message(reply), "xxxxx", "what was sent is not repeated")
	}
	for _, id := range []string{`5`, `"` + strings.Repeat("x", 101) + `"`} {
		got, reply := d.send(http.MethodPost, "/voice/calls/"+annasCall+"/hold", `{"operationId": `+id+`}`)
		require.Equal(t, http.StatusBadRequest, got)
		require.Contains(t, message(reply), "operationId must")
	}
	require.Empty(t, x.taken())
	status, _ := d.send(http.MethodPut, "/voice/ready", `{}`)
	require.Equal(t, http.StatusNotImplemented, status)
	status, _ = d.send(http.MethodGet, "/voice/ready", ``)
	require.Equal(t, http.StatusNotImplemented, status)
	status, _ = d.send(http.MethodDelete, "/reporting/subscriptions/x", ``)
	require.Equal(t, http.StatusInternalServerError, status)
}

// Whatever is sent to whatever path of a session, the answer is JSON with a status, and never our own failure.
func FuzzRequests(f *testing.F) {
	for _, path := range []string{
		"/activate-channels", "/voice/ready", "/voice/make-call", "/voice/send-user-event", "/voice/start-monitoring", "/voice/calls/" + annasCall + "/merge",
		"/voice/calls/" + annasCall + "/send-dtmf", "/reporting/subscriptions", "/targets/personal-favorites/save", "/targets/recents/add", "/supervisor/voice/ready",
		"/initialize-workspace", "/targets?limit=x&types=agent&sort=desc", "/users?offset=99999&states=Ready", "/configuration?types=%00",
	} {
		for _, body := range []string{
			``, `{}`, `{"data": {"dn": "5001"}}`, `{"data": {"destination": "5002", "userData": [{"key": "a", "type": "str", "value": "b"}]}}`,
			`{"data": {"statistics": [{"objectId": "5001", "objectType": "Agent", "name": "TalkDuration"}], "otherConnId": "x", "dtmfDigits": "1"}}`,
			`{"data": {"target": {"id": "1", "type": "x"}, "recentInformation": {"timeStamp": -1}, "phoneNumberToMonitor": "5001", "monitoringMode": "Mute"}}`,
		} {
			f.Add(path, []byte(body))
		}
	}
	d := newRigOn(f, newExchange()).join("boss")
	d.send(http.MethodPost, "/activate-channels", `{"data": {"dn": "5003"}}`)
	cookie := &http.Cookie{Name: v3.CookieName, Value: d.cookie()}
	f.Fuzz(func(t *testing.T, path string, body []byte) {
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			req, err := http.NewRequestWithContext(t.Context(), method, "http://desk.example", bytes.NewReader(body))
			require.NoError(t, err)
			u, err := req.URL.Parse(v3.Base + "/" + strings.TrimLeft(path, "/"))
			if err != nil || strings.HasPrefix(u.Path, v3.Base+"/notifications") || strings.HasPrefix(u.Path, v3.Base+"/logout") {
				return
			}
			req.URL, req.RequestURI = u, ""
			req.AddCookie(cookie)
			w := httptest.NewRecorder()
			d.server.ServeHTTP(w, req)
			if w.Code == http.StatusMovedPermanently || w.Code == http.StatusTemporaryRedirect || !strings.HasPrefix(u.Path, v3.Base+"/") {
				continue // net/http makes a path clean
			}
			var reply struct{ Status *struct{ Code int } }
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &reply), "%d %s", w.Code, w.Body)
			require.NotNil(t, reply.Status)
			require.NotContains(t, w.Body.String(), "something went wrong", "%s %s", path, body)
		}
	})
}
