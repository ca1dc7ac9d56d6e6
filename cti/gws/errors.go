package gws

import "errors"

// Errors that tell what the caller did wrong. What clients are told is in bayeux.DeniedError.
var (
	ErrOptions = errors.New("gws: invalid option")
	// ErrToken is what an Authenticator says of a token that is not good, or not any more.
	ErrToken = errors.New("gws: the token is not good")
	// ErrNoPage: no page takes commands under that id.
	ErrNoPage = errors.New("gws: no page listens under that id")
	// ErrPageBusy: too many commands wait for the page's acknowledgement.
	ErrPageBusy = errors.New("gws: the page does not keep up")
	// ErrNoAck: the page did not acknowledge in time.
	ErrNoAck = errors.New("gws: the page did not acknowledge in time")
	// ErrRefused: the page could not do what it was told to; its reason follows.
	ErrRefused = errors.New("gws: the page refused")

	errNoToken = errors.New("no token: the Authorization header, ext.auth.token or the session cookie must carry one")
	errChannel = errors.New("no such channel")
	errPublish = errors.New("clients don't publish here")
	errNoDN    = errors.New("the principal owns no DN")
)
