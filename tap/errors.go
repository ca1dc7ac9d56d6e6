package tap

import "errors"

var (
	// ErrNoCall says that there is no such call, or none any more.
	ErrNoCall = errors.New("no such call")
	// ErrTooMany says that as many listeners are there as may be.
	ErrTooMany = errors.New("too many listen to calls already")
	// ErrClosed says that we are shutting down.
	ErrClosed = errors.New("shutting down")
)
