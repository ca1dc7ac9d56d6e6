package web_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"sidecar/web"
)

// serve mounts the handler under its patterns, as the daemon does, beside a handler for the rest.
func serve(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for _, pattern := range web.Patterns() {
		mux.Handle(pattern, h)
	}
	return mux
}

func ask(t *testing.T, h http.Handler, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	out := httptest.NewRecorder()
	h.ServeHTTP(out, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
	return out
}

func built() http.Handler {
	return serve(web.HandlerFrom(fstest.MapFS{
		"index.html":             {Data: []byte("<title>page</title>")},
		"favicon.svg":            {Data: []byte("<svg/>")},
		"assets/page-1a2b3c.js":  {Data: []byte("let page")},
		"assets/page-1a2b3c.css": {Data: []byte("body {}")},
	}))
}

func TestBuiltPage(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]struct{ contentType, cache string }{
		"/":                       {"text/html; charset=utf-8", "no-cache"},
		"/favicon.svg":            {"image/svg+xml", "no-cache"},
		"/assets/page-1a2b3c.js":  {"text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		"/assets/page-1a2b3c.css": {"text/css; charset=utf-8", "public, max-age=31536000, immutable"},
	} {
		got := ask(t, built(), http.MethodGet, path)
		require.Equal(t, http.StatusOK, got.Code, path)
		require.Equal(t, want.contentType, got.Header().Get("Content-Type"), path)
		require.Equal(t, want.cache, got.Header().Get("Cache-Control"), path)
		require.Equal(t, "nosniff", got.Header().Get("X-Content-Type-Options"), path)
		require.NotEmpty(t, got.Body.String(), path)
	}
	require.Equal(t, http.StatusOK, ask(t, built(), http.MethodHead, "/").Code)
}

func TestPageMayReachItsOwnServerOnly(t *testing.T) {
	t.Parallel()
	policy := ask(t, built(), http.MethodGet, "/").Header().Get("Content-Security-Policy")
	require.Contains(t, policy, "default-src 'none'")
	require.Contains(t, policy, "script-src 'self';")
	require.Contains(t, policy, "connect-src 'self';")
	require.NotRegexp(t, regexp.MustCompile(`unsafe-|https?:|\*`), policy)
}

func TestWhatIsNoFileOfThePage(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/assets/", "/assets/old-99.js", "/assets/%2e%2e/index.html", "/assets/..%2f..%2fsecret.txt"} {
		got := ask(t, built(), http.MethodGet, path)
		require.Equal(t, http.StatusNotFound, got.Code, path)
		require.Equal(t, "no-store", got.Header().Get("Cache-Control"), "%s: a missing file must not be kept as missing", path)
	}
	// Everything else belongs to the API.
	for _, path := range []string{"/index.html", "/api/v1/calls", "/ws", "/secret.txt"} {
		require.Equal(t, http.StatusTeapot, ask(t, built(), http.MethodGet, path).Code, path)
	}
	require.Equal(t, http.StatusTeapot, ask(t, built(), http.MethodPost, "/").Code)
}

// A clone that was not built with Node has dist-missing only.
func TestBinaryWithoutThePageSaysHowToBuildIt(t *testing.T) {
	t.Parallel()
	got := ask(t, serve(web.Missing()), http.MethodGet, "/")
	require.Equal(t, http.StatusOK, got.Code)
	require.Contains(t, got.Body.String(), "scripts/web-build.sh")
}

func TestBinaryServesAPage(t *testing.T) {
	t.Parallel()
	got := ask(t, serve(web.Handler()), http.MethodGet, "/")
	require.Equal(t, http.StatusOK, got.Code)
	require.Equal(t, !web.Built(), regexp.MustCompile(`web-build\.sh`).MatchString(got.Body.String()))
}
