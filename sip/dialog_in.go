package sip

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

const (
	// t1, t2 and t64 are RFC 3261's timers: first and longest pause of a retransmission, and when to give up.
	t1  = 500 * time.Millisecond
	t2  = 4 * time.Second
	t64 = 64 * t1
)

// Call is an INVITE that opened a dialog.
type Call struct {
	Message
	To       string // user of the Request-URI, else of To
	From     string // user of From
	FromName string
	Flow     FlowID // of the calling browser; 0 for an upstream
	Source   string // address of the calling upstream
}

// onNewCall takes an INVITE without To tag. The transaction lives until a final
// response is sent through the dialog.
func (e *Endpoint) onNewCall(req *sip.Request, tx *sip.ServerTx, flow *Flow) {
	call := Call{Message: describe(req, "INVITE"), To: req.Recipient.User, From: req.From().Address.User, FromName: req.From().DisplayName}
	if call.To == "" {
		call.To = req.To().Address.User
	}
	contact := req.Contact()
	switch {
	case call.To == "":
		e.reply(req, tx, refuse(404, "Neither Request-URI Nor To Names a DN"))
		return
	case contact == nil || contact.Address.Wildcard:
		e.reply(req, tx, refuse(400, "INVITE Needs One Contact"))
		return
	case req.Transport() == transportWS && (flow == nil || !e.registrar.owns(call.From, flow)):
		e.reply(req, tx, refuse(403, "From Is Not a DN That Registered Here"))
		return
	case e.opts.OnCall == nil:
		e.reply(req, tx, refuse(480, "Nobody Takes Calls"))
		return
	}
	if refused, bad := unusable(req); bad {
		e.reply(req, tx, refused)
		return
	}
	if claimed := e.cancels.claim(branchOf(req)); claimed {
		e.reply(req, tx, refuse(sip.StatusRequestTerminated, "Request Terminated"))
		return
	}
	d := e.fromInvite(req, tx, flow, call.To)
	d.session, _ = acceptSession(req)
	if !e.remember(d) {
		e.reply(req, tx, refuse(503, "Shutting Down"))
		return
	}
	// The hook runs under the transaction's lock and must not touch the transaction; sipgo answers CANCEL and INVITE (487).
	if !tx.OnCancel(func(cancel *sip.Request) {
		d.end(Cause{Method: "CANCEL", Status: sip.StatusRequestTerminated, Headers: describe(cancel, "CANCEL").Headers})
	}) {
		d.end(Cause{Method: "CANCEL", Status: sip.StatusRequestTerminated})
		return
	}
	call.Source = req.Source()
	if flow != nil {
		call.Flow, call.Source = flow.id, flow.peer.String()
	}
	d.e.background(func(ctx context.Context) { d.watchInvite(ctx, tx) })
	e.opts.OnCall(d, call)
}

// watchInvite ends a dialog whose INVITE lost its transaction before it was answered: the flow broke. It ends with the
// answer's ACK: the transaction of an answered INVITE lives on for 32 seconds (RFC 6026, timer L).
func (d *Dialog) watchInvite(ctx context.Context, tx *sip.ServerTx) {
	for {
		d.mu.Lock()
		answered, changed := d.answered, d.changed
		d.mu.Unlock()
		if answered {
			return
		}
		select {
		case <-tx.Done():
			d.mu.Lock()
			answered = d.answered
			d.mu.Unlock()
			if !answered {
				d.end(Cause{Reason: "the INVITE transaction ended"})
			}
			return
		case <-changed:
		case <-d.done:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (e *Endpoint) fromInvite(req *sip.Request, tx *sip.ServerTx, flow *Flow, called string) *Dialog {
	from, to := req.From(), req.To()
	d := e.newDialog(req.CallID().Value(), to.Params.GetOr("tag", ""), true)
	d.invite, d.inviteSeq, d.serverTx, d.flow = req, req.CSeq().SeqNo, tx, flow
	d.remote = party{name: from.DisplayName, uri: *from.Address.Clone(), tag: from.Params.GetOr("tag", "")}
	d.local = party{name: to.DisplayName, uri: *to.Address.Clone(), tag: d.localTag}
	d.remoteSeq = req.CSeq().SeqNo
	d.routes = recordRoutes(req)
	d.route = route{transport: req.Transport(), destination: req.Source()}
	d.own = e.contact(called, d.route)
	d.target = *from.Address.Clone()
	d.reliable = slices.Contains(tokens(req, "Require"), "100rel")
	d.learnLocked(req)
	if flow != nil {
		d.dn = from.Address.User
		d.contact = e.registrar.contactOf(d.dn, flow)
	}
	return d
}

// response builds a response of the dialog.
func (d *Dialog) response(req *sip.Request, status int, reason string) *sip.Response {
	res := sip.NewResponseFromRequest(req, status, reason, nil)
	if to := res.To(); to != nil {
		to.Params.Remove("tag")
		to.Params.Add("tag", d.localTag)
	}
	if status < 300 {
		res.AppendHeader(&sip.ContactHeader{Address: *d.own.Clone()})
		res.AppendHeader(sip.NewHeader("Allow", allow))
		res.AppendHeader(sip.NewHeader("Supported", supported))
		res.AppendHeader(sip.NewHeader("Allow-Events", allowEvents))
	}
	res.AppendHeader(sip.NewHeader("Server", d.e.opts.UserAgent))
	return res
}

// Ring sends a provisional response: 180, or 183 with a body. When the caller
// requires it the response is sent reliably (RFC 3262), and Ring waits until the one before it was acknowledged.
func (d *Dialog) Ring(ctx context.Context, status int, reason string, body Body, headers Headers) error {
	if status <= 100 || status > 199 {
		return fmt.Errorf("ring with %d: %w: use 101 to 199", status, ErrState)
	}
	if err := d.awaitPrack(ctx); err != nil {
		return fmt.Errorf("ring: %w", err)
	}
	res, err := d.prepare(status, reason, body, headers)
	if err != nil {
		return fmt.Errorf("ring: %w", err)
	}
	d.mu.Lock()
	if !d.incoming || d.answered || d.state >= Confirmed {
		state := d.state
		d.mu.Unlock()
		return fmt.Errorf("ring: %w: %s", ErrState, state)
	}
	if d.reliable {
		d.rel.startLocked(d, res)
	}
	d.setStateLocked(Early)
	tx := d.serverTx
	d.mu.Unlock()
	if err := tx.Respond(res); err != nil {
		return fmt.Errorf("send %d: %w", status, err)
	}
	return nil
}

func (d *Dialog) prepare(status int, reason string, body Body, headers Headers) (*sip.Response, error) {
	d.mu.Lock()
	invite, over := d.invite, d.state == Over
	d.mu.Unlock()
	switch {
	case invite == nil && over:
		return nil, ErrEnded
	case invite == nil:
		return nil, fmt.Errorf("%w: already answered", ErrState)
	}
	res := d.response(invite, status, reason)
	if err := carry(res, headers, body); err != nil {
		return nil, err
	}
	if !body.Empty() {
		d.mu.Lock()
		d.lastBody = body
		d.mu.Unlock()
	}
	return res, nil
}

// Answer accepts the call and returns when the ACK has come, with the ACK: it
// brings the answer when our body was the offer. The 2xx is repeated until then,
// for 32 seconds; a call whose ACK never came is hung up.
func (d *Dialog) Answer(ctx context.Context, body Body, headers Headers) (Message, error) {
	if !d.incoming {
		return Message{}, fmt.Errorf("answer: %w: the call is ours", ErrState)
	}
	if err := d.awaitPrack(ctx); err != nil {
		return Message{}, fmt.Errorf("answer: %w", err)
	}
	res, err := d.prepare(200, "OK", body, headers)
	if err != nil {
		return Message{}, fmt.Errorf("answer: %w", err)
	}
	invite, tx, err := d.claim()
	if err != nil {
		return Message{}, fmt.Errorf("answer: %w", err)
	}
	d.session.describe(d, res)
	acked := d.expectAck(invite)
	if err = tx.Respond(res); err != nil {
		// A CANCEL was first: sipgo must repeat the 487, not what came too late.
		d.restore487(invite, tx)
		cause := Cause{Reason: err.Error()}
		if errors.Is(err, sip.ErrTransactionCanceled) {
			cause.Method, cause.Status = "CANCEL", sip.StatusRequestTerminated
		}
		d.end(cause)
		return Message{}, fmt.Errorf("answer: %w: %w", ErrEnded, err)
	}
	d.mu.Lock()
	d.setStateLocked(Confirmed)
	d.mu.Unlock()
	d.session.start(d)
	return d.awaitAck(ctx, tx, invite, res, acked)
}

func (d *Dialog) restore487(invite *sip.Request, tx *sip.ServerTx) {
	res := d.response(invite, sip.StatusRequestTerminated, "Request Terminated")
	if err := tx.Respond(res); err != nil {
		d.log().Debug("response_failed", "status", 487, "error", err)
	}
}

// Reject refuses the call with a final response of 300 to 699.
func (d *Dialog) Reject(status int, reason string, headers Headers) error {
	if status < 300 || status > 699 || !d.incoming {
		return fmt.Errorf("reject with %d: %w: use 300 to 699 on an incoming call", status, ErrState)
	}
	res, err := d.prepare(status, reason, Body{}, headers)
	if err != nil {
		return fmt.Errorf("reject: %w", err)
	}
	_, tx, err := d.claim()
	if err != nil {
		return fmt.Errorf("reject: %w", err)
	}
	err = tx.Respond(res)
	d.end(Cause{Local: true, Method: "INVITE", Status: status, Reason: reason})
	if err != nil {
		return fmt.Errorf("reject: send %d: %w", status, err)
	}
	return nil
}

// claim reserves the right to send the one final response, and gives what it takes.
func (d *Dialog) claim() (*sip.Request, *sip.ServerTx, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.state == Over:
		return nil, nil, fmt.Errorf("%w %s", ErrEnded, d.cause)
	case d.answered || !d.incoming:
		return nil, nil, fmt.Errorf("%w: already answered", ErrState)
	}
	d.answered = true
	d.rel.stopLocked()
	return d.invite, d.serverTx, nil
}

// settle lets go of an INVITE whose 2xx was acknowledged: with its description and its answer it is most of what a call
// would keep. Nobody repeats it over a reliable transport; by UDP sipgo keeps it for 32 seconds (RFC 6026, timer L).
func (d *Dialog) settle(req *sip.Request, tx *sip.ServerTx) {
	if sip.IsReliable(req.Transport()) {
		tx.Terminate()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.serverTx == tx {
		d.invite, d.serverTx = nil, nil
	}
}

func (d *Dialog) expectAck(req *sip.Request) chan Message {
	acked := make(chan Message, 1)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.acks[req.CSeq().SeqNo] = acked
	d.offerOpen = len(req.Body()) == 0
	return acked
}

// ackCame forgets that an ACK is due, and returns who waits for it. The ACK may be quicker than whoever has sent the 2xx: the
// call is confirmed by it, since a re-INVITE may be right behind.
func (d *Dialog) ackCame(seq uint32) chan Message {
	d.mu.Lock()
	defer d.mu.Unlock()
	acked := d.acks[seq]
	if acked != nil {
		d.setStateLocked(Confirmed)
	}
	delete(d.acks, seq)
	d.offerOpen = false
	d.bumpLocked()
	return acked
}

// awaitAck repeats a 2xx until its ACK is there (RFC 3261 section 13.3.1.4), also over
// WebSocket and TCP: what is lost may be lost further on. The repetition goes on when the caller gave up waiting.
func (d *Dialog) awaitAck(ctx context.Context, tx *sip.ServerTx, req *sip.Request, res *sip.Response, acked chan Message) (Message, error) {
	result, failed := make(chan Message, 1), make(chan struct{})
	missing := false // read when failed is closed
	started := d.e.background(func(life context.Context) {
		defer close(failed)
		deadline := time.Now().Add(t64)
		for pause := t1; time.Now().Before(deadline); pause = min(2*pause, t2) {
			timer := time.NewTimer(min(pause, time.Until(deadline)))
			select {
			case ack := <-acked:
				timer.Stop()
				d.settle(req, tx)
				result <- ack
				return
			case ack := <-tx.Acks(): // an ACK with the INVITE's branch
				timer.Stop()
				d.settle(req, tx)
				d.ackCame(req.CSeq().SeqNo)
				result <- describe(ack, "ACK")
				return
			case <-d.done:
				timer.Stop()
				return
			case <-life.Done():
				timer.Stop()
				return
			case <-timer.C:
			}
			if err := tx.Respond(res); err != nil {
				d.log().Debug("response_failed", "status", 200, "error", err)
			}
		}
		missing = true
		d.ackCame(req.CSeq().SeqNo)
		d.quit(life, ErrNoAck.Error())
	})
	if !started {
		return Message{}, ErrClosed
	}
	select {
	case ack := <-result:
		return ack, nil
	case <-ctx.Done():
		return Message{}, fmt.Errorf("wait for the ACK: %w", context.Cause(ctx))
	case <-failed:
	}
	select {
	case ack := <-result:
		return ack, nil
	default:
	}
	if missing {
		return Message{}, fmt.Errorf("%w within %s", ErrNoAck, t64)
	}
	return Message{}, fmt.Errorf("wait for the ACK: %w", ErrEnded) // a BYE may overtake it: no fault of the peer's
}

// onAck gives the ACK of a 2xx to who waits for it.
func (d *Dialog) onAck(req *sip.Request) {
	if acked := d.ackCame(req.CSeq().SeqNo); acked != nil {
		acked <- describe(req, "ACK") // has room for the one ACK that was expected
	}
}

func branchOf(req *sip.Request) string {
	return strings.ToLower(req.Via().Params.GetOr("branch", ""))
}
