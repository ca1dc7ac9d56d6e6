package bridge

// PartyState is where a party stands in its call.
//
//	Initiated ──> Dialing ──┐
//	                        ├──> Established <──> Held
//	              Ringing ──┘
//	any of them ──> Released
//
// Initiated is the phone of a click-to-dial that rings before the destination is called.
type PartyState string

// The states of a party.
const (
	PartyInitiated   PartyState = "Initiated"
	PartyDialing     PartyState = "Dialing"
	PartyAlerting    PartyState = "Alerting" // being called, not ringing yet
	PartyRinging     PartyState = "Ringing"
	PartyEstablished PartyState = "Established"
	PartyHeld        PartyState = "Held"
	PartyReleased    PartyState = "Released"
)
