package sip

import (
	"context"
	"fmt"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Info sends an INFO request, for DTMF among others.
func (d *Dialog) Info(ctx context.Context, body Body, headers Headers) error {
	return d.simple(ctx, sip.INFO, headers, body)
}

// Notify sends a NOTIFY with an Event: talk and hold to phones that allow them.
func (d *Dialog) Notify(ctx context.Context, event string, body Body, headers Headers) error {
	headers = append(Headers{{"Event", event}, {"Subscription-State", "active"}}, headers...)
	return d.simple(ctx, sip.NOTIFY, headers, body)
}

// Refer asks the peer to call somebody else. ReferProgress events tell what comes of it.
func (d *Dialog) Refer(ctx context.Context, to string, headers Headers) error {
	headers = append(Headers{{"Refer-To", "<" + strings.Trim(to, "<>") + ">"}, {"Referred-By", "<" + d.own.String() + ">"}}, headers...)
	return d.simple(ctx, sip.REFER, headers, Body{})
}

func (d *Dialog) simple(ctx context.Context, method sip.RequestMethod, headers Headers, body Body) error {
	if state := d.State(); state < Early || state == Over {
		return fmt.Errorf("%s: %w: %s", method, ErrState, state)
	}
	req := d.nextRequest(method)
	if err := carry(req, headers, body); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	res, err := d.roundTrip(ctx, req)
	switch {
	case err != nil:
		return err
	case !res.IsSuccess():
		return fmt.Errorf("in the dialog: %w", &StatusError{Method: string(method), Status: res.StatusCode, Reason: res.Reason})
	}
	return nil
}

// Refer is the peer's request that this side call somebody (RFC 3515). Exactly
// one of Accept and Reject must be called; after Accept, Report tells the peer how it goes.
type Refer struct {
	Message
	To         string // URI without the embedded headers
	User       string // its user
	ReferredBy string
	Replaces   *Replaces // nil for a transfer without consultation
	d          *Dialog
	req        *sip.Request
	tx         *sip.ServerTx
}

// Replaces names a dialog (RFC 3891) as its peer sees it: ToTag is our side's.
type Replaces struct{ CallID, ToTag, FromTag string }

func (d *Dialog) onRefer(req *sip.Request, tx *sip.ServerTx) {
	to := req.ReferTo()
	if to == nil || to.Address.Host == "" || len(req.GetHeaders("Refer-To")) != 1 {
		d.respond(tx, d.response(req, 400, "REFER Needs One Refer-To"))
		return
	}
	target := *to.Address.Clone()
	refer := &Refer{Message: describe(req, "REFER"), User: target.User, ReferredBy: headerValue(req, "Referred-By"), d: d, req: req, tx: tx}
	if text, ok := target.Headers.Get("Replaces"); ok {
		refer.Replaces = parseReplaces(text)
	} else if text, ok := target.Headers.Get("replaces"); ok {
		refer.Replaces = parseReplaces(text)
	}
	target.Headers = nil
	refer.To = target.String()
	d.post(refer)
}

// Accept answers 202 and reports 100, as RFC 3515 wants at once.
func (r *Refer) Accept(ctx context.Context) error {
	if err := r.tx.Respond(r.d.response(r.req, 202, "Accepted")); err != nil {
		return fmt.Errorf("accept REFER: %w", err)
	}
	return r.Report(ctx, 100, "Trying")
}

// Reject refuses to try.
func (r *Refer) Reject(status int, reason string) error {
	if err := r.tx.Respond(r.d.response(r.req, status, reason)); err != nil {
		return fmt.Errorf("reject REFER: %w", err)
	}
	return nil
}

// Report tells the peer how the new call goes. A final status ends the reports,
// and must come before this dialog's BYE: phones wait for it.
func (r *Refer) Report(ctx context.Context, status int, reason string) error {
	state := "active;expires=60"
	if status >= 200 {
		state = "terminated;reason=noresource"
	}
	// RFC 3515 section 2.4.6: the id tells the reports of several REFERs apart.
	headers := Headers{{"Event", fmt.Sprintf("refer;id=%d", r.req.CSeq().SeqNo)}, {"Subscription-State", state}}
	body := Body{Type: "message/sipfrag;version=2.0", Data: fmt.Appendf(nil, "SIP/2.0 %d %s\r\n", status, reason)}
	return r.d.simple(ctx, sip.NOTIFY, headers, body)
}

// Replaced finds the dialog that a Replaces means.
func (e *Endpoint) Replaced(r Replaces) (*Dialog, bool) {
	d := e.find(r.CallID, r.ToTag)
	if d == nil {
		return nil, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d, d.remote.tag == r.FromTag && d.state < Over
}
