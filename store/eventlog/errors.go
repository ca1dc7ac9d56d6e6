package eventlog

import "errors"

// What goes wrong with the log. Test with errors.Is.
var (
	ErrServer     = errors.New("event log: the NATS server is not what we need")
	ErrSpool      = errors.New("event log: the spool can't be read")
	errNotYet     = errors.New("no answer yet")
	errFiles      = errors.New("event log: its files can't be written or read")
	errBadSubject = errors.New("not a subject of the feed")
	errReopened   = errors.New("event log: its files were opened again")
	errClosed     = errors.New("event log: the stream is no longer followed")
)
