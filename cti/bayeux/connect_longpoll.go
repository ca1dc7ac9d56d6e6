package bayeux

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// duplicateStatus answers a connect that a newer one of the same session has replaced. Anything but 200 would do:
// the client has given the request up.
const duplicateStatus = http.StatusConflict

// serveConnect holds the connect until there is something to say, and says it. Connects of one session take turns,
// so that events put back after a failed write are sent before newer ones.
func (lp *longPoll) serveConnect(ctx context.Context, s *Session, m *message, alone bool, before []json.RawMessage) {
	h, first := s.beginConnect()
	if h == nil {
		r := m.fail(wireUnknownSession)
		r.Advice = lp.server.adviseHandshake()
		_ = lp.write(append(before, replies(r)...))
		return
	}
	interval := lp.server.opts.Interval
	timeout := lp.server.opts.Timeout
	if m.Advice != nil {
		interval = within(m.Advice.Interval, interval, lp.server.opts.MaxInterval)
		timeout = within(m.Advice.Timeout, timeout, timeout)
	}
	answered, told := false, false
	defer func() { s.endConnect(h, interval, answered, told) }()

	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-h.superseded:
		lp.failDuplicate()
		return
	case <-ctx.Done():
		return
	}

	crowded := false
	if alone && !first && timeout > 0 {
		release, ok := lp.server.holds.acquire(lp.r)
		if ok {
			h.wait(ctx, timeout)
			release()
		} else {
			crowded, interval = true, lp.server.opts.MultiSessionInterval
		}
	}
	if ctx.Err() != nil {
		return // the client has gone; its events wait for the next connect
	}
	events, reason, current := s.take(h)
	if !current {
		lp.failDuplicate()
		return
	}
	last := lp.connectReply(m, reason, interval, crowded)
	if err := lp.write(append(append(before, events...), replies(last)...)); err != nil {
		s.putBack(events)
		return
	}
	answered, told = true, reason != ""
}

// connectReply says whether, when and how the client goes on.
func (lp *longPoll) connectReply(m *message, reason CloseReason, interval time.Duration, crowded bool) *reply {
	r := m.succeed()
	r.Subscription = nil
	switch reason {
	case "":
		r.Advice = lp.server.advise(reconnectRetry, interval)
		r.Advice.MultipleClients = crowded
	case ReasonShutdown:
		r.Advice = lp.server.advise(reconnectRetry, closingInterval)
	case ReasonOverflow, ReasonExpired, ReasonReplaced:
		r = m.fail(wireUnknownSession)
		r.Advice = lp.server.adviseHandshake()
	case ReasonDisconnect:
		r.Advice = lp.server.advise(reconnectNone, 0)
	default: // one of the application's own
		r.Advice = lp.server.advise(reconnectNone, 0)
	}
	return r
}

func (lp *longPoll) failDuplicate() {
	http.Error(lp.w, "replaced by a newer connect", duplicateStatus)
}
