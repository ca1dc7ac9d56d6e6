package sip

import (
	"errors"
	"fmt"
)

var (
	// ErrClosed says that the endpoint is closed or closing.
	ErrClosed = errors.New("SIP endpoint is closed")
	// ErrFlowGone says that the WebSocket behind an address has ended: it can't be dialled, the browser must come back.
	ErrFlowGone = errors.New("WebSocket flow is gone")
	// ErrBadMessage says that bytes are no SIP message that may enter the transaction layer.
	ErrBadMessage = errors.New("not a usable SIP message")
	// ErrOptions says that the endpoint can't be built as asked.
	ErrOptions = errors.New("invalid SIP options")
	// ErrNotRegistered says that no browser is registered for the DN.
	ErrNotRegistered = errors.New("DN is not registered")

	errNoLookups   = errors.New("host names are not looked up by the transport")
	errSlowClient  = errors.New("client reads too slowly")
	errRateLimit   = errors.New("client sends too many messages")
	errBadMessages = errors.New("client sends too many malformed messages")
	errPending     = errors.New("client did not register in time")
)

// StatusError is a final response that is no success.
type StatusError struct {
	Method string
	Status int
	Reason string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s was answered %d %s", e.Method, e.Status, e.Reason)
}
