package v2

import (
	"time"

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

// callExtensions go with the beginning and the answer of a call.
type callExtensions struct {
	BusinessCall        string `json:"BusinessCall"` // 1: with somebody outside
	OriginationDN       string `json:"OriginationDN,omitempty"`
	OriginationLocation string `json:"OriginationDN_location,omitempty"`
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
		MessageType: messageCall, NotificationType: notificationOf(bridge.EventKind(e.Name)), PhoneNumber: string(e.DN), Call: s.callOf(e), Metrics: metricsOf(e),
	}
	switch bridge.EventKind(e.Name) {
	case bridge.EventRinging, bridge.EventDialing, bridge.EventEstablished:
		m.Extensions = extensionsOf(e)
	}
	return []any{m}
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

func extensionsOf(e *cti.Event) *callExtensions {
	x := &callExtensions{BusinessCall: "0"}
	if e.Call.Type == bridge.CallInbound || e.Call.Type == bridge.CallOutbound {
		x.BusinessCall = "1"
	}
	if e.Name == string(bridge.EventRinging) {
		x.OriginationDN = e.Call.ANI
	}
	return x
}

// encodeDevice tells of an event on /v2/me/devices.
func (s *Server) encodeDevice(m *gws.Member, e *cti.Event) []any {
	p := m.Principal().User
	at, known := standing{}, e.DNState != nil
	if known {
		at = standingAt(e)
	} else if monitoring(e) { // what a supervisor's device does shows in it
		v, err := s.o.Access.Agent(p, string(e.DN))
		at, known = standingOf(v), err == nil
	}
	if !known {
		return nil
	}
	out := []any{deviceMessage{MessageType: messageDevice, Devices: []device{s.deviceOf(p, at)}, Metrics: metricsOf(e)}}
	if e.DNState != nil && !at.inService {
		of := deviceLink(at.number)
		out = append(out, errorMessage{
			MessageType: messageError, ErrorMessage: (&NotRegisteredError{DN: at.number}).Error(), DevicePath: of.Path, DeviceURI: of.URI, Metrics: metricsOf(e),
		})
	}
	return out
}

// monitoring reports whether the event changes what its DN supervises.
func monitoring(e *cti.Event) bool {
	switch bridge.EventKind(e.Name) {
	case bridge.EventPrivateInfo, bridge.EventMonitoringNextCall, bridge.EventMonitoringCancelled:
		return true
	}
	return e.Attributes.ThisDNRole == bridge.RoleObserver
}
