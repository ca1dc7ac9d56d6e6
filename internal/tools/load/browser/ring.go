package browser

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sidecar/internal/tools/load/siptext"
)

// Ring is a call that rings at the phone.
type Ring struct {
	phone  *Phone
	invite *siptext.Message
	told   chan time.Time // when a NOTIFY has told the phone to answer
}

// Offer is the caller's session description.
func (r *Ring) Offer() string { return r.invite.Body }

// Header is a header of the INVITE, or "".
func (r *Ring) Header(name string) string { return r.invite.Get(name) }

// Wait returns the next call. The phone has answered 180 to it, and has said that it can be told to answer.
func (p *Phone) Wait(ctx context.Context) (*Ring, error) {
	select {
	case r := <-p.rings:
		return r, nil
	case <-p.done:
		return nil, fmt.Errorf("%s waits for a call: %w", p.line.DN, ErrClosed)
	case <-ctx.Done():
		return nil, fmt.Errorf("%s waits for a call: %w", p.line.DN, context.Cause(ctx))
	}
}

// Told waits until the phone is told to answer, and says when that was.
func (r *Ring) Told(ctx context.Context) (time.Time, error) {
	select {
	case at := <-r.told:
		return at, nil
	case <-r.phone.done:
		return time.Time{}, fmt.Errorf("%s waits for NOTIFY talk: %w", r.phone.line.DN, ErrClosed)
	case <-ctx.Done():
		return time.Time{}, fmt.Errorf("%s waits for NOTIFY talk: %w", r.phone.line.DN, context.Cause(ctx))
	}
}

// Accept answers the call.
func (r *Ring) Accept(answer string) error {
	res := r.phone.respond(r.invite, 200, "OK")
	res.Body = answer
	return r.phone.send(res)
}

// requested agrees to every request, but lets calls ring.
func (p *Phone) requested(m *siptext.Message, at time.Time) {
	switch {
	case m.Method() == "ACK" || m.Method() == "":
		return
	case m.Method() == "INVITE" && !strings.Contains(m.Get("To"), ";tag="):
		r := &Ring{phone: p, invite: m, told: make(chan time.Time, 1)}
		select {
		case p.rings <- r:
			p.ringing = r
			_ = p.send(p.respond(m, 180, "Ringing", "Allow-Events: talk"))
		default: // nobody takes calls
			_ = p.send(p.respond(m, 486, "Busy Here"))
		}
		return
	}
	_ = p.send(p.respond(m, 200, "OK"))
	if p.ringing == nil || m.Get("Call-ID") != p.ringing.invite.Get("Call-ID") {
		return
	}
	switch {
	case m.Method() == "CANCEL":
		_ = p.send(p.respond(p.ringing.invite, 487, "Request Terminated"))
	case m.Method() == "NOTIFY" && m.Get("Event") == "talk":
		select {
		case p.ringing.told <- at:
		default: // it has been told before
		}
	}
}

func (p *Phone) respond(m *siptext.Message, status int, reason string, headers ...string) *siptext.Message {
	return m.Respond(status, reason, p.tag, append(headers, "Contact: <sip:"+p.line.DN+"@"+p.host+";transport=ws>")...)
}
