package phone

import (
	"context"
	"fmt"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// onRefer makes the call that the peer asks for when the phone is told to
// (Options.FollowRefer), and reports its fate as RFC 3515 asks: 100 at once, then the final status.
func (p *Phone) onRefer(req *sip.Request, tx sip.ServerTransaction) {
	p.inCall(req, tx, func(c *Call) {
		target := ""
		if header := req.GetHeader("Refer-To"); header != nil {
			target = strings.Trim(strings.TrimSpace(header.Value()), "<>")
		}
		switch {
		case !p.opts.FollowRefer:
			p.respond(tx, req, 603, "Decline")
			return
		case target == "":
			p.respond(tx, req, sip.StatusBadRequest, "Bad Request: one Refer-To with a sip: URI")
			return
		}
		p.respond(tx, req, sip.StatusAccepted, "Accepted")
		if err := p.background(func() { p.follow(c, target) }); err != nil {
			c.log.Debug("refer_not_followed", "error", err)
		}
	})
}

// follow dials where a REFER points and tells the referrer.
func (p *Phone) follow(c *Call, target string) {
	c.report(p.ctx, "100 Trying", "active;expires=60")
	next, err := p.Dial(p.ctx, target)
	if err != nil {
		c.report(p.ctx, "503 Service Unavailable", "terminated;reason=noresource")
		return
	}
	if !p.deliver(next) {
		c.log.Warn("referred_call_not_delivered")
	}
	status := "200 OK"
	if err := next.WaitState(p.ctx, Established); err != nil {
		cause := next.EndCause()
		status = fmt.Sprintf("%d %s", max(cause.Status, 400), cause.Reason)
	}
	c.report(p.ctx, status, "terminated;reason=noresource")
}

// report sends one NOTIFY of a REFER.
func (c *Call) report(ctx context.Context, status, subscription string) {
	_, err := c.inDialog(ctx, sip.NOTIFY, func(req *sip.Request) {
		contentType := sip.ContentTypeHeader("message/sipfrag;version=2.0")
		req.AppendHeader(c.phone.contact())
		req.AppendHeader(sip.NewHeader("Event", "refer"))
		req.AppendHeader(sip.NewHeader("Subscription-State", subscription))
		req.AppendHeader(&contentType)
		req.SetBody([]byte("SIP/2.0 " + status + "\r\n"))
	})
	if err != nil {
		c.log.Debug("refer_report_failed", "status", status, "error", err)
	}
}
