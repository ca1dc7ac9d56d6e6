package v2

import (
	"slices"
	"strconv"

	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/gws"
)

// call is a call as the device that is in it sees it.
type call struct {
	link

	ID                    bridge.CallID         `json:"id"`
	CallUUID              bridge.CallID         `json:"callUuid"`
	ConnID                bridge.ConnID         `json:"connId"`
	PreviousConnID        bridge.ConnID         `json:"previousConnId,omitzero"` // of the call that this one was for the device before
	State                 cti.CallState         `json:"state"`
	CallType              bridge.CallType       `json:"callType"`
	DeviceURI             string                `json:"deviceUri"`
	ParentCallURI         string                `json:"parentCallUri,omitempty"` // of a consult call
	Participants          []participant         `json:"participants"`            // the others
	DNIS                  string                `json:"dnis"`
	Capabilities          []string              `json:"capabilities"`
	UserData              bridge.UserDataObject `json:"userData"`
	Duration              string                `json:"duration"` // seconds
	Mute                  string                `json:"mute"`     // On, Off
	SupervisorListeningIn bool                  `json:"supervisorListeningIn"`
	MonitoredUserMuted    bool                  `json:"monitoredUserMuted"`
	Monitoring            bool                  `json:"monitoring"` // the device is a supervisor's
	RecordingState        bridge.RecordingState `json:"recordingState"`
	Case                  []string              `json:"case"`
}

type participant struct {
	E164Number           string `json:"e164Number"`
	FormattedPhoneNumber string `json:"formattedPhoneNumber"`
	PhoneNumber          string `json:"phoneNumber"`
	Digits               string `json:"digits"`
}

// callOf writes the call of an event that is addressed to a DN.
func (s *Server) callOf(e *cti.Event) call {
	c := e.Call
	out := call{
		link: callLink(c.ID), ID: c.ID, CallUUID: c.ID, ConnID: c.ConnID, State: c.State, CallType: c.Type,
		DeviceURI: deviceLink(string(e.DN)).URI, Participants: []participant{}, DNIS: c.DNIS, Capabilities: operationsOf(c.Capabilities),
		PreviousConnID: gws.FormerConnID(e), UserData: c.UserData, Duration: strconv.Itoa(c.Duration), Mute: "Off", Monitoring: e.Attributes.ThisDNRole == bridge.RoleObserver,
		RecordingState: bridge.RecordingStopped, Case: []string{},
	}
	if c.Recording != bridge.RecordingNone {
		out.RecordingState = c.Recording
	}
	if slices.Contains(c.Capabilities, bridge.CanMuteOff) {
		out.Mute = "On"
	}
	for _, p := range c.Participants {
		out.SupervisorListeningIn = out.SupervisorListeningIn || p.Role == bridge.RoleObserver
		out.Participants = append(out.Participants, participant{FormattedPhoneNumber: p.Number, PhoneNumber: p.Number, Digits: p.Number})
	}
	if c.ParentConnID != 0 {
		out.ParentCallURI = s.uriOf(c.ParentConnID)
	}
	return out
}

// uriOf finds the call of a ConnID among those that live; empty when it has ended. An event is on its way: nothing is waited for.
func (s *Server) uriOf(id bridge.ConnID) string {
	if call, ok := s.o.CallOf(id); ok {
		return callLink(call).URI
	}
	return ""
}
