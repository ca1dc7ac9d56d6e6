package v2

import (
	"cmp"
	"fmt"
	"time"

	"sidecar/access"
	"sidecar/agent"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti/gws"
)

// operation is a request that names what to do, with whatever the operations need.
type operation struct {
	OperationName string `json:"operationName"`

	Destination               destination     `json:"destination"`
	PhoneNumber               string          `json:"phoneNumber"`
	Participant               destination     `json:"participant"`
	UserData                  bridge.UserData `json:"userData"`
	Key                       string          `json:"key"`
	Digits                    string          `json:"digits"`
	ConsultCallURI            string          `json:"consultCallUri"`
	TargetDeviceURI           string          `json:"targetDeviceUri"`
	SupervisorMonitoringScope string          `json:"supervisorMonitoringScope"`
	SupervisorMonitoringMode  string          `json:"supervisorMonitoringMode"`
	Channels                  []string        `json:"channels"`
	DeviceID                  string          `json:"deviceId"`
	Reason                    string          `json:"reason"`
}

type destination struct {
	PhoneNumber string `json:"phoneNumber"`
}

func now() time.Time { return time.Now() }

func readOperation(r *gws.Request) (*operation, error) {
	var o operation
	if err := r.Read(&o, false); err != nil {
		return nil, err
	}
	if o.OperationName == "" {
		return nil, &auth.FieldError{Field: "operationName", Rule: "is missing"}
	}
	return &o, nil
}

func unknownOperation(name string) error {
	return &auth.FieldError{Field: "operationName", Rule: fmt.Sprintf("must be an operation of this resource: %q is none", name)}
}

// verbs are the operations on a call that need no more than their name, or what their verb says.
func verbs() map[string]access.Verb {
	return map[string]access.Verb{
		"Answer":                          access.Answer,
		"Hangup":                          access.Release,
		"Hold":                            access.Hold,
		"Retrieve":                        access.Retrieve,
		"Redirect":                        access.Redirect,
		"Reject":                          access.Reject,
		"Complete":                        access.Complete,
		"SendDtmf":                        access.SendDTMF,
		"SwapCalls":                       access.Alternate,
		"Reconnect":                       access.Reconnect,
		"InitiateTransfer":                access.Consult,
		"InitiateConference":              access.Consult,
		"CompleteTransfer":                access.CompleteTransfer,
		"CompleteConference":              access.CompleteConference,
		"SingleStepTransfer":              access.Transfer,
		"SingleStepConference":            access.SingleStepConference,
		"RemoveParticipantFromConference": access.Drop,
		"MuteCall":                        access.Mute,
		"UnmuteCall":                      access.Unmute,
		"StartCallRecording":              access.StartRecording,
		"StopCallRecording":               access.StopRecording,
		"PauseCallRecording":              access.PauseRecording,
		"ResumeCallRecording":             access.ResumeRecording,
		"AttachUserData":                  access.AttachData,
		"UpdateUserData":                  access.UpdateData,
		"DeleteUserData":                  access.DeleteData,
		"DeleteUserDataPair":              access.DeleteData,
	}
}

// commandOf is what an operation on a call asks for.
func (o *operation) commandOf() (access.Command, error) {
	verb, ok := verbs()[o.OperationName]
	if !ok {
		return access.Command{}, unknownOperation(o.OperationName)
	}
	cmd := access.Command{
		Verb: verb, To: o.Destination.PhoneNumber, Member: cmp.Or(o.Participant.PhoneNumber, o.PhoneNumber), Data: o.UserData, Digits: o.Digits,
		Direction: bridge.MuteIn, Purpose: bridge.ConsultTransfer,
	}
	switch o.OperationName {
	case "InitiateConference":
		cmd.Purpose = bridge.ConsultConference
	case "RemoveParticipantFromConference":
		if cmd.Member == "" {
			return cmd, &auth.FieldError{Field: "participant", Rule: "is missing"}
		}
	case "DeleteUserDataPair":
		if o.Key == "" {
			return cmd, &auth.FieldError{Field: "key", Rule: "is missing"}
		}
		cmd.Keys = []string{o.Key}
	}
	return cmd, gws.CheckCommand(cmd)
}

// accepted is the reply to an operation whose result comes as a notification.
type accepted struct {
	status

	ReferenceID bridge.OpID `json:"referenceId,omitempty"`
	CallURI     string      `json:"callUri,omitempty"` // of a call that was begun
}

func (s *Server) callOperation(r *gws.Request) (any, error) {
	o, err := readOperation(r)
	if err != nil {
		return nil, err
	}
	op, err := r.Op()
	if err != nil {
		return nil, err
	}
	mine, err := s.mine(r)
	if err != nil {
		return nil, err
	}
	if o.OperationName == "ClearCall" {
		_, err = s.o.Access.Hangup(r.Context(), r.Login.Principal, bridge.Hangup{Call: mine.Call.ID, Op: op})
		return accepted{ReferenceID: op}, err
	}
	cmd, err := o.commandOf()
	if err != nil {
		return nil, err
	}
	cmd.Call, cmd.DN, cmd.Op = mine.Call.ID, string(mine.DN), op
	if cmd.Verb == access.CompleteTransfer || cmd.Verb == access.CompleteConference {
		if cmd.Call, err = s.consultOf(r, o, mine); err != nil {
			return nil, err
		}
	}
	v, err := s.o.Access.Do(r.Context(), r.Login.Principal, cmd)
	if err != nil {
		return nil, err
	}
	reply := accepted{ReferenceID: op}
	if cmd.Verb == access.Consult {
		reply.CallURI = callLink(v.ID).URI
	}
	return reply, nil
}

// consultOf is the consult call that an operation names, which must be the principal's too; without one, the call itself.
func (s *Server) consultOf(r *gws.Request, o *operation, mine gws.Mine) (bridge.CallID, error) {
	if o.ConsultCallURI == "" {
		return mine.Call.ID, nil
	}
	consult, err := gws.MineOf(s.o.Access, r.Login.Principal, bridge.CallID(lastOf(o.ConsultCallURI)))
	if err != nil {
		return "", &access.FieldError{Field: "consultCallUri", Err: err}
	}
	return consult.Call.ID, nil
}

// mine is the call of the path, if one of the principal's own DNs is in it.
func (s *Server) mine(r *gws.Request) (gws.Mine, error) {
	return gws.MineOf(s.o.Access, r.Login.Principal, bridge.CallID(r.PathValue("id")))
}

func (s *Server) dial(r *gws.Request) (any, error) {
	o, err := readOperation(r)
	if err != nil {
		return nil, err
	}
	op, err := r.Op()
	if err != nil {
		return nil, err
	}
	v, err := s.owned(r, r.PathValue("id"))
	switch {
	case err != nil:
		return nil, err
	case o.OperationName != "Dial":
		return nil, unknownOperation(o.OperationName)
	case !v.InService:
		return nil, &NotRegisteredError{DN: v.Number}
	}
	if err = access.Number("destination.phoneNumber", o.Destination.PhoneNumber); err != nil {
		return nil, err
	}
	made, err := s.o.Access.MakeCall(r.Context(), r.Login.Principal, bridge.MakeCall{
		From: bridge.DN(v.Number), To: o.Destination.PhoneNumber, UserData: o.UserData, Op: op,
	})
	if err != nil {
		return nil, err
	}
	return accepted{ReferenceID: op, CallURI: callLink(made.ID).URI}, nil
}

// channelOperation is the agent's wish to be ready, not ready, or away.
func (s *Server) channelOperation(r *gws.Request) (any, error) {
	o, err := readOperation(r)
	if err != nil {
		return nil, err
	}
	cmd, err := s.stateCommand(o)
	if err != nil {
		return nil, err
	}
	v, err := s.seat(r)
	if err != nil {
		return nil, err
	}
	if cmd.Verb == agent.VerbReady || cmd.Verb == agent.VerbNotReady || cmd.Verb == agent.VerbAfterCallWork {
		if err = s.atWork(r, &v); err != nil {
			return nil, err
		}
	}
	cmd.DN = v.Number
	if _, err = s.o.Access.Command(r.Context(), r.Login.Principal, cmd); err != nil {
		return nil, err
	}
	return status{}, nil
}

// atWork sees to it that the agent can have a state at the DN. Who went offline comes back by choosing another state: desktops list
// states, and a login is none.
func (s *Server) atWork(r *gws.Request, v *agent.View) error {
	switch {
	case !v.InService:
		return &NotRegisteredError{DN: v.Number}
	case v.Agent.State != agent.LoggedOut:
		return nil
	}
	_, err := s.o.Access.Command(r.Context(), r.Login.Principal, agent.Command{DN: v.Number, Verb: agent.VerbLogin})
	return err
}

// seat is the DN that the agent works at: the one of the own DNs where they are logged in, else the first.
func (s *Server) seat(r *gws.Request) (agent.View, error) {
	views := s.views(r.Login.Principal)
	if len(views) == 0 {
		return agent.View{}, errNotFound
	}
	for _, v := range views {
		if v.Agent.AgentID == r.Login.User {
			return v, nil
		}
	}
	return views[0], nil
}
