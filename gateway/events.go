package gateway

import "fmt"

// EventKind is what happened to a call.
type EventKind int

// The kinds of events. Ringing is the first and Ended the last one of every call.
const (
	Ringing   EventKind = iota + 1 // an INVITE is there and goes on to the other side
	Answered                       // both sides are up
	Held                           // the browser put the call on hold
	Retrieved                      // and took it back
	MediaLost                      // the browser's media is gone; the grace period runs
	MediaBack                      // and is there again
	Ended                          // see Cause
)

func (k EventKind) String() string {
	switch k {
	case Ringing:
		return "ringing"
	case Answered:
		return "answered"
	case Held:
		return "held"
	case Retrieved:
		return "retrieved"
	case MediaLost:
		return "media lost"
	case MediaBack:
		return "media back"
	case Ended:
		return "ended"
	}
	return fmt.Sprintf("event %d", int(k))
}

// Event is one change of one call.
type Event struct {
	Kind     EventKind
	Leg      string // the X-Sidecar-Leg that our own PBX knows the call by
	DN       string
	Number   string // of the other party
	Inbound  bool   // from the upstream to the browser
	Cause    string // of Ended
	Status   int    // of Ended: how it ended as a SIP status, 487 when a side hung up
	CallUUID string // the X-Genesys-CallUUID of the INVITE, empty without one
	Upstream string // Upstream.Name of the PBX that the call is at
}

// Line is how a DN's registration at its upstream stands.
type Line struct {
	DN         string
	Upstream   string // Upstream.Name
	Registered bool
}

// Referral is a transfer that a phone asks for. The phone has been told that it is tried.
type Referral struct {
	Leg         string // of the call that is to go
	DN          string
	To          string // number
	ReplacesLeg string // of the DN's other call, which the transferred one is to be joined with; empty for a blind transfer
}

// Abilities are what the phone of a call can be told to do.
type Abilities struct{ Answer, Hold bool }
