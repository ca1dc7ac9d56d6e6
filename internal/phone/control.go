package phone

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Hangup ends the call with what its state asks for: BYE when it is up, CANCEL
// when it was made here and is not answered, 603 when it rings here. It returns
// when the peer has confirmed. An ended call is no error.
func (c *Call) Hangup(ctx context.Context) error {
	c.mu.Lock()
	state := c.state
	c.mu.Unlock()
	switch {
	case state == Ended:
		return nil
	case state == Established:
		return c.bye(ctx)
	case c.incoming:
		return c.reject(603, "Decline")
	}
	if err := c.cancel(ctx); err != nil {
		return fmt.Errorf("cancel: %w", err)
	}
	return nil
}

func (c *Call) bye(ctx context.Context) error {
	res, err := c.inDialog(ctx, sip.BYE, nil)
	cause := EndCause{Local: true, Method: "BYE"}
	if err != nil {
		cause.Reason = err.Error()
		c.finish(cause)
		return fmt.Errorf("hang up: %w", err)
	}
	c.finish(cause)
	// 481: the peer hung up at the same moment.
	if !res.IsSuccess() && res.StatusCode != sip.StatusCallTransactionDoesNotExists {
		return fmt.Errorf("hang up: %w", &StatusError{Method: "BYE", Status: res.StatusCode, Reason: res.Reason})
	}
	return nil
}

// Hold offers sendonly; until Retrieve the call sends silence.
func (c *Call) Hold(ctx context.Context) error {
	return c.offer(ctx, SendOnly)
}

// Retrieve offers sendrecv again.
func (c *Call) Retrieve(ctx context.Context) error {
	return c.offer(ctx, SendRecv)
}

// Reinvite offers the present direction again, as a session refresh does.
func (c *Call) Reinvite(ctx context.Context) error {
	c.media.mu.Lock()
	wanted := c.media.wanted
	c.media.mu.Unlock()
	return c.offer(ctx, wanted)
}

// offer sends a re-INVITE and repeats it when it met the peer's (491).
func (c *Call) offer(ctx context.Context, direction Direction) error {
	for range 5 {
		res, err := c.reinvite(ctx, direction)
		switch {
		case err != nil:
			return fmt.Errorf("offer %s: %w", direction, err)
		case res.IsSuccess():
			return nil
		case res.StatusCode != sip.StatusRequestPending:
			return fmt.Errorf("offer %s: %w", direction, &StatusError{Method: "INVITE", Status: res.StatusCode, Reason: res.Reason})
		}
		// RFC 3261 section 14.1: the owner of the Call-ID waits longer than the other side.
		wait := time.Duration(rand.IntN(200)) * 10 * time.Millisecond //nolint:gosec // no secret
		if !c.incoming {
			wait = 2100*time.Millisecond + time.Duration(rand.IntN(190))*10*time.Millisecond //nolint:gosec // no secret
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("offer %s: %w", direction, context.Cause(ctx))
		}
	}
	return fmt.Errorf("offer %s: %w", direction, &StatusError{Method: "INVITE", Status: sip.StatusRequestPending, Reason: "Request Pending, five times"})
}

func (c *Call) reinvite(ctx context.Context, direction Direction) (*sip.Response, error) {
	if state := c.State(); state < Established {
		return nil, fmt.Errorf("%w: %s", ErrState, state)
	}
	if err := c.beginOffer(ctx); err != nil {
		return nil, err
	}
	defer c.endOffer()
	before := c.media.want(direction)
	req := c.inviteRequest()
	tx, err := c.phone.transact(ctx, req)
	if err != nil {
		c.media.want(before)
		return nil, fmt.Errorf("send re-INVITE: %w", err)
	}
	res, err := c.finalResponse(ctx, tx, req, func(*sip.Response) {})
	if err == nil && res.IsSuccess() {
		err = c.media.agree(res.Body())
	} else {
		c.media.want(before)
	}
	return res, err
}

// beginOffer waits until no other offer of ours is under way.
func (c *Call) beginOffer(ctx context.Context) error {
	return c.await(ctx, "the offer before", func() bool {
		if c.offering || c.state == Ended {
			return false
		}
		c.offering = true
		return true
	})
}

func (c *Call) endOffer() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offering = false
	c.bumpLocked()
}

// Refer asks the peer to call a number instead (blind transfer, RFC 3515), or a
// whole URI, and returns when it has accepted to try. WaitReferResult tells what
// came of it. The call stays up: after a success hang it up, as phones do
// (Asterisk keeps the transferring leg for a minute otherwise).
func (c *Call) Refer(ctx context.Context, target string) error {
	uri, err := c.phone.targetOf(target)
	if err != nil {
		return fmt.Errorf("refer to %q: %w", target, err)
	}
	return c.refer(ctx, target, uri.String())
}

// ReferTo asks the peer to connect its party with that of another call of the
// phone (attended transfer: REFER with Replaces, RFC 3891), as Refer does.
func (c *Call) ReferTo(ctx context.Context, other *Call) error {
	other.mu.Lock()
	d := other.dialog
	other.mu.Unlock()
	uri, err := c.phone.targetOf(d.remote.uri.User)
	if err != nil {
		return fmt.Errorf("refer to the call %s: %w", d.callID, err)
	}
	// The tags as the peer sees them: to is its own, from is ours (section 6.1).
	replaces := url.QueryEscape(d.callID + ";to-tag=" + d.remote.tag + ";from-tag=" + d.local.tag)
	return c.refer(ctx, "the call with "+d.remote.uri.User, uri.String()+"?Replaces="+replaces)
}

func (c *Call) refer(ctx context.Context, target, uri string) error {
	if c.State() != Established {
		return fmt.Errorf("refer to %q: %w: %s", target, ErrState, c.State())
	}
	c.mu.Lock()
	c.referring, c.referrals = true, nil
	c.mu.Unlock()
	res, err := c.inDialog(ctx, sip.REFER, func(req *sip.Request) {
		req.AppendHeader(sip.NewHeader("Refer-To", "<"+uri+">"))
		req.AppendHeader(sip.NewHeader("Referred-By", "<sip:"+c.phone.opts.User+"@"+c.phone.opts.Domain+">"))
		req.AppendHeader(c.phone.contact())
	})
	if err != nil {
		return fmt.Errorf("refer to %q: %w", target, err)
	}
	if !res.IsSuccess() {
		c.mu.Lock()
		c.referring = false
		c.mu.Unlock()
		return fmt.Errorf("refer to %q: %w", target, &StatusError{Method: "REFER", Status: res.StatusCode, Reason: res.Reason})
	}
	return nil
}

// ReferResults are the statuses that the peer reported about the last Refer, in their order.
func (c *Call) ReferResults() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	var statuses []int
	for _, r := range c.referrals {
		statuses = append(statuses, r.status)
	}
	return statuses
}

// WaitReferResult blocks until the peer has reported a final status about the
// last Refer and returns it. The report may come after the call has ended.
func (c *Call) WaitReferResult(ctx context.Context) (int, error) {
	for {
		c.mu.Lock()
		changed, status := c.changed, 0
		if n := len(c.referrals); n > 0 {
			status = c.referrals[n-1].status
		}
		c.mu.Unlock()
		if status >= 200 {
			return status, nil
		}
		select {
		case <-changed:
		case <-c.phone.ctx.Done():
			return status, fmt.Errorf("wait for the REFER's result: %w", ErrClosed)
		case <-ctx.Done():
			return status, fmt.Errorf("wait for the REFER's result: %w", context.Cause(ctx))
		}
	}
}

// referral is what one NOTIFY reports of our REFER.
type referral struct {
	seq    uint32 // its CSeq
	status int
}

// takeSipfrag reads the status line that a NOTIFY of a REFER carries. A peer may send the last report right behind the
// one before it, and its handler may run first: the CSeq tells which is the last.
func (c *Call) takeSipfrag(req *sip.Request) bool {
	line, _, _ := strings.Cut(string(req.Body()), "\n")
	fields := strings.Fields(line)
	if req.CSeq() == nil || len(fields) < 2 || !strings.HasPrefix(fields[0], "SIP/2.0") {
		return false
	}
	status, err := strconv.Atoi(fields[1])
	if err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.referrals = append(c.referrals, referral{seq: req.CSeq().SeqNo, status: status})
	slices.SortFunc(c.referrals, func(a, b referral) int { return cmp.Compare(a.seq, b.seq) })
	c.bumpLocked()
	return true
}

// inDialog sends a request other than INVITE within the dialog.
func (c *Call) inDialog(ctx context.Context, method sip.RequestMethod, complete func(*sip.Request)) (*sip.Response, error) {
	c.mu.Lock()
	req := c.dialog.nextRequest(method)
	c.mu.Unlock()
	if complete != nil {
		complete(req)
	}
	return c.phone.do(ctx, req, func() uint32 {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.dialog.localSeq++
		return c.dialog.localSeq
	})
}
