package gateway

import (
	"strconv"
	"strings"
	"time"
)

// Lengths of a digit that a phone asked for by INFO.
const (
	defaultDigit  = 160 * time.Millisecond
	shortestDigit = 40 * time.Millisecond
	longestDigit  = 2 * time.Second
)

// digitOf reads the body of an INFO: JsSIP's application/dtmf-relay ("Signal=5", "Duration=160"), or application/dtmf,
// which is the bare digit.
func digitOf(contentType string, body []byte) (digit string, length time.Duration, ok bool) {
	length = defaultDigit
	kind, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	switch strings.TrimSpace(kind) {
	case "application/dtmf":
		digit = strings.TrimSpace(string(body))
	case "application/dtmf-relay":
		for line := range strings.Lines(string(body)) {
			key, value, _ := strings.Cut(line, "=")
			value = strings.TrimSpace(value)
			switch strings.ToLower(strings.TrimSpace(key)) {
			case "signal":
				digit = value
			case "duration":
				if ms, err := strconv.ParseUint(value, 10, 16); err == nil {
					length = min(max(time.Duration(ms)*time.Millisecond, shortestDigit), longestDigit)
				}
			}
		}
	}
	digit = strings.ToUpper(digit)
	return digit, length, len(digit) == 1 && strings.Contains("0123456789*#ABCD", digit)
}
