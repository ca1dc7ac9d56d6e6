package gws

import (
	"slices"

	"sidecar/access"
	"sidecar/agent"
	"sidecar/auth"
	"sidecar/bridge"
)

// maxAfterCallWork is the longest that an agent may ask for, in seconds.
const maxAfterCallWork = 4 * 60 * 60

type unknownVerbError struct{ name string }

func (e *unknownVerbError) Error() string { return e.name + " is no command for a call" }

// guideVerb reads a verb of the path. Some have the names that the Workspace API gives them too.
func guideVerb(name string) (verb access.Verb, purpose bridge.ConsultPurpose, ok bool) {
	switch name {
	case "hangup":
		return access.Release, "", true
	case "initiate-transfer":
		return access.Consult, bridge.ConsultTransfer, true
	case "initiate-conference":
		return access.Consult, bridge.ConsultConference, true
	case "single-step-transfer":
		return access.Transfer, "", true
	case "single-step-conference":
		return access.SingleStepConference, "", true
	case "send-dtmf":
		return access.SendDTMF, "", true
	case "start-recording":
		return access.StartRecording, "", true
	case "stop-recording":
		return access.StopRecording, "", true
	case "pause-recording":
		return access.PauseRecording, "", true
	case "resume-recording":
		return access.ResumeRecording, "", true
	}
	verb = access.Verb(name)
	return verb, "", slices.Contains(plainVerbs(), verb)
}

func plainVerbs() []access.Verb {
	return []access.Verb{
		access.Answer, access.Hold, access.Retrieve, access.Reject, access.Release, access.Complete, access.Redirect, access.Transfer,
		access.MuteTransfer, access.SingleStepConference, access.Consult, access.CompleteTransfer, access.CompleteConference,
		access.Alternate, access.Reconnect, access.Merge, access.Drop, access.Mute, access.Unmute, access.SendDTMF,
		access.AttachData, access.UpdateData, access.DeleteData,
	}
}

// agentVerbs are the commands for the agent, by path.
func agentVerbs() map[string]agent.Verb {
	return map[string]agent.Verb{
		"login": agent.VerbLogin, "logout": agent.VerbLogout, "ready": agent.VerbReady, "not-ready": agent.VerbNotReady, "notready": agent.VerbNotReady,
		"after-call-work": agent.VerbAfterCallWork, "dnd-on": agent.VerbDNDOn, "dnd-off": agent.VerbDNDOff,
		"set-forward": agent.VerbSetForward, "cancel-forward": agent.VerbCancelForward,
	}
}

// ownDN is the DN that a command without a call is for: the named one of the user's own, or the only one.
func ownDN(p auth.Principal, named string) (string, error) {
	switch {
	case named != "" && slices.Contains(p.DNs, named):
		return named, nil
	case named != "":
		return "", &auth.ForbiddenError{Verb: auth.VerbControl, Role: p.Role, Field: "dn", DN: named}
	case len(p.DNs) == 1:
		return p.DNs[0], nil
	}
	return "", &auth.FieldError{Field: "dn", Rule: "is missing: you have not one DN of your own"}
}

// CheckCommand refuses a command without what its verb needs.
func CheckCommand(c access.Command) error {
	switch c.Verb {
	case access.Redirect, access.Transfer, access.MuteTransfer, access.SingleStepConference, access.Consult:
		return access.Number("destination", c.To)
	case access.Drop:
		return access.Number("member", c.Member)
	case access.SendDTMF:
		return access.Digits("digits", c.Digits)
	case access.Merge:
		if c.Other == "" {
			return &auth.FieldError{Field: "call", Rule: "is missing: name the other call"}
		}
	case access.AttachData, access.UpdateData:
		if len(c.Data) == 0 {
			return &auth.FieldError{Field: "userData", Rule: "is missing"}
		}
	}
	return nil
}
