package bayeux

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"
)

// readMessages reads a request's body: JSON, or a form whose "message" fields hold JSON (the alternative that Bayeux
// gives long-polling clients).
func readMessages(w http.ResponseWriter, r *http.Request, limit int) ([]message, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(limit)))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, fmt.Errorf("%w: the limit is %d bytes", errTooLarge, limit)
		}
		return nil, fmt.Errorf("reading the request: %w", err)
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && kind == "application/x-www-form-urlencoded" {
		return decodeForm(body)
	}
	return decode(body)
}

func decodeForm(body []byte) ([]message, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fmt.Errorf("%w: the form can't be decoded", ErrMalformed)
	}
	var all []message
	for _, field := range form["message"] {
		messages, err := decode([]byte(field))
		if err != nil {
			return nil, err
		}
		all = append(all, messages...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: the form has no field \"message\"", ErrMalformed)
	}
	return all, nil
}

// decode reads a list of messages, or a lone one.
func decode(body []byte) ([]message, error) {
	if !utf8.Valid(body) {
		return nil, fmt.Errorf("%w: not UTF-8", ErrMalformed)
	}
	now := time.Now()
	var list []message
	if first := firstByte(body); first == '{' {
		list = make([]message, 1)
		if err := json.Unmarshal(body, &list[0]); err != nil {
			return nil, malformed(err)
		}
		list[0].received = now
		return list, nil
	} else if first != '[' {
		return nil, fmt.Errorf("%w: want a JSON array of messages", ErrMalformed)
	}
	var members []*message
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, malformed(err)
	}
	if len(members) == 0 {
		return nil, fmt.Errorf("%w: the array holds no message", ErrMalformed)
	}
	for i, m := range members {
		if m == nil {
			return nil, fmt.Errorf("%w: message %d is null, want an object", ErrMalformed, i+1)
		}
		m.received = now
		list = append(list, *m)
	}
	return list, nil
}

// malformed says what was wrong without repeating the body, which may hold credentials.
func malformed(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field := e.Field
		if field == "" {
			field = "message"
		}
		return fmt.Errorf("%w: %s can't be a JSON %s", ErrMalformed, field, e.Value)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("%w: invalid JSON at byte %d", ErrMalformed, e.Offset)
	}
	return fmt.Errorf("%w: invalid JSON", ErrMalformed)
}

func firstByte(body []byte) byte {
	for _, c := range body {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c
		}
	}
	return 0
}

// subscriptions reads the channels of a subscribe or unsubscribe: a string or a list of them.
func (m *message) subscriptions() (channels []string, wireError string) {
	if len(m.Subscription) == 0 || string(m.Subscription) == "null" {
		return nil, wireSubscriptionMissing
	}
	var one string
	if json.Unmarshal(m.Subscription, &one) == nil {
		channels = []string{one}
	} else if json.Unmarshal(m.Subscription, &channels) != nil || len(channels) == 0 {
		return nil, wireSubscriptionInvalid
	}
	for _, c := range channels {
		if !ValidPattern(c) {
			return nil, wireSubscriptionInvalid
		}
	}
	return channels, ""
}
