package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

const maxAnswer = 1 << 20

var (
	errAnswer = errors.New("REST refused")
	errNoUser = errors.New("no admin in the file with the credentials")
)

// rest is a client of /api/v1.
type rest struct {
	base, token string
	http        *http.Client
}

func newREST(ctx context.Context, base, credentials string) (*rest, error) {
	text, err := os.ReadFile(credentials) //nolint:gosec // the file that the user names
	if err != nil {
		return nil, fmt.Errorf("read the credentials: %w", err)
	}
	r := &rest{base: base, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 200}}}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[2] != "admin" || strings.HasPrefix(line, "#") {
			continue
		}
		var login struct{ Token string }
		_, err := r.do(ctx, http.MethodPost, "/login", map[string]string{"user": fields[0], "password": fields[1]}, &login)
		r.token = login.Token
		return r, err
	}
	return nil, fmt.Errorf("%w: %s", errNoUser, credentials)
}

// do sends one request, and says how long it took.
func (r *rest) do(ctx context.Context, method, path string, body, into any) (took time.Duration, err error) {
	var payload io.Reader = http.NoBody
	if body != nil {
		text, errBody := json.Marshal(body)
		if errBody != nil {
			return 0, fmt.Errorf("%s %s: %w", method, path, errBody)
		}
		payload = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.base+"/api/v1"+path, payload)
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	began := time.Now()
	res, err := r.http.Do(req)
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = res.Body.Close() }() // it was read
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	took = time.Since(began)
	switch {
	case err != nil:
		return took, fmt.Errorf("%s %s: %w", method, path, err)
	case res.StatusCode/100 != 2:
		return took, fmt.Errorf("%w: %s %s: %d %s", errAnswer, method, path, res.StatusCode, text)
	case into == nil:
		return took, nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return took, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return took, nil
}
