package cti

import "sidecar/bridge"

// MessageID is T-Library's number of a message.
type MessageID int

// Topic says whom an event concerns, and thereby which channel it is sent on.
type Topic int

// The topics.
const (
	TopicAgent Topic = iota + 1 // addressed to one DN: its calls and its own state
	TopicCall                   // a call as a whole
)

// Kind is one row of the catalogue: an event that the feed can carry.
type Kind struct {
	Name        string // what clients see as "event"; empty: the state of the call
	MessageType string // T-Library's name
	MessageID   MessageID
	Topic       Topic
	Meaning     string
}

// Kinds lists every kind of event that the feed carries, in the order of the documentation.
//
// Names and numbers are those of T-Library; for /call/state they are its call-based notifications.
func Kinds() []Kind {
	calls, dns := callKinds(), dnKinds()
	rows := make([]Kind, 0, len(calls)+len(dns)+2)
	for i := range calls {
		rows = append(rows, calls[i].Kind)
	}
	for i := range dns {
		rows = append(rows, dns[i].Kind)
	}
	return append(rows, callChanged(), callDeleted())
}

type callKind struct {
	Kind

	of bridge.EventKind
}

// callKinds gives an array, not a slice, so that looking a row up costs no allocation.
func callKinds() [23]callKind {
	return [...]callKind{
		ofCall(bridge.EventDialing, "EventDialing", 61, "the DN is calling somebody"),
		ofCall(bridge.EventRinging, "EventRinging", 60, "the DN is being called and its phone rings"),
		ofCall(bridge.EventNetworkReached, "EventNetworkReached", 62, "the DN's call has left through a trunk"),
		ofCall(bridge.EventDestinationBusy, "EventDestinationBusy", 63, "the destination is busy; Released follows"),
		ofCall(bridge.EventEstablished, "EventEstablished", 64, "the DN talks"),
		ofCall(bridge.EventHeld, "EventHeld", 66, "the DN has put the call on hold"),
		ofCall(bridge.EventRetrieved, "EventRetrieved", 67, "the DN has taken the call back from hold"),
		ofCall(bridge.EventReleased, "EventReleased", 65, "the DN has left the call; CallState and Cause say why"),
		ofCall(bridge.EventAbandoned, "EventAbandoned", 59, "the caller gave up while the DN was ringing"),
		ofCall(bridge.EventPartyChanged, "EventPartyChanged", 68,
			"the DN's partner was replaced by a transfer: OtherDN is the new one, ThirdPartyDN the one who transferred"),
		ofCall(bridge.EventPartyAdded, "EventPartyAdded", 69, "OtherDN has joined the DN's call"),
		ofCall(bridge.EventPartyDeleted, "EventPartyDeleted", 70, "OtherDN has left the DN's call, which goes on"),
		ofCall(bridge.EventAttachedDataChanged, "EventAttachedDataChanged", 85, "what is attached to the DN's call has changed"),
		ofCall(bridge.EventDTMFSent, "EventDTMFSent", 98, "the DN has sent digits, by command"),
		ofCall(bridge.EventMuteOn, "EventMuteOn", 145, "what the DN says, or hears, is kept from being heard, by command"),
		ofCall(bridge.EventMuteOff, "EventMuteOff", 146, "that has ended for a direction or both"),
		ofCall(bridge.EventRecordingChanged, "EventCallInfoChanged", 112, "the recording of the DN's call was begun, paused, resumed or ended"),
		ofCall(bridge.EventQueued, "EventQueued", 57, "a call waits at the route point ThisDN"),
		ofCall(bridge.EventDiverted, "EventDiverted", 58, "a call has left the route point ThisDN, for an agent or another number"),
		ofMonitoring(bridge.EventPrivateInfo, "EventPrivateInfo", 150, "the mode of a supervision has changed: Extensions has the new one"),
		ofMonitoring(bridge.EventMonitoringNextCall, "EventMonitoringNextCall", 141,
			"to a supervisor: the DN of OtherDN is supervised, from its present call or its next one on"),
		ofMonitoring(bridge.EventMonitoringCancelled, "EventMonitoringCancelled", 142, "to a supervisor: that has ended"),
		ofCall(bridge.EventError, "EventError", 52,
			"a command failed after it had been accepted; ErrorMessage says why, ReferenceID which"),
	}
}

func ofCall(of bridge.EventKind, messageType string, id MessageID, meaning string) callKind {
	return callKind{of: of, Kind: Kind{string(of), messageType, id, TopicAgent, meaning}}
}

const nameMonitoring = "Monitoring"

// ofMonitoring is a row of a supervision: the integration guide has one name for all of it.
func ofMonitoring(of bridge.EventKind, messageType string, id MessageID, meaning string) callKind {
	return callKind{of: of, Kind: Kind{nameMonitoring, messageType, id, TopicAgent, meaning}}
}

// Kind is the event's kind in the engine's words. Name has one for all kinds of a supervision.
func (e *Event) Kind() bridge.EventKind {
	if e.Name == nameMonitoring {
		rows := callKinds()
		for i := range rows {
			if rows[i].MessageType == e.MessageType {
				return rows[i].of
			}
		}
	}
	return bridge.EventKind(e.Name)
}

// callChanged and callDeleted are T-Library's call-based notifications. The first stands for any change of a
// living call, since ours always carries the whole call. Their events are named by the call's state.
func callChanged() Kind {
	return Kind{
		"", "EventCallDataChanged", 161, TopicCall,
		"a call was made, or anything about it has changed",
	}
}

func callDeleted() Kind {
	return Kind{string(StateReleased), "EventCallDeleted", 162, TopicCall, "a call has ended for everybody"}
}

// kindOfCall finds the row of a call event. A kind that has no row keeps its name and has no number.
func kindOfCall(e *bridge.Event) Kind {
	if e.Kind == bridge.EventCallChanged {
		return kindOfChange(&e.Call)
	}
	return kindNamed(e.Kind)
}

func kindOfChange(c *bridge.CallView) Kind {
	kind := callChanged()
	if ended(c) {
		kind = callDeleted()
	}
	kind.Name = string(callState(c))
	return kind
}

func kindNamed(name bridge.EventKind) Kind {
	rows := callKinds()
	for i := range rows {
		if rows[i].of == name {
			return rows[i].Kind
		}
	}
	return Kind{Name: string(name), MessageType: "Event" + string(name), Topic: TopicAgent}
}
