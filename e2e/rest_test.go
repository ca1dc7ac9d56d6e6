//go:build e2e

package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// reply is what a REST request gave.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// into decodes the body.
func (r reply) into(v any) {
	r.t.Helper()
	require.NoError(r.t, json.Unmarshal(r.body, v), "%s", r.body)
}

// want requires a status.
func (r reply) want(status int) reply {
	r.t.Helper()
	require.Equal(r.t, status, r.status, "%s", r.body)
	return r
}

// as makes requests with the token of a user, who is logged in on first use. The empty user has no token.
func (s *system) as(user, method, path string, body any) reply {
	s.t.Helper()
	var payload io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		payload = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		require.NoError(s.t, err)
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.http+path, payload)
	require.NoError(s.t, err)
	if payload != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if user != "" {
		req.Header.Set("Authorization", "Bearer "+s.token(user))
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return reply{t: s.t, status: resp.StatusCode, header: resp.Header, body: raw}
}

func (s *system) token(user string) string {
	s.t.Helper()
	s.mu.Lock()
	token := s.tokens[user]
	s.mu.Unlock()
	if token != "" {
		return token
	}
	var login struct{ Token string }
	s.as("", http.MethodPost, "/api/v1/login", map[string]string{"user": user, "password": s.passwords[user]}).want(http.StatusOK).into(&login)
	s.mu.Lock()
	s.tokens[user] = login.Token
	s.mu.Unlock()
	return login.Token
}

// call is a call as REST shows it.
type call struct {
	ID         string
	ConnID     string
	State      string
	Controller string
	Type       string
	Parties    []callParty
}

type callParty struct{ DN, Number, State string }

func (s *system) calls(user string) []call {
	s.t.Helper()
	var list struct{ Calls []call }
	s.as(user, http.MethodGet, "/api/v1/calls", nil).want(http.StatusOK).into(&list)
	return list.Calls
}

// settled waits until the sidecar knows what the phones hear already: Asterisk joins first and answers then, and what the phones do next
// comes by another way than that answer. It is for calls in which nothing rings and nobody waits.
func (s *system) settled() {
	s.t.Helper()
	s.eventually("all parties talk, or hold", func() bool {
		return !slices.ContainsFunc(s.calls("supervisor"), func(c call) bool {
			return slices.ContainsFunc(c.Parties, func(p callParty) bool {
				return !slices.Contains([]string{"Established", "Held", "Released"}, p.State)
			})
		})
	})
}

// onlyCall waits for the system's one call to be in a state.
func (s *system) onlyCall(state string) call {
	s.t.Helper()
	var found call
	s.eventually("one call that is "+state, func() bool {
		list := s.calls("supervisor")
		if len(list) != 1 || list[0].State != state {
			return false
		}
		found = list[0]
		return true
	})
	return found
}
