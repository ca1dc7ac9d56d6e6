package ari

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// request is one operation on its way out, whichever transport carries it.
type request struct {
	op     string
	method string
	segs   []string
	query  url.Values
	body   any
}

func newRequest(op, method string, segs ...string) *request {
	return &request{op: op, method: method, segs: segs}
}

func (r *request) put(key, value string) {
	if r.query == nil {
		r.query = url.Values{}
	}
	r.query.Set(key, value)
}

// setBody sets the whole body (key empty) or one key of it.
func (r *request) setBody(key string, value any, present bool) {
	switch {
	case !present:
	case key == "":
		r.body = value
	default:
		r.body = map[string]any{key: value}
	}
}

func putString[T ~string](r *request, key string, value T, required bool) {
	if value != "" || required {
		r.put(key, string(value))
	}
}

// putList joins with commas: Asterisk reads only one parameter of a name.
func putList[T ~string](r *request, key string, values []T) {
	if len(values) == 0 {
		return
	}
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = string(v)
	}
	r.put(key, strings.Join(parts, ","))
}

func putBool(r *request, key string, value bool) {
	if value {
		r.put(key, "true")
	}
}

func putInt[T ~int | ~int64](r *request, key string, value T, required bool) {
	if value != 0 || required {
		r.put(key, strconv.FormatInt(int64(value), 10))
	}
}

// putSpan rounds up: a span shorter than the unit must not become zero, which
// often means forever.
func putSpan(r *request, key string, span *time.Duration, unit time.Duration) {
	if span == nil {
		return
	}
	n := *span / unit
	if *span%unit > 0 {
		n++
	}
	r.put(key, strconv.FormatInt(int64(n), 10))
}

// path is the escaped path below /ari.
func (r *request) path() (string, error) {
	var b strings.Builder
	for _, seg := range r.segs {
		// An empty id would address another operation (DELETE /channels/), dots
		// would climb.
		if seg == "" || seg == "." || seg == ".." {
			return "", fmt.Errorf("ari: %s: %w: %q", r.op, ErrInvalidID, seg)
		}
		b.WriteByte('/')
		b.WriteString(url.PathEscape(seg))
	}
	return b.String(), nil
}

func (r *request) payload() ([]byte, error) {
	if r.body == nil {
		return nil, nil
	}
	raw, err := json.Marshal(r.body)
	if err != nil {
		return nil, fmt.Errorf("ari: %s: body: %w", r.op, err)
	}
	return raw, nil
}

// reply is what came back, whichever transport carried it.
type reply struct {
	status int
	reason string
	body   []byte
}

// transport carries requests.
type transport interface {
	roundTrip(ctx context.Context, r *request) (reply, error)
}

// send adds the deadline, carries the request and turns refusals into *Error.
func (c *Client) send(ctx context.Context, r *request) ([]byte, error) {
	return sendOver(ctx, c.rest, c.cfg.Timeout, r)
}

func sendOver(ctx context.Context, t transport, timeout time.Duration, r *request) ([]byte, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	rep, err := t.roundTrip(ctx, r)
	if err != nil {
		return nil, err
	}
	if rep.status < 200 || rep.status > 299 {
		path, err := r.path()
		if err != nil {
			return nil, err
		}
		return nil, &Error{Op: r.op, Method: r.method, Path: path, Status: rep.status, Message: refusal(rep)}
	}
	return rep.body, nil
}

// refusal finds Asterisk's reason: mostly under message, for failed allocations
// under error.
func refusal(rep reply) string {
	var body struct {
		Message string `json:"message"`
		Error   string `json:"error"`
	}
	if err := json.Unmarshal(rep.body, &body); err == nil {
		if body.Message != "" {
			return body.Message
		}
		if body.Error != "" {
			return body.Error
		}
	}
	return rep.reason
}

// do performs an operation without a result.
func (c *Client) do(ctx context.Context, r *request) error {
	_, err := c.send(ctx, r)
	return err
}

// download performs an operation whose result is not JSON. Asterisk gives files
// over HTTP only (406 inside the socket).
func (c *Client) download(ctx context.Context, r *request) ([]byte, error) {
	if c.http != nil {
		return sendOver(ctx, c.http, c.cfg.Timeout, r)
	}
	return c.send(ctx, r)
}

// call performs an operation and decodes its result.
func call[T any](ctx context.Context, c *Client, r *request) (T, error) {
	return callOver[T](ctx, c.rest, c.cfg.Timeout, r)
}

func callOver[T any](ctx context.Context, t transport, timeout time.Duration, r *request) (T, error) {
	var out T
	body, err := sendOver(ctx, t, timeout, r)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(body, &out); err != nil {
		return out, fmt.Errorf("ari: %s: answer: %w", r.op, err)
	}
	return out, nil
}
