package gateway

import (
	"context"
	"errors"

	"sidecar/sip"
)

// ending is how the call goes out: the status is for a caller that has no final response yet, the headers for BYE and CANCEL.
type ending struct {
	status  int
	text    string
	headers sip.Headers
}

// end makes run return. The first ending counts.
func (c *call) end(status int, text string, headers sip.Headers) {
	if c.ending == nil {
		c.ending = &ending{status, text, headers}
	}
}

// release is the only way out: it ends both dialogs, gives everything back and waits for what runs outside.
func (c *call) release() {
	close(c.over)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), hangupTimeout)
	defer cancel()
	if c.browser != nil {
		c.out.Go(func() {
			c.settleRefer(ctx)
			c.dismiss(ctx, c.browser)
		})
	}
	if c.upstream != nil {
		c.out.Go(func() { c.dismiss(ctx, c.upstream) })
	}
	if c.next != nil {
		c.giveUpSuccessor()
	}
	if c.grace != nil {
		c.grace.Stop()
	}
	c.watchdog.Stop()
	if c.relay != nil {
		c.relay.Stop()
	}
	c.closeWeb(c.web)
	if c.rtp != nil {
		if err := c.rtp.Close(); err != nil {
			c.log.Warn("rtp_close_failed", "error", err)
		}
	}
	c.cancel() // nobody waits for an ACK any more
	c.out.Wait()
	c.g.leave(c)
	c.tell(Ended, c.ending.text)
}

// dismiss ends one dialog with what its state asks for.
func (c *call) dismiss(ctx context.Context, d *sip.Dialog) {
	if d.Incoming() && d.State() < sip.Confirmed {
		err := d.Reject(c.ending.status, c.ending.text, c.ending.headers)
		if err == nil || errors.Is(err, sip.ErrEnded) {
			return
		}
	}
	if err := d.Hangup(ctx, c.ending.headers); err != nil {
		c.log.Info("hangup_failed", "error", err)
	}
}

// onBrowserEnded ends the call, unless it was the browser's disappearance that ended its dialog.
func (c *call) onBrowserEnded(cause sip.Cause) {
	if c.vanished(cause) {
		c.log.Info("browser_gone", "cause", cause.String())
		c.forgetBrowser()
		return
	}
	c.onEnded(cause, c.inbound)
}

// onEnded ends the call because one side did. What a callee answered becomes the caller's final response.
func (c *call) onEnded(cause sip.Cause, callee bool) {
	var status int
	var text string
	switch {
	case c.established || !callee:
		status, text = 487, "Ended by "+cause.Method
	case c.inbound:
		status, text = fromBrowser(cause)
	default:
		status, text = fromUpstream(cause)
	}
	headers := carried(cause.Headers)
	if headers.Get("Reason") == "" && cause.Method == "" {
		headers = append(headers, reason("480", "the other side is gone")...)
	}
	c.end(status, text, headers)
}

// fromBrowser is what the PBX hears of a browser's refusal: the agent's own word, or that there is no phone.
func fromBrowser(cause sip.Cause) (int, string) {
	switch cause.Status {
	case 480, 486, 488, 600, 603, 606:
		return cause.Status, cause.Reason
	}
	return 480, "Temporarily Unavailable"
}

// fromUpstream is what a browser hears of the PBX's refusal. Our credentials there are not the browser's.
func fromUpstream(cause sip.Cause) (int, string) {
	switch {
	case cause.Status == 401 || cause.Status == 407:
		return 503, "PBX Refused Our Credentials"
	case cause.Status >= 400 && cause.Status <= 699:
		return cause.Status, cause.Reason
	case cause.Status >= 300:
		return 480, "Moved"
	}
	return 503, "PBX Is Not Reachable"
}
