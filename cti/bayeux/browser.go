package bayeux

import "net/http"

// cookieName is the cookie by which Bayeux servers recognise the tabs of one browser.
const cookieName = "BAYEUX_BROWSER"

// browserOf reads the cookie of a request, empty if there is none worth the name.
func browserOf(r *http.Request) string {
	c, err := r.Cookie(cookieName)
	if err != nil || len(c.Value) < 16 || len(c.Value) > 2*maxIDLength {
		return ""
	}
	return c.Value
}

// browserCookie gives a browser its cookie. A page of another site gets it back to us only with SameSite=None, which
// browsers take over TLS alone.
func (s *Server) browserCookie(r *http.Request, value string) *http.Cookie {
	secure := r.TLS != nil || s.opts.SecureCookies
	//nolint:gosec // Secure follows the connection: a browser on plain http would not send the cookie back
	c := &http.Cookie{Name: cookieName, Value: value, Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode}
	if secure && crossOrigin(r) {
		c.SameSite = http.SameSiteNoneMode
		c.Partitioned = true
	}
	return c
}

// browserHolds counts the connects that are held for each browser.
type browserHolds struct {
	limit int
	held  *tally
}

func newBrowserHolds(limit int) *browserHolds {
	return &browserHolds{limit: limit, held: newTally()}
}

// acquire asks to hold a connect of the request's browser. Whoever gets ok calls release when the hold ends.
func (b *browserHolds) acquire(r *http.Request) (release func(), ok bool) {
	browser := browserOf(r)
	if browser == "" || b.limit < 0 || r.ProtoMajor >= 2 {
		return func() {}, true
	}
	if !b.held.add(browser, b.limit) {
		return nil, false
	}
	return func() { b.held.remove(browser) }, true
}
