package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/api"
	"sidecar/cti/bayeux"
)

// everybody is a feed without secrets.
type everybody struct{}

func (everybody) Handshake(context.Context, *http.Request, json.RawMessage) (bayeux.Principal, error) {
	return anna{}, nil
}
func (everybody) Authorize(context.Context, *http.Request, bayeux.Principal) error { return nil }
func (everybody) Subscribe(context.Context, bayeux.Principal, string) error        { return nil }
func (everybody) Publish(context.Context, bayeux.Principal, string) error          { return nil }

type anna struct{}

func (anna) ID() string { return "anna" }

// The API and the feed both know the allowed origins, and a browser takes no answer in which both say so.
func TestOneVoiceOnOrigins(t *testing.T) {
	t.Parallel()
	const origin = "https://desktop.example.com"
	feed, err := bayeux.NewServer(bayeux.Options{Policy: everybody{}, AllowedOrigins: []string{origin}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, feed.Close(context.WithoutCancel(t.Context()))) })
	s := newSystem(t, func(o *api.Options) {
		o.AllowedOrigins = []string{origin}
		o.Extra = map[string]http.Handler{"/cometd": feed, "/cometd/": feed}
	})
	ask := func(method, path, from, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.Header.Set("Origin", from)
		r.Header.Set("Content-Type", "application/json")
		if method == http.MethodOptions {
			r.Header.Set("Access-Control-Request-Method", "POST")
		}
		w := httptest.NewRecorder()
		s.door.ServeHTTP(w, r)
		return w
	}
	const handshake = `[{"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"]}]`
	for _, path := range []string{"/cometd", "/cometd/handshake", "/api/v1/login"} {
		a := ask(http.MethodOptions, path, origin, "")
		require.Equal(t, http.StatusNoContent, a.Code, path)
		for _, name := range []string{"Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Max-Age"} {
			require.Len(t, a.Header().Values(name), 1, "%s of %s", name, path)
		}
		for _, a := range []*httptest.ResponseRecorder{a, ask(http.MethodPost, path, origin, handshake)} {
			require.Equal(t, []string{origin}, a.Header().Values("Access-Control-Allow-Origin"), path)
			require.Equal(t, []string{"true"}, a.Header().Values("Access-Control-Allow-Credentials"), path)
			require.Equal(t, []string{"Origin"}, a.Header().Values("Vary"), path)
		}
	}
	require.Contains(t, ask(http.MethodOptions, "/cometd", origin, "").Header().Get("Access-Control-Allow-Headers"), "x-api-key",
		"the feed answers for itself")

	a := ask(http.MethodPost, "/cometd", "https://evil.example.com", handshake)
	require.Equal(t, http.StatusForbidden, a.Code)
	require.Empty(t, a.Header().Get("Access-Control-Allow-Origin"))
}
