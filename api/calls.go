package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"

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
	Op string `header:"Operation-Id" maxLength:"64" pattern:"^[A-Za-z0-9._:-]+$" patternDescription:"letters, digits and . _ : -" doc:"Chosen by the client: a command repeated with the same id has the result of the first"`
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
		summary: "Get a call", errors: []int{http.StatusNotFound},
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
	views := slices.DeleteFunc(slices.Clone(s.Engine.Calls()), func(v bridge.CallView) bool { return !sees(p, v) })
	slices.SortFunc(views, func(a, b bridge.CallView) int {
		return cmp.Or(a.StartedAt.Compare(b.StartedAt), cmp.Compare(a.ID, b.ID))
	})
	out := &callsOutput{Body: CallList{Calls: make([]Call, 0, len(views))}}
	for _, v := range views {
		out.Body.Calls = append(out.Body.Calls, s.callFor(p, v))
	}
	return out, nil
}

func (s *server) getCall(ctx context.Context, in *CallPath) (*callOutput, error) {
	p := principalOf(ctx)
	v, ok := s.Engine.Call(bridge.CallID(in.ID))
	if !ok || !sees(p, v) {
		return nil, bridge.ErrCallNotFound
	}
	return &callOutput{Body: s.callFor(p, v)}, nil
}

func (s *server) makeCall(ctx context.Context, in *makeCallInput) (*makeCallOutput, error) {
	p := principalOf(ctx)
	from := in.Body.From
	if !p.MayUseDN(from) {
		return nil, &auth.ForbiddenError{Verb: auth.VerbMakeCall, Role: p.Role, Field: "from", DN: from}
	}
	if err := s.knownDN("from", from); err != nil {
		return nil, err
	}
	if err := in.Body.UserData.Err(); err != nil {
		return nil, err
	}
	cmd := bridge.MakeCall{
		From: bridge.DN(from), To: in.Body.To, Class: s.class(p), CallerID: in.Body.CallerID,
		UserData: in.Body.UserData.Data(), Op: bridge.OpID(in.Op),
	}
	v, err := s.Engine.MakeCall(ctx, cmd)
	if !owns(p, bridge.DN(from)) {
		s.audit(ctx, "make-call", from, map[string]string{"to": in.Body.To, "callerId": in.Body.CallerID, "call": string(v.ID)}, err)
	}
	if err != nil {
		return nil, aboutFrom(err, cmd)
	}
	if in.Op != "" && !sawParty(p, v) {
		return nil, errOpTaken
	}
	return &makeCallOutput{Location: "/api/v1/calls/" + string(v.ID), Body: s.callFor(p, v)}, nil
}

// class is the class of the dial rules that a command of p goes by; empty: that of the DN it is for. An agent gets no
// other than its phone has, or REST would dial what the phone is refused.
func (s *server) class(p auth.Principal) string {
	if p.Role == auth.RoleAgent {
		return ""
	}
	return s.Classes[string(p.Role)]
}

// hangup asks the engine also for a call that is gone by now when the command has an id: it may be the repetition
// of the one that ended the call.
func (s *server) hangup(ctx context.Context, in *hangupInput) (*callOutput, error) {
	p := principalOf(ctx)
	before, found := s.Engine.Call(bridge.CallID(in.ID))
	if found && !sees(p, before) || !found && in.Op == "" {
		return nil, bridge.ErrCallNotFound
	}
	v, err := s.Engine.Hangup(ctx, bridge.Hangup{Call: bridge.CallID(in.ID), Op: bridge.OpID(in.Op)})
	if found && !ownsAny(p, before) {
		s.audit(ctx, "hangup", in.ID, nil, err)
	}
	if err != nil {
		return nil, err
	}
	return s.commandResult(ctx, in.CallPath, in.OperationID, v)
}

// sees reports whether a DN that the principal sees is in the call, or was when the call ended.
func sees(p auth.Principal, v bridge.CallView) bool {
	if p.SeesAll() {
		return true
	}
	return slices.ContainsFunc(v.Parties, func(party bridge.PartyView) bool {
		living := party.State != bridge.PartyReleased || !v.EndedAt.IsZero()
		return living && party.DN != "" && p.MaySeeDN(string(party.DN))
	})
}

// sawParty reports whether a DN that the principal sees is or was in the call.
func sawParty(p auth.Principal, v bridge.CallView) bool {
	return p.SeesAll() || slices.ContainsFunc(v.Parties, func(party bridge.PartyView) bool {
		return party.DN != "" && p.MaySeeDN(string(party.DN))
	})
}

// actingDN is the DN that a command acts as: the named one, else the only one in the call that the principal may
// use, those who left counting only when nobody else is there.
func actingDN(p auth.Principal, v bridge.CallView, named string, verb auth.Verb) (bridge.DN, error) {
	if named != "" {
		if !p.MayUseDN(named) {
			return "", &auth.ForbiddenError{Verb: verb, Role: p.Role, Field: "dn", DN: named}
		}
		return bridge.DN(named), nil
	}
	var living, left []bridge.DN
	for _, party := range v.Parties {
		switch {
		case party.DN == "" || !p.MayUseDN(string(party.DN)):
		case party.State == bridge.PartyReleased:
			left = append(left, party.DN)
		default:
			living = append(living, party.DN)
		}
	}
	candidates := living
	if len(living) == 0 {
		candidates = left
	}
	switch len(candidates) {
	case 0:
		return "", nil // the engine says what is wrong with the call
	case 1:
		return candidates[0], nil
	}
	return "", bridge.ErrAmbiguousParty
}
