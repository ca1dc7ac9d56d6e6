package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
)

const problemType = "application/problem+json"

// Problem is an error as clients get it: a problem of RFC 9457 with extension members.
type Problem struct { //nolint:errname // the name of the document in RFC 9457, and in the OpenAPI description
	Type      string         `json:"type" doc:"Always about:blank: code tells problems apart"`
	Title     string         `json:"title" doc:"The status in words"`
	Status    int            `json:"status" doc:"The HTTP status"`
	Detail    string         `json:"detail,omitempty" doc:"What was wrong and what would be right"`
	Code      string         `json:"code" doc:"The kind of problem, for programs" example:"state_conflict"`
	Field     string         `json:"field,omitempty" doc:"The field that breaks the rule" example:"to"`
	Rule      string         `json:"rule,omitempty" doc:"The rule that it breaks"`
	State     string         `json:"state,omitempty" doc:"The state that does not allow the command"`
	Errors    []FieldProblem `json:"errors,omitempty" nullable:"false" doc:"Every broken rule, when there are several"`
	Checks    []CheckResult  `json:"checks,omitempty" nullable:"false" doc:"What readiness depends on"`
	RequestID string         `json:"requestId,omitempty" doc:"Names the request in the log"`

	headers http.Header
}

// FieldProblem is one field and the rule it breaks. Values are not repeated: they may be secret.
type FieldProblem struct {
	Field string `json:"field"`
	Rule  string `json:"rule"`
}

// Error gives the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus, GetHeaders and ContentType are what huma asks an error for.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders gives the headers that go with the problem.
func (p *Problem) GetHeaders() http.Header { return p.headers }

// ContentType gives the media type of problems.
func (p *Problem) ContentType(string) string { return problemType }

func newProblem(status int, code, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

// absent answers for a part of the API that this daemon is run without.
func absent() *Problem {
	return newProblem(http.StatusNotFound, "not_found", "this sidecar is run without it")
}

func (p *Problem) at(field, rule string) *Problem {
	p.Field, p.Rule = field, rule
	return p
}

func (p *Problem) header(name, value string) *Problem {
	if p.headers == nil {
		p.headers = http.Header{}
	}
	p.headers.Set(name, value)
	return p
}

// write answers with the problem where huma does not.
func (p *Problem) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), p.headers)
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // a client that went away
}

// asProblem turns the library's own errors (a request that does not fit its description) into problems.
func asProblem(ctx huma.Context, _ string, v any) (any, error) {
	model, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := newProblem(model.Status, codeOfStatus(model.Status), model.Detail)
	p.RequestID = infoOf(ctx.Context()).id
	for _, e := range model.Errors {
		p.Errors = append(p.Errors, fieldProblem(e))
	}
	if len(p.Errors) > 0 {
		first := p.Errors[0]
		p = p.at(first.Field, first.Rule)
		p.Detail = first.Field + ": " + first.Rule
	}
	if len(p.Errors) == 1 {
		p.Errors = nil
	}
	return p, nil
}

var missingRule = regexp.MustCompile(`^expected required property (\S+) to be present$`)

// fieldProblem names a missing field itself, where the library names the object that should have it.
func fieldProblem(e *huma.ErrorDetail) FieldProblem {
	missing := missingRule.FindStringSubmatch(e.Message)
	if e.Message == validation.MsgExpectedMatchExactlyOneSchema {
		return FieldProblem{Field: fieldName(e.Location), Rule: wrongForm}
	}
	if missing == nil {
		return FieldProblem{Field: fieldName(e.Location), Rule: e.Message}
	}
	return FieldProblem{Field: fieldName(e.Location + "." + missing[1]), Rule: "is missing"}
}

// fieldName leaves out where the field is, unless it is the body itself.
func fieldName(location string) string {
	for _, part := range []string{"body.", "path.", "query.", "header."} {
		if name, ok := strings.CutPrefix(location, part); ok {
			return name
		}
	}
	return location
}

func codeOfStatus(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "bad_request"
	case http.StatusRequestTimeout:
		return "timeout"
	case http.StatusRequestEntityTooLarge:
		return "body_too_large"
	case http.StatusUnsupportedMediaType:
		return "unsupported_media_type"
	case http.StatusUnprocessableEntity:
		return "invalid_field"
	}
	if status >= http.StatusInternalServerError {
		return "internal"
	}
	return "refused"
}
