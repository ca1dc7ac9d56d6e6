package v3

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"sidecar/access"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti"
)

// Tokens logs users in and tells whose a token is.
type Tokens interface {
	Login(ctx context.Context, name, password, address string) (auth.Token, auth.Principal, error)
	Verify(ctx context.Context, token string) (auth.Principal, error)
	Logout(ctx context.Context, p auth.Principal) error
	CheckOrigin(r *http.Request) error
}

// Users lists the users.
type Users interface {
	Users(ctx context.Context) ([]auth.User, error)
}

// Queue is a route point as a target.
type Queue struct {
	Name    string
	Number  string
	Waiting int
	Ready   int // agents
}

// Keep holds what users have written down through a restart.
type Keep interface {
	Put(key string, n Notes) error
	All() ([]Notes, error)
}

// Options are what a Server needs. Zero values stand for the defaults; the first group has none.
type Options struct {
	Access   *access.Access
	Tokens   Tokens
	Users    Users
	Released func(dn bridge.DN) []bridge.CallView                                        // that the DN has left and not put away
	Complete func(ctx context.Context, cmd bridge.PartyCommand) (bridge.CallView, error) // puts one away, for desktops that don't
	Feed     *cti.Feed
	Snapshot cti.Snapshotter
	Keep     Keep

	Queues     func() []Queue                                      // nil: none
	Available  func() bool                                         // whether calls can be made; nil: always
	Client     func(r *http.Request) (address string, secure bool) // where a request comes from, and whether by TLS
	APIKeys    []string                                            // of which each request must bring one; none: no request needs one
	Origins    []string                                            // exact origins of pages on other hosts that may use the API
	SwitchName string                                              // "sidecar"
	Reasons    []string                                            // for being not ready, as action codes
	Version    string
	Logger     *slog.Logger

	SecureCookies bool          // TLS ends before us
	HoldTime      time.Duration // how long a connect is held, 30 s
	SessionLife   time.Duration // how long a Bayeux session lives without a connect, 60 s
	QueueSize     int           // messages that may wait for a client
	QueueBytes    int           // their bytes
	IdleLife      time.Duration // how long a login lasts that nobody uses, 1 h
	Refresh       time.Duration // how often statistics are pushed, 10 s
}
