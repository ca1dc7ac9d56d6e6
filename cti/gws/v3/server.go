package v3

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"sidecar/access"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti/gws"
)

// Base is where the API begins.
const Base = "/workspace/v3"

const (
	defaultIdle    = time.Hour
	defaultRefresh = 10 * time.Second
)

// Server is the API. It is an http.Handler for what is below Base, and for /auth/v3/.
type Server struct {
	// Constant.
	o          Options
	mux        *http.ServeMux
	sessions   *sessions
	operations operations
	codes      codes
	tally      *tally
	notes      *notes
	feed       *feed
	verbs      map[string]callVerb
	page       *template.Template
	stop       context.CancelFunc
	work       sync.WaitGroup
}

// New starts the API; Close ends it.
func New(o Options) (*Server, error) {
	if o.Access == nil || o.Tokens == nil || o.Users == nil || o.Released == nil || o.Complete == nil || o.Feed == nil || o.Snapshot == nil || o.Keep == nil || o.Client == nil {
		return nil, fmt.Errorf("%w: Access, Tokens, Users, Released, Complete, Feed, Snapshot, Keep and Client are needed", ErrOptions)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.SwitchName == "" {
		o.SwitchName = "sidecar"
	}
	if o.IdleLife <= 0 {
		o.IdleLife = defaultIdle
	}
	if o.Refresh <= 0 {
		o.Refresh = defaultRefresh
	}
	s := &Server{o: o, sessions: newSessions(o.IdleLife), tally: newTally(), verbs: callVerbs(), page: signInTemplate()}
	var err error
	if s.notes, err = newNotes(o.Keep); err != nil {
		return nil, err
	}
	if s.feed, err = newFeed(s); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.routes()
	s.work.Go(func() { s.count(ctx) })
	s.work.Go(func() { s.tick(ctx) })
	return s, nil
}

// Close ends all Bayeux sessions and waits, at most until ctx ends, for the requests under way.
func (s *Server) Close(ctx context.Context) error {
	err := s.feed.close(ctx)
	s.stop()
	s.work.Wait()
	return err
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// request is what a handler gets.
type request struct {
	*http.Request

	in      *command
	session *session
	who     auth.Principal
	id      string      // of the operation: the client's, or ours
	op      bridge.OpID // the same, for the engine
	started time.Time
	after   []func() // done when the answer is out
}

// later tells desktops after the answer, as the feed's events are.
func (r *request) later(tell func()) { r.after = append(r.after, tell) }

// handler does what a path is for. A nil reply says that the command was accepted.
type handler func(ctx context.Context, r *request) (*reply, error)

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	s.mux.Handle(Base+"/notifications", s.feed)
	s.mux.Handle(Base+"/notifications/", s.feed)
	s.sessionRoutes()
	s.voiceRoutes()
	s.directoryRoutes()
	s.authRoutes()
	unknown := func(_ context.Context, r *request) (*reply, error) {
		return nil, &refusal{http.StatusNotImplemented, http.StatusNotImplemented, "there is no " + r.Method + " " + r.URL.Path}
	}
	s.mux.Handle(Base+"/", s.handle(unknown))
}

func (s *Server) post(path string, h handler) { s.mux.Handle("POST "+Base+path, s.handle(h)) }

func (s *Server) get(path string, h handler) { s.mux.Handle("GET "+Base+path, s.handle(h)) }

// handle lets a handler see a request of a session. What it causes is told to the session after the answer.
func (s *Server) handle(h handler) http.Handler {
	return s.open(func(w http.ResponseWriter, r *http.Request) error {
		session, who, err := s.sessionOf(r)
		if err != nil {
			return err
		}
		in, err := readCommand(w, r)
		if err != nil {
			return err
		}
		asked := &request{Request: r, in: in, session: session, who: who, id: in.OperationID, started: time.Now()}
		if asked.id == "" {
			asked.id = newOperation()
		}
		asked.op = opOf(who, r.URL.Path, asked.id)
		s.feed.sessions.Answering(w, session.id, func() { s.answer(w, asked, h) })
		for _, tell := range asked.after {
			tell()
		}
		return nil
	})
}

func (s *Server) answer(w http.ResponseWriter, r *request, h handler) {
	out, err := h(r.Context(), r)
	if err != nil {
		s.refuse(w, r.Request, err)
		return
	}
	if out == nil {
		out = &reply{Status: Status{Code: codeAccepted}}
	}
	if r.Method == http.MethodPost {
		out.OperationID = r.id
	}
	out.write(w, http.StatusOK)
}

// open is what every request goes through: pages of other hosts, and the API key.
func (s *Server) open(h func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return s.cors().Allow(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := s.checkKey(r)
		if err == nil {
			err = h(w, r)
		}
		if err != nil {
			s.refuse(w, r, err)
		}
	}))
}

func (s *Server) checkKey(r *http.Request) error {
	if len(s.o.APIKeys) == 0 {
		return nil
	}
	given := []byte(r.Header.Get("X-Api-Key"))
	for _, key := range s.o.APIKeys {
		if subtle.ConstantTimeCompare(given, []byte(key)) == 1 {
			return nil
		}
	}
	return unauthorized()
}

func (s *Server) cors() gws.CORS {
	return gws.CORS{Origins: s.o.Origins, Methods: "GET, POST, DELETE", Headers: "Authorization, Content-Type, X-Api-Key"}
}

// sessionOf finds whose request it is. A token that the request brings besides its cookie must be the same user's.
func (s *Server) sessionOf(r *http.Request) (*session, auth.Principal, error) {
	found, token, ok := s.sessions.of(r, time.Now())
	if !ok {
		return nil, auth.Principal{}, unauthorized()
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		if err := s.o.Tokens.CheckOrigin(r); err != nil {
			return nil, auth.Principal{}, err
		}
	}
	who, err := s.o.Tokens.Verify(r.Context(), token)
	switch {
	case auth.IsTokenLost(err):
		s.leave(found)
		return nil, auth.Principal{}, unauthorized()
	case err != nil:
		return nil, auth.Principal{}, err
	}
	if shown := gws.Bearer(r); shown != "" && shown != token {
		other, err := s.o.Tokens.Verify(r.Context(), shown)
		if err != nil || other.UserID != who.UserID {
			return nil, auth.Principal{}, unauthorized()
		}
	}
	return found, who, nil
}

// refuse is the one place where an error becomes an answer.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if known, ok := errors.AsType[*refusal](err); ok {
		known.write(w)
		return
	}
	o, ok := access.OutcomeOf(err)
	if !ok {
		s.o.Logger.ErrorContext(r.Context(), "workspace_request_failed", "path", r.URL.Path, "error", err)
		(&refusal{http.StatusInternalServerError, http.StatusInternalServerError, "something went wrong here: the log has it"}).write(w)
		return
	}
	out := &refusal{o.Status, o.Status, o.Detail}
	switch o.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		out.http, out.code = http.StatusForbidden, codeUnauthorized
	case http.StatusUnprocessableEntity:
		out.http, out.code = http.StatusBadRequest, http.StatusBadRequest
	case http.StatusNotFound: // as the API answers for what it does not know
		out.http, out.code = http.StatusInternalServerError, http.StatusInternalServerError
	}
	if o.Retry > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(o.Retry))
	}
	out.write(w)
}

// Present reports whether a desktop is there whose user works at the DN.
func (s *Server) Present(dn string) bool { return s.feed.sessions.Present(dn) }
