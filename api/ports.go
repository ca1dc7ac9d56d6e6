package api

import (
	"context"
	"net/http"

	"sidecar/access"
	"sidecar/agent"
	"sidecar/auth"
)

// Engine is what the API needs of the call engine.
type Engine = access.Engine

// Audit keeps what users did to others' calls and states.
type Audit interface {
	// Audit does not wait.
	Audit(ctx context.Context, actor, action, subject string, detail map[string]string) error
	Entries(ctx context.Context, q auth.AuditQuery) ([]auth.AuditEntry, error)
}

// DNs gives the state of every DN.
type DNs interface {
	All() []agent.View
}

// DNInfo is what the configuration says about a DN.
type DNInfo struct {
	Owner    string
	CallerID string
	Class    string // of the dial rules
}

// Auth logs users in and tells whose request it is.
type Auth interface {
	Login(ctx context.Context, name, password, address string) (auth.Token, auth.Principal, error)
	Authenticate(r *http.Request) (auth.Principal, error)
	CheckOrigin(r *http.Request) error
	Logout(ctx context.Context, p auth.Principal) error
}

// Users manages the users.
type Users interface {
	Users(ctx context.Context) ([]auth.User, error)
	User(ctx context.Context, name string) (auth.User, error)
	Create(ctx context.Context, n auth.NewUser) (auth.User, error)
	Change(ctx context.Context, name string, c auth.Change) (auth.User, error)
}

// Check is one thing that must work for the daemon to be ready.
type Check struct {
	Name  string
	Probe func(ctx context.Context) error
}
