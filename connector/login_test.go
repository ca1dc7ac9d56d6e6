package connector_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sidecar/connector"
)

// house is a sidecar that gives tokens for an hour, and says whose they are.
type house struct {
	mu       sync.Mutex
	password string
	status   int           // of logins, unless 200
	ahead    time.Duration // of its clock
	logins   int
	good     map[string]bool // tokens
}

func (h *house) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now().Add(h.ahead)
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case r.URL.Path == "/api/v1/login":
		h.login(w, r, now)
	case !h.good[token]:
		http.Error(w, `{"detail": "the token is not good"}`, http.StatusUnauthorized)
	case r.URL.Path == "/api/v1/logout":
		delete(h.good, token)
		w.WriteHeader(http.StatusNoContent)
	default:
		_, _ = fmt.Fprint(w, `{"number": "5001", "inService": true}`)
	}
}

func (h *house) login(w http.ResponseWriter, r *http.Request, now time.Time) {
	h.logins++
	var in struct{ User, Password string }
	_ = json.NewDecoder(r.Body).Decode(&in)
	switch {
	case h.status != 0:
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(h.status)
	case in.User != "5001" || in.Password != h.password:
		http.Error(w, `{"detail": "no"}`, http.StatusUnauthorized)
	default:
		token := fmt.Sprintf("token-%d", h.logins)
		h.good[token] = true
		_ = json.NewEncoder(w).Encode(map[string]any{"token": token, "expiresAt": now.Add(time.Hour)})
	}
}

// at takes requests without a network, which virtual time would wait for.
type at struct{ http.Handler }

func (a at) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w.Result(), nil
}

func (h *house) set(change func()) (logins int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
	return h.logins
}

func (h *house) count() int { return h.set(func() {}) }

// secretFile is one that only its owner may read.
func secretFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

// The connector logs in, keeps the token as long as it is good, and gives it up at the end.
func TestLogin(t *testing.T) {
	t.Parallel()
	h := &house{password: "correct horse", ahead: -3 * time.Hour, good: map[string]bool{}}
	server := httptest.NewServer(h)
	defer server.Close()
	file := secretFile(t, "correct horse\r\nanything\n")
	s, err := connector.NewSidecar(connector.SidecarOptions{URL: server.URL, User: "5001", PasswordFile: file})
	require.NoError(t, err)
	require.Zero(t, h.count(), "the sidecar need not be there yet")
	var asking sync.WaitGroup
	for range 5 {
		asking.Go(func() {
			on, failed := s.InService(t.Context(), "5001")
			assert.NoError(t, failed)
			assert.True(t, on)
		})
	}
	asking.Wait()
	require.Equal(t, 1, h.count(), "five asked with one token, though the sidecar's clock is another one")

	h.set(func() { clear(h.good) }) // it was started anew, with another key
	on, err := s.InService(t.Context(), "5001")
	require.NoError(t, err)
	require.True(t, on)
	require.Equal(t, 2, h.count())

	// The password was changed at the sidecar, and then in the file.
	h.set(func() { clear(h.good); h.password = "battery staple" })
	for range 5 {
		_, err = s.InService(t.Context(), "5001")
		require.ErrorIs(t, err, connector.ErrCredentials)
		require.NotContains(t, err.Error(), "correct horse")
	}
	require.Equal(t, 3, h.count(), "a password that was refused is not tried on and on")
	require.NoError(t, os.WriteFile(file, []byte("battery staple"), 0o600))
	require.NoError(t, s.Check(t.Context()))
	s.Close()
	require.Empty(t, h.good, "logged out")

	if runtime.GOOS != "windows" {
		require.NoError(t, os.Chmod(file, 0o644))
		_, err = s.InService(t.Context(), "5001")
		require.ErrorIs(t, err, connector.ErrOpenFile)
	}
}

// A sidecar that wants no more logins is left alone for as long as it says.
func TestLoginPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &house{password: "x", status: http.StatusTooManyRequests, good: map[string]bool{}}
		s, err := connector.NewSidecarOver(connector.SidecarOptions{URL: "http://127.0.0.1:8090", User: "5001", Password: "x"}, at{h})
		require.NoError(t, err)
		defer s.Close()
		refused := func(attempts int) {
			t.Helper()
			_, err := s.InService(t.Context(), "5001")
			var answered *connector.AnswerError
			require.ErrorAs(t, err, &answered)
			require.Equal(t, http.StatusTooManyRequests, answered.Status)
			require.Equal(t, attempts, h.count())
		}
		refused(1)
		time.Sleep(59 * time.Second)
		refused(1)
		time.Sleep(time.Second)
		refused(2)
		h.set(func() { h.status = 0 })
		time.Sleep(time.Minute)
		require.NoError(t, s.Check(t.Context()))
		require.Equal(t, 3, h.count())
		time.Sleep(50 * time.Minute)
		require.NoError(t, s.Check(t.Context()))
		require.Equal(t, 3, h.count(), "the token is good for an hour")
		time.Sleep(5 * time.Minute)
		require.NoError(t, s.Check(t.Context()))
		require.Equal(t, 4, h.count(), "and is renewed before its end")
	})
}
