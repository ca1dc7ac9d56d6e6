package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/auth"
)

func TestGetDN(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	agent := s.user("5001", auth.RoleAgent, "", "5001")
	require.JSONEq(t, `{"number": "5001", "inService": true, "since": "1970-01-01T00:00:01.000Z", "calls": 1, "owner": "phone",
		"callerId": "Agent 5001", "class": "default"}`, s.send("GET", "/api/v1/dns/5001", agent, "").body)
	s.send("GET", "/api/v1/dns/5002", agent, "").problem(http.StatusNotFound, "dn_not_found")
	require.Equal(t, "dn", s.send("GET", "/api/v1/dns/7001", s.user("root", auth.RoleAdmin, ""), "").problem(http.StatusNotFound, "dn_not_found").Field)
}
