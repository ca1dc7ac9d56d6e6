package userdata

import (
	"fmt"
	"unicode/utf8"
)

// The limits of a call's data, lists within lists included.
const (
	MaxPairs = 500
	MaxKey   = 128      // bytes of a key
	MaxBytes = 64 << 10 // of all keys and values; a number counts 8
	MaxDepth = 8        // lists within lists
)

// Error is data that can't be taken.
type Error struct {
	Key  string // the keys on the way to it, with dots between; empty when it is the whole
	Rule string // that it breaks
}

func (e *Error) Error() string {
	if e.Key == "" {
		return "user data " + e.Rule
	}
	return fmt.Sprintf("user data %q %s", e.Key, e.Rule)
}

// Check reports the first limit that the data breaks, as an *Error.
func (d Data) Check() error {
	var sum total
	if err := sum.add(d, "", 1); err != nil {
		return err
	}
	switch {
	case sum.pairs > MaxPairs:
		return &Error{Rule: fmt.Sprintf("has %d pairs: at most %d are allowed", sum.pairs, MaxPairs)}
	case sum.bytes > MaxBytes:
		return &Error{Rule: fmt.Sprintf("has %d bytes: at most %d are allowed", sum.bytes, MaxBytes)}
	}
	return nil
}

type total struct{ pairs, bytes int }

func (t *total) add(d Data, parent string, depth int) error {
	if depth > MaxDepth {
		return &Error{Key: parent, Rule: fmt.Sprintf("nests lists more than %d deep", MaxDepth)}
	}
	t.pairs += len(d)
	for i := range d {
		p := &d[i]
		path := under(parent, p.Key)
		if err := checkPair(p, path); err != nil {
			return err
		}
		t.bytes += len(p.Key) + len(p.Value.text)
		if p.Value.kind == KindInt {
			t.bytes += 8
		}
		if p.Value.kind != KindList {
			continue
		}
		if err := t.add(p.Value.list, path, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func checkPair(p *Pair, path string) error {
	switch {
	case p.Key == "":
		return &Error{Key: path, Rule: "has an empty key"}
	case len(p.Key) > MaxKey:
		return &Error{Key: path, Rule: fmt.Sprintf("has a key of %d bytes: at most %d are allowed", len(p.Key), MaxKey)}
	case !utf8.ValidString(p.Key):
		return &Error{Key: path, Rule: "has a key that is not valid UTF-8"}
	case !utf8.ValidString(p.Value.text):
		return &Error{Key: path, Rule: "has a text that is not valid UTF-8"}
	}
	return nil
}

// under names a key within its parent, cut to what a reader needs to find it.
func under(parent, key string) string {
	const enough = 40
	if len(key) > enough {
		key = key[:enough] + "..."
	}
	if parent == "" {
		return key
	}
	return parent + "." + key
}
