package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"sidecar/auth"
	"sidecar/bridge"
)

// AuditEntry is what a user did to somebody else's calls or state.
type AuditEntry struct {
	ID      int64             `json:"id"`
	Time    string            `json:"time" format:"date-time"`
	User    string            `json:"user" doc:"Who did it"`
	Action  string            `json:"action" doc:"The command, as its path or operation names it" example:"start-monitor"`
	Subject string            `json:"subject" doc:"The DN, or the call, that it was done to" example:"5001"`
	Detail  map[string]string `json:"detail" doc:"What else was asked for; result is done, or the code of the problem"`
}

// AuditList is a page of the audit.
type AuditList struct {
	Entries []AuditEntry `json:"entries" nullable:"false" doc:"The newest first"`
	Next    int64        `json:"next,omitempty" doc:"The value of before for the page that follows; missing on the last"`
}

type auditInput struct {
	Limit  int   `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Entries on a page"`
	Before int64 `query:"before" minimum:"1" doc:"Only entries with a lower id: next of the page before"`
}

type auditOutput struct{ Body AuditList }

func (s *server) registerAudit() {
	register(s, endpoint{
		id: "list-audit", method: http.MethodGet, path: "/api/v1/audit", tag: "supervision", verb: auth.VerbViewAudit,
		summary: "List what users did to others' calls and states: a supervisor sees what the own team did, an admin everything",
	}, s.listAudit)
}

func (s *server) listAudit(ctx context.Context, in *auditInput) (*auditOutput, error) {
	p := principalOf(ctx)
	q := auth.AuditQuery{Before: in.Before, Limit: in.Limit + 1} // one more tells whether a page follows
	if !p.SeesAll() {
		team, err := s.team(ctx, p.Team)
		if err != nil {
			return nil, err
		}
		q.Actors = team
	}
	entries, err := s.Audit.Entries(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &auditOutput{Body: AuditList{Entries: make([]AuditEntry, 0, len(entries))}}
	if len(entries) > in.Limit {
		entries = entries[:in.Limit]
		out.Body.Next = entries[in.Limit-1].ID
	}
	for _, e := range entries {
		detail := e.Detail
		if detail == nil {
			detail = map[string]string{}
		}
		out.Body.Entries = append(out.Body.Entries, AuditEntry{
			ID: e.ID, Time: stamp(e.Time), User: e.Actor, Action: e.Action, Subject: e.Subject, Detail: detail,
		})
	}
	return out, nil
}

// team lists the users of a team.
func (s *server) team(ctx context.Context, name string) ([]string, error) {
	users, err := s.Users.Users(ctx)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, u := range users {
		if u.Team == name {
			names = append(names, u.Name)
		}
	}
	return names, nil
}

// audit records what the user did to subject and what became of it. It holds up nothing: a record that can't be kept is
// in the log.
func (s *server) audit(ctx context.Context, action, subject string, detail map[string]string, outcome error) {
	kept := map[string]string{"result": "done"}
	maps.Copy(kept, detail)
	maps.DeleteFunc(kept, func(_, value string) bool { return value == "" })
	if outcome != nil {
		kept["result"] = s.outcome(outcome)
	}
	if err := s.Audit.Audit(ctx, principalOf(ctx).User, action, subject, kept); err != nil {
		s.Log.ErrorContext(ctx, "audit_lost", "user", principalOf(ctx).User, "action", action, "subject", subject, "error", err)
	}
}

// outcome is the code of the problem that an error is answered with.
func (s *server) outcome(err error) string {
	if p := typedProblem(err); p != nil {
		return p.Code
	}
	if p := sentinelProblem(err); p != nil {
		return p.Code
	}
	return "internal"
}

// detailOf is what the audit keeps of a body. Digits and user data may be secret and are left out.
func detailOf(b body) map[string]string {
	switch r := b.(type) {
	case Destination:
		return map[string]string{"to": r.To}
	case ConsultRequest:
		return map[string]string{"to": r.To, "purpose": r.Purpose}
	case MuteRequest:
		return map[string]string{"direction": r.Direction}
	case MergeRequest:
		return map[string]string{"other": r.Call}
	case DropRequest:
		return map[string]string{"member": r.Member}
	}
	return nil
}

// withCall adds the call to what the audit keeps.
func withCall(detail map[string]string, call string) map[string]string {
	out := map[string]string{"call": call}
	maps.Copy(out, detail)
	return out
}

// owns reports whether the DN is the user's own: what they do with it concerns nobody else.
func owns(p auth.Principal, dn bridge.DN) bool { return slices.Contains(p.DNs, string(dn)) }

// ownsAny reports whether one of the user's DNs is in the call.
func ownsAny(p auth.Principal, v bridge.CallView) bool {
	return slices.ContainsFunc(v.Parties, func(party bridge.PartyView) bool { return owns(p, party.DN) })
}

func invalid(field, rule string) *Problem {
	return newProblem(http.StatusUnprocessableEntity, "invalid_field", fmt.Sprintf("%s: %s", field, rule)).at(field, rule)
}

// knownDN refuses a number that is no DN of ours.
func (s *server) knownDN(field, number string) error {
	if _, known := s.DNInfo(number); !known {
		return newProblem(http.StatusUnprocessableEntity, "unknown_dn", errUnknownDN.Error()).at(field, errUnknownDN.Error())
	}
	return nil
}
