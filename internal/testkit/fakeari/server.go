package fakeari

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"sidecar/internal/tools/arispec"
)

// What the server lets in, unless changed.
const (
	User     = "fake-user"
	Password = "fake-password"
	Version  = "22.10.1"
)

// patience bounds waits for the client under test.
const patience = 10 * time.Second

// Request is one REST request, over HTTP or inside an event socket.
type Request struct {
	Method     string
	Path       string // below /ari, still escaped
	Query      url.Values
	Body       string
	OverSocket bool
}

// Response is an answer. Body is sent as it is, so it can be garbage.
type Response struct {
	Status int
	Body   string
}

// Handler answers one request. It may block; the client's deadline is then what
// is tested.
type Handler func(Request) Response

// Server is one fake Asterisk. It ends with its test.
type Server struct {
	t    testing.TB
	http *httptest.Server
	spec *arispec.Inventory
	wg   sync.WaitGroup
	// done closes when the test ends, for handlers that block.
	done  chan struct{}
	conns chan *Conn

	mu       sync.Mutex
	closed   bool
	handlers map[string]Handler
	requests []Request
	version  string
	started  time.Time
	refuse   int // status for the next event sockets, 0 lets them in
	open     []*Conn
}

// New starts a fake Asterisk on a free port of the loopback interface.
func New(t testing.TB) *Server {
	t.Helper()
	spec, err := arispec.Committed()
	require.NoError(t, err)
	s := &Server{
		t: t, spec: spec, done: make(chan struct{}), conns: make(chan *Conn, 64),
		handlers: map[string]Handler{}, version: Version, started: time.Unix(1_700_000_000, 0).UTC(),
	}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.close)
	return s
}

// URL is the address of ARI.
func (s *Server) URL() string { return s.http.URL + "/ari" }

// Done closes when the test ends.
func (s *Server) Done() <-chan struct{} { return s.done }

// On sets the answer for a method and a path pattern of the description, as
// POST /channels/{channelId}/answer.
func (s *Server) On(method, pattern string, h Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handlers[method+" "+pattern] = h
}

// SetVersion makes the server another Asterisk.
func (s *Server) SetVersion(v string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version = v
}

// SetStarted makes it look restarted.
func (s *Server) SetStarted(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = at
}

// RefuseSockets answers handshakes with a status; 0 lets them in again.
func (s *Server) RefuseSockets(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = status
}

// Requests returns what has been received so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func (s *Server) close() {
	close(s.done)
	s.mu.Lock()
	s.closed = true
	open := s.open
	s.mu.Unlock()
	for _, c := range open {
		c.Drop()
	}
	s.http.CloseClientConnections()
	s.http.Close()
	s.wg.Wait()
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	user, password, ok := r.BasicAuth()
	if !ok || user != User || password != Password {
		write(w, Response{http.StatusUnauthorized, `{"message":"Authentication required"}`})
		return
	}
	if strings.Contains(r.URL.RawQuery, Password) || r.URL.Query().Has("api_key") {
		s.t.Errorf("fakeari: credentials in the query of %s", r.URL.Path)
	}
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/ari")
	if path == "/events" && websocket.IsWebSocketUpgrade(r) {
		s.upgrade(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	write(w, s.answer(Request{Method: r.Method, Path: path, Query: r.URL.Query(), Body: string(body)}))
}

func write(w http.ResponseWriter, r Response) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.Status)
	_, _ = io.WriteString(w, r.Body)
}

// answer checks a request and finds who answers it.
func (s *Server) answer(r Request) Response {
	op, ok := s.spec.Match(r.Method, r.Path)
	if !ok {
		s.t.Errorf("fakeari: %s %s is no operation of Asterisk", r.Method, r.Path)
		return Response{http.StatusNotFound, `{"message":"Resource not found"}`}
	}
	if err := checkParams(op, r); err != nil {
		s.t.Errorf("fakeari: %s %s: %v", r.Method, r.Path, err)
	}
	s.mu.Lock()
	s.requests = append(s.requests, r)
	h := s.handlers[op.Method+" "+op.Path]
	version, started := s.version, s.started
	s.mu.Unlock()
	switch {
	case h != nil:
		return h(r)
	case op.Name == "getInfo":
		return Response{http.StatusOK, fmt.Sprintf(
			`{"system":{"version":%q,"entity_id":"00:00"},"status":{"startup_time":%q,"last_reload_time":%q}}`,
			version, stamp(started), stamp(started))}
	case op.Name == "subscribe", op.Name == "filter":
		return Response{http.StatusOK, `{"name":"app"}`}
	case strings.HasPrefix(op.Returns, "List["):
		return Response{http.StatusOK, `[]`}
	}
	return Response{http.StatusNotFound, `{"message":"nothing here"}`}
}

func stamp(t time.Time) string { return t.Format("2006-01-02T15:04:05.000-0700") }

func checkParams(op arispec.Operation, r Request) error {
	for key := range r.Query {
		known := slices.ContainsFunc(op.Params, func(p arispec.Param) bool { return p.Name == key && p.In == arispec.InQuery })
		if !known {
			return fmt.Errorf("%w: unknown query parameter %q", errBadRequest, key)
		}
	}
	for _, p := range op.Params {
		if p.In == arispec.InQuery && p.Required && !r.Query.Has(p.Name) {
			return fmt.Errorf("%w: query parameter %q is missing", errBadRequest, p.Name)
		}
		if values := r.Query.Get(p.Name); p.In == arispec.InQuery && len(p.Values) > 0 && values != "" {
			for v := range strings.SplitSeq(values, ",") {
				if !slices.Contains(p.Values, v) {
					return fmt.Errorf("%w: %s=%q is not one of %v", errBadRequest, p.Name, v, p.Values)
				}
			}
		}
	}
	if r.Body != "" && !json.Valid([]byte(r.Body)) {
		return fmt.Errorf("%w: body is not JSON", errBadRequest)
	}
	return nil
}
