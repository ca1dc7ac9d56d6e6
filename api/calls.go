package api

import (
	"context"
	"net/http"

	"sidecar/auth"
	"sidecar/bridge"
)

type callsOutput struct{ Body CallList }

// CallList is the list of calls.
type CallList struct {
	Calls []Call `json:"calls" nullable:"false"`
}

// CallPath names a call.
type CallPath struct {
	ID string `path:"id" maxLength:"64"`
}

// OperationID lets a client repeat a command safely.
type OperationID struct {
	Op string `header:"Operation-Id" maxLength:"64" pattern:"^[A-Za-z0-9._:-]+$" patternDescription:"letters, digits and . _ : -" doc:"Chosen by the client: a command repeated with the same id within ten minutes has the result of the first; with another command or body the id is refused"`
}

type makeCallInput struct {
	OperationID
	Body MakeCallRequest
}

// MakeCallRequest is a click-to-dial.
type MakeCallRequest struct {
	From string `json:"from" minLength:"1" maxLength:"32" doc:"The DN whose phone rings first" example:"5001"`
	To   string `json:"to" minLength:"1" maxLength:"64" pattern:"^[0-9A-Za-z+*#(). /_-]+$" patternDescription:"a number" doc:"The DN or outside number to be called then" example:"5002"`

	CallerID string   `json:"callerId,omitempty" maxLength:"32" pattern:"^[+]?[0-9]+$" patternDescription:"a number" doc:"The number to show instead of the DN's own; one that the DN may show" example:"+493012345"`
	UserData UserData `json:"userData,omitzero" doc:"What the call begins with"`
}

type makeCallOutput struct {
	Location string `header:"Location"`
	Body     Call
}

type hangupInput struct {
	OperationID
	CallPath
}

func (s *server) registerCalls() {
	const path = "/api/v1/calls"
	command := []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
	register(s, endpoint{
		id: "list-calls", method: http.MethodGet, path: path, tag: "calls", verb: auth.VerbViewCalls,
		summary: "List the calls of the DNs that the user sees",
	}, s.listCalls)
	register(s, endpoint{
		id: "get-call", method: http.MethodGet, path: path + "/{id}", tag: "calls", verb: auth.VerbViewCalls,
		summary: "Get a call", errors: []int{http.StatusNotFound, http.StatusConflict},
	}, s.getCall)
	register(s, endpoint{
		id: "make-call", method: http.MethodPost, path: path, tag: "calls", verb: auth.VerbMakeCall,
		summary: "Ring a DN's phone, then call a number for it", errors: command[1:], status: http.StatusCreated,
	}, s.makeCall)
	register(s, endpoint{
		id: "hangup-call", method: http.MethodPost, path: path + "/{id}/hangup", tag: "calls", verb: auth.VerbHangup,
		summary: "End a call for everybody", errors: command,
	}, s.hangup)
	s.registerPartyCommands()
	s.registerControl()
}

func (s *server) listCalls(ctx context.Context, _ *struct{}) (*callsOutput, error) {
	p := principalOf(ctx)
	views := s.access.Calls(p)
	out := &callsOutput{Body: CallList{Calls: make([]Call, 0, len(views))}}
	for _, v := range views {
		out.Body.Calls = append(out.Body.Calls, s.callFor(p, v))
	}
	return out, nil
}

func (s *server) getCall(ctx context.Context, in *CallPath) (*callOutput, error) {
	p := principalOf(ctx)
	v, err := s.access.Call(p, bridge.CallID(in.ID))
	if err != nil {
		return nil, err
	}
	return &callOutput{Body: s.callFor(p, v)}, nil
}

func (s *server) makeCall(ctx context.Context, in *makeCallInput) (*makeCallOutput, error) {
	p := principalOf(ctx)
	if err := in.Body.UserData.Err(); err != nil {
		return nil, err
	}
	v, err := s.access.MakeCall(ctx, p, bridge.MakeCall{
		From: bridge.DN(in.Body.From), To: in.Body.To, CallerID: in.Body.CallerID, UserData: in.Body.UserData.Data(), Op: bridge.OpID(in.Op),
	})
	if err != nil {
		return nil, err
	}
	return &makeCallOutput{Location: "/api/v1/calls/" + string(v.ID), Body: s.callFor(p, v)}, nil
}

func (s *server) hangup(ctx context.Context, in *hangupInput) (*callOutput, error) {
	p := principalOf(ctx)
	v, err := s.access.Hangup(ctx, p, bridge.Hangup{Call: bridge.CallID(in.ID), Op: bridge.OpID(in.Op)})
	if err != nil {
		return nil, err
	}
	return &callOutput{Body: s.callFor(p, v)}, nil
}
