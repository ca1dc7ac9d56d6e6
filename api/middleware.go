package api

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// catchAll is the pattern of what no handler answers.
const catchAll = "/"

const requestIDHeader = "X-Request-Id"

var requestIDRule = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// requestInfo goes along with a request, to its log line and its problems.
type requestInfo struct {
	id      string
	address string // of the client
	secure  bool   // came by TLS
	user    string // once known
	control *http.ResponseController
}

// bodyRead ends the time limit that huma sets for reading the body. It would go on to count while a command runs,
// and net/http takes a connection that reaches it for one that the client has closed: it ends the request's context.
func (i *requestInfo) bodyRead() {
	if i.control != nil {
		_ = i.control.SetReadDeadline(time.Time{}) // not every connection has one
	}
}

type infoKey struct{}

// infoOf gives the request's info; an empty one outside a request.
func infoOf(ctx context.Context) *requestInfo {
	if info, ok := ctx.Value(infoKey{}).(*requestInfo); ok {
		return info
	}
	return &requestInfo{}
}

// wrap gives every request an id, a log line, a metric, and an answer even if its handler panics.
func (s *server) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		info := newInfo(r)
		info.control = http.NewResponseController(w)
		r = r.WithContext(context.WithValue(r.Context(), infoKey{}, info))
		out := &recorder{ResponseWriter: w}
		out.Header().Set(requestIDHeader, info.id)
		out.Header().Set("X-Content-Type-Options", "nosniff")
		if strings.HasPrefix(r.URL.Path, "/api/") {
			out.Header().Set("Cache-Control", "no-store") // answers depend on who asks
		}
		defer func() {
			if cause := recover(); cause != nil {
				s.panicked(out, r, cause)
			}
			s.metrics.observe(r.Pattern, out.code(), time.Since(started))
			s.logRequest(r, out, time.Since(started))
		}()
		if s.preflight(out, r) {
			return
		}
		next.ServeHTTP(out, r)
	})
}

func newInfo(r *http.Request) *requestInfo {
	id := r.Header.Get(requestIDHeader)
	if !requestIDRule.MatchString(id) {
		id = rand.Text()
	}
	address, secure := client(r)
	return &requestInfo{id: id, address: address, secure: secure}
}

// client tells where a request comes from and whether it came by TLS. A proxy on this host is believed, as to the
// last address of X-Forwarded-For: those before it are the client's own words.
func client(r *http.Request) (address string, secure bool) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	peer, err := netip.ParseAddr(host)
	if err != nil || !peer.IsLoopback() {
		return host, r.TLS != nil
	}
	secure = r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	if last, err := netip.ParseAddr(strings.TrimSpace(forwarded[len(forwarded)-1])); err == nil {
		return last.String(), secure
	}
	return host, secure
}

// Client is where a request comes from, and whether it came by TLS; a proxy on this host is believed.
func Client(r *http.Request) (address string, secure bool) { return client(r) }

// ClientAddr is the address that a request comes from; a proxy on this host is believed. It is not valid when that can't
// be told.
func ClientAddr(r *http.Request) netip.Addr {
	text, _ := client(r)
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap()
}

func (s *server) panicked(w *recorder, r *http.Request, cause any) {
	s.Log.ErrorContext(r.Context(), "request panicked", "cause", cause, "path", r.URL.Path,
		"request_id", infoOf(r.Context()).id, "stack", string(debug.Stack()))
	if w.status != 0 {
		return // the answer has begun, nothing better can be said
	}
	p := newProblem(http.StatusInternalServerError, "internal", "something went wrong here: the log has it under the request id")
	p.RequestID = infoOf(r.Context()).id
	p.write(w)
}

// logRequest never logs the query or a header: they may hold secrets.
func (s *server) logRequest(r *http.Request, w *recorder, took time.Duration) {
	level := slog.LevelDebug
	switch {
	case w.code() >= http.StatusInternalServerError && r.URL.Path != "/readyz":
		level = slog.LevelWarn
	case r.Method != http.MethodGet && isCommand(r.URL.Path):
		level = slog.LevelInfo
	}
	info := infoOf(r.Context())
	s.Log.LogAttrs(r.Context(), level, "request",
		slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", w.code()),
		slog.Int64("bytes", w.bytes), slog.Duration("took", took), slog.String("address", info.address),
		slog.String("user", info.user), slog.String("request_id", info.id))
}

// isCommand tells commands from pages and from the long polls of desktops, which come several times a minute from each.
func isCommand(path string) bool {
	return (strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/workspace/")) && !strings.Contains(path, "/notifications")
}

// notFound answers what no handler answers: with 405 when another method would do.
func (s *server) notFound(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete} {
		other := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := s.mux.Handler(other); pattern != catchAll {
			allowed = append(allowed, method)
		}
	}
	p := newProblem(http.StatusNotFound, "not_found", "there is nothing under this path: /openapi.json tells what there is")
	if len(allowed) > 0 {
		methods := strings.Join(allowed, ", ")
		p = newProblem(http.StatusMethodNotAllowed, "method_not_allowed", "this path takes "+methods).header("Allow", methods)
	}
	_, _ = s.authenticate(r) // only for the log: the answer is the same for everybody
	p.RequestID = infoOf(r.Context()).id
	p.write(w)
}

// preflight lets pages of the allowed origins use the API, and answers the browser's question whether they may. What
// others serve through this door is theirs to say: a browser refuses an answer that allows its origin twice.
func (s *server) preflight(w http.ResponseWriter, r *http.Request) (answered bool) {
	if len(s.AllowedOrigins) == 0 {
		return false
	}
	_, pattern := s.mux.Handler(r)
	if _, extra := s.Extra[pattern]; extra {
		return false
	}
	w.Header().Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || !slices.Contains(s.AllowedOrigins, origin) {
		return false
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	w.Header().Set("Access-Control-Allow-Credentials", "true")
	w.Header().Set("Access-Control-Expose-Headers", "Location, Retry-After, WWW-Authenticate, "+requestIDHeader)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	w.Header().Set("Access-Control-Allow-Methods", "GET, POST, PATCH, PUT, DELETE")
	w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Last-Event-ID, Operation-Id, "+requestIDHeader)
	w.Header().Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
