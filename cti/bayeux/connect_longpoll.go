package bayeux

import (
	"context"
	"net/http"
	"time"
)

// duplicateStatus answers a connect that a newer one of the same session has replaced. Anything but 200 would do:
// the client has given the request up.
const duplicateStatus = http.StatusConflict

// lastChance is how long a reply may go on being written when the session's next connect waits for it. One that gets through takes
// milliseconds.
const lastChance = 500 * time.Millisecond

// serveConnect holds the connect until there is something to say, and says it. Who writes for a session
// takes turns, so that events put back after a failed write are sent before newer ones.
func (lp *longPoll) serveConnect(ctx context.Context, out *outcome) {
	s, m := out.session, out.connect
	h, first := s.beginConnect(nil, m, func() { lp.expire(lastChance) })
	if h == nil {
		_ = lp.write(replies(append(out.replies, lp.server.connectUnknown(m))...))
		return
	}
	timeout, interval := lp.server.patience(m)
	answered, told := false, false
	defer func() { s.endConnect(h, nil, interval, answered, told) }()

	crowded := false
	if out.alone && !first && timeout > 0 {
		crowded = !lp.rest(ctx, h, timeout)
	}
	close(h.rested)
	if crowded {
		interval = lp.server.opts.MultiSessionInterval
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-h.superseded:
		lp.failDuplicate()
		return
	case <-ctx.Done():
		return
	}
	if ctx.Err() != nil {
		return // the client has gone; its events wait for the next connect
	}
	lp.expire(lp.server.opts.WriteTimeout)
	t, current := s.take(h)
	if !current {
		lp.failDuplicate()
		return
	}
	last := lp.server.connectReply(m, t, interval)
	last.Advice.MultipleClients = crowded && t.reason == ""
	err := lp.send(append(append(replies(out.replies...), t.events...), replies(last)...))
	s.written(t.events, err)
	answered, told = err == nil, err == nil && t.reason != ""
}

// rest holds the connect, unless its browser has as many as it may. The one that it replaces doesn't count any more.
func (lp *longPoll) rest(ctx context.Context, h *hold, timeout time.Duration) bool {
	if h.before != nil {
		<-h.before
	}
	release, ok := lp.server.holds.acquire(lp.r)
	if !ok {
		return false
	}
	defer release()
	h.wait(ctx, timeout)
	return true
}

func (lp *longPoll) failDuplicate() {
	http.Error(lp.w, "replaced by a newer connect", duplicateStatus)
}

// patience is how long the connect may be held, and how long its client stays away afterwards. The client's wish counts, within
// the server's limits.
func (s *Server) patience(m *message) (timeout, interval time.Duration) {
	if m.Advice == nil {
		return s.opts.Timeout, s.opts.Interval
	}
	return within(m.Advice.Timeout, s.opts.Timeout, s.opts.Timeout), within(m.Advice.Interval, s.opts.Interval, s.opts.MaxInterval)
}

// connectReply says whether, when and how the client goes on.
func (s *Server) connectReply(m *message, t taken, interval time.Duration) *reply {
	r := m.succeed()
	r.Subscription = nil
	switch t.reason {
	case "":
		r.Advice = s.advise(reconnectRetry, interval)
	case ReasonShutdown:
		r.Advice = s.advise(reconnectRetry, closingInterval)
	case ReasonOverflow, ReasonExpired, ReasonReplaced, ReasonSlow:
		return s.connectUnknown(m)
	case ReasonDisconnect:
		r.Advice = s.advise(reconnectNone, 0)
	default: // one of the application's own
		r.Advice = s.advise(reconnectNone, 0)
	}
	r.Ext = m.connectExt(t.batch)
	return r
}

// connectUnknown sends the client to a new handshake.
func (s *Server) connectUnknown(m *message) *reply {
	r := m.fail(wireUnknownSession)
	r.Advice = s.adviseHandshake()
	return r
}
