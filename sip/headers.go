package sip

import (
	"strconv"
	"strings"
	"time"
)

func headerValue(m message, name string) string {
	if header := m.GetHeader(name); header != nil {
		return strings.TrimSpace(header.Value())
	}
	return ""
}

// headerSeconds reads Expires; -1 when there is none.
func headerSeconds(m message) (int, bool) {
	text := headerValue(m, "Expires")
	if text == "" {
		return -1, len(m.GetHeaders("Expires")) == 0
	}
	return parseSeconds(text)
}

// parseSeconds reads delta-seconds (RFC 3261 section 25.1); what is beyond 32 bits is as good as forever.
func parseSeconds(text string) (int, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, false
	}
	return int(min(n, 1<<31-1)), true
}

// seconds10 writes a duration in whole seconds, rounded up.
func seconds10(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
