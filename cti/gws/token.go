package gws

import (
	"encoding/json"
	"net/http"
	"strings"
)

// CookieName is the session cookie that a login sets.
const CookieName = "SIDECAR_SESSION"

// source says where a token was found.
type source int

const (
	fromHeader source = iota + 1
	fromExt
	fromCookie
)

// handshakeToken looks where a client can put a token on purpose before it looks at the cookie, which browsers
// add by themselves.
func handshakeToken(r *http.Request, ext json.RawMessage) (token string, from source, err error) {
	if token = headerToken(r); token != "" {
		return token, fromHeader, nil
	}
	if token = readExt(ext).Auth.Token; token != "" {
		return token, fromExt, nil
	}
	if token = cookieToken(r); token != "" {
		return token, fromCookie, nil
	}
	return "", 0, errNoToken
}

// headerToken reads "Authorization: Bearer <token>".
func headerToken(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func cookieToken(r *http.Request) string {
	c, err := r.Cookie(CookieName)
	if err != nil {
		return ""
	}
	return c.Value
}
