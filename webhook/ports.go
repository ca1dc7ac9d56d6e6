package webhook

import (
	"context"
	"time"

	"sidecar/cti"
	"sidecar/cti/follow"
)

// Feed is where events come from.
type Feed interface {
	// Follow takes a place after since, or at a snapshot when since is zero.
	Follow(want follow.Want, since cti.Cursor) (Follower, error)
}

// Follower is a place in the feed: a *follow.Follower.
type Follower interface {
	Next(ctx context.Context) ([]follow.Message, error)
	Resume() error
	Position() (at cti.Cursor, ok bool)
	Close()
}

// Store keeps what outlives a restart.
type Store interface {
	WebhookCursor(ctx context.Context, target string) (string, error) // empty: none yet
	SetWebhookCursor(ctx context.Context, target, cursor string) error
	// AddDeadLetter stores the letter and the cursor behind it, both or none; an empty cursor stays as it is.
	AddDeadLetter(ctx context.Context, d DeadLetter, cursor string) error
	// DeadLetters gives the newest first, without their bodies.
	DeadLetters(ctx context.Context, q DeadLetterQuery) ([]DeadLetter, error)
	// DeadLetter fails with ErrNoDeadLetter, as RemoveDeadLetter does.
	DeadLetter(ctx context.Context, target string, id int64) (DeadLetter, error)
	RemoveDeadLetter(ctx context.Context, target string, id int64) error
	CountDeadLetters(ctx context.Context, target string) (int, error)
	// TrimDeadLetters forgets those from before.
	TrimDeadLetters(ctx context.Context, before time.Time) error
}

// DeadLetter is a message that its target did not take in time.
type DeadLetter struct {
	ID        int64 // counts up
	Target    string
	MessageID string
	At        time.Time // when it was given up
	Events    int
	Attempts  int
	Reason    string
	Body      []byte
}

// DeadLetterQuery says which dead letters are wanted.
type DeadLetterQuery struct {
	Target string
	Before int64 // with a lower ID only; 0: from the newest
	Limit  int
}
