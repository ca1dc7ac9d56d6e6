package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 4 << 20

// rest is a client of /api/v1.
type rest struct {
	base  string
	http  *http.Client
	token string
}

// answerError is an answer other than 2xx.
type answerError struct {
	method, path string
	status       int
	detail       string
}

func (e *answerError) Error() string {
	return fmt.Sprintf("%s %s was answered %d %s", e.method, e.path, e.status, e.detail)
}

type call struct {
	ID      string `json:"id"`
	State   string `json:"state"`
	Parties []struct {
		DN    string `json:"dn"`
		State string `json:"state"`
	} `json:"parties"`
}

func (c *call) has(dn string) bool {
	return slices.ContainsFunc(c.Parties, func(p struct {
		DN    string `json:"dn"`
		State string `json:"state"`
	},
	) bool {
		return p.DN == dn && p.State == "Established"
	})
}

func (r *rest) login(ctx context.Context, user, password string) error {
	var answer struct {
		Token string `json:"token"`
	}
	err := r.do(ctx, http.MethodPost, "/api/v1/login", map[string]string{"user": user, "password": password}, &answer)
	r.token = answer.Token
	return err
}

// callOf waits for a call in which the DN talks: the event socket may be a moment behind the phone.
func (r *rest) callOf(ctx context.Context, dn string) (string, error) {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		var answer struct {
			Calls []call `json:"calls"`
		}
		if err := r.do(ctx, http.MethodGet, "/api/v1/calls", nil, &answer); err != nil {
			return "", err
		}
		for i := range answer.Calls {
			if answer.Calls[i].has(dn) {
				return answer.Calls[i].ID, nil
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return "", fmt.Errorf("no call with DN %s in state Established among %d: %w", dn, len(answer.Calls), context.Cause(ctx))
		}
	}
}

func (r *rest) transfer(ctx context.Context, id, from, to string) error {
	return r.do(ctx, http.MethodPost, "/api/v1/calls/"+id+"/transfer", map[string]string{"dn": from, "to": to}, nil)
}

func (r *rest) hangup(ctx context.Context, id string) error {
	return r.do(ctx, http.MethodPost, "/api/v1/calls/"+id+"/hangup", nil, nil)
}

// do sends one request; both body and into may be nil.
func (r *rest) do(ctx context.Context, method, path string, body, into any) error {
	var reader io.Reader = http.NoBody
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		reader = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, reader)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	res, err := r.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = res.Body.Close() }() // it was read, nothing can be lost
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if res.StatusCode/100 != 2 {
		return refusal(method, path, res.StatusCode, text)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// refusal takes the words of a problem (RFC 9457) if the answer is one.
func refusal(method, path string, status int, text []byte) error {
	var problem struct {
		Title  string `json:"title"`
		Detail string `json:"detail"`
	}
	detail := http.StatusText(status)
	if json.Unmarshal(text, &problem) == nil && problem.Title+problem.Detail != "" {
		detail = problem.Title + ": " + problem.Detail
	}
	return &answerError{method: method, path: path, status: status, detail: detail}
}
