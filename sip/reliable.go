package sip

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// reliability is RFC 3262: provisional responses that are repeated until a PRACK
// comes. Guarded by Dialog.mu.
type reliability struct {
	sent uint32        // RSeq of our last one
	open chan struct{} // closed by its PRACK; nil when none is open
	seen uint32        // RSeq of the peer's last one
}

// startLocked numbers the response and repeats it until it is acknowledged or the call is decided.
func (r *reliability) startLocked(d *Dialog, res *sip.Response) {
	r.sent++
	open, tx := make(chan struct{}), d.serverTx
	r.open = open
	res.AppendHeader(sip.NewHeader("Require", "100rel"))
	res.AppendHeader(sip.NewHeader("RSeq", strconv.FormatUint(uint64(r.sent), 10)))
	d.e.background(func(ctx context.Context) {
		deadline := time.Now().Add(t64)
		for pause := t1; time.Now().Before(deadline); pause *= 2 {
			timer := time.NewTimer(min(pause, time.Until(deadline)))
			select {
			case <-timer.C:
				d.respond(tx, res)
				continue
			case <-open:
			case <-d.done:
			case <-ctx.Done():
			}
			timer.Stop()
			return
		}
		// RFC 3262 section 3: 5xx when no PRACK came.
		if err := d.Reject(504, "No PRACK Came", nil); err != nil {
			d.log().Debug("reject_failed", "error", err)
		}
	})
}

func (r *reliability) stopLocked() {
	if r.open != nil {
		close(r.open)
		r.open = nil
	}
}

// awaitPrack waits until the last reliable response was acknowledged.
func (d *Dialog) awaitPrack(ctx context.Context) error {
	return d.await(ctx, "wait for PRACK", func() bool { return d.rel.open == nil })
}

func (d *Dialog) onPrack(req *sip.Request, tx *sip.ServerTx) {
	fields := strings.Fields(headerValue(req, "RAck"))
	d.mu.Lock()
	matches := len(fields) == 3 && d.rel.open != nil &&
		fields[0] == strconv.FormatUint(uint64(d.rel.sent), 10) &&
		fields[1] == strconv.FormatUint(uint64(d.inviteSeq), 10) && fields[2] == "INVITE"
	if matches {
		d.rel.stopLocked()
		d.bumpLocked()
	}
	d.mu.Unlock()
	if !matches {
		d.respond(tx, d.response(req, 481, "No Such Response"))
		return
	}
	d.ok(req, tx)
	if len(req.Body()) > 0 {
		d.post(Pracked{describe(req, "PRACK")})
	}
}

// sendPrack acknowledges a reliable response of the peer.
func (d *Dialog) sendPrack(_ context.Context, res *sip.Response, rseq uint32) {
	req := d.nextRequest(sip.PRACK)
	req.AppendHeader(sip.NewHeader("RAck", fmt.Sprintf("%d %d INVITE", rseq, res.CSeq().SeqNo)))
	d.e.background(func(ctx context.Context) {
		if _, err := d.roundTrip(ctx, req); err != nil {
			d.log().Info("prack_failed", "error", err)
		}
	})
}
