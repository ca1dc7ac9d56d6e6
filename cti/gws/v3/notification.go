package v3

import (
	"sidecar/bridge"
	"sidecar/cti"
)

// The channels of the notifications.
const (
	ChannelInitialization = "/workspace/v3/initialization"
	ChannelVoice          = "/workspace/v3/voice"
	ChannelMedia          = "/workspace/v3/media"
	ChannelStatistics     = "/workspace/v3/statistics"
)

// What a CallStateChanged is about.
const (
	notifyState        = "StateChange"
	notifyData         = "AttachedDataChanged"
	notifyParticipants = "ParticipantsUpdated"
	notifyRecording    = "CallRecordingStateChange"
)

// Notification is the data of a message on the voice, media or statistics channel. The fields that its MessageType does not
// have are left out.
type Notification struct {
	MessageType      string `json:"messageType"`
	NotificationType string `json:"notificationType,omitempty"`
	Call             *Call  `json:"call,omitempty"`
	DN               *DN    `json:"dn,omitempty"`
	PhoneNumber      string `json:"phoneNumber,omitempty"` // the DN that it is addressed to
	Error            *Error `json:"error,omitempty"`
	OperationID      string `json:"operationId,omitempty"`

	// MonitoringStateChanged
	EventType   string           `json:"eventType,omitempty"`
	Event       *MonitoringEvent `json:"event,omitempty"`
	MonitorMode string           `json:"monitorMode,omitempty"`

	// EventUserEvent
	UserData *Pairs `json:"userData,omitempty"`

	// ServiceStateChanged
	ServiceName  string `json:"serviceName,omitempty"`
	ServiceState string `json:"serviceState,omitempty"`

	// ChannelStateChanged
	Media *Media `json:"media,omitempty"`

	// Statistics
	SubscriptionID string           `json:"subscriptionId,omitempty"`
	Statistics     []StatisticValue `json:"statistics,omitempty"`
}

// Error is the error of an EventError.
type Error struct {
	Code    int    `json:"errorCode"`
	Message string `json:"errorMessage"`
}

// MonitoringEvent says whose calls are supervised.
type MonitoringEvent struct {
	OtherDN             string `json:"otherDN"`
	MonitorNextCallType string `json:"monitorNextCallType"`
}

// Media are the channels besides voice, of which there are none.
type Media struct {
	Channels []MediaChannel `json:"channels"`
}

// MediaChannel is a channel besides voice.
type MediaChannel struct {
	Name  string `json:"name"`
	State string `json:"state"`
}

// errorInvalidDestination is T-Library's error for a call that can go nowhere; errorGeneral is not T-Library's: the
// numbers of its other errors are not known here.
const (
	errorInvalidDestination = 415
	errorGeneral            = 500
)

// encoder writes the events that are addressed to one DN.
type encoder struct {
	switchName string
	supervises bool                           // whose desktop it is can supervise
	operation  func(e *cti.Event) (id string) // of the client's command that caused it; empty: of none
}

// encode gives nothing for what the API has no message for: whole calls, route points, and what T-Library alone knows.
func (x *encoder) encode(e *cti.Event) (Notification, bool) {
	if e.Topic != cti.TopicAgent || e.DN == "" {
		return Notification{}, false
	}
	if e.DNState != nil || e.Agent != nil {
		dn := dnOfEvent(e, x.switchName, x.supervises)
		return Notification{MessageType: "DnStateChanged", DN: &dn, PhoneNumber: dn.Number, OperationID: x.operation(e)}, true
	}
	if n, ok := x.monitoring(e); ok {
		return n, true
	}
	if e.Name == string(bridge.EventError) {
		return Notification{
			MessageType: "EventError", PhoneNumber: string(e.DN), OperationID: x.operation(e),
			Error: &Error{Code: errorGeneral, Message: e.Attributes.ErrorMessage},
		}, true
	}
	about, ok := notificationType(e.Kind())
	if !ok || e.Call == nil {
		return Notification{}, false
	}
	call := callOf(e)
	return Notification{
		MessageType: "CallStateChanged", NotificationType: about, Call: &call, PhoneNumber: call.PhoneNumber, OperationID: x.operation(e),
	}, true
}

// monitoring tells a supervisor of an order for calls to come.
func (x *encoder) monitoring(e *cti.Event) (Notification, bool) {
	n := Notification{
		MessageType: "MonitoringStateChanged", PhoneNumber: string(e.DN), OperationID: x.operation(e),
		Event: &MonitoringEvent{OtherDN: e.Attributes.OtherDN, MonitorNextCallType: e.Attributes.MonitorNextCallType},
	}
	if e.Attributes.Extensions != nil {
		n.MonitorMode = monitorMode(e.Attributes.Extensions.MonitorMode)
	}
	switch e.Kind() {
	case bridge.EventMonitoringNextCall:
		n.EventType = "MonitoringStarted"
	case bridge.EventMonitoringCancelled:
		n.EventType = "MonitoringStopped"
	default:
		return Notification{}, false
	}
	return n, true
}

// notificationType says what has changed about the call.
func notificationType(kind bridge.EventKind) (about string, ok bool) {
	switch kind {
	case bridge.EventDialing, bridge.EventRinging, bridge.EventEstablished, bridge.EventHeld, bridge.EventRetrieved,
		bridge.EventReleased, bridge.EventAbandoned, bridge.EventDTMFSent:
		return notifyState, true
	case bridge.EventPartyChanged, bridge.EventPartyAdded, bridge.EventPartyDeleted, bridge.EventPrivateInfo:
		return notifyParticipants, true
	case bridge.EventAttachedDataChanged:
		return notifyData, true
	case bridge.EventRecordingChanged:
		return notifyRecording, true
	case bridge.EventNetworkReached, bridge.EventDestinationBusy, bridge.EventMuteOn, bridge.EventMuteOff, bridge.EventQueued,
		bridge.EventDiverted, bridge.EventError, bridge.EventCallChanged, bridge.EventMonitoringNextCall, bridge.EventMonitoringCancelled:
	}
	return "", false
}

// completed is what follows the end of a call when its desktop puts it away by command.
func completed(released *Notification) Notification {
	call := *released.Call
	call.State, call.Capabilities = stateCompleted, []bridge.Capability{}
	return Notification{MessageType: "CallStateChanged", NotificationType: notifyState, Call: &call, PhoneNumber: call.PhoneNumber}
}
