package bayeux

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// crossOrigin reports whether a page of another host sent the request. The scheme is not compared: behind a proxy that
// ends TLS it isn't known here.
func crossOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host)
}

// admit decides on the request's origin and, for a foreign one, sets what lets the browser show the answer to the page. It
// writes the refusal itself. Requests without an Origin don't come from a page.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) bool {
	h := w.Header()
	h.Add("Vary", "Origin")
	if !crossOrigin(r) {
		return true
	}
	origin := r.Header.Get("Origin")
	if !slices.Contains(s.opts.AllowedOrigins, strings.ToLower(origin)) {
		http.Error(w, "origin not allowed", http.StatusForbidden)
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	return true
}

// preflight answers a browser's question whether a page may send its request.
func preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if r.Header.Get("Access-Control-Request-Method") != "" {
		h.Set("Access-Control-Allow-Methods", http.MethodPost)
		h.Set("Access-Control-Allow-Headers", "authorization, content-type, x-api-key")
		h.Set("Access-Control-Max-Age", "600")
	}
	h.Set("Allow", "OPTIONS, POST")
	w.WriteHeader(http.StatusNoContent)
}
