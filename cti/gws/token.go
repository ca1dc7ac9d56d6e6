package gws

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// source says where a token was found.
type source int

const (
	fromHeader source = iota + 1
	fromExt
	fromCookie
)

// handshakeToken looks where a client can put a token on purpose before it looks at the cookie, which browsers
// add by themselves.
func (p *policy) handshakeToken(r *http.Request, ext json.RawMessage) (token string, from source, err error) {
	if token, err = p.headerToken(r); token != "" || err != nil {
		return token, fromHeader, err
	}
	if token = readExt(ext).Auth.Token; token != "" {
		return token, fromExt, nil
	}
	if token = p.cookieToken(r); token != "" {
		return token, fromCookie, nil
	}
	return "", 0, errNoToken
}

// headerToken reads "Authorization: Bearer <token>", or logs in with a name and password.
func (p *policy) headerToken(r *http.Request) (string, error) {
	if name, password, ok := r.BasicAuth(); ok && p.logins != nil {
		login, err := p.logins.Basic(r, name, password)
		if err != nil {
			return "", fmt.Errorf("name and password: %w", err)
		}
		return login.Token.Value, nil
	}
	return Bearer(r), nil
}

// Bearer is the token of "Authorization: Bearer <token>", empty without one.
func Bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func (p *policy) cookieToken(r *http.Request) string {
	c, err := r.Cookie(p.cookie)
	if err != nil {
		return ""
	}
	return c.Value
}

// mayUpgrade wants a WebSocket's token with its first request. A page that has it for a header or an ext has no way to
// send a header by WebSocket, and goes on by long-polling.
func (p *policy) mayUpgrade(r *http.Request) bool {
	return r.Header.Get("Authorization") != "" || p.cookieToken(r) != ""
}

// isUpgrade reports whether a request has become a WebSocket.
func isUpgrade(r *http.Request) bool { return strings.EqualFold(r.Header.Get("Upgrade"), "websocket") }
