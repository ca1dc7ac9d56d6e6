package api

import (
	"context"
	"net/http"

	"sidecar/auth"
	"sidecar/bridge"
)

type partyInput struct {
	OperationID
	CallPath
	Body *PartyRequest
}

// PartyRequest names the party that a command is for.
type PartyRequest struct {
	DN string `json:"dn,omitempty" maxLength:"32" doc:"The DN whose phone it is for; not needed when only one of the call's DNs is yours to use"`
}

// partyCommand is a command of the engine for one party; the document of the API is made without an engine.
type partyCommand func(e Engine, ctx context.Context, cmd bridge.PartyCommand) (bridge.CallView, error)

// registerPartyCommands adds what a DN's phone can be told. Whoever may hang up may do this too.
func (s *server) registerPartyCommands() {
	for _, c := range []struct {
		name, summary string
		run           partyCommand
	}{
		{"answer", "Have the DN's phone answer; one that has answered is no error", Engine.Answer},
		{"hold", "Have the DN's phone put the call on hold", Engine.Hold},
		{"retrieve", "Have the DN's phone take the call back from hold", Engine.Retrieve},
		{"reject", "Refuse the call that rings at the DN, for the caller as if it were busy", Engine.Reject},
	} {
		register(s, endpoint{
			id: c.name + "-call", method: http.MethodPost, path: "/api/v1/calls/{id}/" + c.name, tag: "calls", verb: auth.VerbHangup,
			summary: c.summary,
			errors:  []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable, http.StatusGatewayTimeout},
		}, func(ctx context.Context, in *partyInput) (*callOutput, error) {
			return s.partyCommand(ctx, in, auth.Verb(c.name), c.run)
		})
	}
}

// partyCommand lets the engine judge when the user's DN has left the call already: with a command id it may be the
// repetition of the one by which it left.
func (s *server) partyCommand(ctx context.Context, in *partyInput, verb auth.Verb, run partyCommand) (*callOutput, error) {
	p := principalOf(ctx)
	before, found := s.Engine.Call(bridge.CallID(in.ID))
	if found && !sees(p, before) && (in.Op == "" || !sawParty(p, before)) || !found && in.Op == "" {
		return nil, bridge.ErrCallNotFound
	}
	var named string
	if in.Body != nil {
		named = in.Body.DN
	}
	by, err := actingDN(p, before, named, verb)
	if err != nil {
		return nil, err
	}
	v, err := run(s.Engine, ctx, bridge.PartyCommand{Call: bridge.CallID(in.ID), By: by, Op: bridge.OpID(in.Op)})
	if err != nil {
		return nil, err
	}
	return commandResult(p, in.CallPath, in.OperationID, v)
}
