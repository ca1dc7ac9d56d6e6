package gws

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"sidecar/access"
	"sidecar/auth"
	"sidecar/cti/bayeux"
)

// policy decides who has a session and what comes to it.
type policy struct {
	auth    Authenticator
	logins  *access.Logins // may be nil
	cookie  string
	dialect Dialect
	log     *slog.Logger
}

// uncheckedRetry is how long a client waits whose token could not be checked.
const uncheckedRetry = 5 * time.Second

// Handshake lets in whoever shows a good token.
func (p *policy) Handshake(ctx context.Context, r *http.Request, raw json.RawMessage) (bayeux.Principal, error) {
	token, from, err := p.handshakeToken(r, raw)
	switch {
	case errors.Is(err, errNoToken):
		return nil, &bayeux.DeniedError{Reason: "a token is needed", Err: err}
	case errors.Is(err, auth.ErrBadCredentials):
		return nil, &bayeux.DeniedError{Reason: "the name or password is wrong", Err: err}
	case err != nil:
		return nil, &bayeux.DeniedError{Reason: "the name and password can't be checked at the moment", Retry: uncheckedRetry, Err: err}
	}
	principal, err := p.auth.Authenticate(ctx, token)
	switch {
	case errors.Is(err, ErrToken):
		return nil, &bayeux.DeniedError{Reason: "the token is not valid", Err: err}
	case err != nil:
		return nil, &bayeux.DeniedError{Reason: "the token can't be checked at the moment", Retry: uncheckedRetry, Err: err}
	}
	return &Member{id: principal.ID, how: from, token: token, principal: &principal}, nil
}

// Authorize wants the token of every request as long as the client is one that can send it: a handshake by header
// or cookie is followed by requests with one. A client that put its token into the handshake's ext sends none
// later; what it is known by is the session's id, and a cookie that its browser adds may be of another login.
//
// A newer token of the same principal takes the place of the old one, and keeps it: a WebSocket shows the token of its upgrade for as
// long as it lives, and counts by the newest of the session then. As long as tokens can't be checked, that of the session is good: a
// database that hiccups must not end every desktop's feed.
func (p *policy) Authorize(ctx context.Context, r *http.Request, who bayeux.Principal) error {
	m, ok := who.(*Member)
	if !ok {
		return bayeux.ErrForeignSession
	}
	token, err := p.headerToken(r)
	if err != nil {
		return err
	}
	if token == "" && m.how != fromExt {
		token = p.cookieToken(r)
	}
	if token == "" && m.how != fromExt {
		return errNoToken
	}
	switch {
	case token == "":
		token = m.Token()
	case isUpgrade(r):
		token = m.newestFor(token)
	}
	err = p.check(ctx, m, token)
	if err != nil && !ends(err) && subtle.ConstantTimeCompare([]byte(token), []byte(m.Token())) == 1 {
		p.log.Warn("token_unchecked", "principal", m.id, "error", err)
		return nil
	}
	return err
}

// ends reports whether an error of check says that the session is over, and not just that nobody could tell.
func ends(err error) bool {
	return errors.Is(err, ErrToken) || errors.Is(err, bayeux.ErrForeignSession)
}

// check renews what the member may see if the token is good and the member's own.
func (p *policy) check(ctx context.Context, m *Member, token string) error {
	principal, err := p.auth.Authenticate(ctx, token)
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	if principal.ID != m.id {
		return bayeux.ErrForeignSession
	}
	m.renew(token, &principal)
	return nil
}

// Subscribe allows the dialect's channels by name, and its patterns. Any other would take in other pages' channels, and those that come
// later.
func (p *policy) Subscribe(_ context.Context, who bayeux.Principal, channel string) error {
	if slices.Contains(p.dialect.Patterns, channel) {
		return nil
	}
	if bayeux.IsWild(channel) {
		return &bayeux.DeniedError{Reason: "subscribe to channels by name, not by pattern", Err: errChannel}
	}
	if _, ok := p.dialect.stream(channel); ok {
		return nil
	}
	if m, ok := who.(*Member); ok && p.dialect.Subscribe != nil {
		return p.dialect.Subscribe(m, channel)
	}
	return &bayeux.DeniedError{Reason: "there is no such channel", Err: errChannel}
}

// Publish refuses what the dialect does not let through: the feed goes one way.
func (p *policy) Publish(_ context.Context, who bayeux.Principal, channel string) error {
	if m, ok := who.(*Member); ok && p.dialect.Publish != nil && p.dialect.Publish(m, channel) {
		return nil
	}
	return &bayeux.DeniedError{Reason: "clients don't publish here", Err: errPublish}
}
