package bayeux

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
)

// exchange is the work on the messages of one request. It knows no transport: whoever holds one reads the messages and
// decides how replies travel and how long a connect waits.
type exchange struct {
	server *Server
	r      *http.Request
	// authorized remembers the policy's answer for the request's sessions.
	authorized map[*Session]string
}

func (s *Server) exchange(r *http.Request) *exchange {
	return &exchange{server: s, r: r, authorized: map[*Session]string{}}
}

// session finds the session that a message speaks for, or says why it may not.
func (x *exchange) session(ctx context.Context, m *message) (s *Session, wireError string) {
	if m.ClientID == "" {
		return nil, wireClientIDMissing
	}
	s, ok := x.server.registry.session(m.ClientID)
	if !ok {
		return nil, wireUnknownSession
	}
	wireError, ok = x.authorized[s]
	if !ok {
		wireError = x.authorize(ctx, s)
		x.authorized[s] = wireError
	}
	if wireError != "" {
		return nil, wireError
	}
	s.touch(time.Now())
	return s, ""
}

func (x *exchange) authorize(ctx context.Context, s *Session) (wireError string) {
	if x.server.opts.BindCookie && browserOf(x.r) != s.browser {
		return wireUnknownSession
	}
	err := x.server.opts.Policy.Authorize(ctx, x.r, s.principal)
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrForeignSession):
		return wireUnknownSession
	default:
		x.server.opts.Logger.Info("bayeux request refused", "session", s.Ref(), "principal", s.principal.ID(), "error", err)
		return wireUnauthorized
	}
}

// answer handles every message but handshakes and connects.
func (x *exchange) answer(ctx context.Context, m *message) *reply {
	if wireError := m.check(); wireError != "" {
		return m.fail(wireError)
	}
	s, wireError := x.session(ctx, m)
	if wireError != "" {
		return m.fail(wireError)
	}
	switch {
	case m.Channel == metaSubscribe:
		return x.subscribe(ctx, s, m)
	case m.Channel == metaUnsubscribe:
		return x.unsubscribe(s, m)
	case m.Channel == metaDisconnect:
		s.end(ReasonDisconnect, false)
		return m.succeed()
	case isMeta(m.Channel):
		return m.fail(wireMetaUnknown)
	default:
		return x.publish(ctx, s, m)
	}
}

// check looks at what all messages have in common.
func (m *message) check() (wireError string) {
	switch {
	case m.Channel == "":
		return wireChannelMissing
	case !validName(m.Channel):
		m.Channel = "" // not echoed: it may be anything
		return wireChannelInvalid
	case !m.validID():
		return wireIDInvalid
	default:
		return ""
	}
}

func (x *exchange) subscribe(ctx context.Context, s *Session, m *message) *reply {
	channels, wireError := m.subscriptions()
	if wireError != "" {
		return m.fail(wireError)
	}
	recorded := channels[:0:0]
	for _, c := range channels {
		if isMeta(c) {
			return m.fail(wireSubscribeFailed)
		}
		if isService(c) {
			continue // a service channel is a conversation: nothing is ever published to it
		}
		if err := x.server.opts.Policy.Subscribe(ctx, s.principal, c); err != nil {
			x.server.opts.Logger.Info("bayeux subscription denied", "session", s.Ref(), "principal", s.principal.ID(),
				"channel", c, "error", err)
			return m.fail(denied("subscribe_denied", err))
		}
		recorded = append(recorded, c)
	}
	known, fits := x.server.registry.subscribe(s, recorded, x.server.opts.MaxSubscriptions)
	if !known {
		return m.fail(wireUnknownSession)
	}
	if !fits {
		return m.fail(denied("subscribe_denied", &DeniedError{Reason: "too many subscriptions"}))
	}
	if hook := x.server.opts.Hooks.OnSubscribe; hook != nil {
		s.Batch(func() {
			for _, c := range recorded {
				hook(s, c)
			}
		})
	}
	return m.succeed()
}

func (x *exchange) unsubscribe(s *Session, m *message) *reply {
	channels, wireError := m.subscriptions()
	if wireError != "" {
		return m.fail(wireError)
	}
	if slices.ContainsFunc(channels, isMeta) {
		return m.fail(wireUnsubscribeFailed)
	}
	x.server.registry.unsubscribe(s, channels)
	return m.succeed()
}

// publish passes a client's message on. Its id and client id stay here: the one means nothing to others, the other is
// a secret.
func (x *exchange) publish(ctx context.Context, s *Session, m *message) *reply {
	if IsWild(m.Channel) || m.Channel == "/service" {
		return m.fail(wireChannelInvalid)
	}
	if len(m.Data) == 0 {
		return m.fail(wireDataMissing)
	}
	if err := x.server.opts.Policy.Publish(ctx, s.principal, m.Channel); err != nil {
		x.server.opts.Logger.Info("bayeux publish denied", "session", s.Ref(), "principal", s.principal.ID(),
			"channel", m.Channel, "error", err)
		return m.fail(denied("publish_denied", err))
	}
	if hook := x.server.opts.Hooks.OnMessage; hook != nil {
		hook(ctx, s, Event{Channel: m.Channel, Data: m.Data, ID: m.idText()})
	}
	if isService(m.Channel) {
		return m.succeed()
	}
	encoded, err := encodeAll([]Event{{Channel: m.Channel, Data: m.Data}})
	if err != nil {
		return m.fail(wireChannelInvalid)
	}
	var except *Session
	if x.server.opts.ExcludePublisher {
		except = s
	}
	x.server.broadcast(x.server.registry.audience(m.Channel), encoded, except)
	return m.succeed()
}
