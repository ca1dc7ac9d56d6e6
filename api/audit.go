package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"

	"sidecar/auth"
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

// audit records what the user did to subject and what became of it.
func (s *server) audit(ctx context.Context, action, subject string, detail map[string]string, outcome error) {
	kept := map[string]string{}
	maps.Copy(kept, detail)
	if outcome != nil { // some are this door's own
		kept["result"] = s.outcome(outcome)
	}
	s.access.Record(ctx, principalOf(ctx), action, subject, kept, nil)
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

func invalid(field, rule string) *Problem {
	return newProblem(http.StatusUnprocessableEntity, "invalid_field", fmt.Sprintf("%s: %s", field, rule)).at(field, rule)
}
