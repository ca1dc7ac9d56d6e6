package bayeux

import "strings"

// Length bounds of what clients name, so that neither the index nor the log grows by their choice.
const (
	maxChannelLength = 255
	maxIDLength      = 64
)

const (
	metaHandshake   = "/meta/handshake"
	metaConnect     = "/meta/connect"
	metaSubscribe   = "/meta/subscribe"
	metaUnsubscribe = "/meta/unsubscribe"
	metaDisconnect  = "/meta/disconnect"
)

// marks are the characters besides letters and digits in a channel segment: those of Bayeux 1.0, then those that the
// JavaScript clients from 5.x on allow on top.
const marks = "-_!~()$@" + " #+.{}"

// ValidChannel reports whether an event can be published to the name: segments of letters, digits and marks, no
// wildcard, neither /meta/ nor /service/.
func ValidChannel(name string) bool {
	return validName(name) && !isMeta(name) && !isService(name)
}

// ValidPattern reports whether the name can be subscribed to: a channel, or one whose last segment is "*" (one
// level) or "**" (all levels below).
func ValidPattern(name string) bool {
	parent, ok := wildParent(name)
	if !ok {
		return validName(name)
	}
	return parent == "" || validName(parent)
}

// IsWild reports whether the name is a pattern for several channels.
func IsWild(name string) bool {
	_, ok := wildParent(name)
	return ok
}

// Covers reports whether a subscription to the pattern includes the channel, which may be a pattern itself: then
// whether it includes all of that one's channels.
func Covers(pattern, channel string) bool {
	if pattern == channel {
		return true
	}
	parent, ok := wildParent(pattern)
	if !ok {
		return false
	}
	rest, ok := strings.CutPrefix(channel, parent+"/")
	if !ok || rest == "" {
		return false
	}
	if strings.HasSuffix(pattern, "/**") {
		return true
	}
	return !strings.Contains(rest, "/") && rest != "**"
}

// patternsOver lists the names whose subscribers get an event of the channel: itself, its one-level wildcard and the
// any-level wildcards of all its ancestors.
func patternsOver(channel string) []string {
	last := strings.LastIndexByte(channel, '/')
	names := append(make([]string, 0, 8), channel, channel[:last]+"/*")
	for i := last; i >= 0; i = strings.LastIndexByte(channel[:i], '/') {
		names = append(names, channel[:i]+"/**")
	}
	return names
}

func wildParent(name string) (string, bool) {
	for _, suffix := range []string{"/**", "/*"} {
		if parent, ok := strings.CutSuffix(name, suffix); ok {
			return parent, true
		}
	}
	return "", false
}

func validName(name string) bool {
	if len(name) < 2 || len(name) > maxChannelLength || name[0] != '/' || name[len(name)-1] == '/' {
		return false
	}
	for i := 1; i < len(name); i++ {
		c := name[i]
		if c == '/' {
			if name[i-1] == '/' {
				return false
			}
			continue
		}
		if !isAlphanumeric(c) && strings.IndexByte(marks, c) < 0 {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isMeta(name string) bool    { return name == "/meta" || strings.HasPrefix(name, "/meta/") }
func isService(name string) bool { return name == "/service" || strings.HasPrefix(name, "/service/") }
