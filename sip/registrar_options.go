package sip

import (
	"context"
	"fmt"
	"time"
)

// Credentials knows what a DN's phone must show. It is asked once per REGISTER
// that brings an answer; it must be quick (a lookup, not a dial-out).
type Credentials interface {
	// Password returns the secret of the DN, and whether the DN exists.
	Password(dn string) (string, bool)
	// Token returns the DNs that the holder of a bearer token may register.
	Token(ctx context.Context, token string) (dns []string, err error)
}

// TakeOver says what happens when a DN that has a live phone registers from another flow.
type TakeOver int

const (
	// TakeOverReplace gives the DN to the newcomer: the agent moved to another window or machine.
	TakeOverReplace TakeOver = iota
	// TakeOverRefuse answers 403 until the first flow is gone or un-registers.
	TakeOverRefuse
)

// RegistrarOptions says who may register how.
type RegistrarOptions struct {
	Credentials Credentials
	// Realm is what digest passwords are bound to; "sidecar".
	Realm string
	// Bearer offers RFC 8898 tokens besides digest.
	Bearer   bool
	TakeOver TakeOver
	// Grace keeps a DN whose flow was lost; 20 s. Negative: none.
	Grace time.Duration
	// MinExpires and MaxExpires bound a binding's life; 60 s and an hour. DefaultExpires is for clients that don't say; 10 minutes.
	MinExpires, MaxExpires, DefaultExpires time.Duration
	// NonceAge is how long a challenge can be answered; 5 minutes.
	NonceAge time.Duration
	// MaxFailures are wrong answers in a row for one DN from one address before
	// it has to wait, a second at first and twice as long each time; 5. An address
	// gets four times as many over all DNs (at most this many of one DN count), a DN
	// ten times as many from all addresses. A phone that is registered never waits.
	MaxFailures int
	// OnEvent is told what happens to registrations, in order, from one goroutine.
	OnEvent func(RegistrationEvent)
}

func (o *RegistrarOptions) setDefaults() error {
	if o.Credentials == nil {
		return fmt.Errorf("%w: the registrar has no credentials", ErrOptions)
	}
	setDefault(&o.Realm, "sidecar")
	setDefault(&o.Grace, 20*time.Second)
	setDefault(&o.MinExpires, time.Minute)
	setDefault(&o.MaxExpires, time.Hour)
	setDefault(&o.DefaultExpires, 10*time.Minute)
	setDefault(&o.NonceAge, 5*time.Minute)
	setDefault(&o.MaxFailures, 5)
	if o.OnEvent == nil {
		o.OnEvent = func(RegistrationEvent) {}
	}
	if o.MinExpires > o.MaxExpires || o.DefaultExpires > o.MaxExpires || o.DefaultExpires < o.MinExpires {
		return fmt.Errorf("%w: expiries must rise from minimum %s over default %s to maximum %s",
			ErrOptions, o.MinExpires, o.DefaultExpires, o.MaxExpires)
	}
	return nil
}

// RegistrationKind is what happened to a DN's registration.
type RegistrationKind int

// The kinds of registration events.
const (
	Registered   RegistrationKind = iota + 1 // a phone is there (a refresh tells nothing)
	Unregistered                             // no phone any more: see Reason
	FlowLost                                 // the WebSocket ended; the grace period runs
	FlowBack                                 // the phone came back within the grace period
	TakenOver                                // another flow has the DN now; Old is the one that lost it
)

func (k RegistrationKind) String() string {
	switch k {
	case Registered:
		return "registered"
	case Unregistered:
		return "unregistered"
	case FlowLost:
		return "flow_lost"
	case FlowBack:
		return "flow_back"
	case TakenOver:
		return "taken_over"
	}
	return fmt.Sprintf("kind %d", int(k))
}

// Reasons of Unregistered.
const (
	ReasonClient  = "client"  // the phone said so
	ReasonExpired = "expired" // it did not refresh
	ReasonFlow    = "flow"    // its flow was lost and the grace period is over
	ReasonClosed  = "closed"  // the endpoint is closing
)

// RegistrationEvent is one change of one DN.
type RegistrationEvent struct {
	Kind        RegistrationKind
	DN          string
	Flow        FlowID // the flow that has the DN after the event; 0 for none
	Old         FlowID // the flow that had it before; 0 for none
	Contact     string // URI that the phone gave
	SameContact bool   // of FlowBack and TakenOver: it is the same page on a new WebSocket, and its dialogs have moved there
	Page        string // X-Sidecar-Page: the instance of our own agent page; empty for other phones
	UserAgent   string
	AllowEvents []string // events that the phone takes by NOTIFY ("talk", "hold")
	Reason      string   // of Unregistered
}
