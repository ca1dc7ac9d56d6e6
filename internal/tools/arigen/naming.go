package main

import (
	"regexp"
	"strings"
	"unicode"
)

// words splits snake_case, camelCase and spaced names.
func words(s string) []string {
	var out []string
	var cur []rune
	flush := func() {
		if len(cur) > 0 {
			out = append(out, string(cur))
			cur = nil
		}
	}
	runes := []rune(s)
	for i, r := range runes {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			flush()
			continue
		}
		if i > 0 && unicode.IsUpper(r) && unicode.IsLower(runes[i-1]) {
			flush()
		}
		cur = append(cur, r)
	}
	flush()
	return out
}

// exported is the Go name of an Asterisk name, initialisms in capitals.
func exported(s string) string {
	if joined := unglued(s); joined != "" {
		return joined
	}
	var b strings.Builder
	for _, w := range words(s) {
		b.WriteString(word(w))
	}
	return b.String()
}

// unglued knows the names that Asterisk writes as one word although they are two.
func unglued(s string) string {
	return map[string]string{
		"rtpstatistics": "RTPStatistics",
		"creationtime":  "CreationTime",
		"accountcode":   "AccountCode",
		"channelvars":   "ChannelVars",
		"bridgevars":    "BridgeVars",
		"tenantid":      "TenantID",
		"dialstatus":    "DialStatus",
		"dialstring":    "DialString",
		"eventname":     "EventName",
		"userevent":     "UserEvent",
		"musicclass":    "MusicClass",
		"setid":         "SetID",
	}[s]
}

func word(w string) string {
	switch lower := strings.ToLower(w); lower {
	case "id", "uri", "url", "dtmf", "moh", "rtp", "os", "rtt", "ssrc", "rdnis", "aor":
		return strings.ToUpper(w)
	case "ids":
		return "IDs"
	default:
		if w == strings.ToUpper(w) && len(w) > 1 && lower != "rest" && lower != "cep" {
			// NOT_INUSE and the like.
			w = lower
		}
		return strings.ToUpper(w[:1]) + w[1:]
	}
}

// variable is the Go name of a parameter in a signature.
func variable(s string) string {
	ws := words(s)
	var b strings.Builder
	b.WriteString(strings.ToLower(ws[0]))
	for _, w := range ws[1:] {
		b.WriteString(word(w))
	}
	name := b.String()
	switch name {
	case "type", "func", "range":
		return name + "_"
	}
	return name
}

var pathParam = regexp.MustCompile(`^\{(\w+)\}$`)

// unlisted returns X of List[X].
func unlisted(t string) (elem string, list bool) {
	inner, ok := strings.CutPrefix(t, "List[")
	if !ok {
		return t, false
	}
	return strings.TrimSuffix(inner, "]"), true
}
