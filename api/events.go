package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/gorilla/websocket"

	"sidecar/auth"
	"sidecar/cti"
	"sidecar/cti/follow"
	"sidecar/cti/schema"
)

// The subprotocols of the WebSocket of events. A page can't set headers, and a token in a URL would end up in logs: it
// offers the first, and its token after the prefix of the second, which is never chosen.
const (
	EventsProtocol = "sidecar.events.v1"
	BearerProtocol = "bearer."
)

type eventsInput struct {
	DN          []string `query:"dn,explode" maxItems:"100" doc:"Only what concerns this DN; repeat it for several" example:"[\"5001\"]"`
	Call        []string `query:"call,explode" maxItems:"100" doc:"Only what is about the call with this id; repeat it for several"`
	Type        []string `query:"type,explode" maxItems:"100" doc:"Only events of this name; repeat it for several" example:"[\"Ringing\"]"`
	Topic       string   `query:"topic" enum:"all,agent,call" default:"all" doc:"agent: events addressed to a DN; call: changes of calls as a whole; all: both"`
	Since       string   `query:"since" maxLength:"100" doc:"The last cursor seen: go on after it" example:"k7:10233"`
	LastEventID string   `header:"Last-Event-ID" maxLength:"100" doc:"The same, as browsers send it; it counts more than since"`
}

func (s *server) registerEvents() {
	register(s, endpoint{
		id: "events", method: http.MethodGet, path: "/api/v1/events", tag: "events", verb: auth.VerbViewCalls,
		summary: "Follow what happens, by server-sent events or by WebSocket",
		errors:  []int{http.StatusBadRequest, http.StatusTooManyRequests, http.StatusServiceUnavailable},
		before:  func(r *http.Request) error { return errors.Join(s.checkPage(r), bearerOfProtocol(r)) },
		responses: map[string]*huma.Response{
			"101": {Description: "A text message for each event, the same JSON as by server-sent events"},
			"200": {
				Description: "Server-sent events: the id is the event's cursor, the data its JSON. They begin with a snapshot up to SnapshotComplete unless since can be continued from; after Reset forget what you know",
				Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}},
			},
		},
	}, s.events)
	register(s, endpoint{
		id: "eventsSchema", method: http.MethodGet, path: "/api/v1/events/schema", tag: "events", public: true,
		summary: "The JSON schema (2020-12) of the events",
		responses: map[string]*huma.Response{
			"200": {
				Description: "The schema of an event; #/$defs has one for each messageType, for what is posted to a webhook and for what the event log keeps",
				Content:     map[string]*huma.MediaType{schemaType: {Schema: &huma.Schema{Type: huma.TypeObject}}},
			},
		},
	}, eventsSchema(sync.OnceValues(schema.Document)))
}

const schemaType = "application/schema+json"

// eventsSchema answers without a token: so it is made once, and not for each who asks.
func eventsSchema(document func() ([]byte, error)) func(context.Context, *struct{}) (*huma.StreamResponse, error) {
	return func(context.Context, *struct{}) (*huma.StreamResponse, error) {
		text, err := document()
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(ctx huma.Context) {
			ctx.SetHeader("Content-Type", schemaType)
			_, _ = ctx.BodyWriter().Write(text) // a client that went away
		}}, nil
	}
}

// bearerOfProtocol takes a page's token from the subprotocols to where tokens are looked for, and off the list.
func bearerOfProtocol(r *http.Request) error {
	if !websocket.IsWebSocketUpgrade(r) {
		return nil
	}
	offered := websocket.Subprotocols(r)
	i := slices.IndexFunc(offered, func(p string) bool { return strings.HasPrefix(p, BearerProtocol) })
	if i < 0 {
		return nil
	}
	if !slices.Contains(offered, EventsProtocol) {
		const rule = "must offer " + EventsProtocol + " besides the token: it is the one that is chosen"
		return newProblem(http.StatusBadRequest, "bad_request", "Sec-WebSocket-Protocol "+rule).at("Sec-WebSocket-Protocol", rule)
	}
	if r.Header.Get("Authorization") == "" {
		r.Header.Set("Authorization", "Bearer "+strings.TrimPrefix(offered[i], BearerProtocol))
	}
	r.Header.Set("Sec-WebSocket-Protocol", EventsProtocol)
	return nil
}

func (s *server) events(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	if s.Events == nil {
		return nil, absent()
	}
	p := principalOf(ctx)
	want, err := wantOf(p, in)
	if err != nil {
		return nil, err
	}
	since, err := sinceOf(in)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		r, w := humago.Unwrap(hctx)
		err := once(r, "topic", "since")
		if err == nil {
			err = s.serveEvents(w, r, p, want, since)
		}
		if err != nil {
			s.answer(w, r, err)
		}
	}}, nil
}

// once refuses parameters that are there more than once: of two answers to one question, either may be the one that is meant.
func once(r *http.Request, names ...string) error {
	query := r.URL.Query()
	for _, name := range names {
		if len(query[name]) > 1 {
			return invalid(name, "must be there once")
		}
	}
	return nil
}

// wantOf reads the filter and refuses what could never match.
func wantOf(p auth.Principal, in *eventsInput) (follow.Want, error) {
	w := follow.Want{DNs: in.DN, Calls: in.Call, Types: in.Type}
	for _, dn := range in.DN {
		if !p.MaySeeDN(dn) {
			return w, &auth.ForbiddenError{Verb: auth.VerbViewCalls, Role: p.Role, Field: "dn", DN: dn}
		}
	}
	types := follow.Types()
	for _, name := range in.Type {
		if !slices.Contains(types, name) {
			return w, invalid("type", fmt.Sprintf("%q is not the name of an event: there are %s", name, strings.Join(types, ", ")))
		}
	}
	switch in.Topic {
	case "agent":
		w.Topics = []cti.Topic{cti.TopicAgent}
	case "call":
		w.Topics = []cti.Topic{cti.TopicCall}
	}
	return w, nil
}

func sinceOf(in *eventsInput) (cti.Cursor, error) {
	field, text := "since", in.Since
	if in.LastEventID != "" {
		field, text = "Last-Event-ID", in.LastEventID
	}
	if text == "" {
		return cti.Cursor{}, nil
	}
	at, err := cti.ParseCursor(text)
	if err != nil {
		return at, invalid(field, cti.ErrBadCursor.Error())
	}
	return at, nil
}

// serveEvents sends events until the client or its token has gone. An error comes back only while it can be answered.
func (s *server) serveEvents(w http.ResponseWriter, r *http.Request, p auth.Principal, want follow.Want, since cti.Cursor) error {
	leave, err := s.Events.enter(p.UserID)
	if err != nil {
		return err
	}
	defer leave()
	st := &eventStream{
		events: s.Events, want: want, log: s.Log.With("user", p.User, "request_id", infoOf(r.Context()).id),
		again: func() (auth.Principal, error) { return s.Auth.Authenticate(r) },
	}
	st.who.Store(&p)
	if err = st.open(since); err != nil {
		return err
	}
	defer st.close()
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer context.AfterFunc(s.Events.base, func() { cancel(errShutdown) })() //nolint:contextcheck // the one that ends all streams
	if websocket.IsWebSocketUpgrade(r) {
		return s.eventsSocket(ctx, cancel, w, r, st)
	}
	st.serve(ctx, newSSE(w))
	return nil
}
