package cti

import "errors"

// Why a subscription could not start or has ended. Test with errors.Is.
var (
	ErrBadCursor    = errors.New("not a cursor: <epoch>:<sequence number> is expected, as an event's cursor field shows it")
	ErrUnknownEpoch = errors.New("the cursor is of another incarnation of the feed: a snapshot is needed")
	ErrTooOld       = errors.New("the events after the cursor are no longer kept: a snapshot is needed")
	ErrSlowConsumer = errors.New("the subscriber is too slow: subscribe again with the last cursor seen")
	ErrGap          = errors.New("the feed could not keep up and lost events: subscribe again for a snapshot")
	ErrFeedClosed   = errors.New("the feed has stopped")
	ErrUnsubscribed = errors.New("the subscription was closed by its owner")
)
