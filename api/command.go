package api

import (
	"context"
	"net/http"

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
	method  string // empty: POST
	id      string // of the operation, empty: from name
	errors  []int  // besides those that all have
	other   bool   // what comes back may be another call than the command named
	audited bool   // recorded when it is done for somebody else's DN
}

func (v verb) endpoint() endpoint {
	e := endpoint{
		id: v.id, method: v.method, path: "/api/v1/calls/{id}/" + v.name, tag: "calls", verb: auth.VerbControl, summary: v.summary,
		errors: append([]int{
			http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusNotImplemented,
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

// partyCommand is a command of the engine; the document of the API is made without an engine.
type partyCommand func(e Engine, ctx context.Context, cmd bridge.PartyCommand) (bridge.CallView, error)

// registerParty adds a command that needs nothing but the party.
func registerParty(s *server, v verb, run partyCommand) {
	register(s, v.endpoint(), func(ctx context.Context, in *partyInput) (*callOutput, error) {
		var named PartyRequest
		if in.Body != nil {
			named = *in.Body
		}
		return s.act(ctx, action{verb: v, call: in.CallPath, op: in.OperationID, dn: named.DN}, func(cmd bridge.PartyCommand) (bridge.CallView, error) {
			return run(s.Engine, ctx, cmd)
		})
	})
}

// request is what the engine's command is made of, besides the party.
type request[B body] struct {
	Body  B
	Class string // of the dial rules
	cmd   bridge.PartyCommand
}

// registerCommand adds a command with a body. check, which may be nil, refuses a body before the engine is asked.
func registerCommand[B body](
	s *server, v verb, check func(ctx context.Context, b B) error,
	run func(e Engine, ctx context.Context, r request[B]) (bridge.CallView, error),
) {
	register(s, v.endpoint(), func(ctx context.Context, in *commandInput[B]) (*callOutput, error) {
		if check != nil {
			if err := check(ctx, in.Body); err != nil {
				return nil, err
			}
		}
		a := action{verb: v, call: in.CallPath, op: in.OperationID, dn: in.Body.party(), detail: detailOf(in.Body)}
		return s.act(ctx, a, func(cmd bridge.PartyCommand) (bridge.CallView, error) {
			return run(s.Engine, ctx, request[B]{Body: in.Body, Class: s.class(principalOf(ctx)), cmd: cmd})
		})
	})
}

// action is a command for a party, as it was asked for.
type action struct {
	verb   verb
	call   CallPath
	op     OperationID
	dn     string            // as which it acts; empty: the only one that may
	detail map[string]string // for the audit
}

// act is the way of every command for a party: whether the user knows the call, as which DN the command acts, the engine,
// the audit, and whose result it is. The engine judges when the user's DN has left the call already: with a command id it
// may be the repetition of the one by which it left.
func (s *server) act(ctx context.Context, a action, run func(bridge.PartyCommand) (bridge.CallView, error)) (*callOutput, error) {
	p := principalOf(ctx)
	before, found := s.Engine.Call(bridge.CallID(a.call.ID))
	if found && !sees(p, before) && (a.op.Op == "" || !sawParty(p, before)) || !found && a.op.Op == "" {
		return nil, bridge.ErrCallNotFound
	}
	by, err := actingDN(p, before, a.dn, auth.Verb(a.verb.name))
	if err != nil {
		return nil, err
	}
	v, err := run(bridge.PartyCommand{Call: bridge.CallID(a.call.ID), By: by, Op: bridge.OpID(a.op.Op)})
	if a.verb.audited && by != "" && !owns(p, by) {
		s.audit(ctx, a.verb.name, string(by), withCall(a.detail, a.call.ID), err)
	}
	if err != nil {
		return nil, err
	}
	if a.verb.other {
		return s.otherResult(ctx, a, v)
	}
	return s.commandResult(ctx, a.call, a.op, v)
}

// otherResult is that of a command that may give another call than it named, such as a consult call.
func (s *server) otherResult(ctx context.Context, a action, v bridge.CallView) (*callOutput, error) {
	if p := principalOf(ctx); a.op.Op != "" && !sawParty(p, v) {
		return nil, errOpTaken
	}
	return &callOutput{Body: s.callFor(principalOf(ctx), v)}, nil
}

// commandResult keeps back the result of a command that somebody else gave under the same id.
func (s *server) commandResult(ctx context.Context, call CallPath, op OperationID, v bridge.CallView) (*callOutput, error) {
	p := principalOf(ctx)
	if op.Op != "" && (string(v.ID) != call.ID || !sawParty(p, v)) {
		return nil, errOpTaken
	}
	return &callOutput{Body: s.callFor(p, v)}, nil
}
