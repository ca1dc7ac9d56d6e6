package auth

import (
	"errors"
	"fmt"
	"time"
)

// What can go wrong. Test with errors.Is.
var (
	ErrNoToken        = errors.New("no token: send \"Authorization: Bearer TOKEN\", or log in for a session cookie")
	ErrBadToken       = errors.New("the token is not valid: log in again")
	ErrTokenExpired   = errors.New("the token has expired: log in again")
	ErrTokenRevoked   = errors.New("the token no longer counts (logged out, or the user was changed or disabled): log in again")
	ErrBadCredentials = errors.New("user or password is wrong, or the user is disabled")
	ErrOrigin         = errors.New("a request with the session cookie must come from a page of this sidecar or of an allowed origin")
	ErrUserNotFound   = errors.New("no such user")
	ErrUserExists     = errors.New("a user of that name exists already")
	ErrLastAdmin      = errors.New("this is the last enabled admin: make another one first")
	ErrShortKey       = errors.New("the key that signs tokens is too short: 32 bytes are needed")
	errPasswordHash   = errors.New("the stored password hash can't be read")
)

// IsTokenLost reports whether an error of Verify says that the token is no longer good, and not just that nobody could tell.
func IsTokenLost(err error) bool {
	return errors.Is(err, ErrBadToken) || errors.Is(err, ErrTokenExpired) || errors.Is(err, ErrTokenRevoked)
}

// FieldError is a value that breaks a rule. It does not hold the value, which may be a password.
type FieldError struct {
	Field string
	Rule  string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Rule }

// BackoffError is a login that came too soon after failed ones.
type BackoffError struct {
	RetryAfter time.Duration
}

func (e *BackoffError) Error() string {
	return fmt.Sprintf("too many failed logins: try again in %d s", e.Seconds())
}

// Seconds is RetryAfter in whole seconds, at least 1.
func (e *BackoffError) Seconds() int {
	return max(1, int((e.RetryAfter+time.Second-1)/time.Second))
}

// ForbiddenError is a verb that the principal's role, or the DN it is about, does not allow.
type ForbiddenError struct {
	Verb  Verb
	Role  Role
	Field string // the field that names DN, empty when the role alone decides
	DN    string
}

func (e *ForbiddenError) Error() string {
	if e.DN != "" {
		return fmt.Sprintf("%s: DN %q is not one that you may use", e.Verb, e.DN)
	}
	return fmt.Sprintf("%s is not allowed for the role %s", e.Verb, e.Role)
}
