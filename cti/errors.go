package cti

import "errors"

// Why a subscription could not start or has ended. Test with errors.Is.
var (
	ErrBadCursor    = errors.New("not a cursor: <epoch>:<sequence number> is expected, as an event's cursor field shows it")
	ErrUnknownEpoch = errors.New("the cursor is of another incarnation of the feed: a snapshot is needed")
	ErrTooOld       = errors.New("the events after the cursor are no longer kept: a snapshot is needed")
	ErrSlowConsumer = errors.New("the subscriber is too slow: subscribe again with the last cursor seen")
	ErrGap          = errors.New("the feed could not keep up and lost events: subscribe again for a snapshot")
	ErrStalled      = errors.New("the event log does not answer, events wait for it: subscribe again when it is back")
	ErrSpoolFull    = errors.New("there is no room for more events to wait for the event log")
	ErrBadRecord    = errors.New("not an event of ours in the log")
	errNotOpen      = errors.New("the event log has not been opened yet")
	errNoAnswer     = errors.New("the event log did not answer in time")
	errNotRead      = errors.New("the event log did not give back in time what it has taken")
	ErrFeedClosed   = errors.New("the feed has stopped")
	ErrUnsubscribed = errors.New("the subscription was closed by its owner")
)
