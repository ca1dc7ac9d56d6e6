//go:build e2e

package e2e_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

// What ops can get wrong in the file is refused before anything is touched, with a message that says what to write.
func TestWrongConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, yaml, want string }{
		{"unknown key", "htpp: {listen: 127.0.0.1:1}", `htpp`},
		{"range the wrong way round", "dns: [{numbers: [5020-5001]}]", "5001-5020"},
		{"duplicate DN", "dns: [{numbers: [5001-5005]}, {numbers: [5003]}]", "5003"},
		{"password with newline", `dns: [{numbers: [5001], owner: phone, password: "secret12\n[evil]"}]`, "dns[0].password"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			conf, out := filepath.Join(dir, "sidecar.yaml"), filepath.Join(dir, "etc")
			require.NoError(t, os.WriteFile(conf, []byte("data_dir: "+dir+"/var\n"+c.yaml+"\n"), 0o600))
			s := &system{t: t, conf: conf}
			for _, args := range [][]string{{"serve"}, {"generate", "--out", out}} {
				text, err := s.try(args...)
				require.Error(t, err)
				require.Contains(t, text, c.want)
				require.NotContains(t, text, "evil", "a password is never shown")
			}
			require.NoDirExists(t, out)
		})
	}
}

// Asterisk is not there at the start: the daemon runs, says so, and is ready as soon as Asterisk is.
func TestAsteriskAbsentAtStart(t *testing.T) {
	t.Parallel()
	s := newSystem(t, "")
	s.startSidecar()
	s.eventually("the daemon is alive and not ready", func() bool { return s.readyStatus() == http.StatusServiceUnavailable })
	s.readPasswords()
	require.Contains(t, string(s.as("", http.MethodGet, "/readyz", nil).body), "asterisk pbx1")
	s.as("supervisor", http.MethodPost, "/api/v1/calls", `{"from":"5001","to":"5002"}`).want(http.StatusServiceUnavailable)
	s.startAsterisk()
	s.waitReady()
}

// The ARI password is wrong: the daemon stays up, is not ready and says why, without the password.
func TestWrongARIPassword(t *testing.T) {
	t.Parallel()
	s := newSystem(t, "")
	s.startAsterisk()
	s.startSidecar("SIDECAR_ASTERISK_0_PASSWORD=not-the-password")
	s.eventually("the daemon says what is wrong", func() bool {
		return s.readyStatus() == http.StatusServiceUnavailable &&
			strings.Contains(string(s.as("", http.MethodGet, "/readyz", nil).body), "401 Unauthorized")
	})
	require.NotContains(t, s.log.String(), "not-the-password")
}

// What a client can get wrong over HTTP gets an answer that names it, and harms nobody.
func TestWrongRequestsAreRefused(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "")
	for _, c := range []struct {
		name, user, method, path, body string
		status                         int
		want                           string
	}{
		{"invalid JSON", "supervisor", http.MethodPost, "/api/v1/calls", `{"from":`, http.StatusBadRequest, "JSON"},
		{"unknown field", "supervisor", http.MethodPost, "/api/v1/calls", `{"from":"5001","to":"5002","how":"fast"}`, http.StatusUnprocessableEntity, "how"},
		{"unknown call", "supervisor", http.MethodPost, "/api/v1/calls/0123/transfer", `{"to":"5002"}`, http.StatusNotFound, "call"},
		{"impossible number", "supervisor", http.MethodPost, "/api/v1/calls", `{"from":"5001","to":"5002@evil"}`, http.StatusUnprocessableEntity, `"to"`},
		{"nobody registered", "supervisor", http.MethodPost, "/api/v1/calls", `{"from":"5001","to":"5002"}`, http.StatusConflict, "registration"},
		{"no token", "", http.MethodGet, "/api/v1/calls", "", http.StatusUnauthorized, "token"},
		{"wrong role", "5001", http.MethodGet, "/api/v1/users", "", http.StatusForbidden, "agent"},
		{"foreign DN", "5001", http.MethodPost, "/api/v1/calls", `{"from":"5002","to":"5003"}`, http.StatusForbidden, "5002"},
		{"Bayeux, invalid JSON", "", http.MethodPost, "/cometd", `[{`, http.StatusBadRequest, ""},
		{"Bayeux, no token", "", http.MethodPost, "/cometd", `[{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["long-polling"],"id":"1"}]`, http.StatusOK, `"successful":false`},
	} {
		t.Run(c.name, func(t *testing.T) {
			inner := *s
			inner.t = t
			var body any
			if c.body != "" {
				body = c.body
			}
			r := inner.as(c.user, c.method, c.path, body).want(c.status)
			require.Contains(t, string(r.body), c.want)
			if strings.HasPrefix(c.path, "/api/") {
				require.Equal(t, "application/problem+json", r.header.Get("Content-Type"))
			}
		})
	}
}

// What ops alerts on is in /metrics.
func TestMetrics(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "")
	s.agentPhone("5001", phone.RingOnly)
	s.inService("5001")
	for _, want := range []string{
		`sidecar_asterisk_connected{server="pbx1"} 1`, "sidecar_dns_in_service 1", "sidecar_feed_events_total 1", "sidecar_calls 0",
	} {
		s.eventually("the metrics have "+want, func() bool {
			return strings.Contains(string(s.as("", http.MethodGet, "/metrics", nil).body), want)
		})
	}
	s.pbx.Kill()
	s.eventually("the metric tells that Asterisk is gone", func() bool {
		return strings.Contains(string(s.as("", http.MethodGet, "/metrics", nil).body), `sidecar_asterisk_connected{server="pbx1"} 0`)
	})
}
