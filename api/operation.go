package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"sidecar/auth"
)

const (
	bearerScheme = "bearer"
	cookieScheme = "cookie"
)

func securitySchemes() map[string]*huma.SecurityScheme {
	return map[string]*huma.SecurityScheme{
		bearerScheme: {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "The token that POST /api/v1/login gives."},
		cookieScheme: {Type: "apiKey", In: "cookie", Name: auth.CookieName, Description: "The same token, for browsers; other methods than GET need an Origin header."},
	}
}

func tags() []*huma.Tag {
	return []*huma.Tag{
		{Name: "session", Description: "Log in and out"},
		{Name: "calls", Description: "Calls of the DNs that the user may see"},
		{Name: "supervision", Description: "Supervisors in others' calls, and the record of what they did"},
		{Name: "agents", Description: "Agents at the DNs: who is logged in, ready or not, and where calls go"},
		{Name: "dns", Description: "Directory numbers and their state"},
		{Name: "queues", Description: "Route points, and the calls that wait there for an agent"},
		{Name: "users", Description: "Users, for admins"},
		{Name: "health", Description: "For orchestrators and load balancers"},
		{Name: "events", Description: "What happens, as it happens"},
		{Name: "webhooks", Description: "Programs that are told what happens, for admins"},
		{Name: "recordings", Description: "Recordings of the DNs that the user may hear"},
	}
}

// endpoint describes an operation.
type endpoint struct {
	id      string
	method  string
	path    string
	tag     string
	summary string
	verb    auth.Verb // empty: every logged-in user
	public  bool      // no token needed
	status  int       // of success, 0: 200 or 204
	errors  []int     // besides those that every operation of its kind has
	before  func(r *http.Request) error

	responses map[string]*huma.Response // that are not of JSON
}

// register adds an operation: who may use it is checked before the request is read.
func register[I, O any](s *server, e endpoint, handle func(ctx context.Context, in *I) (*O, error)) {
	op := huma.Operation{
		OperationID: e.id, Method: e.method, Path: e.path, Summary: e.summary, Tags: []string{e.tag},
		DefaultStatus: e.status, MaxBodyBytes: maxBody,
		Security:    []map[string][]string{{bearerScheme: {}}, {cookieScheme: {}}},
		Middlewares: huma.Middlewares{s.guard(e)},
	}
	if e.public {
		op.Security = []map[string][]string{{}}
	}
	op.Responses = s.problemResponses(e)
	maps.Copy(op.Responses, e.responses)
	huma.Register(s.huma, op, func(ctx context.Context, in *I) (*O, error) {
		infoOf(ctx).bodyRead()
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}

// guard lets a request through to an endpoint when its token, the token's role and its origin allow it.
func (s *server) guard(e endpoint) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		if e.before != nil {
			if err := e.before(r); err != nil {
				s.answer(w, r, err)
				return
			}
		}
		if e.public {
			next(ctx)
			return
		}
		p, err := s.authenticate(r)
		if err == nil && e.verb != "" && !p.Can(e.verb) {
			err = &auth.ForbiddenError{Verb: e.verb, Role: p.Role}
		}
		if err != nil {
			s.answer(w, r, err)
			return
		}
		next(huma.WithValue(ctx, principalKey{}, p))
	}
}

// authenticate also notes for the log who it is: what is refused matters there as much as what is done.
func (s *server) authenticate(r *http.Request) (auth.Principal, error) {
	p, err := s.Auth.Authenticate(r)
	if err == nil {
		infoOf(r.Context()).user = p.User
	}
	return p, err
}

type principalKey struct{}

// principalOf gives who asks; guard has put it there.
func principalOf(ctx context.Context) auth.Principal {
	p, _ := ctx.Value(principalKey{}).(auth.Principal)
	return p
}

// problemResponses documents the errors: those named by the endpoint and those that come with its kind.
func (s *server) problemResponses(e endpoint) map[string]*huma.Response {
	codes := append([]int{http.StatusInternalServerError, http.StatusUnprocessableEntity}, e.errors...)
	if !e.public {
		codes = append(codes, http.StatusUnauthorized, http.StatusForbidden)
	}
	if e.method == http.MethodPost || e.method == http.MethodPatch {
		codes = append(codes, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	schema := s.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	responses := make(map[string]*huma.Response, len(codes))
	for _, code := range codes {
		responses[strconv.Itoa(code)] = &huma.Response{
			Description: fmt.Sprintf("%s, as a problem of RFC 9457", http.StatusText(code)),
			Content:     map[string]*huma.MediaType{problemType: {Schema: schema}},
		}
	}
	return responses
}
