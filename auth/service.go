package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"
)

// Options of a Service.
type Options struct {
	Directory      *Directory
	Revocations    RevocationStore
	Key            []byte // signs tokens, at least 32 bytes; a new key ends every session
	TokenLife      time.Duration
	AllowedOrigins []string // of pages served elsewhere that may use the session cookie
	Log            *slog.Logger
	Now            func() time.Time // nil: time.Now
}

// Service logs users in and checks the tokens they get.
type Service struct {
	dir         *Directory
	revocations RevocationStore
	signer      signer
	backoff     *backoff
	origins     origins
	log         *slog.Logger
}

// New makes a Service; it fails with ErrShortKey and on an origin that is none.
func New(o Options) (*Service, error) {
	if len(o.Key) < minKeySize {
		return nil, ErrShortKey
	}
	trusted, err := newOrigins(o.AllowedOrigins)
	if err != nil {
		return nil, err
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	return &Service{
		dir: o.Directory, revocations: o.Revocations, log: o.Log, origins: trusted,
		signer:  signer{key: slices.Clone(o.Key), life: o.TokenLife, now: now},
		backoff: newBackoff(now),
	}, nil
}

// Login gives a token for a name and password; address is where the request came from. It fails with
// ErrBadCredentials, whatever part of them is wrong and at the same cost, or with *BackoffError.
func (s *Service) Login(ctx context.Context, name, password, address string) (Token, Principal, error) {
	if err := s.backoff.begin(name, address); err != nil {
		return Token{}, Principal{}, err
	}
	u, err := s.dir.store.UserByName(ctx, name)
	known := err == nil
	switch {
	case errors.Is(err, ErrUserNotFound):
		u = User{Hash: nobodysHash()}
	case err != nil:
		return Token{}, Principal{}, fmt.Errorf("log in: %w", err)
	}
	good, err := s.dir.hasher.verify(ctx, password[:min(len(password), maxPassword+1)], u.Hash)
	if err != nil {
		return Token{}, Principal{}, fmt.Errorf("log in: %w", err)
	}
	if !good || !known || u.Disabled {
		if known { // what is not a user's name may be a password typed into the wrong field
			s.log.WarnContext(ctx, "login failed", "user", u.Name, "address", address, "disabled", u.Disabled)
		}
		return Token{}, Principal{}, ErrBadCredentials
	}
	s.backoff.succeeded(name, address)
	token, err := s.signer.sign(u)
	if err != nil {
		return Token{}, Principal{}, err
	}
	p, err := s.Verify(ctx, token.Value) // for the user as the token finds it from now on
	if err != nil {
		return Token{}, Principal{}, fmt.Errorf("log in: %w", err)
	}
	s.log.InfoContext(ctx, "logged in", "user", u.Name, "role", string(u.Role), "address", address)
	return token, p, nil
}

// Verify checks a token and reads its user anew. It fails with ErrBadToken, ErrTokenExpired or ErrTokenRevoked.
func (s *Service) Verify(ctx context.Context, token string) (Principal, error) {
	c, id, err := s.signer.read(token)
	if err != nil {
		return Principal{}, err
	}
	b, err := s.dir.store.Bearer(ctx, id, c.ID)
	switch {
	case errors.Is(err, ErrUserNotFound):
		return Principal{}, ErrTokenRevoked
	case err != nil:
		return Principal{}, fmt.Errorf("check a token: %w", err)
	case b.Revoked || b.Disabled || b.Version != c.Version:
		return Principal{}, ErrTokenRevoked
	}
	p := b.principal()
	p.TokenID, p.ExpiresAt = c.ID, c.ExpiresAt.Time
	return p, nil
}

// Authenticate finds and checks the token of a request. Besides Verify's errors it fails with ErrNoToken, and
// with ErrOrigin for an unsafe request that a foreign page sent with the session cookie.
func (s *Service) Authenticate(r *http.Request) (Principal, error) {
	cred, err := FromRequest(r)
	if err != nil {
		return Principal{}, err
	}
	if cred.Cookie {
		if err := s.origins.checkCookie(r); err != nil {
			return Principal{}, err
		}
	}
	return s.Verify(r.Context(), cred.Token)
}

// CheckOrigin refuses an unsafe request that a browser sent from a foreign page, also when it carries no token:
// a foreign page must not log its visitor in.
func (s *Service) CheckOrigin(r *http.Request) error { return s.origins.check(r) }

// Logout makes the principal's token stop to count.
func (s *Service) Logout(ctx context.Context, p Principal) error {
	if err := s.revocations.Revoke(ctx, p.TokenID, p.ExpiresAt); err != nil {
		return fmt.Errorf("log out: %w", err)
	}
	s.log.InfoContext(ctx, "logged out", "user", p.User)
	return nil
}
