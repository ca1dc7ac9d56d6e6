package gws

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"sidecar/access"
	"sidecar/auth"
	"sidecar/bridge"
)

const (
	// MaxBody is what a command may bring: more than the 64 KiB that user data may have, in any way of writing it.
	MaxBody = 512 << 10

	bodyTimeout = 10 * time.Second
	needObject  = "must be a JSON object"
)

// REST is what the commands of the dialects have in common: whose request it is, bodies that are bounded, and replies
// before the events that the command causes.
type REST struct {
	Logins   *access.Logins
	Sessions *Sessions                                      // whose events wait for the reply
	Cookie   func(access.Login, *http.Request) *http.Cookie // set for requests with a name and password; nil: none
	Refuse   func(err error) (status int, reply any)        // an error in the dialect's form
	Log      *slog.Logger
}

// Request is one of a known principal.
type Request struct {
	*http.Request

	Login access.Login
	w     http.ResponseWriter
}

// Command answers a request; its reply is for encoding/json.
type Command func(r *Request) (reply any, err error)

// Handle makes a handler of a command.
func (c *REST) Handle(command Command) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		login, err := c.Logins.Of(r)
		if err != nil {
			c.fail(w, r, err)
			return
		}
		if login.Basic && c.Cookie != nil {
			c.setCookie(w, r, login)
		}
		answer := func() { c.answer(w, &Request{Request: r, Login: login, w: w}, command) }
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			answer()
			return
		}
		c.Sessions.Answering(w, login.Token.Value, answer)
	})
}

// setCookie spares the client its password from now on.
func (c *REST) setCookie(w http.ResponseWriter, r *http.Request, login access.Login) {
	cookie := c.Cookie(login, r)
	if old, err := r.Cookie(cookie.Name); err != nil || old.Value != cookie.Value {
		http.SetCookie(w, cookie)
	}
}

// Open makes a handler of what needs no login.
func (c *REST) Open(command Command) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.answer(w, &Request{Request: r, w: w}, command)
	})
}

func (c *REST) answer(w http.ResponseWriter, r *Request, command Command) {
	reply, err := command(r)
	if err != nil {
		c.fail(w, r.Request, err)
		return
	}
	c.write(w, http.StatusOK, reply)
}

func (c *REST) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, reply := c.Refuse(err)
	if status >= http.StatusInternalServerError {
		if _, known := access.OutcomeOf(err); !known {
			c.Log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "error", err)
		}
	}
	if o, known := access.OutcomeOf(err); known && o.Retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(o.Retry))
	}
	c.write(w, status, reply)
}

// write gives the length too, so that a flushed reply is a whole one.
func (c *REST) write(w http.ResponseWriter, status int, reply any) {
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(reply); err != nil { // a dialect's types can all be written
		c.Log.Error("reply_lost", "error", err)
		status = http.StatusInternalServerError
		text.Reset()
		text.WriteString("{}")
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store") // it depends on who asks
	w.Header().Set("Content-Length", strconv.Itoa(text.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // a client that went away
}

// CORS is what pages of other hosts may do.
type CORS struct {
	Origins []string // exactly these
	Methods string   // as the reply's header has them
	Headers string   // of requests, likewise
}

// GuideCORS is that of the dialects below /api/v2.
func GuideCORS(origins []string) CORS {
	return CORS{
		Origins: origins, Methods: "GET, POST, PUT, PATCH, DELETE",
		Headers: "Authorization, Content-Type, Operation-Id, X-Api-Key, X-CSRF-Token, X-Requested-With",
	}
}

// Allow lets the pages use a handler, and answers the browser's question whether they may.
func (c CORS) Allow(next http.Handler) http.Handler {
	if len(c.Origins) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		if origin == "" || !slices.Contains(c.Origins, origin) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Access-Control-Allow-Methods", c.Methods)
		w.Header().Set("Access-Control-Allow-Headers", c.Headers)
		w.Header().Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
	})
}

// Op is the id that makes a command safe to repeat, from the header Operation-Id.
func (r *Request) Op() (bridge.OpID, error) {
	return access.OpID("Operation-Id", r.Header.Get("Operation-Id"))
}

// SetCookie adds a cookie to the reply.
func (r *Request) SetCookie(c *http.Cookie) { http.SetCookie(r.w, c) }

// Read decodes the body, an object, into a struct: fields that it doesn't know are left alone, since real clients send more than is
// documented; a field of another type is a *auth.FieldError about it. No body is that of an empty object when it may be missing.
func (r *Request) Read(into any, mayMiss bool) error {
	control := http.NewResponseController(r.w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout)) // not every connection has one
	text, err := io.ReadAll(http.MaxBytesReader(r.w, r.Body, MaxBody))
	_ = control.SetReadDeadline(time.Time{})
	if err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return &auth.FieldError{Field: "body", Rule: fmt.Sprintf("must have at most %d bytes", MaxBody)}
		}
		return &auth.FieldError{Field: "body", Rule: "could not be read"}
	}
	return DecodeBody(text, into, mayMiss)
}

// DecodeBody is Read for a body that has been read.
func DecodeBody(text []byte, into any, mayMiss bool) error {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		if mayMiss {
			return nil
		}
		return &auth.FieldError{Field: "body", Rule: needObject}
	}
	if text[0] != '{' { // null would be taken for an empty one
		return &auth.FieldError{Field: "body", Rule: needObject}
	}
	err := json.Unmarshal(text, into)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return &auth.FieldError{Field: e.Field, Rule: "must not be " + e.Value}
	}
	if _, ok := access.OutcomeOf(err); ok { // user data says what is wrong with it
		return err
	}
	return &auth.FieldError{Field: "body", Rule: "is no valid JSON: " + err.Error()}
}
