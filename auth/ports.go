package auth

import (
	"context"
	"time"
)

// UserStore keeps the users. Names are found without regard to case.
type UserStore interface {
	// User fails with ErrUserNotFound.
	User(ctx context.Context, id UserID) (User, error)
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
	// TeamDNs gives the DNs of all members of a team.
	TeamDNs(ctx context.Context, team string) ([]string, error)
}

// RevocationStore keeps which tokens were logged out, until they would have expired anyway.
type RevocationStore interface {
	Revoke(ctx context.Context, tokenID string, until time.Time) error
	Revoked(ctx context.Context, tokenID string) (bool, error)
}
