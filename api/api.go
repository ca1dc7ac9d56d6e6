package api

import (
	"fmt"
	"iter"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"sidecar/access"
	"sidecar/auth"
	"sidecar/bridge"
)

// maxBody is more than any request of ours needs: the largest is a user with a thousand DNs.
const maxBody = 64 << 10

// Options of the API.
type Options struct {
	Engine    Engine
	Elsewhere iter.Seq2[string, bridge.CallView] // the calls that other sidecars run, with their nodes; nil: there are none
	DNs       DNs
	Agents    Agents
	Queues    Queues
	DNInfo    func(number string) (DNInfo, bool) // from the configuration; false: no such DN
	Auth      Auth
	Users     Users
	Audit     Audit
	Phone     func(auth.Principal) (PhoneSettings, error)
	Checks    []Check           // of /readyz
	Classes   map[string]string // role -> class of the dial rules for its commands; an agent's go by the class of the DN

	Metrics        *prometheus.Registry    // what /metrics shows; nil: a new one
	AllowedOrigins []string                // of pages served elsewhere
	Extra          map[string]http.Handler // by pattern; they look at origins themselves
	Sound          Sound                   // of calls, recorded and live
	Events         *Events                 // of /api/v1/events; nil: not built
	Webhooks       Webhooks                // nil: not built
	Log            *slog.Logger
	Version        string // of the program, for the OpenAPI description
}

// server holds what the handlers need.
type server struct {
	Options
	access  *access.Access
	mux     *http.ServeMux
	huma    huma.API
	metrics *metrics
}

// New makes the handler of everything that the daemon serves by HTTP; Options.Extra adds handlers by pattern.
func New(o Options) (http.Handler, error) {
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	m, err := newMetrics(o.Metrics, o.Engine)
	if err != nil {
		return nil, err
	}
	s := newServer(o)
	s.metrics = m
	document, err := s.document()
	if err != nil {
		return nil, err
	}
	s.mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(document) // a client that went away
	})
	s.mux.Handle("GET /metrics", m.handler(o.Metrics))
	s.mux.HandleFunc(catchAll, s.notFound)
	for pattern, handler := range o.Extra {
		s.mux.Handle(pattern, handler)
	}
	return s.wrap(s.mux), nil
}

// Document gives the OpenAPI description, without a running system.
func Document(version string) ([]byte, error) {
	return newServer(Options{Version: version}).document()
}

func newServer(o Options) *server {
	s := &server{Options: o, mux: http.NewServeMux(), access: access.New(access.Options{
		Engine: o.Engine, Elsewhere: o.Elsewhere, Agents: o.Agents, Users: o.Users, Classes: o.Classes, Audit: o.Audit, Log: o.Log,
		KnownDN: func(number string) bool { _, known := o.DNInfo(number); return known },
	})}
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	format := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: decodeJSON}
	s.huma = humago.New(s.mux, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "sidecar",
				Version:     o.Version,
				Description: "Calls, DNs and users of the sidecar. Errors are problems of RFC 9457 that name field and rule.",
			},
			Components: &huma.Components{Schemas: registry, SecuritySchemes: securitySchemes()},
			Tags:       tags(),
		},
		Formats:                      map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{asProblem},
	})
	s.registerSession()
	s.registerCalls()
	s.registerSupervision()
	s.registerAudit()
	s.registerDNs()
	s.registerAgents()
	s.registerQueues()
	s.registerPhone()
	s.registerUsers()
	s.registerHealth()
	s.registerRecordings()
	s.registerAudio()
	s.registerEvents()
	s.registerWebhooks()
	return s
}

// document leaves out the library's own error model, which no answer of ours has.
func (s *server) document() ([]byte, error) {
	schemas := s.huma.OpenAPI().Components.Schemas.Map()
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
	text, err := s.huma.OpenAPI().MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI description: %w", err)
	}
	return indent(text)
}
