package phone

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Dial sends an INVITE to a number, or to a whole URI that begins with "sip:",
// and returns at once with a call in state Dialing; wait for what comes with
// WaitState. The context bounds only the sending.
func (p *Phone) Dial(ctx context.Context, number string, options ...DialOption) (*Call, error) {
	settings := dialOptions{user: p.opts.User, displayName: p.opts.DisplayName}
	for _, option := range options {
		option(&settings)
	}
	target, err := p.targetOf(number)
	if err != nil {
		return nil, fmt.Errorf("dial %q: %w", number, err)
	}
	host, _ := splitHostPort(p.opts.Domain)
	d := dialog{
		callID: sip.GenerateTagN(24),
		local:  party{name: settings.displayName, uri: sip.Uri{Scheme: "sip", User: settings.user, Host: host}, tag: sip.GenerateTagN(12)},
		remote: party{uri: target}, target: target,
		localSeq: rand.Uint32N(1 << 16), //nolint:gosec // RFC 3261 section 8.1.1.5: any start will do
	}
	if p.isClosing() || !p.enter() {
		return nil, fmt.Errorf("dial %q: %w", number, ErrClosed)
	}
	defer p.wg.Done()
	c, err := p.newCall(d, false)
	if err != nil {
		return nil, fmt.Errorf("dial %q: %w", number, err)
	}

	req := c.inviteRequest()
	for _, header := range settings.headers {
		req.AppendHeader(sip.NewHeader(header[0], header[1]))
	}
	if !strings.HasPrefix(number, "sip:") {
		req.SetDestination(p.opts.Server)
	}
	c.invite = req
	tx, err := p.transact(ctx, req)
	if err != nil {
		c.finish(EndCause{Local: true, Reason: err.Error()})
		return nil, fmt.Errorf("dial %q: %w", number, err)
	}
	if err := p.background(func() { c.runInvite(tx, req) }); err != nil {
		tx.Terminate()
		c.finish(EndCause{Local: true, Reason: err.Error()})
		return nil, fmt.Errorf("dial %q: %w", number, err)
	}
	return c, nil
}

func (p *Phone) targetOf(number string) (sip.Uri, error) {
	var uri sip.Uri
	text := number
	if !strings.HasPrefix(number, "sip:") {
		text = "sip:" + number + "@" + p.opts.Domain
	}
	if err := sip.ParseUri(text, &uri); err != nil {
		return uri, fmt.Errorf("parse %q: %w", text, err)
	}
	return uri, nil
}

// inviteRequest is an INVITE with our present offer.
func (c *Call) inviteRequest() *sip.Request {
	c.mu.Lock()
	req := c.dialog.nextRequest(sip.INVITE)
	c.mu.Unlock()
	c.addOffer(req, c.media.offer())
	return req
}

func (c *Call) addOffer(msg sip.Message, body []byte) {
	msg.AppendHeader(c.phone.contact())
	msg.AppendHeader(sip.NewHeader("Allow", allow))
	if body != nil {
		contentType := sip.ContentTypeHeader("application/sdp")
		msg.AppendHeader(&contentType)
		msg.SetBody(body)
	}
}

// runInvite follows the first INVITE of an outgoing call to its final response.
func (c *Call) runInvite(tx sip.ClientTransaction, req *sip.Request) {
	res, err := c.finalResponse(c.phone.ctx, tx, req, c.onProvisional)
	switch {
	case err != nil:
		c.finish(EndCause{Local: true, Method: "INVITE", Status: sip.StatusRequestTimeout, Reason: err.Error()})
	case res.IsSuccess():
		c.onAnswer(res)
	default:
		c.learn(res, true)
		c.mu.Lock()
		local := c.canceling && res.StatusCode == sip.StatusRequestTerminated
		c.mu.Unlock()
		cause := EndCause{Method: "INVITE", Status: res.StatusCode, Reason: res.Reason}.withReason(res)
		if local {
			cause.Local, cause.Method = true, "CANCEL"
		}
		c.finish(cause)
	}
}

// onProvisional handles 1xx. They may come in any order (each has a goroutine
// of its own in sipgo), so nothing here depends on what came before.
func (c *Call) onProvisional(res *sip.Response) {
	c.mu.Lock()
	first := !c.progressed
	c.progressed = true
	cancelNow := first && c.canceling
	if res.StatusCode > 100 {
		c.dialog.confirm(res)
	}
	c.bumpLocked()
	c.mu.Unlock()
	if cancelNow {
		c.sendCancel(c.phone.ctx)
	}
	if res.StatusCode == 100 {
		return
	}
	c.learn(res, true)
	if len(res.Body()) > 0 {
		if err := c.media.agree(res.Body()); err != nil {
			c.log.Warn("early_media_refused", "error", err)
		} else {
			c.mu.Lock()
			c.early = true
			c.bumpLocked()
			c.mu.Unlock()
		}
	}
	if res.StatusCode == 180 {
		c.setState(Ringing)
	}
}

// onAnswer handles the 2xx, which has been acknowledged already.
func (c *Call) onAnswer(res *sip.Response) {
	c.learn(res, true)
	err := c.media.agree(res.Body())
	c.mu.Lock()
	unwanted := c.canceling // the answer crossed our CANCEL on the way
	c.mu.Unlock()
	if err == nil && !unwanted {
		c.setState(Established)
		return
	}
	cause := EndCause{Local: true, Method: "BYE", Reason: "answered while it was cancelled"}
	if err != nil {
		cause.Reason = err.Error()
	}
	if _, byeErr := c.inDialog(c.phone.ctx, sip.BYE, nil); byeErr != nil {
		c.log.Debug("bye_failed", "error", byeErr)
	}
	c.finish(cause)
}

// finalResponse waits for the final response to an INVITE of ours, answers a
// challenge, acknowledges a 2xx (and its retransmissions) and returns it.
func (c *Call) finalResponse(ctx context.Context, tx sip.ClientTransaction, req *sip.Request, provisional func(*sip.Response)) (*sip.Response, error) {
	challenges := 0
	for {
		select {
		case res := <-tx.Responses():
			switch {
			case res.IsProvisional():
				provisional(res)
				continue
			case res.IsSuccess():
				return res, c.acknowledge(tx, req, res)
			case !challenged(res) || challenges > 1:
				return res, nil
			}
			challenges++
			c.mu.Lock()
			c.dialog.localSeq++
			seq := c.dialog.localSeq
			c.mu.Unlock()
			next, err := c.phone.authorise(req, res, seq)
			if errors.Is(err, ErrUnchallenged) {
				c.log.Debug("challenge_not_answered", "error", err)
				return res, nil
			}
			if tx, err = c.phone.transact(ctx, next); err != nil {
				return nil, fmt.Errorf("send INVITE with credentials: %w", err)
			}
			req = next
			c.mu.Lock()
			if c.state < Established {
				c.invite = next
			}
			c.mu.Unlock()
		case <-tx.Done():
			return nil, fmt.Errorf("no final response to INVITE: %w", tx.Err())
		case <-ctx.Done():
			tx.Terminate()
			return nil, fmt.Errorf("no final response to INVITE: %w", context.Cause(ctx))
		}
	}
}

// acknowledge sends the ACK of a 2xx, again for each retransmission of it: its
// transaction does not do that (RFC 3261 section 13.2.2.4).
func (c *Call) acknowledge(tx sip.ClientTransaction, invite *sip.Request, res *sip.Response) error {
	c.mu.Lock()
	c.dialog.confirm(res)
	ack := c.dialog.request(sip.ACK, invite.CSeq().SeqNo)
	c.mu.Unlock()
	tx.OnRetransmission(func(*sip.Response) {
		if err := c.phone.write(ack.Clone()); err != nil {
			c.log.Debug("ack_failed", "error", err)
		}
	})
	if err := c.phone.write(ack.Clone()); err != nil {
		return fmt.Errorf("send ACK: %w", err)
	}
	return nil
}

// cancel gives up an outgoing call that was not answered. A CANCEL may leave
// only after a provisional response (RFC 3261 section 9.1), so it may have to wait for one.
func (c *Call) cancel(ctx context.Context) error {
	c.mu.Lock()
	send := c.progressed && !c.canceling
	c.canceling = true
	c.mu.Unlock()
	if send {
		c.sendCancel(ctx)
	}
	return c.WaitState(ctx, Ended)
}

func (c *Call) sendCancel(ctx context.Context) {
	c.mu.Lock()
	invite := c.invite
	c.mu.Unlock()
	req := sip.NewRequest(sip.CANCEL, *invite.Recipient.Clone())
	sip.CopyHeaders("Via", invite, req)
	sip.CopyHeaders("Route", invite, req)
	sip.CopyHeaders("From", invite, req)
	sip.CopyHeaders("To", invite, req)
	sip.CopyHeaders("Call-ID", invite, req)
	maxForwards := sip.MaxForwardsHeader(70)
	req.AppendHeader(&maxForwards)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: sip.CANCEL})
	req.SetBody(nil)
	req.SetDestination(invite.Destination())
	// The client fills in what is missing, and with it the socket to send from; the Via must stay the INVITE's.
	if _, err := c.phone.roundTrip(ctx, req); err != nil {
		c.log.Debug("cancel_failed", "error", err)
	}
}
