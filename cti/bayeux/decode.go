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
func readMessages(w http.ResponseWriter, r *http.Request, limit, batch int) ([]message, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(limit)))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, fmt.Errorf("%w: the limit is %d bytes", errTooLarge, limit)
		}
		return nil, fmt.Errorf("reading the request: %w", err)
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && kind == "application/x-www-form-urlencoded" {
		return decodeForm(body, batch)
	}
	return decode(body, batch)
}

func decodeForm(body []byte, limit int) ([]message, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fmt.Errorf("%w: the form can't be decoded", ErrMalformed)
	}
	var all []message
	for _, field := range form["message"] {
		messages, err := decode([]byte(field), limit-len(all))
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

// decode reads a list of messages, or a lone one. It counts them before it makes anything of them: what is short on the wire
// is not in memory.
func decode(body []byte, limit int) ([]message, error) {
	if !utf8.Valid(body) {
		return nil, fmt.Errorf("%w: not UTF-8", ErrMalformed)
	}
	members := []json.RawMessage{body}
	switch firstByte(body) {
	case '{':
	case '[':
		if err := json.Unmarshal(body, &members); err != nil {
			return nil, malformed(err)
		}
	default:
		return nil, fmt.Errorf("%w: want a JSON array of messages", ErrMalformed)
	}
	if len(members) == 0 {
		return nil, fmt.Errorf("%w: the array holds no message", ErrMalformed)
	}
	if len(members) > limit {
		return nil, fmt.Errorf("%w: it holds too many messages", errTooLarge)
	}
	now := time.Now()
	list := make([]message, len(members))
	for i, raw := range members {
		if firstByte(raw) != '{' {
			return nil, fmt.Errorf("%w: message %d is no object", ErrMalformed, i+1)
		}
		if err := json.Unmarshal(raw, &list[i]); err != nil {
			return nil, malformed(err)
		}
		list[i].received = now
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
