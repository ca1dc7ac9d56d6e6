package bayeux

import (
	"errors"
	"fmt"
	"time"
)

// Errors of the Go side.
var (
	// ErrOptions reports an option that the server can't work with.
	ErrOptions = errors.New("bayeux: invalid option")
	// ErrClosed reports an operation on a session or server that has ended.
	ErrClosed = errors.New("bayeux: closed")
	// ErrOverflow reports that a delivery filled the session's queue beyond its bounds, which ended the session.
	ErrOverflow = errors.New("bayeux: queue full, session closed")
	// ErrChannel reports a channel name that can't carry an event.
	ErrChannel = errors.New("bayeux: invalid channel")
	// ErrNoData reports an event without data: clients would take it for the reply to a publish.
	ErrNoData = errors.New("bayeux: event without data")
	// ErrData reports an event whose data no client could read.
	ErrData = errors.New("bayeux: event data is not JSON in UTF-8")
	// ErrForeignSession is what a Policy returns from Authorize when the request's credentials are valid but belong
	// to somebody other than the session's principal. The request is answered as if the session did not exist, so
	// that the client shakes hands under its own name; the session goes on.
	ErrForeignSession = errors.New("bayeux: session of another principal")
	// ErrMalformed reports a request body that is not a list of Bayeux messages.
	ErrMalformed = errors.New("bayeux: malformed request")
	// errTooLarge reports a request body above Options.MaxMessageSize or Options.MaxBatch.
	errTooLarge = errors.New("bayeux: request too large")
	// errGone ends the writer of a WebSocket whose reader has ended.
	errGone = errors.New("bayeux: websocket gone")
	// errServerClosed ends the writer of a WebSocket when the server closes.
	errServerClosed = errors.New("bayeux: server closed")
)

// DeniedError is what a Policy returns to choose the words, and for a handshake the advice, of its refusal. Any
// other error means the same without words: its text goes to the log, never to the client.
type DeniedError struct {
	// Reason is sent to the client between the colons of the error, so it must hold no secret.
	Reason string
	// Retry, when positive, tells a refused handshake's client to come back after so long. Zero stops it for good.
	Retry time.Duration
	// Err is the cause, for the log.
	Err error
}

func (e *DeniedError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("denied: %s: %v", e.Reason, e.Err)
	}
	return "denied: " + e.Reason
}

func (e *DeniedError) Unwrap() error { return e.Err }

// Errors of the wire: "code:arguments:text". Clients look at the leading code alone.
const (
	wireChannelMissing      = "400::channel_missing"
	wireVersion             = "400::version_unsupported"
	wireTransport           = "400::connection_type_unsupported"
	wireConnectDuplicated   = "400::connect_duplicated"
	wireDataMissing         = "400::data_missing"
	wireClientIDMissing     = "401::client_id_missing"
	wireUnauthorized        = "401::authentication_invalid"
	wireUnknownSession      = "402::session_unknown"
	wireSubscriptionMissing = "403::subscription_missing"
	wireSubscriptionInvalid = "403::subscription_invalid"
	wireSubscribeFailed     = "403::subscribe_failed"
	wireUnsubscribeFailed   = "403::unsubscribe_failed"
	wireMetaUnknown         = "404::channel_unknown"
	wireChannelInvalid      = "405::channel_invalid"
	wireIDInvalid           = "405::message_id_invalid"
	wireTooMany             = "429::too_many_messages"
	wireClosing             = "503::server_closing"
)

// denied builds the 403 of a policy's refusal.
func denied(what string, err error) string {
	reason := ""
	if d, ok := errors.AsType[*DeniedError](err); ok {
		reason = wireArgument(d.Reason)
	}
	return "403:" + reason + ":" + what
}

// wireArgument keeps a reason from breaking out of its place between the colons.
func wireArgument(s string) string {
	b := []rune(s)
	for i, r := range b {
		if r == ':' || r < ' ' {
			b[i] = ' '
		}
	}
	return string(b)
}
