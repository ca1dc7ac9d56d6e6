package queue

import "errors"

// What can go wrong with a command. Test with errors.Is.
var (
	ErrUnknownQueue = errors.New("no queue of this name is configured")
	ErrNotHere      = errors.New("the call does not wait in this queue")
	ErrBeingOffered = errors.New("the call is being offered to an agent, or is on its way out of the queue")
)
