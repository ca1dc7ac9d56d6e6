package agent

import "slices"

// Activity is what a DN does in its calls.
type Activity string

// The activities, by the names that desktops know.
const (
	Idle                 Activity = "Idle"
	InitiatingCall       Activity = "InitiatingCall"
	ReceivingCall        Activity = "ReceivingCall"
	HandlingInboundCall  Activity = "HandlingInboundCall"
	HandlingInternalCall Activity = "HandlingInternalCall"
	HandlingOutboundCall Activity = "HandlingOutboundCall"
	HandlingConsultCall  Activity = "HandlingConsultCall"
	CallOnHold           Activity = "CallOnHold"
)

// Handling is what a DN does that talks in a call of the kind.
func Handling(kind CallKind) Activity {
	switch kind {
	case Inbound:
		return HandlingInboundCall
	case Outbound:
		return HandlingOutboundCall
	case Consult:
		return HandlingConsultCall
	case Internal:
	}
	return HandlingInternalCall
}

// Foremost is what a DN does that is in several calls: that of the call which asks most of the agent, one that is talked in before one
// that rings.
func Foremost(calls []Activity) Activity {
	for _, most := range [...]Activity{
		HandlingInboundCall, HandlingOutboundCall, HandlingConsultCall, HandlingInternalCall, ReceivingCall, InitiatingCall, CallOnHold,
	} {
		if slices.Contains(calls, most) {
			return most
		}
	}
	return Idle
}
