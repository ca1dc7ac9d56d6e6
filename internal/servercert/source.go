package servercert

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Source is a certificate with its key in two PEM files.
type Source struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	stamp   stamp // of the files that were tried last
}

// stamp tells whether files were replaced.
type stamp struct{ cert, key time.Time }

// FromFiles reads the certificate; it fails when that can't be used.
func FromFiles(certFile, keyFile string, log *slog.Logger) (*Source, error) {
	s := &Source{certFile: certFile, keyFile: keyFile, log: log}
	var err error
	s.stamp = s.look()
	if s.current, err = s.read(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Source) read() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(s.certFile, s.keyFile)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", s.certFile, s.keyFile, err)
	}
	return &pair, nil
}

func (s *Source) look() stamp {
	changed := func(file string) time.Time {
		info, err := os.Stat(file)
		if err != nil {
			return time.Time{}
		}
		return info.ModTime()
	}
	return stamp{cert: changed(s.certFile), key: changed(s.keyFile)}
}

// Config is that of a server. It offers HTTP/1.1 alone, because a WebSocket begins with it.
func (s *Source) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.certificate(), nil },
	}
}

// certificate looks at the files with each handshake, so that a renewed certificate needs no signal. While only one of
// both files is new they don't fit, and the old pair stays in use.
func (s *Source) certificate() *tls.Certificate {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.look()
	if now == s.stamp {
		return s.current
	}
	s.stamp = now
	fresh, err := s.read()
	if err != nil {
		s.log.Warn("certificate_not_taken", "error", err, "in_use_until", s.current.Leaf.NotAfter)
		return s.current
	}
	s.log.Info("certificate_taken", "file", s.certFile, "until", fresh.Leaf.NotAfter)
	s.current = fresh
	return s.current
}
