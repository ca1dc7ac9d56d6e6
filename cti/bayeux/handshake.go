package bayeux

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

const (
	protocolVersion = "1.0"
	typeLongPolling = "long-polling"
	typeWebSocket   = "websocket"
)

// crowdedRetry is how long a client waits whose principal has too many live sessions.
const crowdedRetry = 5 * time.Second

// handshake opens a session. A refused one has no client id, and an advice that stops the client unless coming back can help:
// without one, clients would try for ever.
func (x *exchange) handshake(ctx context.Context, m *message) (*reply, *Session) {
	if !m.validID() {
		return x.refuse(m, wireIDInvalid, reconnectNone, 0), nil
	}
	if m.Version != "1" && !strings.HasPrefix(m.Version, "1.") {
		return x.refuse(m, wireVersion, reconnectNone, 0), nil
	}
	offered := x.server.connectionTypes()
	if !slices.ContainsFunc(m.SupportedConnectionTypes, func(wanted string) bool { return slices.Contains(offered, wanted) }) {
		return x.refuse(m, wireTransport, reconnectNone, 0), nil
	}
	principal, err := x.server.opts.Policy.Handshake(ctx, x.r, m.Ext)
	if err != nil {
		return x.refuseDenied(m, err), nil
	}
	if !x.server.handshakes.take(principal.ID(), time.Now()) {
		return x.refuseDenied(m, &DeniedError{Reason: "too many handshakes", Retry: crowdedRetry}), nil
	}
	s := x.server.newSession(principal, x.browser, m.Ext)
	switch x.server.admitSession(s) {
	case joinFull:
		return x.refuseDenied(m, &DeniedError{Reason: "too many sessions", Retry: crowdedRetry}), nil
	case joinClosed:
		return x.refuse(m, wireClosing, reconnectHandshake, closingInterval), nil
	case joinDone:
	}
	x.server.opts.Logger.Info("bayeux session opened", "session", s.Ref(), "principal", principal.ID())
	if hook := x.server.opts.Hooks.OnSession; hook != nil {
		hook(s)
	}
	s.announce()
	r := m.succeed()
	r.Subscription = nil
	r.ClientID = s.id
	r.Version = protocolVersion
	r.MinimumVersion = protocolVersion
	r.SupportedConnectionTypes = offered
	r.Advice = x.server.advise(reconnectRetry, x.server.opts.Interval)
	r.Ext = m.handshakeExt()
	return r, s
}

func (x *exchange) refuse(m *message, wireError, reconnect string, interval time.Duration) *reply {
	r := m.fail(wireError)
	r.Version = protocolVersion
	r.SupportedConnectionTypes = x.server.connectionTypes()
	r.Advice = x.server.advise(reconnect, interval)
	return r
}

// connectionTypes are the transports that a handshake offers.
func (s *Server) connectionTypes() []string {
	if s.opts.WebSocket {
		return []string{typeWebSocket, typeLongPolling}
	}
	return []string{typeLongPolling}
}

func (x *exchange) refuseDenied(m *message, err error) *reply {
	x.server.logRefusal("handshake", "remote", x.r.RemoteAddr, "error", err)
	wireError := "403::handshake_denied"
	reconnect, interval := reconnectNone, time.Duration(0)
	if d, ok := errors.AsType[*DeniedError](err); ok {
		wireError = denied("handshake_denied", err)
		if d.Retry > 0 {
			reconnect, interval = reconnectHandshake, d.Retry
		}
	}
	return x.refuse(m, wireError, reconnect, interval)
}

func (s *Server) newSession(principal Principal, browser string, ext json.RawMessage) *Session {
	now := time.Now()
	return &Session{
		id:        newID(),
		browser:   browser,
		server:    s,
		principal: principal,
		ext:       slices.Clone(ext),
		acks:      wantsAcks(ext),
		created:   now,
		done:      make(chan struct{}),
		turn:      make(chan struct{}, 1),
		interval:  s.opts.Interval,
		deadline:  now.Add(s.opts.Interval + s.opts.MaxInterval),
		said:      newLimiter(s.opts.MaxMessageRate, 2*s.opts.MaxMessageRate),
	}
}

// admitSession registers the session. If its principal has too many, the one for which nobody has come the longest makes
// room: it's most likely what a reloaded page left behind.
func (s *Server) admitSession(session *Session) joined {
	for {
		outcome := s.registry.join(session, s.opts.MaxSessionsPerPrincipal)
		if outcome != joinFull {
			return outcome
		}
		var oldest *Session
		var oldestDeadline time.Time
		for _, other := range s.registry.ofPrincipal(session.principal.ID()) {
			deadline, idle := other.idleSince()
			if idle && (oldest == nil || deadline.Before(oldestDeadline)) {
				oldest, oldestDeadline = other, deadline
			}
		}
		if oldest == nil {
			return joinFull
		}
		oldest.replace()
	}
}
