package servercert_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/internal/servercert"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// shown is the certificate that a client sees.
func shown(t *testing.T, s *servercert.Source) *x509.Certificate {
	t.Helper()
	near, far := net.Pipe()
	server, client := tls.Server(far, s.Config()), tls.Client(near, &tls.Config{InsecureSkipVerify: true})
	served := make(chan error, 1)
	go func() { served <- server.HandshakeContext(context.Background()) }() // joined below
	require.NoError(t, client.HandshakeContext(t.Context()))
	require.NoError(t, <-served)
	require.NoError(t, near.Close())
	require.NoError(t, far.Close())
	return client.ConnectionState().PeerCertificates[0]
}

func TestOurOwnCertificateIsMadeOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	names := []string{"localhost", "desk.example.com", "192.0.2.10", "::1"}
	first, err := servercert.SelfSigned(dir, names, quiet())
	require.NoError(t, err)
	certificate := shown(t, first)
	for _, name := range names {
		require.NoError(t, certificate.VerifyHostname(name))
	}
	require.Error(t, certificate.VerifyHostname("other.example.com"))
	require.False(t, certificate.IsCA)
	require.Less(t, certificate.NotAfter.Sub(certificate.NotBefore), 825*24*time.Hour, "browsers refuse longer ones")
	for _, file := range []string{servercert.CertFile, servercert.KeyFile} {
		info, errStat := os.Stat(filepath.Join(dir, file))
		require.NoError(t, errStat)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), file)
	}

	again, err := servercert.SelfSigned(dir, names[:2], quiet())
	require.NoError(t, err)
	require.Equal(t, certificate.Raw, shown(t, again).Raw, "people have told their browsers to trust it")

	more, err := servercert.SelfSigned(dir, append(names, "203.0.113.1"), quiet())
	require.NoError(t, err)
	require.NoError(t, shown(t, more).VerifyHostname("203.0.113.1"))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 2, "nothing half written stays")
}

func TestADamagedCertificateOfOurOwnIsReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := servercert.SelfSigned(dir, []string{"localhost"}, quiet())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, servercert.KeyFile), []byte("half"), 0o600))
	s, err := servercert.SelfSigned(dir, []string{"localhost"}, quiet())
	require.NoError(t, err)
	require.NoError(t, shown(t, s).VerifyHostname("localhost"))
}

func TestRenewedFilesAreTakenUpWhenBothAreThere(t *testing.T) {
	t.Parallel()
	dir, other := t.TempDir(), t.TempDir()
	_, err := servercert.SelfSigned(dir, []string{"old.example.com"}, quiet())
	require.NoError(t, err)
	_, err = servercert.SelfSigned(other, []string{"new.example.com"}, quiet())
	require.NoError(t, err)
	certFile, keyFile := filepath.Join(dir, servercert.CertFile), filepath.Join(dir, servercert.KeyFile)
	s, err := servercert.FromFiles(certFile, keyFile, quiet())
	require.NoError(t, err)
	require.NoError(t, shown(t, s).VerifyHostname("old.example.com"))

	later := time.Now().Add(time.Minute)
	take := func(file string) {
		text, err := os.ReadFile(filepath.Join(other, file))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), text, 0o600))
		require.NoError(t, os.Chtimes(filepath.Join(dir, file), later, later))
	}
	take(servercert.CertFile)
	require.NoError(t, shown(t, s).VerifyHostname("old.example.com"), "the key is still the old one")
	take(servercert.KeyFile)
	require.NoError(t, shown(t, s).VerifyHostname("new.example.com"))
}

func TestFilesThatCannotBeUsedAreRefused(t *testing.T) {
	t.Parallel()
	_, err := servercert.FromFiles("/nowhere/cert.pem", "/nowhere/key.pem", quiet())
	require.ErrorContains(t, err, "/nowhere/cert.pem")
}
