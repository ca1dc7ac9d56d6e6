package browser

import "errors"

var (
	// ErrRefused means that the target gave another final response than 200.
	ErrRefused = errors.New("refused")
	// ErrClosed means that the WebSocket is gone.
	ErrClosed = errors.New("the WebSocket is closed")
	// ErrMedia means that the media path did not come up.
	ErrMedia = errors.New("no media path")
)
