package v2

import (
	"slices"
	"strings"

	"sidecar/agent"
)

// The ids of the agent states that every GWS 8.5 has.
const (
	idReady         = "9430250E-0A1B-421F-B372-F29E69366DED"
	idNotReady      = "900D55CC-2BB0-431F-8BF9-D3525B383BE6"
	idOffline       = "0F7F5003-EF26-4D13-A6Ef-D0C7EC819BEB"
	idAfterCallWork = "D3663509-3D82-4DD3-A82E-2EA8EFA02AEF"
	idAuxWork       = "2B36138D-C564-4562-A8CB-3C32D564F296"
)

const channelVoice = "voice"

// agentState is a state that a desktop offers, with the operation that leads to it.
type agentState struct {
	ID            string         `json:"id"`
	OperationName string         `json:"operationName"`
	DisplayName   string         `json:"displayName"`
	State         string         `json:"state"`
	WorkMode      agent.WorkMode `json:"workMode,omitempty"`
	Reason        string         `json:"reason,omitempty"`
}

// agentStates are those, with one for each reason of the configuration for being not ready.
func (s *Server) agentStates() []agentState {
	list := []agentState{
		{ID: idReady, OperationName: "Ready", DisplayName: "Ready", State: "Ready"},
		{ID: idNotReady, OperationName: "NotReady", DisplayName: "Not Ready", State: "NotReady"},
		{ID: idAfterCallWork, OperationName: "AfterCallWork", DisplayName: "After Call Work", State: "NotReady", WorkMode: agent.ModeAfterCallWork},
		{ID: idAuxWork, OperationName: "AuxWork", DisplayName: "Auxiliary Work", State: "NotReady", WorkMode: agent.AuxWork},
		{ID: idOffline, OperationName: "Offline", DisplayName: "Offline", State: "LoggedOut"},
	}
	for _, reason := range s.o.Reasons {
		list = append(list, agentState{
			ID: reasonID(reason), OperationName: "NotReady_" + reason, DisplayName: "Not Ready - " + reason, State: "NotReady", Reason: reason,
		})
	}
	return list
}

func reasonID(reason string) string { return strings.ToUpper(guid("state", reason)) }

// stateOf is the state of an agent. A reason that is none of the configuration's, such as that of who let a call ring out, leads to no
// state that a desktop knows: then the work mode tells which one it is, and the reason is shown.
func (s *Server) stateOf(is agent.Status) userState {
	switch is.State {
	case agent.Ready:
		return userState{ID: idReady, DisplayName: "Ready", State: "Ready"}
	case agent.AfterCallWork:
		return userState{ID: idAfterCallWork, DisplayName: "After Call Work", State: "NotReady", WorkMode: agent.ModeAfterCallWork}
	case agent.NotReady:
		out := userState{ID: idNotReady, DisplayName: "Not Ready", State: "NotReady", WorkMode: is.Mode, Reason: is.Reason}
		if is.Mode == agent.AuxWork {
			out.ID, out.DisplayName = idAuxWork, "Auxiliary Work"
		}
		if is.Reason != "" {
			out.DisplayName = "Not Ready - " + is.Reason
		}
		if slices.Contains(s.o.Reasons, is.Reason) {
			out.ID = reasonID(is.Reason)
		}
		return out
	case agent.LoggedOut:
	}
	return userState{ID: idOffline, DisplayName: "Offline", State: "LoggedOut"}
}

// stateCommand is what an operation on the voice channel asks for.
func (s *Server) stateCommand(o *operation) (agent.Command, error) {
	switch o.OperationName {
	case "Ready":
		return agent.Command{Verb: agent.VerbReady}, nil
	case "NotReady":
		return agent.Command{Verb: agent.VerbNotReady, Mode: agent.ModeUnknown, Reason: o.Reason}, nil
	case "AuxWork":
		return agent.Command{Verb: agent.VerbNotReady, Mode: agent.AuxWork, Reason: o.Reason}, nil
	case "AfterCallWork":
		return agent.Command{Verb: agent.VerbAfterCallWork}, nil
	case "Offline", "Logout", "LoggedOut":
		return agent.Command{Verb: agent.VerbLogout, Reason: o.Reason}, nil
	case "Login":
		return agent.Command{Verb: agent.VerbLogin}, nil
	case "DoNotDisturbOn":
		return agent.Command{Verb: agent.VerbDNDOn}, nil
	case "DoNotDisturbOff":
		return agent.Command{Verb: agent.VerbDNDOff}, nil
	}
	for _, reason := range s.o.Reasons {
		if o.OperationName == "NotReady_"+reason || o.OperationName == reason {
			return agent.Command{Verb: agent.VerbNotReady, Reason: reason}, nil
		}
	}
	return agent.Command{}, unknownOperation(o.OperationName)
}
