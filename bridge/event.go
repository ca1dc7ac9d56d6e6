package bridge

import "time"

// EventKind says what happened to a party or a call. The names follow T-Library; package cti spells them.
type EventKind string

// What the engine publishes. Each but CallChanged is addressed to the DN of This.
const (
	EventDialing             EventKind = "Dialing"
	EventRinging             EventKind = "Ringing"
	EventNetworkReached      EventKind = "NetworkReached"
	EventDestinationBusy     EventKind = "DestinationBusy"
	EventEstablished         EventKind = "Established"
	EventHeld                EventKind = "Held"
	EventRetrieved           EventKind = "Retrieved"
	EventReleased            EventKind = "Released"
	EventAbandoned           EventKind = "Abandoned"
	EventPartyChanged        EventKind = "PartyChanged"
	EventPartyAdded          EventKind = "PartyAdded"
	EventPartyDeleted        EventKind = "PartyDeleted"
	EventAttachedDataChanged EventKind = "AttachedDataChanged"
	EventDTMFSent            EventKind = "DtmfSent"
	EventMuteOn              EventKind = "MuteOn"
	EventMuteOff             EventKind = "MuteOff"
	EventRecordingChanged    EventKind = "RecordingChanged"
	EventQueued              EventKind = "Queued"   // at a route point; This is the route point, as for Diverted
	EventDiverted            EventKind = "Diverted" // from there, to an agent or elsewhere
	EventError               EventKind = "Error"    // a command failed after it had been accepted; Error says why
	EventCallChanged         EventKind = "CallChanged"

	// Supervision. The last two are about no call: a supervisor's order was taken, and has ended.
	EventPrivateInfo         EventKind = "PrivateInfo" // the mode has changed
	EventMonitoringNextCall  EventKind = "MonitoringNextCall"
	EventMonitoringCancelled EventKind = "MonitoringCancelled"
)

// CallState is T-Library's CallState attribute: why an event came to be.
type CallState string

// The CallStates that the engine uses.
const (
	CallStateOK          CallState = "OK"
	CallStateTransferred CallState = "Transferred"
	CallStateConferenced CallState = "Conferenced"
	CallStateRedirected  CallState = "Redirected"
	CallStateNoAnswer    CallState = "NoAnswer"
	CallStateBusy        CallState = "Busy"
	CallStateDropped     CallState = "Dropped" // the switch was lost
	CallStateBridged     CallState = "Bridged" // by or about a supervisor

	// CallStateAbandoned is the engine's own: parties that still ring see EventAbandoned, the others EventReleased with OK.
	CallStateAbandoned CallState = "Abandoned"
)

// Event is something that happened, as clients are told it. Events of one interaction are published in order.
type Event struct {
	ID             string // unique: <interaction>-<n>; consumers drop an id they have seen
	N              int    // counts the events of the interaction from 1
	Time           time.Time
	Kind           EventKind
	Call           CallView // the whole call after the change
	This           PartyView
	Other          PartyView // zero when there is none (or several)
	Third          PartyView // the transferring party, zero when there is none
	CallState      CallState
	Cause          int         // Q.850 cause for Released, Abandoned and DestinationBusy, 0 if unknown
	PreviousConnID ConnID      // zero when the ConnID did not change
	Reference      OpID        // the command that caused it, when there was one
	Error          string      // for EventError
	Digits         string      // for EventDTMFSent
	Mode           MonitorMode // for EventPrivateInfo
	Next           MonitorNext // for EventMonitoringNextCall and EventMonitoringCancelled
	Audience       []DN        // the DNs that may see it: This.DN, for CallChanged every DN of the call
}
