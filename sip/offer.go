package sip

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Offer is a re-INVITE or UPDATE of the peer: hold, retrieve, a new media
// address. An empty body asks for our offer, whose answer the ACK brings.
// Exactly one of Accept and Reject must be called.
type Offer struct {
	Message
	d   *Dialog
	req *sip.Request
	tx  *sip.ServerTx
}

// Accept answers 200. For a re-INVITE it returns with the ACK.
func (o *Offer) Accept(ctx context.Context, body Body, headers Headers) (Message, error) {
	res := o.d.response(o.req, 200, "OK")
	if err := carry(res, headers, body); err != nil {
		return Message{}, fmt.Errorf("accept %s: %w", o.Method, err)
	}
	if err := o.settle(); err != nil {
		return Message{}, fmt.Errorf("accept %s: %w", o.Method, err)
	}
	if !body.Empty() {
		o.d.mu.Lock()
		o.d.lastBody = body
		o.d.mu.Unlock()
	}
	o.d.session.renew(o.d, o.req, res)
	var acked chan Message
	if o.req.Method == sip.INVITE {
		acked = o.d.expectAck(o.req)
	}
	if err := o.tx.Respond(res); err != nil {
		o.d.ackCame(o.req.CSeq().SeqNo)
		return Message{}, fmt.Errorf("accept %s: %w", o.Method, err)
	}
	if acked == nil {
		return Message{}, nil
	}
	return o.d.awaitAck(ctx, o.tx, o.req, res, acked)
}

// Reject refuses: 488 when the description can't be met. The call goes on as it was.
func (o *Offer) Reject(status int, reason string) error {
	if status < 300 || status > 699 {
		return fmt.Errorf("reject with %d: %w: use 300 to 699", status, ErrState)
	}
	if err := o.settle(); err != nil {
		return fmt.Errorf("reject %s: %w", o.Method, err)
	}
	if err := o.tx.Respond(o.d.response(o.req, status, reason)); err != nil {
		return fmt.Errorf("reject %s: %w", o.Method, err)
	}
	return nil
}

// settle makes the offer the caller's to answer, once.
func (o *Offer) settle() error {
	o.d.mu.Lock()
	defer o.d.mu.Unlock()
	if o.d.offered != o {
		return fmt.Errorf("%w: answered already, or the dialog is over", ErrState)
	}
	o.d.offered = nil
	o.d.bumpLocked()
	return nil
}

// drop answers an offer that the end of the dialog left open.
func (o *Offer) drop() {
	if err := o.tx.Respond(o.d.response(o.req, sip.StatusRequestTerminated, "Request Terminated")); err != nil {
		o.d.log().Debug("response_failed", "method", o.Method, "error", err)
	}
}

// unusable says what to answer to an INVITE or UPDATE whose body or session timer can't be had.
func unusable(req *sip.Request) (answer, bool) {
	if _, brief := acceptSession(req); brief {
		short := refuse(422, "Session Interval Too Small")
		short.headers = []sip.Header{sip.NewHeader("Min-SE", seconds10(minSession))}
		return short, true
	}
	if !describesSession(req) {
		unknown := refuse(415, "Unsupported Media Type")
		unknown.headers = []sip.Header{sip.NewHeader("Accept", sdpType), sip.NewHeader("Accept-Encoding", "identity")}
		return unknown, true
	}
	return answer{}, false
}

// onOffer takes a re-INVITE or UPDATE that was admitted in order.
func (d *Dialog) onOffer(req *sip.Request, tx *sip.ServerTx) {
	if refused, bad := unusable(req); bad {
		res := d.response(req, refused.status, refused.reason)
		for _, header := range refused.headers {
			res.AppendHeader(header)
		}
		d.respond(tx, res)
		return
	}
	offer := &Offer{Message: describe(req, string(req.Method)), d: d, req: req, tx: tx}
	d.mu.Lock()
	glare := d.offering || d.offerOpen || req.Method == sip.INVITE && (d.state < Confirmed && !d.incoming || d.ackDue)
	busy := d.offered != nil || req.Method == sip.INVITE && d.state < Confirmed && d.incoming
	refresh := !glare && !busy && req.Method == sip.UPDATE && offer.Body.Empty()
	if !glare && !busy {
		d.learnLocked(req)
		if !refresh {
			d.offered = offer
		}
	}
	d.mu.Unlock()
	switch {
	case glare: // RFC 3261 section 14.2
		d.respond(tx, d.response(req, sip.StatusRequestPending, "Request Pending"))
	case busy:
		res := d.response(req, 500, "Offer Before Is Open")
		res.AppendHeader(sip.NewHeader("Retry-After", fmt.Sprint(rand.IntN(10)))) //nolint:gosec // no secret
		d.respond(tx, res)
	case refresh: // an UPDATE without a body refreshes the session and asks for nothing
		res := d.response(req, 200, "OK")
		d.session.renew(d, req, res)
		d.respond(tx, res)
	default:
		d.post(offer)
	}
}

// Reinvite offers a new description and returns the peer's 2xx. With an empty
// body the peer offers, and ack makes the answer to it; ack is not called otherwise. A
// re-INVITE that met one of the peer's (491) is repeated after the pause of RFC 3261 section 14.1.
func (d *Dialog) Reinvite(ctx context.Context, body Body, headers Headers, ack func(Message) Body) (Message, error) {
	return d.propose(ctx, sip.INVITE, body, headers, ack)
}

// Update is Reinvite by UPDATE (RFC 3311): also before the call is answered, and without an ACK.
func (d *Dialog) Update(ctx context.Context, body Body, headers Headers) (Message, error) {
	return d.propose(ctx, sip.UPDATE, body, headers, nil)
}

const glareTries = 6

// gone reports whether an answer within a dialog says that the peer has no such call (RFC 3261 section 14.1).
func gone(status int) bool { return status == 408 || status == 481 }

func (d *Dialog) propose(ctx context.Context, method sip.RequestMethod, body Body, headers Headers, ack func(Message) Body) (Message, error) {
	for try := 1; ; try++ {
		if err := d.beginOffer(ctx, method); err != nil {
			return Message{}, err
		}
		res, err := d.proposeOnce(ctx, method, body, headers, ack)
		d.endOffer()
		switch {
		case err != nil:
			return Message{}, fmt.Errorf("offer by %s: %w", method, err)
		case res.IsSuccess():
			return describe(res, string(method)), nil
		case gone(res.StatusCode):
			d.e.background(func(ctx context.Context) { d.quit(ctx, res.Reason) })
		case res.StatusCode == 422 && d.session.lift(d, res):
			continue
		case res.StatusCode == sip.StatusRequestPending && try < glareTries:
			if err := after(ctx, d.glarePause()); err != nil {
				return Message{}, fmt.Errorf("offer by %s: %w", method, err)
			}
			continue
		}
		return describe(res, string(method)), fmt.Errorf("offer: %w", &StatusError{Method: string(method), Status: res.StatusCode, Reason: res.Reason})
	}
}

// glarePause is longer for the side that made the Call-ID, so that the two don't meet again.
func (d *Dialog) glarePause() time.Duration {
	pause := time.Duration(rand.IntN(200)) * 10 * time.Millisecond //nolint:gosec // no secret
	if !d.incoming {
		pause = 2100*time.Millisecond + time.Duration(rand.IntN(190))*10*time.Millisecond //nolint:gosec // no secret
	}
	return pause
}

// beginOffer waits until no other offer is open, ours or the peer's.
func (d *Dialog) beginOffer(ctx context.Context, method sip.RequestMethod) error {
	return d.await(ctx, "wait for the offer before", func() bool {
		if d.offering || d.offered != nil || len(d.acks) > 0 || d.ackDue || d.state == Over ||
			d.state < Confirmed && (method == sip.INVITE || d.state < Early) {
			return false
		}
		d.offering = true
		return true
	})
}

func (d *Dialog) endOffer() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.offering = false
	d.bumpLocked()
}

func (d *Dialog) proposeOnce(ctx context.Context, method sip.RequestMethod, body Body, headers Headers, ack func(Message) Body) (*sip.Response, error) {
	req := d.nextRequest(method)
	d.session.repeat(d, req)
	if err := carry(req, headers, body); err != nil {
		return nil, err
	}
	var res *sip.Response
	var err error
	if method == sip.UPDATE {
		res, err = d.roundTrip(ctx, req)
	} else {
		res, err = d.inviteAgain(ctx, req, ack)
	}
	if err != nil || !res.IsSuccess() {
		return res, err
	}
	d.mu.Lock()
	d.learnLocked(res)
	if !body.Empty() {
		d.lastBody = body
	}
	d.mu.Unlock()
	d.session.learn(d, res, true)
	d.session.start(d)
	return res, nil
}

// inviteAgain sends a re-INVITE, answers a challenge and acknowledges the 2xx.
func (d *Dialog) inviteAgain(ctx context.Context, req *sip.Request, ack func(Message) Body) (*sip.Response, error) {
	for answered := 0; ; answered++ {
		res, err := d.inviteOnce(ctx, req, ack)
		if err != nil || !challenged(req, res, d.auth, answered) {
			return res, err
		}
		if req, err = d.e.authorise(req, res, d.auth, d.nextSeq()); err != nil {
			return nil, err
		}
	}
}

func (d *Dialog) inviteOnce(ctx context.Context, req *sip.Request, makeAck func(Message) Body) (*sip.Response, error) {
	tx, err := d.e.request(ctx, req)
	if err != nil {
		return nil, err
	}
	// The ACK that repeated 2xx get; they come under the transaction's lock.
	sent := make(chan *sip.Request, 1)
	tx.OnRetransmission(func(res *sip.Response) {
		select {
		case again := <-sent:
			sent <- again
			d.e.background(func(context.Context) {
				if err := d.e.writeAck(again.Clone()); err != nil {
					d.log().Debug("ack_failed", "error", err)
				}
			})
		default:
		}
	})
	for {
		select {
		case res := <-tx.Responses():
			if res.IsProvisional() {
				continue
			}
			if !res.IsSuccess() {
				return res, nil
			}
			body := Body{}
			if len(req.Body()) == 0 && makeAck != nil {
				body = makeAck(describe(res, "INVITE"))
			}
			d.mu.Lock()
			d.learnLocked(res)
			ack := d.requestLocked(sip.ACK, req.CSeq().SeqNo)
			if !body.Empty() {
				d.lastBody = body
			}
			d.mu.Unlock()
			if err := carry(ack, nil, body); err != nil {
				return nil, err
			}
			sent <- ack
			return res, d.e.writeAck(ack.Clone())
		case <-tx.Done():
			return nil, fmt.Errorf("%s: %w", req.Method, tx.Err())
		case <-ctx.Done():
			// What the peer answers now must still be acknowledged.
			d.e.background(func(life context.Context) { d.finishLate(life, tx, req) })
			return nil, fmt.Errorf("%s: %w", req.Method, context.Cause(ctx))
		}
	}
}

// finishLate acknowledges the answer to a re-INVITE that nobody waits for any more.
func (d *Dialog) finishLate(ctx context.Context, tx *sip.ClientTx, req *sip.Request) {
	for {
		select {
		case res := <-tx.Responses():
			if res.IsSuccess() {
				d.mu.Lock()
				ack := d.requestLocked(sip.ACK, req.CSeq().SeqNo)
				d.mu.Unlock()
				if err := d.e.writeAck(ack); err != nil {
					d.log().Debug("ack_failed", "error", err)
				}
			}
			if !res.IsProvisional() {
				return
			}
		case <-tx.Done():
			return
		case <-ctx.Done():
			return
		}
	}
}
