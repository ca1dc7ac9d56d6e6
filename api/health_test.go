package api_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sidecar/api"
	"sidecar/bridge"
)

func TestReady(t *testing.T) {
	t.Parallel()
	down := errors.New("pbx1: connection refused")
	s := newSystem(t, func(o *api.Options) {
		o.Checks = []api.Check{
			{Name: "store", Probe: func(context.Context) error { return nil }},
			{Name: "asterisk", Probe: func(context.Context) error { return down }},
		}
	})
	p := s.send("GET", "/readyz", "", "").problem(http.StatusServiceUnavailable, "not_ready")
	require.Equal(t, []api.CheckResult{{Name: "store", OK: true}, {Name: "asterisk", Error: down.Error()}}, p.Checks)
	require.Equal(t, http.StatusOK, s.send("GET", "/healthz", "", "").status, "not ready is still alive")

	down = nil
	a := s.send("GET", "/readyz", "", "")
	require.Equal(t, http.StatusOK, a.status)
	require.JSONEq(t, `{"status": "ok", "checks": [{"name": "store", "ok": true}, {"name": "asterisk", "ok": true}]}`, a.body)
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.engine.calls = []bridge.CallView{call("A", bridge.PartyRinging, "5001"), call("B", bridge.PartyRinging, "5002")}
	s.send("GET", "/api/v1/calls/secret-id", "", "")
	s.send("GET", "/nowhere/secret-id", "", "")

	a := s.send("GET", "/metrics", "", "")

	require.Equal(t, http.StatusOK, a.status)
	require.Contains(t, a.body, "sidecar_calls 2\n")
	require.Contains(t, a.body, `sidecar_http_requests_total{route="GET /api/v1/calls/{id}",status="401"} 1`)
	require.Contains(t, a.body, `sidecar_http_requests_total{route="other",status="404"} 1`)
	require.NotContains(t, a.body, "secret-id")
}

func TestExtraHandlers(t *testing.T) {
	t.Parallel()
	s := newSystem(t, func(o *api.Options) {
		o.Extra = map[string]http.Handler{"/cometd": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			assert.NoError(t, http.NewResponseController(w).Flush())
		})}
	})
	a := s.send("POST", "/cometd", "", "[]")
	require.Equal(t, http.StatusAccepted, a.status)
	require.NotEmpty(t, a.header.Get("X-Request-Id"))
}
