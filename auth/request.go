package auth

import (
	"fmt"
	"net/http"
	"strings"
)

// CookieName is the session cookie.
const CookieName = "SIDECAR_SESSION"

// Credential is a token as a request carries it.
type Credential struct {
	Token  string
	Cookie bool // from the cookie, which a browser adds by itself
}

// FromRequest takes the token from the Authorization header, else from the session cookie. It never looks at the
// URL, which ends up in logs. It fails with ErrNoToken.
func FromRequest(r *http.Request) (Credential, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		token = strings.TrimSpace(token)
		if !strings.EqualFold(scheme, "Bearer") || token == "" {
			return Credential{}, ErrNoToken
		}
		return Credential{Token: token}, nil
	}
	cookie, err := r.Cookie(CookieName)
	if err != nil || cookie.Value == "" {
		return Credential{}, ErrNoToken
	}
	return Credential{Token: cookie.Value, Cookie: true}, nil
}

// origins decides whether a browser's request comes from a page that we trust.
type origins struct {
	protection *http.CrossOriginProtection
}

func newOrigins(allowed []string) (origins, error) {
	p := http.NewCrossOriginProtection()
	for _, o := range allowed {
		if err := p.AddTrustedOrigin(o); err != nil {
			return origins{}, fmt.Errorf("allowed origin %q: %w", o, err)
		}
	}
	return origins{protection: p}, nil
}

// checkCookie refuses an unsafe request with the cookie unless the browser says which page sent it, and that page
// is ours or allowed. A client that is not a browser sends the token in the header.
func (o origins) checkCookie(r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	if r.Header.Get("Origin") == "" && r.Header.Get("Sec-Fetch-Site") == "" {
		return ErrOrigin
	}
	return o.check(r)
}

func (o origins) check(r *http.Request) error {
	if o.protection.Check(r) != nil {
		return ErrOrigin
	}
	return nil
}

// SessionCookie carries the token to a browser; the zero Token makes the browser forget it.
func SessionCookie(t Token, secure bool) *http.Cookie {
	c := &http.Cookie{ // #nosec G124 -- Secure would keep the cookie from working on the loopback address without TLS
		Name: CookieName, Value: t.Value, Path: "/", Expires: t.ExpiresAt,
		HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode,
	}
	if t.Value == "" {
		c.MaxAge = -1
	}
	return c
}
