package phone

import (
	"context"
	"fmt"
	"time"

	"github.com/emiago/sipgo/sip"
)

const (
	// t1 and t2 are RFC 3261's timers for the retransmission of a 2xx (section 13.3.1.4).
	t1 = 500 * time.Millisecond
	t2 = 4 * time.Second
)

// receive handles the first INVITE of an incoming call. It returns when the
// final response is out: sipgo ends the transaction of a handler that returned before.
func (p *Phone) receive(req *sip.Request, tx sip.ServerTransaction) {
	c, err := p.newCall(fromInvite(req, sip.GenerateTagN(12)), true)
	if err != nil {
		p.log.Error("incoming_call_refused", "error", err)
		p.respond(tx, req, sip.StatusInternalServerError, "Internal Server Error")
		return
	}
	c.invite, c.serverTx = req, tx
	c.learn(req, true)
	// The transaction layer answers a CANCEL and the INVITE (487) itself. The hook
	// runs under the transaction's lock and must not touch the transaction.
	live := tx.OnCancel(func(cancel *sip.Request) {
		c.finish(EndCause{Method: "CANCEL", Status: sip.StatusRequestTerminated}.withReason(cancel))
	})
	if !live {
		c.finish(EndCause{Method: "CANCEL", Status: sip.StatusRequestTerminated})
		return
	}
	if len(req.Body()) > 0 {
		if err := c.media.agree(req.Body()); err != nil {
			c.log.Warn("incoming_offer_refused", "error", err)
			c.refuse(488, "Not Acceptable Here")
			return
		}
	}
	if !p.deliver(c) {
		c.refuse(486, "Busy Here")
		return
	}
	p.greet(c)
	select {
	case <-c.decided:
	case <-tx.Done():
		c.finish(EndCause{Reason: "the INVITE transaction ended"})
	}
}

// greet does what the phone does with a call by itself.
func (p *Phone) greet(c *Call) {
	if p.opts.Answer == Manual {
		return
	}
	if err := c.Ring(); err != nil {
		c.log.Debug("ring_failed", "error", err)
	}
	if p.opts.Answer != AutoAnswer {
		return
	}
	err := p.background(func() {
		timer := time.NewTimer(p.opts.AnswerDelay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.done:
			return
		}
		if err := c.Answer(p.ctx); err != nil {
			c.log.Debug("auto_answer_failed", "error", err)
		}
	})
	if err != nil {
		c.log.Debug("auto_answer_failed", "error", err)
	}
}

// Ring sends 180. Phones do it by themselves unless their mode is Manual.
func (c *Call) Ring() error {
	if !c.incoming || c.State() > Ringing {
		return fmt.Errorf("ring: %w: %s", ErrState, c.State())
	}
	if err := c.serverTx.Respond(c.response(c.invite, 180, "Ringing", nil)); err != nil {
		return fmt.Errorf("send 180: %w", err)
	}
	c.setState(Ringing)
	return nil
}

// Progress sends 183 with our session description: the caller hears this phone before it answers.
func (c *Call) Progress() error {
	if !c.incoming || c.State() > Ringing {
		return fmt.Errorf("progress: %w: %s", ErrState, c.State())
	}
	body, err := c.localDescription(c.invite)
	if err != nil {
		return err
	}
	if err := c.serverTx.Respond(c.response(c.invite, 183, "Session Progress", body)); err != nil {
		return fmt.Errorf("send 183: %w", err)
	}
	return nil
}

// Answer accepts an incoming call and returns when the caller has acknowledged it.
func (c *Call) Answer(ctx context.Context) error {
	if err := c.claim(); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	body, err := c.localDescription(c.invite)
	if err != nil {
		c.unclaim()
		return fmt.Errorf("answer: %w", err)
	}
	acked := c.expectAck(c.invite)
	res := c.response(c.invite, sip.StatusOK, "OK", body)
	if err := c.serverTx.Respond(res); err != nil {
		c.unclaim()
		return fmt.Errorf("answer: send 200: %w", err)
	}
	c.mu.Lock()
	c.setStateLocked(Established)
	c.decideLocked()
	c.mu.Unlock()
	return c.awaitAck(ctx, c.serverTx, c.invite, res, acked)
}

// Reject refuses an incoming call with a final response of 300 to 699.
func (c *Call) Reject(status int, reason string) error {
	if status < 300 || status > 699 {
		return fmt.Errorf("reject with %d: %w: use 300 to 699", status, ErrState)
	}
	return c.reject(status, reason)
}

// Busy refuses an incoming call with 486.
func (c *Call) Busy() error { return c.reject(486, "Busy Here") }

// refuse is reject where nobody asks for the error.
func (c *Call) refuse(status int, reason string) {
	if err := c.reject(status, reason); err != nil {
		c.log.Debug("refusal_failed", "status", status, "error", err)
	}
}

func (c *Call) reject(status int, reason string) error {
	if err := c.claim(); err != nil {
		return fmt.Errorf("reject: %w", err)
	}
	if err := c.serverTx.Respond(c.response(c.invite, status, reason, nil)); err != nil {
		c.unclaim()
		return fmt.Errorf("reject: send %d: %w", status, err)
	}
	c.finish(EndCause{Local: true, Method: "INVITE", Status: status, Reason: reason})
	return nil
}

// claim reserves the right to send the one final response.
func (c *Call) claim() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == Ended {
		return fmt.Errorf("%w %s", ErrEnded, c.cause)
	}
	if !c.incoming || c.answering || c.state > Ringing {
		return fmt.Errorf("%w: %s", ErrState, c.state)
	}
	c.answering = true
	return nil
}

func (c *Call) unclaim() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answering = false
}

// localDescription answers the offer of an INVITE, or offers when it has none.
func (c *Call) localDescription(invite *sip.Request) ([]byte, error) {
	if len(invite.Body()) == 0 {
		return c.media.offer(), nil
	}
	return c.media.accept(invite.Body())
}

// response builds a response within the call's dialog.
func (c *Call) response(req *sip.Request, status int, reason string, body []byte) *sip.Response {
	res := sip.NewResponseFromRequest(req, status, reason, nil)
	if to := res.To(); to != nil {
		to.Params.Remove("tag")
		to.Params.Add("tag", c.dialog.local.tag)
	}
	res.AppendHeader(sip.NewHeader("User-Agent", userAgent))
	c.addOffer(res, body)
	return res
}

// expectAck must be called before the 2xx is sent.
func (c *Call) expectAck(invite *sip.Request) <-chan *sip.Request {
	acked := make(chan *sip.Request, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acks[invite.CSeq().SeqNo] = acked
	return acked
}

// awaitAck repeats the 2xx until its ACK comes: over UDP that is the work of the
// one who answers, not of the transaction. An ACK may carry the answer to our offer.
func (c *Call) awaitAck(ctx context.Context, tx sip.ServerTransaction, invite *sip.Request, res *sip.Response, acked <-chan *sip.Request) error {
	interval := t1
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for {
		select {
		case ack := <-acked:
			if len(invite.Body()) > 0 || len(ack.Body()) == 0 {
				return nil
			}
			return c.media.agree(ack.Body())
		case <-timer.C:
			if err := tx.Respond(res); err != nil {
				return fmt.Errorf("repeat the 200: %w", err)
			}
			interval = min(2*interval, t2)
			timer.Reset(interval)
		case <-c.done:
			return nil // hung up before the ACK was seen
		case <-ctx.Done():
			return fmt.Errorf("wait for the ACK: %w", context.Cause(ctx))
		}
	}
}
