package phone

import (
	"errors"
	"fmt"

	"sidecar/internal/tone"
)

var (
	// ErrClosed means that the phone has been closed.
	ErrClosed = errors.New("the phone is closed")
	// ErrEnded means that the call is over; the error's text says how it ended.
	ErrEnded = errors.New("the call has ended")
	// ErrState means that the call's state does not allow the operation.
	ErrState = errors.New("not possible in the call's present state")
	// ErrNoCodec means that the peer's session description holds no codec of ours.
	ErrNoCodec = errors.New("no common codec: offer PCMU or PCMA")
	// ErrBadSDP means that the peer's session description can't be used.
	ErrBadSDP = errors.New("unusable session description")
	// ErrNoDTMF means that the peer did not negotiate telephone-event (RFC 4733).
	ErrNoDTMF = errors.New("the peer takes no telephone-event")
	// ErrBadDigit means that a string of DTMF digits holds something else.
	ErrBadDigit = errors.New("not a DTMF digit: use 0-9, *, #, A-D")
	// ErrStreamEnded means that the call's audio ended before the awaited sound came.
	ErrStreamEnded = tone.ErrClosed
	// ErrBadOption means that an option is missing or wrong.
	ErrBadOption = errors.New("bad phone option")
	// ErrUnchallenged means that a 401 or 407 can't be answered.
	ErrUnchallenged = errors.New("the challenge can't be answered")
)

// StatusError is a final response that refused a request.
type StatusError struct {
	Method string
	Status int
	Reason string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s was answered %d %s", e.Method, e.Status, e.Reason)
}
