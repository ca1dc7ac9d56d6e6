package gateway

import (
	"context"
	"time"

	"sidecar/sip"
)

func (c *call) onBrowser(e sip.Event) {
	switch e := e.(type) {
	case sip.Progress:
		c.commandPickUp()
	case sip.Answered:
		c.browserAnswered(e.Message)
	case *sip.Offer:
		c.reoffered(e, browserSide{c})
	case *sip.Refer:
		c.referred(e)
	case sip.Info:
		c.digit(e, c.rtp)
	case sip.Ended:
		c.onBrowserEnded(e.Cause)
	default: // the caller has its 180; the rest is no matter of the other side
	}
}

func (c *call) onUpstream(e sip.Event) {
	switch e := e.(type) {
	case sip.Progress:
		c.progress(e.Message)
	case sip.Answered:
		c.upstreamAnswered(e.Message)
	case *sip.Offer:
		c.reoffered(e, upstreamSide{c})
	case *sip.Refer: // our DNs don't call where the PBX says; a switch with refer-enabled does the transfer itself
		c.refuseRefer(e, 603, "No Transfers Here")
	case sip.Notify:
		c.onNotify(e)
	case sip.Info:
		c.digit(e, c.web)
	case sip.Ended:
		c.onEnded(e.Cause, !c.inbound)
	default:
	}
}

// digits is a leg that sends DTMF.
type digits interface {
	SendDigits(ctx context.Context, digits string, length time.Duration) error
}

// maxDigits bounds those of a call that wait; nobody types so far ahead.
const maxDigits = 32

// digit sends what one side asked for by INFO to the other one as RTP event (RFC 4733).
func (c *call) digit(info sip.Info, to digits) {
	digit, length, ok := digitOf(info.Body.Type, info.Body.Data)
	if !ok || c.relay == nil || len(c.digits) == maxDigits {
		return
	}
	c.digits = append(c.digits, func(ctx context.Context) error { return to.SendDigits(ctx, digit, length) })
	if len(c.digits) == 1 {
		c.sendDigit()
	}
}

// sendDigit sends the digit that waits longest, and then the next: one takes longer to send than to type, and the far end
// hears nothing but nonsense when they overlap.
func (c *call) sendDigit() {
	c.outside(c.digits[0], func(err error) {
		if err != nil {
			c.log.Info("digit_failed", "error", err)
		}
		if c.digits = c.digits[1:]; len(c.digits) > 0 {
			c.sendDigit()
		}
	})
}
