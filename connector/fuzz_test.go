package connector_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fuzzRequest checks that whatever comes is answered in JSON, and never as our fault.
func fuzzRequest(t *testing.T, h http.Handler, method, path string, body []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "https://127.0.0.1:8000", bytes.NewReader(body))
	if err != nil {
		return // not a method, which no client could send
	}
	r.URL = &url.URL{Path: "/" + strings.TrimPrefix(path, "/")}
	r.Header.Set("Origin", page)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Less(t, w.Code, http.StatusInternalServerError)
	if w.Header().Get("Content-Type") == "application/json" {
		require.True(t, json.Valid(w.Body.Bytes()), w.Body.String())
	}
}
