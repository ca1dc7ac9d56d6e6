package agent

import "time"

// EventKind says what changed at a DN.
type EventKind string

// What a DN reports.
const (
	InService           EventKind = "InService"
	OutOfService        EventKind = "OutOfService"
	Login               EventKind = "LoggedIn"
	Logout              EventKind = "LoggedOut"
	BecameReady         EventKind = "Ready"
	BecameNotReady      EventKind = "NotReady"
	BecameAfterCallWork EventKind = "AfterCallWork"
	Reserved            EventKind = "Reserved" // a call is offered to the agent
	DNDOn               EventKind = "DndOn"
	DNDOff              EventKind = "DndOff"
	ForwardSet          EventKind = "ForwardSet"
	ForwardCanceled     EventKind = "ForwardCancel"
	// ActivityChanged is a change that T-Library has no event for: of the calls of a DN and of what it does in them.
	ActivityChanged EventKind = "ActivityChanged"
)

// Event is a change of one DN. Events of one DN come in order.
type Event struct {
	ID      string // unique; consumers drop an id they have seen
	Time    time.Time
	Kind    EventKind
	AgentID string // whom it concerns: for Logout the one who was logged in
	DN      View   // the DN after the change
}

// Sink takes the events of all DNs; those of one DN come in order. It must not wait, and must not call the registry.
type Sink interface {
	PublishDN(e Event)
}

// Fanout gives each event to several sinks, one after the other.
type Fanout []Sink

// PublishDN implements Sink.
func (f Fanout) PublishDN(e Event) {
	for _, sink := range f {
		sink.PublishDN(e)
	}
}

// View is a DN as it stands.
type View struct {
	Number    string
	InService bool
	Since     time.Time // of the present service state
	Calls     int       // calls it is in

	Agent       Status // who works there and how
	DND         bool
	Forward     string // number that calls are forwarded to, empty: none
	Reserved    bool   // a call is offered to the agent who is logged in
	Activity    Activity
	ReadySince  time.Time // idle since, for who waited longest: ready, or the last call's end; zero unless Ready
	LastCallEnd time.Time // end of the last call that was answered
}

// CallKind is what a call is for the DN.
type CallKind string

// The kinds of calls.
const (
	Inbound  CallKind = "Inbound"
	Internal CallKind = "Internal"
	Outbound CallKind = "Outbound"
	Consult  CallKind = "Consult"
)

// Verbs are the commands that would change something now.
func (v View) Verbs() []Verb {
	var list []Verb
	if v.Agent.State == LoggedOut {
		list = append(list, VerbLogin)
	} else {
		list = append(list, VerbLogout)
		if v.Agent.State != Ready {
			list = append(list, VerbReady)
		}
		list = append(list, VerbNotReady, VerbAfterCallWork)
	}
	if v.DND {
		list = append(list, VerbDNDOff)
	} else {
		list = append(list, VerbDNDOn)
	}
	list = append(list, VerbSetForward)
	if v.Forward != "" {
		list = append(list, VerbCancelForward)
	}
	return list
}
