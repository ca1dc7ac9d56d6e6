package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sidecar/bridge"
)

// announceLimit is longer than any announcement.
const announceLimit = 2 * time.Minute

// do runs one effect beside the others and posts its result.
func (r *Router) do(ctx context.Context, e effect) {
	switch e := e.(type) {
	case offerEffect:
		err := r.offer(ctx, bridge.Offer{Call: e.call, To: e.to, Timeout: e.timeout})
		r.offerDone(e, err)
	case exitEffect:
		err := r.exit(ctx, e)
		if err != nil && ctx.Err() == nil && !r.over(err) {
			r.o.Log.Warn("queue_exit_failed", "call", e.call, "to", e.exit.To, "error", err)
		}
		r.input(func(now time.Time) { r.board.exitDone(e.call, err, now) })
	case announceEffect:
		r.announce(ctx, e.call, e.media)
		r.input(func(time.Time) { r.board.announceDone(e.call) })
	case callEffect:
		r.callBack(ctx, e)
	}
}

// over reports whether a call is gone: the engine has told that, or will.
func (r *Router) over(err error) bool {
	return errors.Is(err, bridge.ErrCallNotFound) || errors.Is(err, bridge.ErrNotWaiting)
}

func (r *Router) offer(ctx context.Context, cmd bridge.Offer) error {
	ctx, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	return r.engine.Offer(ctx, cmd)
}

func (r *Router) offerDone(e offerEffect, err error) {
	if err != nil {
		r.o.Log.Info("queue_offer_failed", "call", e.call, "dn", e.to, "reason", err)
	}
	r.input(func(now time.Time) { r.board.offerDone(e.call, e.try, err, now) })
}

// exit goes to a number, or plays a message and hangs up.
func (r *Router) exit(ctx context.Context, e exitEffect) error {
	if e.exit.Message != "" {
		r.announce(ctx, e.call, sound(e.exit.Message))
	}
	if ctx.Err() != nil {
		return ctx.Err() // the sidecar stops, and calls outlive it
	}
	request, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	if e.exit.To != "" {
		return r.engine.Route(request, bridge.Route{Call: e.call, To: e.exit.To, Class: e.class})
	}
	_, err := r.engine.Hangup(request, bridge.Hangup{Call: e.call})
	return err
}

func (r *Router) announce(ctx context.Context, call bridge.CallID, media []string) {
	ctx, cancel := context.WithTimeout(ctx, announceLimit)
	defer cancel()
	if err := r.engine.Announce(ctx, bridge.Announce{Call: call, Media: media}); err != nil && ctx.Err() == nil && !r.over(err) {
		r.o.Log.Warn("queue_announcement_failed", "call", call, "media", media, "error", err)
	}
}

func (r *Router) callBack(ctx context.Context, e callEffect) {
	ctx, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	cb := e.callback
	v, err := r.engine.MakeCall(ctx, bridge.MakeCall{From: e.from, To: cb.Number, Class: e.class, Ready: true})
	var target *bridge.TargetError
	refused := errors.As(err, &target) && !target.Unreachable
	if err != nil {
		r.o.Log.Info("queue_callback_failed", "queue", cb.Queue, "callback", cb.ID, "dn", e.from, "refused", refused, "error", err)
	}
	r.input(func(now time.Time) { r.todo = append(r.todo, r.board.called(cb.ID, v.ID, err, refused, now)...) })
	if err == nil {
		r.look(v.ID) // what happened before we knew its id was told to nobody
	}
}

func (r *Router) keep(e keepEffect) {
	var err error
	if e.drop == "" {
		err = r.o.Keep.Put(e.callback.key(), Record{Callback: &e.callback})
	} else {
		err = r.o.Keep.Delete(e.callback.key())
		r.o.Log.Info("queue_callback_over", "queue", e.callback.Queue, "callback", e.callback.ID, "reason", e.drop)
	}
	if err != nil {
		r.o.Log.Error("queue_callback_not_kept", "queue", e.callback.Queue, "callback", e.callback.ID, "error", err)
	}
}

// rangOut reports whether an offer failed because the agent did nothing.
func rangOut(err error) bool { return errors.Is(err, bridge.ErrNoAnswer) }

// Decision says where a waiting call goes: to a DN that is rung for it, or away to a number.
type Decision struct {
	Call    bridge.CallID
	DN      bridge.DN
	Timeout time.Duration // of the DN's ringing, zero: that of the queue
	To      string
	Class   string // of the dial rules, for To
	Op      bridge.OpID
}

// Decide does what somebody has decided about a waiting call. A repeated command is known by its Op to the engine, which
// is therefore asked also for a call that is gone by now.
func (r *Router) Decide(ctx context.Context, queue string, d Decision) error {
	offer, err := r.admit(queue, &d)
	switch {
	case errors.Is(err, ErrUnknownQueue), err != nil && d.Op == "":
		return err
	case d.DN == "":
		routed := r.engine.Route(ctx, bridge.Route{Call: d.Call, To: d.To, Class: d.Class, Op: d.Op})
		if err == nil {
			r.input(func(now time.Time) { r.board.exitDone(d.Call, routed, now) })
		}
		return r.explain(err, routed)
	default:
		rang := r.engine.Offer(ctx, bridge.Offer{Call: d.Call, To: d.DN, Timeout: d.Timeout, Op: d.Op})
		if err == nil {
			r.offerDone(offer, rang)
		}
		return r.explain(err, rang)
	}
}

// explain prefers what we know about a call to what the engine says when the command was none of a second time.
func (r *Router) explain(ours, theirs error) error {
	if theirs != nil && ours != nil {
		return ours
	}
	if errors.Is(theirs, bridge.ErrNotWaiting) {
		return fmt.Errorf("%w: %w", ErrNotHere, theirs)
	}
	return theirs
}

// admit sees to it that nobody else gives the call away meanwhile.
func (r *Router) admit(queue string, d *Decision) (offerEffect, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, c := r.board.settings[queue], r.board.callers[d.Call]
	switch {
	case s == nil:
		return offerEffect{}, ErrUnknownQueue
	case c == nil || c.queue != s:
		return offerEffect{}, ErrNotHere
	case c.phase != waiting || c.exit != nil:
		return offerEffect{}, ErrBeingOffered
	case d.DN != "" && r.board.held[d.DN]:
		return offerEffect{}, fmt.Errorf("%s: %w", d.DN, bridge.ErrBusy)
	case d.DN == "":
		c.leave(Exit{To: d.To}, Figures{Routed: 1})
		return offerEffect{}, nil
	}
	if d.Timeout == 0 {
		d.Timeout = s.RingTimeout
	}
	return r.board.offer(c, d.DN, d.Timeout), nil
}
