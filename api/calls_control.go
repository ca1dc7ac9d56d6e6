package api

import (
	"context"
	"net/http"
	"strings"

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
	for _, c := range []struct {
		verb verb
		run  partyCommand
	}{
		{verb{name: "answer", summary: "Have the DN's phone answer; one that has answered is no error"}, Engine.Answer},
		{verb{name: "hold", summary: "Put the call on hold"}, Engine.Hold},
		{verb{name: "retrieve", summary: "Take the call back from hold"}, Engine.Retrieve},
		{verb{name: "reject", summary: "Refuse the call that rings at the DN, for the caller as if it were busy"}, Engine.Reject},
		{verb{name: "release", summary: "Have the DN leave; the call goes on while two parties are left", audited: true}, Engine.Release},
		{verb{name: "complete", summary: "Remove a call that is over from the DN's list"}, Engine.Complete},
		{verb{name: "complete-transfer", summary: "Connect the held party with the consult call's, also before it has answered", other: true, audited: true}, Engine.CompleteTransfer},
		{verb{name: "complete-conference", summary: "Bring the held party, the DN and the consult call's party together", other: true, audited: true}, Engine.CompleteConference},
		{verb{name: "alternate", summary: "Hold the one call of the DN and retrieve the other", other: true}, Engine.Alternate},
		{verb{name: "reconnect", summary: "End the consult call, also while it rings, and retrieve the held one", other: true}, Engine.Reconnect},
		{verb{name: "recording/start", id: "start-recording", summary: "Record the call", audited: true}, Engine.StartRecording},
		{verb{name: "recording/stop", id: "stop-recording", summary: "End the recording", audited: true}, Engine.StopRecording},
		{verb{name: "recording/pause", id: "pause-recording", summary: "Keep what is said now out of the recording", audited: true}, Engine.PauseRecording},
		{verb{name: "recording/resume", id: "resume-recording", summary: "Go on with the recording", audited: true}, Engine.ResumeRecording},
	} {
		registerParty(s, c.verb, c.run)
	}
}

// registerControl adds the commands that need more than the party.
func (s *server) registerControl() {
	registerCommand(s, verb{
		name: "transfer", summary: "Transfer a call in a single step: the DN leaves, the number is called in its place", audited: true,
	}, nil, func(e Engine, ctx context.Context, r request[Destination]) (bridge.CallView, error) {
		return e.Transfer(ctx, bridge.Transfer{Call: r.cmd.Call, By: r.cmd.By, To: r.Body.To, Class: r.Class, Op: r.cmd.Op})
	})
	registerCommand(s, verb{
		name: "redirect", summary: "Send a call that rings at the DN elsewhere", audited: true,
	}, nil, func(e Engine, ctx context.Context, r request[Destination]) (bridge.CallView, error) {
		return e.Redirect(ctx, bridge.Redirect{PartyCommand: r.cmd, To: r.Body.To, Class: r.Class})
	})
	registerCommand(s, verb{
		name: "mute-transfer", summary: "Transfer a call in two steps at once: hold, call the number, complete while it rings", audited: true,
	}, nil, func(e Engine, ctx context.Context, r request[Destination]) (bridge.CallView, error) {
		return e.MuteTransfer(ctx, bridge.MuteTransfer{PartyCommand: r.cmd, To: r.Body.To, Class: r.Class})
	})
	registerCommand(s, verb{
		name: "conference", summary: "Call a further party into the call", audited: true,
	}, nil, func(e Engine, ctx context.Context, r request[Destination]) (bridge.CallView, error) {
		return e.SingleStepConference(ctx, bridge.SingleStepConference{PartyCommand: r.cmd, To: r.Body.To, Class: r.Class})
	})
	registerCommand(s, verb{
		name: "consult", summary: "Hold the call and begin another one to ask before a transfer or conference; the result is the new call",
		other: true, audited: true,
	}, func(_ context.Context, b ConsultRequest) error { return b.UserData.Err() },
		func(e Engine, ctx context.Context, r request[ConsultRequest]) (bridge.CallView, error) {
			return e.Consult(ctx, bridge.Consult{
				PartyCommand: r.cmd, To: r.Body.To, Class: r.Class, UserData: r.Body.UserData.Data(),
				Purpose: bridge.ConsultPurpose(r.Body.Purpose),
			})
		})
	registerCommand(s, verb{name: "merge", summary: "Make a conference of two calls of the DN", other: true, audited: true},
		s.knowsOther, func(e Engine, ctx context.Context, r request[MergeRequest]) (bridge.CallView, error) {
			return e.Merge(ctx, bridge.Merge{PartyCommand: r.cmd, Other: bridge.CallID(r.Body.Call)})
		})
	registerCommand(s, verb{name: "drop", id: "drop-from-call", summary: "Take a party out of the conference", audited: true},
		nil, func(e Engine, ctx context.Context, r request[DropRequest]) (bridge.CallView, error) {
			return e.DropMember(ctx, bridge.DropMember{PartyCommand: r.cmd, Member: r.Body.Member})
		})
	s.registerSound()
	s.registerUserData()
}

// registerSound adds what changes who hears what.
func (s *server) registerSound() {
	for _, c := range []struct {
		name, summary string
		on            bool
	}{
		{"mute", "Keep what the party says from the others, or them from it; what is so already is no error", true},
		{"unmute", "Let it be heard again", false},
	} {
		registerCommand(s, verb{name: c.name, summary: c.summary, audited: true}, nil,
			func(e Engine, ctx context.Context, r request[MuteRequest]) (bridge.CallView, error) {
				return e.SetMute(ctx, bridge.SetMute{PartyCommand: r.cmd, Direction: bridge.Mute(r.Body.Direction), On: c.on})
			})
	}
	registerCommand(s, verb{name: "dtmf", id: "send-dtmf", summary: "Send digits to the others"}, nil,
		func(e Engine, ctx context.Context, r request[DTMFRequest]) (bridge.CallView, error) {
			return e.SendDTMF(ctx, bridge.SendDTMF{PartyCommand: r.cmd, Digits: strings.ToUpper(r.Body.Digits)})
		})
}

// knowsOther refuses to merge with a call that the user does not see.
func (s *server) knowsOther(ctx context.Context, b MergeRequest) error {
	other, found := s.Engine.Call(bridge.CallID(b.Call))
	if p := principalOf(ctx); !found || !sees(p, other) && !sawParty(p, other) {
		return newProblem(http.StatusUnprocessableEntity, "call_not_found", "call: "+bridge.ErrCallNotFound.Error()).
			at("call", bridge.ErrCallNotFound.Error())
	}
	return nil
}
