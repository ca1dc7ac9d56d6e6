package api

import (
	"context"
	"net/http"

	"sidecar/agent"
	"sidecar/auth"
	"sidecar/bridge"
)

// Engine is what the API needs of the call engine.
type Engine interface {
	Calls() []bridge.CallView
	Call(id bridge.CallID) (bridge.CallView, bool)
	MakeCall(ctx context.Context, cmd bridge.MakeCall) (bridge.CallView, error)
	Hangup(ctx context.Context, cmd bridge.Hangup) (bridge.CallView, error)
	Transfer(ctx context.Context, cmd bridge.Transfer) (bridge.CallView, error)
	Answer(ctx context.Context, cmd bridge.PartyCommand) (bridge.CallView, error)
	Hold(ctx context.Context, cmd bridge.PartyCommand) (bridge.CallView, error)
	Retrieve(ctx context.Context, cmd bridge.PartyCommand) (bridge.CallView, error)
	Reject(ctx context.Context, cmd bridge.PartyCommand) (bridge.CallView, error)
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
