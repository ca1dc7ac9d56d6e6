package sip

import (
	"net/url"
	"strings"
)

// parseReplaces reads call-id;to-tag=x;from-tag=y, escaped as in a URI's header part; nil when it names no dialog.
func parseReplaces(text string) *Replaces {
	if plain, err := url.PathUnescape(text); err == nil {
		text = plain
	}
	parts := strings.Split(text, ";")
	r := &Replaces{CallID: strings.TrimSpace(parts[0])}
	for _, part := range parts[1:] {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch strings.ToLower(name) {
		case "to-tag":
			r.ToTag = value
		case "from-tag":
			r.FromTag = value
		}
	}
	if r.CallID == "" || r.ToTag == "" || r.FromTag == "" {
		return nil
	}
	return r
}
