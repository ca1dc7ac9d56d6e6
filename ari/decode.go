package ari

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// DecodeEvent reads one frame of the event socket. It fails only for frames that
// are no event at all (ErrMalformedEvent); an event it can't make a typed one of
// becomes an *UnknownEvent.
func DecodeEvent(frame []byte) (Event, error) {
	name, err := eventType(frame)
	if err != nil {
		return nil, err
	}
	e := newEvent(name)
	if e == nil {
		return unknown(name, frame, nil)
	}
	if err := json.Unmarshal(frame, e); err != nil {
		return unknown(name, frame, err)
	}
	return e, nil
}

// typePrefix is how Asterisk begins nearly every event; finding the type there
// saves scanning the frame twice.
const typePrefix = `{"type":"`

func eventType(frame []byte) (EventType, error) {
	if rest, ok := bytes.CutPrefix(frame, []byte(typePrefix)); ok {
		// A backslash would need unquoting: leave that to the slow path.
		if end := bytes.IndexAny(rest, `"\`); end > 0 && rest[end] == '"' {
			return EventType(rest[:end]), nil
		}
	}
	var head struct {
		Type EventType `json:"type"`
	}
	if err := json.Unmarshal(frame, &head); err != nil {
		return "", fmt.Errorf("%w: %w", ErrMalformedEvent, err)
	}
	if head.Type == "" {
		return "", fmt.Errorf("%w: it has no type", ErrMalformedEvent)
	}
	return head.Type, nil
}

func unknown(name EventType, frame []byte, cause error) (Event, error) {
	if !json.Valid(frame) {
		return nil, fmt.Errorf("%w: type %.40q: not JSON", ErrMalformedEvent, string(name))
	}
	e := &UnknownEvent{Name: name, Raw: bytes.Clone(frame), Err: cause}
	// The header is a help only; what does not fit stays zero.
	if err := json.Unmarshal(frame, &e.Header); err != nil && e.Err == nil {
		e.Err = err
	}
	return e, nil
}
