package api

import (
	"context"
	"net/http"

	"sidecar/access"
	"sidecar/auth"
	"sidecar/bridge"
)

// body is that of a command for a party.
type body interface{ party() string }

// PartyRequest names the party that a command is for.
type PartyRequest struct {
	DN string `json:"dn,omitempty" maxLength:"32" doc:"The DN that it is for; not needed when only one of the call's DNs is yours to use" example:"5001"`
}

func (r PartyRequest) party() string { return r.DN }

// partyInput is a command that needs nothing but the party.
type partyInput struct {
	OperationID
	CallPath
	Body *PartyRequest
}

// commandInput is a command that needs more.
type commandInput[B body] struct {
	OperationID
	CallPath
	Body B
}

type callOutput struct{ Body Call }

// verb describes a command for a party: what comes behind /api/v1/calls/{id}/ and what it does.
type verb struct {
	name    string // of the path, and of the operation with "-call" behind it
	summary string
	method  string      // empty: POST
	id      string      // of the operation, empty: from name
	errors  []int       // besides those that all have
	does    access.Verb // empty: as name says
}

func (v verb) endpoint() endpoint {
	e := endpoint{
		id: v.id, method: v.method, path: "/api/v1/calls/{id}/" + v.name, tag: "calls", verb: auth.VerbControl, summary: v.summary,
		errors: append([]int{
			http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		}, v.errors...),
	}
	if e.id == "" {
		e.id = v.name + "-call"
	}
	if e.method == "" {
		e.method = http.MethodPost
	}
	return e
}

// registerParty adds a command that needs nothing but the party.
func registerParty(s *server, v verb) {
	register(s, v.endpoint(), func(ctx context.Context, in *partyInput) (*callOutput, error) {
		var named PartyRequest
		if in.Body != nil {
			named = *in.Body
		}
		return s.do(ctx, v, in.CallPath, in.OperationID, access.Command{DN: named.DN})
	})
}

// registerCommand adds a command with a body, which read makes the command of or refuses.
func registerCommand[B body](s *server, v verb, read func(b B) (access.Command, error)) {
	register(s, v.endpoint(), func(ctx context.Context, in *commandInput[B]) (*callOutput, error) {
		cmd, err := read(in.Body)
		if err != nil {
			return nil, err
		}
		cmd.DN = in.Body.party()
		return s.do(ctx, v, in.CallPath, in.OperationID, cmd)
	})
}

func (s *server) do(ctx context.Context, v verb, call CallPath, op OperationID, cmd access.Command) (*callOutput, error) {
	p := principalOf(ctx)
	cmd.Verb, cmd.Call, cmd.Op = v.does, bridge.CallID(call.ID), bridge.OpID(op.Op)
	if cmd.Verb == "" {
		cmd.Verb = access.Verb(v.name)
	}
	view, err := s.access.Do(ctx, p, cmd)
	if err != nil {
		return nil, err
	}
	return &callOutput{Body: s.callFor(p, view)}, nil
}
