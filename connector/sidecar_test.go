package connector_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/connector"
)

// caOf writes the certificate of a test server to a file.
func caOf(t *testing.T, s *httptest.Server) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	require.NoError(t, os.WriteFile(file, text, 0o600))
	return file
}

func TestAskTheSidecar(t *testing.T) {
	t.Parallel()
	var status atomic.Int64
	status.Store(http.StatusOK)
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer t0ken":
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"detail": "the token has expired: log in again"}`))
		case status.Load() != http.StatusOK:
			w.Header().Set("Location", other.URL)
			w.WriteHeader(int(status.Load()))
		case r.URL.EscapedPath() == "/api/v1/dns/5001":
			_, _ = w.Write([]byte(`{"number": "5001", "inService": true}`))
		case r.URL.EscapedPath() == "/api/v1/dns/5002":
			_, _ = w.Write([]byte(`{"number": "5002", "inService": false}`))
		case r.URL.EscapedPath() == "/api/v1/dns/%235%23": // not about it
			_, _ = w.Write([]byte(`{"number": "5001", "inService": true}`))
		}
	}))
	defer server.Close()
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("t0ken\n"), 0o600))
	s, err := connector.NewSidecar(connector.SidecarOptions{URL: server.URL + "/", TokenFile: token, CAFile: caOf(t, server)})
	require.NoError(t, err)
	defer s.Close()
	on, err := s.InService(t.Context(), "5001")
	require.NoError(t, err)
	require.True(t, on)
	on, err = s.InService(t.Context(), "5002")
	require.NoError(t, err)
	require.False(t, on)
	on, err = s.InService(t.Context(), "#5#")
	require.Error(t, err)
	require.False(t, on)
	for _, code := range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusBadGateway} {
		status.Store(int64(code))
		on, err = s.InService(t.Context(), "5001")
		var answered *connector.AnswerError
		require.ErrorAs(t, err, &answered)
		require.Equal(t, code, answered.Status)
		require.False(t, on)
	}
	require.Zero(t, elsewhere, "the token goes nowhere else")

	// The token is read anew, and looked at anew.
	require.NoError(t, os.WriteFile(token, []byte("old"), 0o600))
	_, err = s.InService(t.Context(), "5001")
	require.EqualError(t, err, "the sidecar answered 401 Unauthorized: the token has expired: log in again")
	if runtime.GOOS != "windows" {
		require.NoError(t, os.Chmod(token, 0o640))
		_, err = s.InService(t.Context(), "5001")
		require.ErrorIs(t, err, connector.ErrOpenFile)
	}
	require.NotContains(t, err.Error(), "t0ken")

	// Who can't show a certificate is not asked.
	unknown, err := connector.NewSidecar(connector.SidecarOptions{URL: server.URL, Token: "t0ken"})
	require.NoError(t, err)
	defer unknown.Close()
	status.Store(http.StatusOK)
	on, err = unknown.InService(t.Context(), "5001")
	require.ErrorContains(t, err, "certificate")
	require.False(t, on)
}

func TestBadSidecars(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	require.NoError(t, os.WriteFile(empty, []byte(" \n"), 0o600))
	for _, c := range []struct {
		o   connector.SidecarOptions
		err error
	}{
		{connector.SidecarOptions{Token: "t"}, connector.ErrSidecar},
		{connector.SidecarOptions{URL: "sidecar.example.com", Token: "t"}, connector.ErrSidecar},
		{connector.SidecarOptions{URL: "http://sidecar.example.com", Token: "t"}, connector.ErrSidecar}, // a token in the clear
		{connector.SidecarOptions{URL: "https://a:b@sidecar.example.com", Token: "t"}, connector.ErrSidecar},
		{connector.SidecarOptions{URL: "https://sidecar.example.com"}, connector.ErrNoToken},
		{connector.SidecarOptions{URL: "https://sidecar.example.com", TokenFile: empty}, connector.ErrNoToken},
		{connector.SidecarOptions{URL: "https://sidecar.example.com", TokenFile: filepath.Join(dir, "none")}, os.ErrNotExist},
		{connector.SidecarOptions{URL: "https://sidecar.example.com", User: "5001"}, connector.ErrNoPassword},
		{connector.SidecarOptions{URL: "https://sidecar.example.com", User: "5001", PasswordFile: filepath.Join(dir, "none")}, os.ErrNotExist},
		{connector.SidecarOptions{URL: "https://sidecar.example.com", User: "5001", Password: "x", Token: "t"}, connector.ErrBoth},
		{connector.SidecarOptions{URL: "https://sidecar.example.com", Token: "t", CAFile: empty}, connector.ErrCA},
		{connector.SidecarOptions{URL: "https://sidecar.example.com", Token: "t", CAFile: filepath.Join(dir, "none")}, os.ErrNotExist},
	} {
		_, err := connector.NewSidecar(c.o)
		require.ErrorIs(t, err, c.err, "%+v", c.o)
	}
	s, err := connector.NewSidecar(connector.SidecarOptions{URL: "http://127.0.0.1:8090", Token: "t"})
	require.NoError(t, err)
	s.Close()
}

// A sidecar whose certificate nobody vouches for is not told who we are.
func TestSidecarOfAnotherAuthority(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 1)
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.Header.Get("Authorization") }))
	defer server.Close()
	s, err := connector.NewSidecar(connector.SidecarOptions{URL: server.URL, Token: "t0ken", CAFile: foreignCA(t)})
	require.NoError(t, err)
	defer s.Close()
	_, err = s.InService(t.Context(), "5001")
	require.ErrorContains(t, err, "certificate")
	require.Empty(t, asked)
}

// foreignCA is an authority of its own.
func foreignCA(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "foreign.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), 0o600))
	return file
}
