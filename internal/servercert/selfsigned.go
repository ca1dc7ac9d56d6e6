package servercert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Names of the files of our own certificate in the data directory.
const (
	CertFile = "tls-cert.pem"
	KeyFile  = "tls-key.pem"
)

const (
	// life is what the strictest browsers still accept of a certificate that its user trusts (Apple: 825 days).
	life    = 820 * 24 * time.Hour
	renewal = 30 * 24 * time.Hour // before the end
	skew    = time.Hour           // a client's clock may be behind
)

// SelfSigned gives our own certificate for the names and addresses. It is made once and kept in dir; a new one replaces
// it when it is about to end or lacks one of the names.
func SelfSigned(dir string, names []string, log *slog.Logger) (*Source, error) {
	certFile, keyFile := filepath.Join(dir, CertFile), filepath.Join(dir, KeyFile)
	s, err := FromFiles(certFile, keyFile, log)
	if err == nil && s.serves(names, time.Now()) {
		return s, nil
	}
	certificate, key, err := newPair(names, time.Now())
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	for file, block := range map[string]*pem.Block{
		keyFile: {Type: "PRIVATE KEY", Bytes: key}, certFile: {Type: "CERTIFICATE", Bytes: certificate},
	} {
		if err := replace(file, pem.EncodeToMemory(block)); err != nil {
			return nil, fmt.Errorf("keep a certificate: %w", err)
		}
	}
	log.Info("certificate_made", "file", certFile, "names", names)
	return FromFiles(certFile, keyFile, log)
}

func (s *Source) serves(names []string, now time.Time) bool {
	leaf := s.current.Leaf
	missing := func(name string) bool { return leaf.VerifyHostname(name) != nil }
	return now.Add(renewal).Before(leaf.NotAfter) && !slices.ContainsFunc(names, missing)
}

func newPair(names []string, now time.Time) (certificate, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "sidecar"}, NotBefore: now.Add(-skew), NotAfter: now.Add(life),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	if certificate, err = x509.CreateCertificate(rand.Reader, template, template, private.Public(), private); err != nil {
		return nil, nil, err
	}
	key, err = x509.MarshalPKCS8PrivateKey(private)
	return certificate, key, err
}

// replace writes a file that only its owner reads, in one step.
func replace(path string, content []byte) error {
	next, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = next.Write(content)
	if err = errors.Join(err, next.Close()); err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(next.Name()))
	}
	return nil
}
