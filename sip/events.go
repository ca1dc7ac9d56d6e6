package sip

import "fmt"

// Event is something that happened to a dialog: one of the types of this file, *Offer and *Refer.
type Event interface{ event() }

type (
	// Progress is a provisional response (above 100) to our INVITE.
	Progress struct{ Message }
	// Answered is the 2xx to our INVITE. When that had no body, Ack must be called with the answer to the offer in it.
	Answered struct{ Message }
	// Pracked is the acknowledgement of a reliable provisional response of ours, when it brings a body.
	Pracked struct{ Message }
	// Info is an INFO request; it has been answered 200.
	Info struct{ Message }
	// Notify is a NOTIFY request other than that of a REFER; it has been answered 200.
	Notify struct {
		Message
		Event string // without parameters, lower case: "talk", "hold"
	}
	// ReferProgress is what the peer reports of a REFER of ours.
	ReferProgress struct {
		Status int
		Reason string
	}
	// Ended is the last event of a dialog.
	Ended struct{ Cause }
)

func (Progress) event()      {}
func (Answered) event()      {}
func (Pracked) event()       {}
func (Info) event()          {}
func (Notify) event()        {}
func (ReferProgress) event() {}
func (Ended) event()         {}
func (*Offer) event()        {}
func (*Refer) event()        {}

// Cause says how a dialog ended.
type Cause struct {
	Local   bool    // this side ended it
	Method  string  // BYE, CANCEL, INVITE (a final response refused it), or "" (timeout, lost flow, closing)
	Status  int     // final response to the INVITE, or 0
	Reason  string  // phrase of the response, or what went wrong
	Headers Headers // of the message that ended it: Reason (RFC 3326) and X- headers among them
}

func (c Cause) String() string {
	side := "by the peer"
	if c.Local {
		side = "by this side"
	}
	return fmt.Sprintf("%s %s %d %s", side, c.Method, c.Status, c.Reason)
}
