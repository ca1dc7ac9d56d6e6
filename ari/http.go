package ari

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxBody bounds an answer over HTTP; a stored recording is the largest one.
const maxBody = 256 << 20

// httpTransport carries each request as an HTTP request of its own.
type httpTransport struct {
	base   string
	auth   string
	client *http.Client
}

func newHTTPTransport(cfg Config) *httpTransport {
	return &httpTransport{
		base: cfg.base(),
		auth: basicAuth(cfg.User, cfg.Password),
		client: &http.Client{
			Transport: &http.Transport{
				// No Proxy: what the environment says of proxies is not about the PBX.
				MaxIdleConns: 64, MaxIdleConnsPerHost: 64,
				// Asterisk closes idle sessions after its session_keep_alive
				// (15 s); reusing one at that moment would fail a POST.
				IdleConnTimeout: 10 * time.Second,
			},
			// Following would repeat the credentials to another place.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func basicAuth(user string, password Secret) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+string(password)))
}

func (t *httpTransport) close() { t.client.CloseIdleConnections() }

func (t *httpTransport) roundTrip(ctx context.Context, r *request) (reply, error) {
	resp, err := t.open(ctx, r)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return reply{}, fmt.Errorf("ari: %s: %s %s: answer: %w", r.op, r.method, resp.Request.URL.Path, err)
	}
	if len(body) > maxBody {
		return reply{}, fmt.Errorf("ari: %s: %w: over %d bytes", r.op, ErrTooLarge, maxBody)
	}
	return reply{status: resp.StatusCode, reason: reason(resp.Status), body: body}, nil
}

// open sends the request and leaves the answer's body to be read, and closed, by the caller.
func (t *httpTransport) open(ctx context.Context, r *request) (*http.Response, error) {
	path, err := r.path()
	if err != nil {
		return nil, err
	}
	payload, err := r.payload()
	if err != nil {
		return nil, err
	}
	target := t.base + path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(payload))
	if err != nil {
		return nil, fmt.Errorf("ari: %s: %s %s: %w", r.op, r.method, path, withoutURL(err))
	}
	req.Header.Set("Authorization", t.auth)
	if payload != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ari: %s: %s %s: %w", r.op, r.method, path, withoutURL(err))
	}
	return resp, nil
}

// reason is the text of a status line without its number.
func reason(status string) string {
	_, text, _ := strings.Cut(status, " ")
	return text
}

// withoutURL drops the URL from net/http's errors: its query can hold values of
// variables, which don't belong into logs.
func withoutURL(err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		return ue.Err
	}
	return err
}
