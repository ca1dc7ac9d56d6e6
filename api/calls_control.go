package api

import (
	"sidecar/access"
	"sidecar/bridge"
)

// Destination is a number to call for a party.
type Destination struct {
	PartyRequest
	To string `json:"to" minLength:"1" maxLength:"64" pattern:"^[0-9A-Za-z+*#(). /_-]+$" patternDescription:"a number" doc:"The DN or outside number that is called" example:"5002"`
}

// MuteRequest says what is not heard any more, or is again.
type MuteRequest struct {
	PartyRequest
	Direction string `json:"direction,omitempty" enum:"in,out,both" default:"in" doc:"in: what the party says is not heard; out: it hears nothing"`
}

// DTMFRequest is digits to send.
type DTMFRequest struct {
	PartyRequest
	Digits string `json:"digits" minLength:"1" maxLength:"64" pattern:"^[0-9*#A-Da-d]+$" patternDescription:"digits: 0-9 * # A-D" example:"12#"`
}

// ConsultRequest begins a consult call.
type ConsultRequest struct {
	Destination
	Purpose  string   `json:"purpose,omitempty" enum:"transfer,conference" default:"transfer" doc:"What it is begun for; it may be completed as either"`
	UserData UserData `json:"userData,omitzero" doc:"What the consult call begins with"`
}

// MergeRequest names the call that joins.
type MergeRequest struct {
	PartyRequest
	Call string `json:"call" minLength:"1" maxLength:"64" doc:"The other call of the DN, which becomes part of this one"`
}

// DropRequest names the member that goes.
type DropRequest struct {
	PartyRequest
	Member string `json:"member" minLength:"1" maxLength:"64" pattern:"^[0-9A-Za-z+*#(). /_-]+$" patternDescription:"a DN or number" doc:"DN or number of the party that is taken out" example:"5003"`
}

// registerPartyCommands adds the commands that need nothing but the party.
func (s *server) registerPartyCommands() {
	for _, v := range []verb{
		{name: "answer", summary: "Have the DN's phone answer; one that has answered is no error"},
		{name: "hold", summary: "Put the call on hold"},
		{name: "retrieve", summary: "Take the call back from hold"},
		{name: "reject", summary: "Refuse the call that rings at the DN, for the caller as if it were busy"},
		{name: "release", summary: "Have the DN leave; the call goes on while two parties are left"},
		{name: "complete", summary: "Remove a call that is over from the DN's list"},
		{name: "complete-transfer", summary: "Connect the held party with the consult call's, also before it has answered"},
		{name: "complete-conference", summary: "Bring the held party, the DN and the consult call's party together"},
		{name: "alternate", summary: "Hold the one call of the DN and retrieve the other"},
		{name: "reconnect", summary: "End the consult call, also while it rings, and retrieve the held one"},
		{name: "recording/start", id: "start-recording", summary: "Record the call"},
		{name: "recording/stop", id: "stop-recording", summary: "End the recording"},
		{name: "recording/pause", id: "pause-recording", summary: "Keep what is said now out of the recording"},
		{name: "recording/resume", id: "resume-recording", summary: "Go on with the recording"},
	} {
		registerParty(s, v)
	}
}

// registerControl adds the commands that need more than the party.
func (s *server) registerControl() {
	toNumber := func(b Destination) (access.Command, error) { return access.Command{To: b.To}, nil }
	registerCommand(s, verb{name: "transfer", summary: "Transfer a call in a single step: the DN leaves, the number is called in its place"}, toNumber)
	registerCommand(s, verb{name: "redirect", summary: "Send a call that rings at the DN elsewhere"}, toNumber)
	registerCommand(s, verb{
		name: "mute-transfer", summary: "Transfer a call in two steps at once: hold, call the number, complete while it rings",
	}, toNumber)
	registerCommand(s, verb{name: "conference", summary: "Call a further party into the call"}, toNumber)
	registerCommand(s, verb{
		name: "consult", summary: "Hold the call and begin another one to ask before a transfer or conference; the result is the new call",
	}, func(b ConsultRequest) (access.Command, error) {
		return access.Command{To: b.To, Purpose: bridge.ConsultPurpose(b.Purpose), Data: b.UserData.Data()}, b.UserData.Err()
	})
	registerCommand(s, verb{name: "merge", summary: "Make a conference of two calls of the DN"}, func(b MergeRequest) (access.Command, error) {
		return access.Command{Other: bridge.CallID(b.Call)}, nil
	})
	registerCommand(s, verb{name: "drop", id: "drop-from-call", summary: "Take a party out of the conference"}, func(b DropRequest) (access.Command, error) {
		return access.Command{Member: b.Member}, nil
	})
	s.registerSound()
	s.registerUserData()
}

// registerSound adds what changes who hears what.
func (s *server) registerSound() {
	direction := func(b MuteRequest) (access.Command, error) {
		return access.Command{Direction: bridge.Mute(b.Direction)}, nil
	}
	registerCommand(s, verb{name: "mute", summary: "Keep what the party says from the others, or them from it; what is so already is no error"}, direction)
	registerCommand(s, verb{name: "unmute", summary: "Let it be heard again"}, direction)
	registerCommand(s, verb{name: "dtmf", id: "send-dtmf", summary: "Send digits to the others"}, func(b DTMFRequest) (access.Command, error) {
		return access.Command{Digits: b.Digits}, nil
	})
}
