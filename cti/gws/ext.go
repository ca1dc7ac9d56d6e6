package gws

import (
	"encoding/json"

	"sidecar/cti"
)

// ext is what we read of a handshake's ext:
//
//	{"auth": {"token": "..."}, "cursor": "k7:10233"}
//	{"auth": {"token": "..."}, "cursor": {"/user/agent/events": "k7:10233", "/call/state": "k7:10230"}}
//
// A client of both channels names the last cursor of each, since their events travel independently.
type ext struct {
	Auth struct {
		Token string `json:"token"`
	} `json:"auth"`
	Cursor cursors `json:"cursor"`
}

// cursors are those that a client names, for one channel or, under "", for all.
type cursors map[string]string

// UnmarshalJSON takes a string or an object of strings; anything else is no cursor.
func (c *cursors) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*c = cursors{"": one}
		return nil
	}
	byChannel := map[string]string{}
	if json.Unmarshal(raw, &byChannel) == nil {
		*c = byChannel
	}
	return nil
}

// readExt ignores what it does not understand: ext belongs to many.
func readExt(raw json.RawMessage) ext {
	var e ext
	_ = json.Unmarshal(raw, &e)
	return e
}

// cursorFor gives the position that the client names for a channel. named without a position is a cursor that
// nobody has given out; it is treated as one that is too old.
func (e *ext) cursorFor(channel string) (at cti.Cursor, named bool) {
	text, ok := e.Cursor[channel]
	if !ok {
		text = e.Cursor[""]
	}
	if text == "" {
		return cti.Cursor{}, false
	}
	at, err := cti.ParseCursor(text)
	if err != nil {
		return cti.Cursor{}, true
	}
	return at, true
}
