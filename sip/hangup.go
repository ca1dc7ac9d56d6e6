package sip

import (
	"context"
	"fmt"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Hangup ends the dialog with what its state asks for: BYE when it is up, CANCEL
// for a call of ours that is not answered, 603 for one that rings here (Reject
// says it otherwise). It returns when the peer has confirmed. A dialog that is over is no error.
func (d *Dialog) Hangup(ctx context.Context, headers Headers) error {
	d.mu.Lock()
	state, answered := d.state, d.answered
	d.mu.Unlock()
	switch {
	case state == Over:
		return nil
	case state == Confirmed:
		return d.bye(ctx, headers)
	case d.incoming && !answered:
		return d.Reject(603, "Decline", headers)
	case d.incoming:
		return d.bye(ctx, headers)
	}
	return d.cancel(ctx, headers)
}

// ackPatience is how long a BYE waits for the ACK of our 2xx. RFC 3261 section 15 wants no BYE before it, but it may
// take 32 s (third-party call control), and nobody who hung up waits so long.
const ackPatience = 2 * time.Second

func (d *Dialog) bye(ctx context.Context, headers Headers) error {
	if d.incoming {
		patience, stop := context.WithTimeout(ctx, ackPatience)
		defer stop()
		if err := d.await(patience, "wait for the ACK", func() bool { return d.acks[d.inviteSeq] == nil }); err != nil {
			d.log().Debug("bye_before_ack", "error", err)
		}
	}
	req := d.nextRequest(sip.BYE)
	if err := carry(req, headers, Body{}); err != nil {
		return fmt.Errorf("hang up: %w", err)
	}
	// The dialog lives until the answer is in, so that a BYE that crosses ours gets its 200.
	defer d.end(Cause{Local: true, Method: "BYE", Headers: headers})
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	d.e.background(func(context.Context) {
		select {
		case <-d.done: // by the peer's BYE: it may not care for ours any more
			stop()
		case <-ctx.Done():
		}
	})
	res, err := d.roundTrip(ctx, req)
	switch {
	case err != nil && d.State() == Over:
		return nil
	case err != nil:
		return fmt.Errorf("hang up: %w", err)
	}
	if !res.IsSuccess() && res.StatusCode != 481 { // 481: the peer hung up at the same moment
		return fmt.Errorf("hang up: %w", &StatusError{Method: "BYE", Status: res.StatusCode, Reason: res.Reason})
	}
	return nil
}

// cancel gives up a call of ours and waits for its end. When the answer wins the race the call is taken and hung up.
func (d *Dialog) cancel(ctx context.Context, headers Headers) error {
	d.mu.Lock()
	first := !d.cancelling
	if first {
		d.cancelling, d.cancelHeaders = true, headers
	}
	now := d.provisional
	d.mu.Unlock()
	if first && now {
		d.sendCancel(ctx)
	}
	select {
	case <-d.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cancel: %w", context.Cause(ctx))
	}
}

// sendCancel sends a CANCEL with the INVITE's branch (RFC 3261 section 9.1).
func (d *Dialog) sendCancel(ctx context.Context) {
	d.mu.Lock()
	invite, headers := d.invite, d.cancelHeaders
	d.mu.Unlock()
	if invite == nil {
		return // the answer was first
	}
	req := sip.NewRequest(sip.CANCEL, *invite.Recipient.Clone())
	req.AppendHeader(sip.HeaderClone(invite.Via()))
	for _, hop := range invite.GetHeaders("Route") {
		req.AppendHeader(sip.HeaderClone(hop))
	}
	hops := sip.MaxForwardsHeader(70)
	for _, header := range []sip.Header{
		sip.HeaderClone(invite.From()), sip.HeaderClone(invite.To()), sip.HeaderClone(invite.CallID()),
		&sip.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: sip.CANCEL}, &hops,
	} {
		req.AppendHeader(header)
	}
	if err := carry(req, headers, Body{}); err != nil {
		d.log().Debug("cancel_failed", "error", err)
	}
	d.e.aim(req, route{transport: invite.Transport(), destination: invite.Destination()})
	if _, err := d.e.roundTrip(ctx, req); err != nil {
		d.log().Debug("cancel_failed", "error", err)
	}
	// RFC 3261 section 9.1: a peer that never answers the INVITE is given up after 64*T1.
	d.e.background(func(life context.Context) {
		wait, stop := context.WithTimeout(life, t64)
		defer stop()
		select {
		case <-d.done:
		case <-wait.Done():
			if d.State() < Confirmed {
				d.end(Cause{Local: true, Method: "CANCEL", Status: 408, Reason: "no final response after CANCEL"})
			}
		}
	})
}

// quit is Hangup where nobody waits: it tries for a while and ends the dialog whatever comes.
func (d *Dialog) quit(ctx context.Context, reason string) {
	ctx, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	err := d.Hangup(ctx, Headers{{Name: "Reason", Value: `SIP;cause=408;text="` + reason + `"`}})
	if err != nil {
		d.log().Info("hangup_failed", "reason", reason, "error", err)
	}
	d.end(Cause{Local: true, Reason: reason})
}

// roundTrip sends a request of the dialog and answers a challenge to it.
func (d *Dialog) roundTrip(ctx context.Context, req *sip.Request) (*sip.Response, error) {
	for answered := 0; ; answered++ {
		res, err := d.e.roundTrip(ctx, req)
		if err != nil || !challenged(req, res, d.auth, answered) {
			return res, err
		}
		if req, err = d.e.authorise(req, res, d.auth, d.nextSeq()); err != nil {
			return nil, err
		}
	}
}
