package gws

import "errors"

// Errors that tell what the caller did wrong. What clients are told is in bayeux.DeniedError.
var (
	ErrOptions = errors.New("gws: invalid option")
	// ErrToken is what an Authenticator says of a token that is not good, or not any more.
	ErrToken   = errors.New("gws: the token is not good")
	errNoToken = errors.New("no token: the Authorization header, ext.auth.token or the session cookie must carry one")
	errChannel = errors.New("no such channel")
	errPublish = errors.New("clients don't publish here")
)
