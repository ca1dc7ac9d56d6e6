package ari

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Outcomes of requests that callers tell apart; an *Error matches them by its
// status.
var (
	// ErrBadRequest is status 400.
	ErrBadRequest = errors.New("bad request")
	// ErrUnauthorized is status 401: user or password is wrong.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrForbidden is status 403: the user is read-only.
	ErrForbidden = errors.New("forbidden")
	// ErrNotFound is status 404: no such channel, bridge, ...
	ErrNotFound = errors.New("not found")
	// ErrConflict is status 409: impossible in the object's present state.
	ErrConflict = errors.New("conflict")
	// ErrGone is status 412: the channel is there but already hanging up.
	ErrGone = errors.New("precondition failed")
	// ErrUnprocessable is status 422, as a channel outside the application.
	ErrUnprocessable = errors.New("unprocessable")
	// ErrServer is any status from 500.
	ErrServer = errors.New("server error")
	// ErrAllocationFailed is how create and originate report a destination that
	// can't be reached at all, as an endpoint without contact.
	ErrAllocationFailed = errors.New("allocation failed")
)

// Conditions of the client itself.
var (
	// ErrClosed says that the client was closed.
	ErrClosed = errors.New("ari client is closed")
	// ErrNotConnected says that a request needs the event socket and there is none.
	ErrNotConnected = errors.New("event socket is not connected")
	// ErrConnectionLost says that the event socket went away under a request:
	// whether Asterisk carried it out is unknown.
	ErrConnectionLost = errors.New("event socket was lost")
	// ErrHalfOpen says that nothing, not even a pong, came within the allowed time.
	ErrHalfOpen = errors.New("peer is silent")
	// ErrQueueFull says that the consumer of Events did not keep up.
	ErrQueueFull = errors.New("event queue is full")
	// ErrReplaced says that another connection took over the application.
	ErrReplaced = errors.New("application was taken over by another connection")
	// ErrUnsupportedVersion says that the Asterisk is of another major version.
	ErrUnsupportedVersion = errors.New("unsupported Asterisk version")
	// ErrRestarted says that Asterisk restarted while a snapshot was taken.
	ErrRestarted = errors.New("Asterisk restarted meanwhile")
	// ErrConfig says that a Config can't work.
	ErrConfig = errors.New("invalid ari configuration")
	// ErrInvalidID says that an id can't be part of a request path.
	ErrInvalidID = errors.New("id is empty or not usable in a path")
	// ErrMalformedEvent says that a frame is not an event at all.
	ErrMalformedEvent = errors.New("malformed event")
	// ErrTooLarge says that an answer exceeds what the client is willing to hold.
	ErrTooLarge = errors.New("answer is too large")
)

// Error is a refusal by Asterisk.
type Error struct {
	// Op is resource and operation, as channels.answer.
	Op string
	// Method and Path are the request's; Path has no query, so no values.
	Method, Path string
	// Status is the HTTP status, also when the request went over the socket.
	Status int
	// Message is Asterisk's own.
	Message string
}

// Error describes the refusal on one line.
func (e *Error) Error() string {
	return fmt.Sprintf("ari: %s: %s %s: %d %s", e.Op, e.Method, e.Path, e.Status, e.Message)
}

// Is matches the sentinel of the status, and ErrAllocationFailed by the only
// sign that Asterisk gives.
func (e *Error) Is(target error) bool {
	if target == ErrAllocationFailed {
		return e.Status == http.StatusInternalServerError && strings.EqualFold(e.Message, "allocation failed")
	}
	return target != nil && target == sentinel(e.Status)
}

// Unwrap returns the sentinel of the status.
func (e *Error) Unwrap() error { return sentinel(e.Status) }

func sentinel(status int) error {
	switch status {
	case http.StatusBadRequest:
		return ErrBadRequest
	case http.StatusUnauthorized:
		return ErrUnauthorized
	case http.StatusForbidden:
		return ErrForbidden
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusConflict:
		return ErrConflict
	case http.StatusPreconditionFailed:
		return ErrGone
	case http.StatusUnprocessableEntity:
		return ErrUnprocessable
	}
	if status >= http.StatusInternalServerError {
		return ErrServer
	}
	return nil
}
