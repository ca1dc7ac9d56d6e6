package webhook

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// What can go wrong. Test with errors.Is.
var (
	ErrTarget       = errors.New("there is no webhook of this name: see webhooks in the settings")
	ErrNoDeadLetter = errors.New("there is no dead letter with this id")
	ErrSecret       = errors.New("not a secret: write whsec_ and the base64 of 24 to 64 random bytes, as openssl rand -base64 32 makes them")
	ErrURL          = errors.New("not the address of a webhook: write http:// or https://, a host, and no user or fragment")
	ErrType         = errors.New("not the name of an event")
)

// RefusedError is an answer that is not 2xx.
type RefusedError struct {
	Status int
	after  time.Duration // as Retry-After asks
}

func (e *RefusedError) Error() string {
	text := fmt.Sprintf("answered %d %s", e.Status, http.StatusText(e.Status))
	if e.Status/100 == 3 {
		return text + ": redirects are not followed, write the final address"
	}
	return text
}

// UndeliveredError is a dead letter that its target did not take this time either.
type UndeliveredError struct {
	Target string
	Err    error
}

func (e *UndeliveredError) Error() string { return e.Target + ": " + e.Err.Error() }

// Unwrap gives what went wrong.
func (e *UndeliveredError) Unwrap() error { return e.Err }
