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
	"strings"
	"time"
)

const (
	askTimeout = 3 * time.Second
	maxAnswer  = 64 << 10
	maxSecret  = 8 << 10
)

// SidecarOptions say where the sidecar is and how it knows us: by a user's name and password, or by a token that somebody else renews.
type SidecarOptions struct {
	URL    string // https://HOST[:PORT]
	CAFile string // of the authority that vouches for the sidecar's certificate; empty: those of the system

	User         string // logs in by itself, and again when the token comes to its end
	PasswordFile string // its first line; read anew for each login; only its owner may read it
	Password     string // when there is no file

	TokenFile string // read anew for each request, so that it can be replaced; only its owner may read it
	Token     string // when there is no file
}

// Sidecar asks a sidecar about DNs.
type Sidecar struct {
	base   string
	client *http.Client
	tokens tokens
}

// NewSidecar checks the options, and asks nobody yet. It fails with ErrSidecar, ErrNoToken, ErrNoPassword, ErrBoth, ErrOpenFile or ErrCA.
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
	s := &Sidecar{base: strings.TrimSuffix(o.URL, "/"), client: &http.Client{
		Transport: transport, Timeout: askTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the token is for that host only
	}}
	s.tokens, err = o.tokens(s.post)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// tokens checks what the sidecar is to know us by.
func (o *SidecarOptions) tokens(post poster) (tokens, error) {
	if o.User == "" {
		g := givenToken{file: o.TokenFile, value: o.Token}
		_, err := g.token(context.Background())
		return g, err
	}
	if o.TokenFile != "" || o.Token != "" {
		return nil, ErrBoth
	}
	l := &login{user: o.User, file: o.PasswordFile, value: o.Password, post: post}
	password, err := l.password()
	if err == nil && password == "" {
		err = ErrNoPassword
	}
	return l, err
}

// Close gives the token up, if it was made for us, and idle connections.
func (s *Sidecar) Close() {
	s.tokens.leave(context.Background()) // the client has a deadline of its own
	s.client.CloseIdleConnections()
}

// Check finds out whether the sidecar is there and knows us, for whoever starts the connector: it can be asked either way.
func (s *Sidecar) Check(ctx context.Context) error {
	status, text, err := s.get(ctx, "/api/v1/me")
	if err == nil && status != http.StatusOK {
		err = answerError(status, text)
	}
	return err
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
	status, text, err := s.get(ctx, "/api/v1/dns/"+url.PathEscape(dn))
	if err != nil {
		return false, err
	}
	return readDN(status, text, dn)
}

// get asks; when the token is no longer good, once more with another one if there is.
func (s *Sidecar) get(ctx context.Context, path string) (status int, text []byte, err error) {
	for again := true; ; again = false {
		token, failed := s.tokens.token(ctx)
		if failed != nil {
			return 0, nil, failed
		}
		res, failed := s.ask(ctx, http.MethodGet, path, token, nil)
		if failed != nil {
			return 0, nil, failed
		}
		if res.status != http.StatusUnauthorized || !again || !s.tokens.renew(token) {
			return res.status, res.text, nil
		}
	}
}

func (s *Sidecar) post(ctx context.Context, path, token string, body []byte) (reply, error) {
	return s.ask(ctx, http.MethodPost, path, token, body)
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	text   []byte
}

// ask sends a request and reads the answer.
func (s *Sidecar) ask(ctx context.Context, method, path, token string, body []byte) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, jsonBody(body)) //nolint:gosec // the host is that of --sidecar
	if err != nil {
		return reply{}, ErrSidecar
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := s.client.Do(req) //nolint:gosec // as above
	if err != nil {
		if of, ok := errors.AsType[*url.Error](err); ok {
			err = of.Err
		}
		return reply{}, fmt.Errorf("ask the sidecar: %w", err)
	}
	defer func() { _ = res.Body.Close() }() // it was read to its end
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return reply{}, fmt.Errorf("ask the sidecar: %w", err)
	}
	return reply{res.StatusCode, res.Header, text}, nil
}

func answerError(status int, text []byte) error {
	var problem struct{ Detail string }
	_ = json.Unmarshal(text, &problem) // a proxy may have answered
	return &AnswerError{Status: status, Detail: problem.Detail}
}

// readDN reads the sidecar's answer about a DN.
func readDN(status int, text []byte, dn string) (bool, error) {
	if status != http.StatusOK {
		return false, answerError(status, text)
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
