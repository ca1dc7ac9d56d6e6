package auth

import "time"

// AuditEntry is what a user did to somebody else's calls or state.
type AuditEntry struct {
	ID      int64 // counts up
	Time    time.Time
	Actor   string // the user's name
	Action  string
	Subject string // the DN, call or user that it was done to
	Detail  map[string]string
}

// AuditQuery says which entries are wanted, the newest first.
type AuditQuery struct {
	Actors []string // of these users only; nil: of all
	Before int64    // with a lower ID only; 0: from the newest
	Limit  int
}
