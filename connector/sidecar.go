package connector

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"
)

const (
	askTimeout = 3 * time.Second
	maxAnswer  = 64 << 10
	maxToken   = 8 << 10
)

// SidecarOptions say where the sidecar is and how it knows us.
type SidecarOptions struct {
	URL       string // https://HOST[:PORT]
	TokenFile string // read anew for each request, so that it can be replaced; only its owner may read it
	Token     string // when there is no file
	CAFile    string // of the authority that vouches for the sidecar's certificate; empty: those of the system
}

// Sidecar asks a sidecar about DNs.
type Sidecar struct {
	o      SidecarOptions
	base   string
	client *http.Client
}

// NewSidecar checks the options. It fails with ErrSidecar, ErrNoToken, ErrOpenToken or ErrCA.
func NewSidecar(o SidecarOptions) (*Sidecar, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		u.Scheme != "https" && (u.Scheme != "http" || !ofThisMachine(u.Host)) {
		return nil, ErrSidecar
	}
	transport := &http.Transport{TLSHandshakeTimeout: askTimeout, IdleConnTimeout: time.Minute, Proxy: http.ProxyFromEnvironment}
	if o.CAFile != "" {
		pem, failed := os.ReadFile(o.CAFile)
		if failed != nil {
			return nil, fmt.Errorf("the authority's certificate: %w", failed)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: %w", o.CAFile, ErrCA)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	s := &Sidecar{o: o, base: strings.TrimSuffix(o.URL, "/"), client: &http.Client{
		Transport: transport, Timeout: askTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the token is for that host only
	}}
	if _, err = s.token(); err != nil {
		return nil, err
	}
	return s, nil
}

// Close gives up idle connections.
func (s *Sidecar) Close() { s.client.CloseIdleConnections() }

func (s *Sidecar) token() (string, error) {
	if s.o.TokenFile == "" {
		if s.o.Token == "" {
			return "", ErrNoToken
		}
		return s.o.Token, nil
	}
	file, err := os.Open(s.o.TokenFile) //nolint:gosec // named by whoever starts the connector
	if err != nil {
		return "", fmt.Errorf("the token: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return "", fmt.Errorf("the token: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 { // Windows has lists in place of modes
		return "", fmt.Errorf("%s: %w", s.o.TokenFile, ErrOpenToken)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxToken))
	if err != nil {
		return "", fmt.Errorf("the token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || strings.ContainsAny(token, " \r\n\t") {
		return "", fmt.Errorf("%s: %w", s.o.TokenFile, ErrNoToken)
	}
	return token, nil
}

// AnswerError is an answer of the sidecar that is not 200.
type AnswerError struct {
	Status int
	Detail string // the sidecar's own words, if it said any
}

func (e *AnswerError) Error() string {
	text := fmt.Sprintf("the sidecar answered %d %s", e.Status, http.StatusText(e.Status))
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// InService implements Phones.
func (s *Sidecar) InService(ctx context.Context, dn string) (bool, error) {
	token, err := s.token()
	if err != nil {
		return false, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/api/v1/dns/"+url.PathEscape(dn), nil) //nolint:gosec // the host is that of --sidecar
	if err != nil {
		return false, ErrSidecar
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := s.client.Do(req) //nolint:gosec // as above
	if err != nil {
		if of, ok := errors.AsType[*url.Error](err); ok {
			err = of.Err
		}
		return false, fmt.Errorf("ask the sidecar: %w", err)
	}
	defer func() { _ = res.Body.Close() }() // it was read to its end
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return false, fmt.Errorf("ask the sidecar: %w", err)
	}
	return readDN(res.StatusCode, text, dn)
}

// readDN reads the sidecar's answer about a DN.
func readDN(status int, text []byte, dn string) (bool, error) {
	if status != http.StatusOK {
		var problem struct{ Detail string }
		_ = json.Unmarshal(text, &problem) // a proxy may have answered
		return false, &AnswerError{Status: status, Detail: problem.Detail}
	}
	var state struct {
		Number    string
		InService bool
	}
	if err := json.Unmarshal(text, &state); err != nil || state.Number != dn {
		return false, &AnswerError{Status: status, Detail: "which is not about the DN"}
	}
	return state.InService, nil
}
