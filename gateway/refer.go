package gateway

import (
	"context"
	"errors"
	"fmt"

	"sidecar/sip"
)

// referred takes a transfer that the browser asks for. It is the call engine's to carry out: nothing of it goes upstream.
func (c *call) referred(r *sip.Refer) {
	referral := Referral{Leg: c.leg, DN: c.dn, To: r.User}
	status, text := 0, ""
	switch {
	case c.g.opts.OnRefer == nil || !c.established:
		status, text = 603, "No Transfers Here"
	case c.refer != nil:
		status, text = 491, "A Transfer Is Under Way"
	case r.User == "":
		status, text = 400, "Refer-To Needs a Number"
	case r.Replaces != nil:
		if referral.ReplacesLeg = c.g.replaced(c, *r.Replaces); referral.ReplacesLeg == "" {
			status, text = 404, "Replaces Names No Other Call of This DN"
		}
	}
	if status != 0 {
		c.refuseRefer(r, status, text)
		return
	}
	c.refer = r
	c.outside(r.Accept, func(err error) {
		// A phone that doesn't take the first report has its 202 all the same.
		if _, refused := errors.AsType[*sip.StatusError](err); err != nil && !refused {
			c.log.Info("refer_not_accepted", "error", err)
			c.refer = nil
			return
		}
		c.log.Info("transfer_asked", "to", referral.To, "replaces", referral.ReplacesLeg)
		c.g.opts.OnRefer(referral)
	})
}

func (c *call) refuseRefer(r *sip.Refer, status int, text string) {
	if err := r.Reject(status, text); err != nil {
		c.log.Info("refer_refusal_failed", "error", err)
	}
}

// replaced finds the leg of the DN's other call that a Replaces names by the browser's dialog.
func (g *Gateway) replaced(c *call, r sip.Replaces) string {
	d, ok := g.endpoint.Replaced(r)
	if !ok {
		return ""
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for other := range g.calls {
		if p := other.phone.Load(); other != c && other.dn == c.dn && p != nil && p.dialog == d {
			return other.leg
		}
	}
	return ""
}

// reportRefer sends the final report of a transfer. It is sent although the call may be ending: phones wait for it, and it
// must be there before the BYE.
func (c *call) reportRefer(ok bool, done func(error)) {
	r := c.refer
	if r == nil {
		done(fmt.Errorf("%w: no transfer is under way", ErrState))
		return
	}
	status, text := 200, "OK"
	if !ok {
		status, text = 603, "Declined"
	}
	reported := make(chan struct{})
	c.refer, c.reported = nil, reported
	c.outside(func(ctx context.Context) error {
		defer close(reported)
		return lastReport(ctx, r, status, text)
	}, done)
}

func lastReport(ctx context.Context, r *sip.Refer, status int, text string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hangupTimeout)
	defer cancel()
	return r.Report(ctx, status, text) //nolint:wrapcheck // it says what it is
}

// settleRefer lets the browser hear of its transfer before the BYE.
func (c *call) settleRefer(ctx context.Context) {
	if c.refer != nil { // the call ended first
		if err := lastReport(ctx, c.refer, 487, "Call Ended"); err != nil {
			c.log.Debug("refer_report_failed", "error", err)
		}
	}
	if c.reported != nil {
		select {
		case <-c.reported:
		case <-ctx.Done():
		}
	}
}
