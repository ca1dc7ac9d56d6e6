package bayeux

import (
	"context"
	"encoding/json"
	"net/http"
)

// Principal is the authenticated owner of a session. The server compares ids and hands the value back as it got
// it, so a policy may keep in it what it needs to recognise the credentials again.
type Principal interface {
	// ID is stable and unique among principals; it appears in logs.
	ID() string
}

// Policy decides who may do what. Its methods run on the request's goroutine with no lock held; a client waits for
// them with all its other requests behind it, so they must answer from memory.
type Policy interface {
	// Handshake authenticates the request from its headers, cookies or the message's ext. An error refuses the
	// handshake and tells the client to stop, unless a *DeniedError says when to retry.
	Handshake(ctx context.Context, r *http.Request, ext json.RawMessage) (Principal, error)
	// Authorize is asked for every later request: are the credentials that p was given still good, and are those of
	// the request, if it brings any, p's? ErrForeignSession answers the second question with no.
	Authorize(ctx context.Context, r *http.Request, p Principal) error
	// Subscribe decides on a channel or pattern ("/a/*", "/a/**"). A pattern must be judged as a whole: whoever
	// allows it allows every channel that Covers reports.
	Subscribe(ctx context.Context, p Principal, channel string) error
	// Publish decides on a message from a client to a channel, /service/ channels included.
	Publish(ctx context.Context, p Principal, channel string) error
}

// Hooks tell the application what happened. Each may be nil; none runs under a lock of the server.
type Hooks struct {
	// OnSession runs on the handshake's goroutine, before the client learns its id.
	OnSession func(s *Session)
	// OnSubscribe runs on the request's goroutine after the subscription has taken effect, inside a batch of
	// the session: all that it delivers leaves in one response. Events published meanwhile may precede its own.
	OnSubscribe func(s *Session, channel string)
	// OnUnsubscribe runs on the request's goroutine after the subscription has ended, and before the client learns of it.
	OnUnsubscribe func(s *Session, channel string)
	// OnMessage runs on the request's goroutine for each message of a client that the policy let through.
	OnMessage func(ctx context.Context, s *Session, e Event)
	// OnClose runs once per session, after OnSession returned, on the sweeper's goroutine: it must not wait for
	// anything slow, and must not call Server.Close.
	OnClose func(s *Session, reason CloseReason)
}
