package auth

import (
	"context"
	"time"
)

// UserStore keeps the users. Names are found without regard to case.
type UserStore interface {
	// Bearer reads all that a token stands for in one query, since every request asks for it. It fails with ErrUserNotFound.
	Bearer(ctx context.Context, id UserID, tokenID string) (Bearer, error)
	// UserByName fails with ErrUserNotFound.
	UserByName(ctx context.Context, name string) (User, error)
	// Users gives all users by name.
	Users(ctx context.Context) ([]User, error)
	// AddUsers adds the users whose names are free. confirm gets them before they become visible; when it fails,
	// nobody is added. Only one AddUsers runs at a time, across processes.
	AddUsers(ctx context.Context, users []User, confirm func(added []User) error) error
	// UpdateUser changes a user and, if the update ends sessions, raises its version. It fails with
	// ErrUserNotFound, and with ErrLastAdmin when no enabled admin would be left.
	UpdateUser(ctx context.Context, id UserID, u Update) (User, error)
}

// Bearer is the user of a token, and what becomes of both.
type Bearer struct {
	User
	TeamDNs []string // of a supervisor: those of all members of the team
	Revoked bool     // the token was logged out
}

// RevocationStore keeps which tokens were logged out, until they would have expired anyway. UserStore tells (Bearer).
type RevocationStore interface {
	Revoke(ctx context.Context, tokenID string, until time.Time) error
}
