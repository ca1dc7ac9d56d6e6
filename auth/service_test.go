package auth_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"sidecar/auth"
	"sidecar/store"
)

const password = "correct horse"

// world is a Service over real storage, with a clock that tests move.
type world struct {
	*auth.Service
	t    testing.TB
	dir  *auth.Directory
	db   *store.DB
	now  time.Time
	data string
	log  *bytes.Buffer
}

func key() []byte { return bytes.Repeat([]byte("k"), 32) }

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, now: time.Now(), data: t.TempDir(), log: &bytes.Buffer{}}
	db, err := store.OpenDB(t.Context(), w.data)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	w.db = db
	w.dir = auth.NewDirectory(db, nil)
	w.Service = w.restart(key())
	return w
}

// restart gives a Service as another process would have it.
func (w *world) restart(key []byte) *auth.Service {
	w.t.Helper()
	s, err := auth.New(auth.Options{
		Directory: w.dir, Revocations: w.db, Key: key, TokenLife: time.Hour,
		AllowedOrigins: []string{"https://desktop.example.com"},
		Log:            slog.New(slog.NewTextHandler(w.log, nil)), Now: func() time.Time { return w.now },
	})
	require.NoError(w.t, err)
	return s
}

func (w *world) user(name string, role auth.Role, team string, dns ...string) {
	w.t.Helper()
	_, err := w.dir.Create(w.t.Context(), auth.NewUser{Name: name, Password: password, Role: role, Team: team, DNs: dns})
	require.NoError(w.t, err)
}

func (w *world) token(name string) string {
	w.t.Helper()
	token, _, err := w.Login(w.t.Context(), name, password, "192.0.2.1")
	require.NoError(w.t, err)
	return token.Value
}

func TestTokenSurvivesRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("Eva", auth.RoleAgent, "red", "5002", "5001")
	token, p, err := w.Login(t.Context(), "eva", password, "192.0.2.1")
	require.NoError(t, err)
	require.Equal(t, "Eva", p.User)
	require.Equal(t, []string{"5001", "5002"}, p.DNs)
	require.WithinDuration(t, w.now.Add(time.Hour), token.ExpiresAt, time.Second)

	again, err := w.restart(key()).Verify(t.Context(), token.Value)
	require.NoError(t, err)
	require.True(t, again.ExpiresAt.Equal(p.ExpiresAt))
	again.ExpiresAt = p.ExpiresAt
	require.Equal(t, p, again)
	_, err = w.restart(bytes.Repeat([]byte("x"), 32)).Verify(t.Context(), token.Value)
	require.ErrorIs(t, err, auth.ErrBadToken)
}

func TestShortKey(t *testing.T) {
	t.Parallel()
	_, err := auth.New(auth.Options{Key: make([]byte, 31)})
	require.ErrorIs(t, err, auth.ErrShortKey)
}

func TestForgedTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("root", auth.RoleAdmin, "")
	good := w.token("root")
	claims := func(edit func(jwt.MapClaims)) jwt.MapClaims {
		c := jwt.MapClaims{"iss": "sidecar", "sub": "1", "jti": "x", "ver": 1, "exp": w.now.Add(time.Hour).Unix()}
		edit(c)
		return c
	}
	sign := func(method jwt.SigningMethod, signKey any, c jwt.MapClaims) string {
		text, err := jwt.NewWithClaims(method, c).SignedString(signKey)
		require.NoError(t, err)
		return text
	}
	nothing := func(jwt.MapClaims) {}
	_, err := w.Verify(t.Context(), sign(jwt.SigningMethodHS256, key(), claims(nothing)))
	require.NoError(t, err, "what the others differ from is good")

	parts := strings.Split(good, ".")
	cases := map[string]string{
		"empty":          "",
		"not a token":    "abc",
		"no signature":   parts[0] + "." + parts[1] + ".",
		"alg none":       sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(nothing)),
		"other alg":      sign(jwt.SigningMethodHS384, key(), claims(nothing)),
		"other key":      sign(jwt.SigningMethodHS256, []byte("other"), claims(nothing)),
		"other issuer":   sign(jwt.SigningMethodHS256, key(), claims(func(c jwt.MapClaims) { c["iss"] = "else" })),
		"no expiry":      sign(jwt.SigningMethodHS256, key(), claims(func(c jwt.MapClaims) { delete(c, "exp") })),
		"no id":          sign(jwt.SigningMethodHS256, key(), claims(func(c jwt.MapClaims) { delete(c, "jti") })),
		"no user":        sign(jwt.SigningMethodHS256, key(), claims(func(c jwt.MapClaims) { c["sub"] = "root" })),
		"other payload":  parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"2"}`)) + "." + parts[2],
		"far too long":   strings.Repeat("a", 5000),
		"trailing bytes": good + "x",
	}
	for name, token := range cases {
		_, err = w.Verify(t.Context(), token)
		require.ErrorIs(t, err, auth.ErrBadToken, name)
	}
	_, err = w.Verify(t.Context(), sign(jwt.SigningMethodHS256, key(), claims(func(c jwt.MapClaims) { c["sub"] = "99" })))
	require.ErrorIs(t, err, auth.ErrTokenRevoked, "a user who is gone")
}

func TestTokenEnds(t *testing.T) {
	t.Parallel()
	newPassword, disabled, role := "another password", true, auth.RoleSupervisor
	cases := map[string]struct {
		do   func(w *world, p auth.Principal) error
		want error
	}{
		"time": {func(w *world, _ auth.Principal) error { w.now = w.now.Add(time.Hour + time.Second); return nil }, auth.ErrTokenExpired},
		"password": {func(w *world, _ auth.Principal) error {
			_, err := w.dir.Change(w.t.Context(), "eva", auth.Change{Password: &newPassword})
			return err
		}, auth.ErrTokenRevoked},
		"disabled": {func(w *world, _ auth.Principal) error {
			_, err := w.dir.Change(w.t.Context(), "eva", auth.Change{Disabled: &disabled})
			return err
		}, auth.ErrTokenRevoked},
		"role": {func(w *world, _ auth.Principal) error {
			_, err := w.dir.Change(w.t.Context(), "eva", auth.Change{Role: &role})
			return err
		}, auth.ErrTokenRevoked},
		"logout": {func(w *world, p auth.Principal) error { return w.Logout(w.t.Context(), p) }, auth.ErrTokenRevoked},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.user("eva", auth.RoleAgent, "", "5001")
			token := w.token("eva")
			p, err := w.Verify(t.Context(), token)
			require.NoError(t, err)
			require.NoError(t, tc.do(w, p))
			_, err = w.Verify(t.Context(), token)
			require.ErrorIs(t, err, tc.want)
			_, err = w.restart(key()).Verify(t.Context(), token)
			require.ErrorIs(t, err, tc.want, "also after a restart")
		})
	}
}

func TestLogoutEndsOneTokenOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("eva", auth.RoleAgent, "")
	first, second := w.token("eva"), w.token("eva")
	p, err := w.Verify(t.Context(), first)
	require.NoError(t, err)
	require.NoError(t, w.Logout(t.Context(), p))
	_, err = w.Verify(t.Context(), second)
	require.NoError(t, err)
}

// Timing can't be asserted by a clock; what takes the time is the key derivation, so that is counted.
func TestLoginCostsTheSameWhateverIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("eva", auth.RoleAgent, "")
	w.user("gone", auth.RoleAgent, "")
	disabled := true
	_, err := w.dir.Change(t.Context(), "gone", auth.Change{Disabled: &disabled})
	require.NoError(t, err)
	cost := w.dir.CountHashes()
	for _, try := range [][2]string{{"eva", "wrong"}, {"nobody", password}, {"gone", password}, {"gone", "wrong"}, {"", ""}} {
		cost.Store(0)
		_, _, err = w.Login(t.Context(), try[0], try[1], "192.0.2.1")
		require.ErrorIs(t, err, auth.ErrBadCredentials, try)
		require.EqualValues(t, auth.HashCost, cost.Load(), try)
	}
	cost.Store(0)
	_, _, err = w.Login(t.Context(), "eva", password, "192.0.2.1")
	require.NoError(t, err)
	require.EqualValues(t, auth.HashCost, cost.Load())
	require.NotContains(t, w.log.String(), password)
	require.NotContains(t, w.log.String(), "nobody")
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("eva", auth.RoleAgent, "")
	var wait *auth.BackoffError
	for range auth.FreePerPair {
		require.NoError(t, w.Attempt("eva", "192.0.2.1"))
	}
	_, _, err := w.Login(t.Context(), "EVA", password, "192.0.2.1")
	require.ErrorAs(t, err, &wait, "the case of the name makes no difference")
	require.Equal(t, time.Second, wait.RetryAfter)
	_, _, err = w.Login(t.Context(), "eva", password, "192.0.2.2")
	require.NoError(t, err, "the user can still log in from elsewhere")

	for range 5 {
		require.NoError(t, w.Attempt("bob", "192.0.2.1"))
	}
	for _, want := range []time.Duration{2, 4, 8, 16, 32, 60, 60} {
		w.now = w.now.Add(time.Minute)
		require.NoError(t, w.Attempt("bob", "192.0.2.1"))
		require.ErrorAs(t, w.Attempt("bob", "192.0.2.1"), &wait)
		require.Equal(t, want*time.Second, wait.RetryAfter)
	}
	w.now = w.now.Add(15 * time.Minute)
	for range auth.FreePerPair {
		require.NoError(t, w.Attempt("bob", "192.0.2.1"), "forgotten after a quarter of an hour")
	}
}

func TestBackoffOfAUserFromManyAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range auth.FreePerUser {
		require.NoError(t, w.Attempt("eva", fmt.Sprintf("192.0.2.%d", i)))
	}
	var wait *auth.BackoffError
	require.ErrorAs(t, w.Attempt("eva", "192.0.2.200"), &wait)
	require.NoError(t, w.Attempt("bob", "192.0.2.200"))
}

func TestSuccessClearsFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("eva", auth.RoleAgent, "")
	for range 3 {
		for range auth.FreePerPair - 1 {
			require.NoError(t, w.Attempt("eva", "192.0.2.1"))
		}
		w.token("eva")
	}
}

func TestBackoffIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range auth.MaxAttemptKeys {
		require.NoError(t, w.Attempt(fmt.Sprint("user", i), fmt.Sprint("address", i)))
	}
	require.Equal(t, auth.MaxAttemptKeys, w.AttemptKeys())
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("eva", auth.RoleAgent, "")
	token := w.token("eva")
	request := func(method string, headers ...string) *http.Request {
		r := httptest.NewRequestWithContext(t.Context(), method, "http://sidecar.example.com/x?token="+token, nil)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return r
	}
	cookie := auth.CookieName + "=" + token
	cases := map[string]struct {
		r    *http.Request
		want error
	}{
		"nothing":              {request("GET"), auth.ErrNoToken},
		"header":               {request("POST", "Authorization", "Bearer "+token), nil},
		"header, other case":   {request("POST", "Authorization", "bearer "+token), nil},
		"header of a page":     {request("POST", "Authorization", "Bearer "+token, "Origin", "https://evil.example.com"), nil},
		"other scheme":         {request("GET", "Authorization", "Basic "+token, "Cookie", cookie), auth.ErrNoToken},
		"no token in header":   {request("GET", "Authorization", "Bearer", "Cookie", cookie), auth.ErrNoToken},
		"bad header, good one": {request("GET", "Authorization", "Bearer x", "Cookie", cookie), auth.ErrBadToken},
		"cookie, safe":         {request("GET", "Cookie", cookie, "Origin", "https://evil.example.com"), nil},
		"cookie, no page":      {request("POST", "Cookie", cookie), auth.ErrOrigin},
		"cookie, own page":     {request("POST", "Cookie", cookie, "Origin", "http://sidecar.example.com"), nil},
		"cookie, same origin":  {request("DELETE", "Cookie", cookie, "Sec-Fetch-Site", "same-origin"), nil},
		"cookie, same site":    {request("POST", "Cookie", cookie, "Sec-Fetch-Site", "same-site", "Origin", "http://other.example.com"), auth.ErrOrigin},
		"cookie, foreign page": {request("POST", "Cookie", cookie, "Origin", "https://evil.example.com"), auth.ErrOrigin},
		"cookie, allowed page": {request("POST", "Cookie", cookie, "Origin", "https://desktop.example.com", "Sec-Fetch-Site", "cross-site"), nil},
		"empty cookie":         {request("GET", "Cookie", auth.CookieName+"="), auth.ErrNoToken},
	}
	for name, tc := range cases {
		p, err := w.Authenticate(tc.r)
		require.ErrorIs(t, err, tc.want, name)
		if tc.want == nil {
			require.Equal(t, "eva", p.User, name)
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	log.Info("x", "token", auth.Token{Value: "s3cret"}, "hash", auth.Hash("s3cret"))
	fmt.Fprintf(&out, "%v %s %+v", auth.Token{Value: "s3cret"}, auth.Hash("s3cret"), auth.User{Hash: "s3cret"})
	require.NotContains(t, out.String(), "s3cret")
}

func FuzzVerify(f *testing.F) {
	data := f.TempDir()
	db, err := store.OpenDB(f.Context(), data)
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, db.Close()) })
	s, err := auth.New(auth.Options{
		Directory: auth.NewDirectory(db, nil), Revocations: db, Key: key(), TokenLife: time.Hour, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(f, err)
	f.Add("Bearer eyJhbGciOiJIUzI1NiJ9.e30.x", "")
	f.Add("", auth.CookieName+"=a.b.c")
	f.Add("Bearer  ", "x=y; "+auth.CookieName)
	f.Fuzz(func(t *testing.T, header, cookie string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header["Authorization"] = []string{header}
		r.Header["Cookie"] = []string{cookie}
		_, err := s.Authenticate(r)
		require.Error(t, err, "nobody gets in without the key")
	})
}
