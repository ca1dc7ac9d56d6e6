package v2

import (
	"time"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/gws"
)

// The message types.
const (
	messageCall   = "CallStateChangeMessage"
	messageDevice = "DeviceStateChangeMessage"
	messageError  = "ErrorMessage"
)

type callMessage struct {
	MessageType      string          `json:"messageType"`
	NotificationType string          `json:"notificationType"`
	PhoneNumber      string          `json:"phoneNumber"`
	Call             call            `json:"call"`
	Extensions       *callExtensions `json:"extensions,omitempty"`
	Metrics          metrics         `json:"metrics"`
}

// callExtensions go with the beginning, the answer and the end of a call.
type callExtensions struct {
	BusinessCall int `json:"BusinessCall"` // 1: with somebody outside

	// Of a call that rings.
	OriginationDN   string `json:"OriginationDN,omitempty"`
	NoAnswerTimeout int    `json:"NO_ANSWER_TIMEOUT,omitempty"` // seconds
	NoAnswerAction  string `json:"NO_ANSWER_ACTION,omitempty"`  // notready, logout, none

	WrapUpTime *int `json:"WrapUpTime,omitempty"` // seconds; of a call that was answered
}

type deviceMessage struct {
	MessageType string   `json:"messageType"`
	Devices     []device `json:"devices"`
	Metrics     metrics  `json:"metrics"`
}

type errorMessage struct {
	MessageType  string  `json:"messageType"`
	ErrorMessage string  `json:"errorMessage,omitempty"`
	DevicePath   string  `json:"devicePath"`
	DeviceURI    string  `json:"deviceUri"`
	CallURI      string  `json:"callUri,omitempty"`
	Metrics      metrics `json:"metrics"`
}

type metrics struct {
	EventProcessing eventProcessing `json:"eventProcessing"`
}

type eventProcessing struct {
	NodeProcessingTimeNanos     int64 `json:"nodeProcessingTimeNanos"`
	ServerGenerationTimestamp   int64 `json:"serverGenerationTimestamp"` // ms
	ServerProcessingTimeTotalMs int64 `json:"serverProcessingTimeTotalMs"`
}

func metricsOf(e *cti.Event) metrics {
	took := max(time.Since(e.Time.Time), 0)
	return metrics{eventProcessing{
		NodeProcessingTimeNanos: took.Nanoseconds(), ServerGenerationTimestamp: e.Time.UnixMilli(), ServerProcessingTimeTotalMs: took.Milliseconds(),
	}}
}

// encodeCall tells of an event on /v2/me/calls.
func (s *Server) encodeCall(_ *gws.Member, e *cti.Event) []any {
	if e.Call == nil {
		return nil
	}
	if e.Name == string(bridge.EventError) {
		at := deviceLink(string(e.DN))
		return []any{errorMessage{
			MessageType: messageError, ErrorMessage: e.Attributes.ErrorMessage, DevicePath: at.Path, DeviceURI: at.URI,
			CallURI: callLink(e.Call.ID).URI, Metrics: metricsOf(e),
		}}
	}
	m := callMessage{
		MessageType: messageCall, NotificationType: notificationOf(e.Kind()), PhoneNumber: string(e.DN), Call: s.callOf(e), Metrics: metricsOf(e),
	}
	switch e.Kind() {
	case bridge.EventRinging, bridge.EventDialing, bridge.EventEstablished, bridge.EventReleased, bridge.EventAbandoned:
		m.Extensions = s.extensionsOf(e)
	}
	if former, ok := s.formerCall(e); ok {
		return []any{m, former}
	}
	return []any{m}
}

// formerCall tells a device that the consult call it was in is over, after it was told of the call which that has become a part of:
// who takes the new one for the old by its previousConnId finds nothing to end, and who knows calls by their ids keeps no dead one.
// The call's id is in what the device that completed the transfer or conference was told. Nothing is known of calls long ago.
func (s *Server) formerCall(e *cti.Event) (callMessage, bool) {
	previous := gws.FormerConnID(e)
	if e.Name != string(bridge.EventPartyChanged) || previous == 0 {
		return callMessage{}, false
	}
	ended := s.o.Sessions.Feed.Ended(e.Time.Add(-time.Minute), func(end *cti.Event) bool { return end.Call != nil && end.Call.ConnID == previous })
	if len(ended) == 0 {
		return callMessage{}, false
	}
	end := ended[0].Event
	over := *end.Call
	over.State, over.Participants, over.Capabilities = cti.StateReleased, nil, nil
	end.Call, end.DN, end.Attributes.PreviousConnID, end.Attributes.ThisDNRole = &over, e.DN, 0, e.Attributes.ThisDNRole
	return callMessage{
		MessageType: messageCall, NotificationType: notificationOf(bridge.EventReleased), PhoneNumber: string(e.DN), Call: s.callOf(&end),
		Extensions: &callExtensions{}, Metrics: metricsOf(e),
	}, true
}

// notificationOf says what about a call has changed.
func notificationOf(kind bridge.EventKind) string {
	switch kind {
	case bridge.EventAttachedDataChanged:
		return "AttachedDataChanged"
	case bridge.EventPartyAdded, bridge.EventPartyChanged, bridge.EventPartyDeleted, bridge.EventPrivateInfo:
		return "ParticipantsUpdated"
	case bridge.EventRecordingChanged:
		return "CallRecordingStateChange"
	default:
		return "StatusChange"
	}
}

func (s *Server) extensionsOf(e *cti.Event) *callExtensions {
	x := &callExtensions{}
	if e.Call.Type == bridge.CallInbound || e.Call.Type == bridge.CallOutbound {
		x.BusinessCall = 1
	}
	if e.Attributes.ThisDNRole == bridge.RoleObserver { // to supervise is no work of an agent
		return x
	}
	switch e.Kind() {
	case bridge.EventRinging:
		x.OriginationDN, x.NoAnswerTimeout = e.Call.ANI, int(s.o.NoAnswer.After.Seconds())
		x.NoAnswerAction = map[agent.State]string{agent.NotReady: "notready", agent.LoggedOut: "logout", "": "none"}[s.o.NoAnswer.Action]
	case bridge.EventEstablished:
		seconds := 0
		if s.o.WrapUp != nil {
			seconds = int(s.o.WrapUp(e.Call.Type).Seconds())
		}
		x.WrapUpTime = &seconds
	}
	return x
}

// encodeDevice tells of an event on /v2/me/devices.
func (s *Server) encodeDevice(m *gws.Member, e *cti.Event) []any {
	p := m.Principal().User
	at := gws.ViewOf(e)
	switch {
	case e.DNState != nil:
	case monitoring(e): // what a supervisor's device does shows in it
		var err error
		if at, err = s.o.Access.Agent(p, string(e.DN)); err != nil {
			return nil
		}
	default:
		return nil
	}
	out := []any{deviceMessage{MessageType: messageDevice, Devices: []device{s.deviceOf(p, at)}, Metrics: metricsOf(e)}}
	if e.DNState != nil && !at.InService {
		of := deviceLink(at.Number)
		out = append(out, errorMessage{
			MessageType: messageError, ErrorMessage: (&NotRegisteredError{DN: at.Number}).Error(), DevicePath: of.Path, DeviceURI: of.URI, Metrics: metricsOf(e),
		})
	}
	return out
}

// monitoring reports whether the event changes what its DN supervises.
func monitoring(e *cti.Event) bool {
	switch e.Kind() {
	case bridge.EventMonitoringNextCall, bridge.EventMonitoringCancelled:
		return true
	}
	return e.Attributes.ThisDNRole == bridge.RoleObserver
}
