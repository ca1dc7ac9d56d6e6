package bayeux

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
)

// exchange is the work on the messages of one request or frame. Whoever holds one reads the messages and decides how replies
// travel and how long a connect waits.
type exchange struct {
	server    *Server
	r         *http.Request
	transport string // the connection type of a connect
	browser   string
	// refused says which client ids don't count here although they exist; nil means none.
	refused func(clientID string) bool
	// authorized remembers the policy's answer for the sessions.
	authorized map[*Session]string
}

// outcome is what comes of a list of messages: replies, and perhaps a connect that may be held.
type outcome struct {
	replies []*reply
	// handshake says that the reply is a handshake's; opened is its session, nil if it was refused.
	handshake bool
	opened    *Session
	// connect is to be answered last, for the session.
	connect *message
	session *Session
	alone   bool // the connect had no company
}

// handle answers messages in their order. A handshake makes the rest void: that can't belong to a session yet.
func (x *exchange) handle(ctx context.Context, messages []message) outcome {
	for i := range messages {
		if messages[i].Channel == metaHandshake {
			r, s := x.handshake(ctx, &messages[i])
			return outcome{replies: []*reply{r}, handshake: true, opened: s}
		}
	}
	out := outcome{alone: len(messages) == 1}
	for i := range messages {
		m := &messages[i]
		if m.Channel != metaConnect {
			out.replies = append(out.replies, x.answer(ctx, m))
			continue
		}
		session, refusal := x.connect(ctx, m, out.connect != nil)
		if refusal != nil {
			out.replies = append(out.replies, refusal)
			continue
		}
		out.connect, out.session = m, session
	}
	return out
}

// connect checks a connect as far as that goes without waiting.
func (x *exchange) connect(ctx context.Context, m *message, second bool) (*Session, *reply) {
	s := x.server
	refuse := func(wireError string, a *advice) (*Session, *reply) {
		r := m.fail(wireError)
		r.Advice = a
		return nil, r
	}
	if !m.validID() {
		return refuse(wireIDInvalid, s.advise(reconnectRetry, s.opts.Interval))
	}
	if second {
		return refuse(wireConnectDuplicated, s.advise(reconnectRetry, s.opts.Interval))
	}
	session, wireError := x.session(ctx, m)
	switch {
	case wireError == wireUnauthorized:
		return refuse(wireError, s.advise(reconnectNone, 0))
	case wireError == wireTooMany:
		return refuse(wireError, s.advise(reconnectRetry, hurriedInterval))
	case wireError != "":
		return refuse(wireError, s.adviseHandshake())
	case m.ConnectionType != "" && m.ConnectionType != x.transport:
		return refuse(wireTransport, s.adviseHandshake())
	default:
		return session, nil
	}
}

// session finds the session that a message speaks for, or says why it may not.
func (x *exchange) session(ctx context.Context, m *message) (s *Session, wireError string) {
	if m.ClientID == "" {
		return nil, wireClientIDMissing
	}
	s, ok := x.server.registry.session(m.ClientID)
	if !ok || (x.refused != nil && x.refused(m.ClientID)) {
		return nil, wireUnknownSession
	}
	wireError, ok = x.authorized[s]
	if !ok {
		wireError = x.authorize(ctx, s)
		if x.authorized == nil {
			x.authorized = map[*Session]string{}
		}
		x.authorized[s] = wireError
	}
	if wireError != "" {
		return nil, wireError
	}
	if !s.heard(time.Now()) && m.Channel != metaDisconnect {
		return nil, wireTooMany
	}
	return s, ""
}

func (x *exchange) authorize(ctx context.Context, s *Session) (wireError string) {
	if x.server.opts.BindCookie && x.browser != s.browser {
		return wireUnknownSession
	}
	err := x.server.opts.Policy.Authorize(ctx, x.r, s.principal)
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrForeignSession):
		return wireUnknownSession
	default:
		x.server.logRefusal("request", "session", s.Ref(), "principal", s.principal.ID(), "error", err)
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
	if len(channels) > x.server.opts.MaxSubscriptions {
		return m.fail(denied("subscribe_denied", &DeniedError{Reason: "too many subscriptions"}))
	}
	recorded := channels[:0:0]
	for _, c := range channels {
		if isMeta(c) {
			return m.fail(wireSubscribeFailed)
		}
		if isService(c) {
			continue // a service channel is a conversation: nothing is ever published to it
		}
		if slices.Contains(recorded, c) {
			continue
		}
		if err := x.server.opts.Policy.Subscribe(ctx, s.principal, c); err != nil {
			x.server.logRefusal("subscription", "session", s.Ref(), "principal", s.principal.ID(), "channel", c, "error", err)
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
	if hook := x.server.opts.Hooks.OnUnsubscribe; hook != nil {
		for _, c := range channels {
			hook(s, c)
		}
	}
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
	if s.Reason() != "" { // it waits for its client to hear of its end, which the application knows of already
		return m.fail(wireUnknownSession)
	}
	if err := x.server.opts.Policy.Publish(ctx, s.principal, m.Channel); err != nil {
		x.server.logRefusal("message", "session", s.Ref(), "principal", s.principal.ID(), "channel", m.Channel, "error", err)
		return m.fail(denied("publish_denied", err))
	}
	if hook := x.server.opts.Hooks.OnMessage; hook != nil {
		hook(ctx, s, Event{Channel: m.Channel, Data: m.Data, ID: m.idText(), Checked: true})
	}
	if isService(m.Channel) {
		return m.succeed()
	}
	list, err := packets([]Event{{Channel: m.Channel, Data: m.Data, Checked: true}})
	if err != nil {
		return m.fail(wireChannelInvalid)
	}
	var except *Session
	if x.server.opts.ExcludePublisher {
		except = s
	}
	x.server.broadcast(x.server.registry.audience(m.Channel), list, except)
	return m.succeed()
}
