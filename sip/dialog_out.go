package sip

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/emiago/sipgo/sip"
)

// Invite says whom to call, and as whom.
type Invite struct {
	// DN calls the browser that is registered for it. Otherwise URI is the
	// Request-URI at an upstream, with ;transport=tcp or tls for these, and Next its address when it isn't the URI's.
	DN, URI, Next string

	FromUser, FromName string
	// FromHost is the host of From; ours when empty.
	FromHost string
	// ContactUser is the user of our Contact; FromUser when empty.
	ContactUser string
	// Auth answers the upstream's challenges.
	Auth    *Auth
	Headers Headers
	// Body is the offer. Without one the peer offers in its 2xx, and Ack must be called with the answer.
	Body Body
}

// Invite starts a call and returns when the INVITE is out. What comes of it are
// the dialog's events. The context bounds the sending only.
func (e *Endpoint) Invite(ctx context.Context, in Invite) (*Dialog, error) {
	d := e.newDialog(sip.GenerateTagN(24), sip.GenerateTagN(16), false)
	if err := d.aimAt(ctx, in); err != nil {
		return nil, fmt.Errorf("call: %w", err)
	}
	fromHost, _ := e.sentBy(d.route)
	setDefault(&in.FromHost, fromHost)
	setDefault(&in.ContactUser, in.FromUser)
	d.local = party{name: in.FromName, uri: sip.Uri{Scheme: "sip", User: in.FromUser, Host: in.FromHost}}
	d.own = e.contact(in.ContactUser, d.route)
	d.auth, d.lastBody, d.ackDue = in.Auth, in.Body, in.Body.Empty()
	d.session.interval = defaultSession
	req := d.nextRequest(sip.INVITE)
	d.session.ask(req, defaultSession, minSession)
	if err := carry(req, in.Headers, in.Body); err != nil {
		return nil, fmt.Errorf("call: %w", err)
	}
	if !e.remember(d) {
		return nil, fmt.Errorf("call: %w", ErrClosed)
	}
	if err := d.try(ctx, req); err != nil {
		d.end(Cause{Reason: err.Error()})
		return nil, fmt.Errorf("call: %w", err)
	}
	return d, nil
}

func (d *Dialog) aimAt(ctx context.Context, in Invite) error {
	if in.DN != "" {
		at, err := d.e.registrar.locate(in.DN)
		if err != nil {
			return err
		}
		d.dn, d.flow, d.target, d.contact = in.DN, at.flow, at.target, contactKey(&at.target)
		d.route = route{transport: transportWS, destination: at.flow.source}
		d.remote = party{uri: sip.Uri{Scheme: "sip", User: in.DN, Host: "sidecar.invalid"}}
		return nil
	}
	var uri sip.Uri
	if err := sip.ParseUri(in.URI, &uri); err != nil || uri.Host == "" {
		return fmt.Errorf("%w: %q is no SIP URI", ErrOptions, in.URI)
	}
	transport := transportOf(uri, transportUDP)
	setDefault(&in.Next, hostPort(uri, transport))
	next, err := lookup(ctx, in.Next)
	if err != nil {
		return err
	}
	d.target, d.route = uri, route{transport: transport, destination: next}
	d.remote = party{uri: sip.Uri{Scheme: uri.Scheme, User: uri.User, Host: uri.Host, Port: uri.Port}}
	return nil
}

// try sends one INVITE of ours and follows its transaction.
func (d *Dialog) try(ctx context.Context, req *sip.Request) error {
	d.mu.Lock()
	d.invite, d.inviteSeq = req, req.CSeq().SeqNo
	d.mu.Unlock()
	tx, err := d.e.request(ctx, req)
	if err != nil {
		return err
	}
	if !d.e.background(func(ctx context.Context) { d.follow(ctx, req, tx) }) {
		tx.Terminate()
		return ErrClosed
	}
	return nil
}

// follow takes the responses to the INVITE that opens the dialog.
func (d *Dialog) follow(ctx context.Context, req *sip.Request, tx *sip.ClientTx) {
	for {
		select {
		case res := <-tx.Responses():
			switch {
			case res.StatusCode == 100:
				d.onProvisional(ctx)
			case res.IsProvisional():
				d.onProvisional(ctx)
				d.onProgress(ctx, res)
			case res.IsSuccess():
				d.onAnswer(ctx, res)
				// It would hold request and answer for 32 seconds to match what comes once more, which onStray does.
				tx.Terminate()
				return
			default:
				d.onRefusal(ctx, req, res)
				return
			}
		case <-tx.Done():
			d.end(Cause{Method: "INVITE", Status: 408, Reason: fmt.Sprint(tx.Err())})
			return
		case <-d.done:
			d.seeOut(ctx, tx)
			return
		case <-ctx.Done():
			d.end(Cause{Local: true, Reason: ErrClosed.Error()})
			return
		}
	}
}

// seeOut ends the transaction of an INVITE whose call was given up. sipgo has no timer for one that got a provisional
// response, and waits, with its timers, for somebody to take what comes.
func (d *Dialog) seeOut(ctx context.Context, tx *sip.ClientTx) {
	ctx, stop := context.WithTimeout(ctx, t64)
	defer stop()
	for {
		select {
		case res := <-tx.Responses():
			if res.IsSuccess() {
				d.dismiss(ctx, res)
			}
			if !res.IsProvisional() {
				return
			}
		case <-tx.Done():
			return
		case <-ctx.Done():
			tx.Terminate()
			return
		}
	}
}

// onProvisional sends the CANCEL that had to wait for it (RFC 3261 section 9.1).
func (d *Dialog) onProvisional(ctx context.Context) {
	d.mu.Lock()
	due := d.cancelling && !d.provisional
	d.provisional = true
	d.bumpLocked()
	d.mu.Unlock()
	if due {
		d.e.background(func(context.Context) { d.sendCancel(ctx) })
	}
}

func (d *Dialog) onProgress(ctx context.Context, res *sip.Response) {
	d.mu.Lock()
	if tag := res.To().Params.GetOr("tag", ""); tag != "" {
		d.remote.tag = tag
		routes := recordRoutes(res)
		slices.Reverse(routes)
		d.routes = routes
		d.learnLocked(res)
		d.setStateLocked(Early)
	}
	rseq, err := strconv.ParseUint(headerValue(res, "RSeq"), 10, 32)
	reliable := err == nil && slices.Contains(tokens(res, "Require"), "100rel")
	repeated := reliable && rseq <= uint64(d.rel.seen)
	if reliable && !repeated {
		d.rel.seen = uint32(rseq)
	}
	d.mu.Unlock()
	if reliable {
		d.sendPrack(ctx, res, uint32(rseq))
	}
	if !repeated {
		d.post(Progress{describe(res, "INVITE")})
	}
}

// onAnswer confirms the dialog. The route set of a 2xx replaces what an early response said (RFC 3261 section 13.2.2.4).
func (d *Dialog) onAnswer(_ context.Context, res *sip.Response) {
	d.mu.Lock()
	d.remote.tag = res.To().Params.GetOr("tag", "")
	routes := recordRoutes(res)
	slices.Reverse(routes)
	d.routes = routes
	d.learnLocked(res)
	d.answered, d.invite = true, nil
	cancelled := d.cancelling
	d.setStateLocked(Confirmed)
	due := d.ackDue && !cancelled
	d.mu.Unlock()
	if !due {
		if err := d.sendAck(Body{}); err != nil {
			d.log().Info("ack_failed", "error", err)
		}
	}
	if cancelled {
		// The answer crossed our CANCEL: take the call and end it.
		d.e.background(func(ctx context.Context) { d.quit(ctx, "cancelled") })
		return
	}
	d.session.learn(d, res, true)
	d.session.start(d)
	d.post(Answered{describe(res, "INVITE")})
}

// Ack acknowledges the answer to an INVITE without a body; it brings our answer to the offer in it.
func (d *Dialog) Ack(body Body) error {
	d.mu.Lock()
	if !d.ackDue || d.state != Confirmed {
		state := d.state
		d.mu.Unlock()
		return fmt.Errorf("acknowledge: %w: %s, or nothing to acknowledge", ErrState, state)
	}
	d.ackDue = false
	d.lastBody = body
	d.mu.Unlock()
	return d.sendAck(body)
}

// sendAck acknowledges the 2xx of the first INVITE.
func (d *Dialog) sendAck(body Body) error {
	d.mu.Lock()
	ack := d.requestLocked(sip.ACK, d.inviteSeq)
	d.ackBody = body
	d.mu.Unlock()
	if err := carry(ack, nil, body); err != nil {
		return err
	}
	return d.e.writeAck(ack)
}

// onStray takes a response that belongs to no transaction. Repeated 2xx, and those of other branches of a forked call, come
// this way (RFC 3261 section 13.2.2.4).
func (e *Endpoint) onStray(res *sip.Response) {
	var d *Dialog
	if res.IsSuccess() && res.CallID() != nil && res.From() != nil && res.To() != nil && res.CSeq().MethodName == sip.INVITE {
		d = e.find(res.CallID().Value(), res.From().Params.GetOr("tag", ""))
	}
	if d == nil || !e.background(func(ctx context.Context) { d.again(ctx, res) }) {
		e.log.Debug("late_response", "response", res.StartLine())
	}
}

// again answers a 2xx that came once more: with another ACK, or, when it comes from
// another branch of a forked call, with an ACK and a BYE of that branch's own.
func (d *Dialog) again(ctx context.Context, res *sip.Response) {
	d.mu.Lock()
	ours := !d.incoming && d.answered && res.CSeq().SeqNo == d.inviteSeq && (d.flow != nil) == (res.Transport() == transportWS)
	due, tag, body := d.ackDue, d.remote.tag, d.ackBody
	d.mu.Unlock()
	switch other := res.To().Params.GetOr("tag", ""); {
	case !ours:
		return
	case other != tag:
		d.dismiss(ctx, res)
		return
	case due:
		return // the owner is not ready to acknowledge yet
	}
	if err := d.sendAck(body); err != nil {
		d.log().Debug("ack_failed", "error", err)
	}
}

// dismiss ends the dialog that a second answer of a forked call made.
func (d *Dialog) dismiss(ctx context.Context, res *sip.Response) {
	d.mu.Lock()
	other := d.e.newDialog(d.callID, d.localTag, false)
	other.flow, other.route, other.own, other.state = d.flow, d.route, d.own, Confirmed
	other.local, other.remote, other.target = d.local, d.remote, d.target
	other.remote.tag, other.localSeq, other.inviteSeq, other.auth = res.To().Params.GetOr("tag", ""), d.localSeq, d.inviteSeq, d.auth
	d.mu.Unlock()
	other.mu.Lock()
	routes := recordRoutes(res)
	slices.Reverse(routes)
	other.routes = routes
	other.learnLocked(res)
	other.mu.Unlock()
	if err := other.sendAck(Body{}); err != nil {
		d.log().Debug("ack_failed", "error", err)
	}
	if _, err := other.roundTrip(ctx, other.nextRequest(sip.BYE)); err != nil {
		d.log().Debug("bye_failed", "error", err)
	}
}

// onRefusal ends the dialog, or tries again with what the peer asked for.
func (d *Dialog) onRefusal(ctx context.Context, req *sip.Request, res *sip.Response) {
	d.mu.Lock()
	cancelled := d.cancelling
	d.mu.Unlock()
	var next *sip.Request
	switch {
	case cancelled:
	case challenged(req, res, d.auth, d.challenges):
		var err error
		d.challenges++ // one INVITE at a time is followed
		if next, err = d.e.authorise(req, res, d.auth, d.nextSeq()); err != nil {
			d.end(Cause{Method: "INVITE", Status: res.StatusCode, Reason: err.Error()})
			return
		}
	case res.StatusCode == 422 && !d.session.raised:
		next = d.session.raise(d, req, res)
	}
	if next != nil {
		if err := d.try(ctx, next); err != nil {
			d.end(Cause{Method: "INVITE", Reason: err.Error()})
		}
		return
	}
	d.end(Cause{Local: cancelled, Method: "INVITE", Status: res.StatusCode, Reason: res.Reason, Headers: describe(res, "INVITE").Headers})
}

func (d *Dialog) nextSeq() uint32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.localSeq++
	return d.localSeq
}

// writeAck sends an ACK, which has no transaction.
func (e *Endpoint) writeAck(ack *sip.Request) error {
	if err := resolve(e.ctx, ack); err != nil {
		return fmt.Errorf("send ACK: %w", err)
	}
	return e.stack.write(ack)
}
