package agent

import "time"

// EventKind says what changed at a DN.
type EventKind string

// What a DN reports.
const (
	InService    EventKind = "InService"
	OutOfService EventKind = "OutOfService"
)

// Event is a change of one DN. Events of one DN come in order.
type Event struct {
	ID   string // unique; consumers drop an id they have seen
	Time time.Time
	Kind EventKind
	DN   View // the DN after the change
}

// View is a DN as it stands.
type View struct {
	Number    string
	InService bool
	Since     time.Time // of the present service state
	Calls     int       // calls it is in
}
