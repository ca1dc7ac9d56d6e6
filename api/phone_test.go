package api_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/api"
	"sidecar/auth"
)

func TestAPageIsToldHowToMakeCalls(t *testing.T) {
	t.Parallel()
	s := newSystem(t, func(o *api.Options) {
		o.Phone = func(p auth.Principal) (api.PhoneSettings, error) {
			if len(p.DNs) == 0 {
				return api.PhoneSettings{}, nil
			}
			return api.PhoneSettings{
				ICEServers: []api.ICEServer{{URLs: []string{"turn:192.0.2.1:3478?transport=udp"}, Username: "1:" + p.User, Credential: "c"}},
				TTL:        10 * time.Minute, RegisterExpires: 5 * time.Minute, Codecs: []string{"PCMU", "opus"},
			}, nil
		}
	})
	a := s.send("GET", "/api/v1/phone", s.user("anna", auth.RoleAgent, "", "5001"), "")
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.JSONEq(t, `{"dns": [{"number": "5001", "owner": "phone"}], "ws": "/ws", "ttl": 600, "registerExpires": 300, "codecs": ["PCMU", "opus"],
		"iceServers": [{"urls": ["turn:192.0.2.1:3478?transport=udp"], "username": "1:anna", "credential": "c"}]}`, a.body)

	a = s.send("GET", "/api/v1/phone", s.user("boss", auth.RoleSupervisor, ""), "")
	require.Equal(t, http.StatusOK, a.status, a.body)
	var none api.Phone
	require.NoError(t, json.Unmarshal([]byte(a.body), &none))
	require.Empty(t, none.DNs, "a supervisor sees DNs, but has no phone on them")
	require.NotContains(t, a.body, "null")

	require.Equal(t, http.StatusUnauthorized, s.send("GET", "/api/v1/phone", "", "").status)
}

func TestAPageIsNotToldWhyThereAreNoCredentials(t *testing.T) {
	t.Parallel()
	s := newSystem(t, func(o *api.Options) {
		o.Phone = func(auth.Principal) (api.PhoneSettings, error) {
			return api.PhoneSettings{}, errors.New("the inner cause")
		}
	})
	a := s.send("GET", "/api/v1/phone", s.user("anna", auth.RoleAgent, "", "5001"), "")
	require.Equal(t, http.StatusInternalServerError, a.status)
	require.NotContains(t, a.body, "inner cause")
}
