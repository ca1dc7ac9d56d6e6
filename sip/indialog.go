package sip

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

const (
	// overtaking is how long a request waits for one that it may have overtaken on its way. Gaps in CSeq are legal, so it goes
	// on then.
	overtaking = 100 * time.Millisecond
	// handing is how long it waits for one that is here: sipgo gives each message a goroutine of its own, and after a
	// moment without CPU those of all that came meanwhile start at once, in any order.
	handing = 5 * time.Second
	// mostArriving bounds what a peer can have us remember.
	mostArriving = 64
)

// onInDialog takes a request with a To tag.
func (e *Endpoint) onInDialog(req *sip.Request, tx *sip.ServerTx, flow *Flow) {
	d := e.find(req.CallID().Value(), req.To().Params.GetOr("tag", ""))
	if d == nil || !d.comesFromPeer(req, flow) {
		e.reply(req, tx, refuse(481, "Call/Transaction Does Not Exist"))
		return
	}
	if req.Method == sip.ACK {
		d.onAck(req)
		return
	}
	if !d.admit(req) {
		d.respond(tx, d.response(req, 500, "CSeq Out of Order"))
		return
	}
	defer d.turn.Unlock()
	d.take(req, tx)
}

// expect notes a request of a dialog in the socket's reading goroutine, and so before anything that came later.
func (e *Endpoint) expect(msg sip.Message) {
	if d, seq := e.addressee(msg); d != nil {
		d.expect(seq)
	}
}

// handled forgets a request that was never let in.
func (e *Endpoint) handled(req *sip.Request) {
	if d, seq := e.addressee(req); d != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.passLocked(func(other uint32) bool { return other == seq })
	}
}

// addressee is the dialog whose order a message has a place in, nil for all others: an ACK and a CANCEL have the CSeq of
// their INVITE.
func (e *Endpoint) addressee(msg sip.Message) (*Dialog, uint32) {
	req, ok := msg.(*sip.Request)
	if !ok || req.Method == sip.ACK || req.Method == sip.CANCEL || req.To() == nil || req.CallID() == nil || req.CSeq() == nil {
		return nil, 0
	}
	tag := req.To().Params.GetOr("tag", "")
	if tag == "" {
		return nil, 0
	}
	return e.find(req.CallID().Value(), tag), req.CSeq().SeqNo
}

func (d *Dialog) expect(seq uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, known := slices.BinarySearch(d.arriving, seq)
	if !known && seq > d.remoteSeq && len(d.arriving) < mostArriving {
		d.arriving = slices.Insert(d.arriving, at, seq)
	}
}

func (d *Dialog) passLocked(over func(seq uint32) bool) {
	d.arriving = slices.DeleteFunc(d.arriving, over)
	d.bumpLocked()
}

// comesFromPeer checks that the request belongs to the other end: its tag, and for a
// browser its flow, or the flow that its DN registered on since (a reconnect within the page).
func (d *Dialog) comesFromPeer(req *sip.Request, flow *Flow) bool {
	d.mu.Lock()
	tag, early, current := d.remote.tag, d.state < Confirmed, d.flow
	d.mu.Unlock()
	// A forked call has several tags until it is answered; what comes before the first response overtook it.
	if got := req.From().Params.GetOr("tag", ""); got != tag && (!early || d.incoming) {
		return false
	}
	if current == nil {
		return req.Transport() != transportWS
	}
	if flow == current {
		return true
	}
	// Whoever took the DN over has no part in calls that go on elsewhere.
	if flow == nil || !current.ended() || !d.e.registrar.owns(d.dn, flow) {
		return false
	}
	d.mu.Lock()
	d.flow = flow
	d.mu.Unlock()
	return true
}

// admit lets the peer's requests in one at a time and in the order of their CSeq
// (RFC 3261 section 12.2.2). When it returns true the caller has the turn.
func (d *Dialog) admit(req *sip.Request) bool {
	seq := req.CSeq().SeqNo
	// An expired wait is no error: the numbers between were never ours to see.
	d.inOrder(seq, overtaking, func() bool {
		return d.remoteSeq == 0 || seq <= d.remoteSeq+1 && !(req.Method == sip.INVITE && len(d.acks) > 0)
	})
	d.inOrder(seq, handing, func() bool { return len(d.arriving) == 0 || d.arriving[0] >= seq })
	d.turn.Lock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if seq <= d.remoteSeq {
		d.turn.Unlock()
		return false
	}
	d.remoteSeq = seq
	d.passLocked(func(other uint32) bool { return other <= seq })
	return true
}

func (d *Dialog) inOrder(seq uint32, limit time.Duration, ok func() bool) {
	ctx, stop := context.WithTimeout(d.e.ctx, limit)
	defer stop()
	if err := d.await(ctx, "order", ok); err != nil {
		d.log().Debug("cseq_gap", "cseq", seq, "error", err)
	}
}

// take handles a request in its turn.
func (d *Dialog) take(req *sip.Request, tx *sip.ServerTx) {
	if d.State() == Over {
		d.respond(tx, d.response(req, 481, "Call Does Not Exist"))
		return
	}
	handlers := map[sip.RequestMethod]func(*sip.Request, *sip.ServerTx){
		sip.BYE: d.onBye, sip.INVITE: d.onOffer, sip.UPDATE: d.onOffer, sip.PRACK: d.onPrack,
		sip.INFO: d.onInfo, sip.NOTIFY: d.onNotify, sip.REFER: d.onRefer, sip.OPTIONS: d.ok,
		sip.SUBSCRIBE: func(req *sip.Request, tx *sip.ServerTx) { d.respond(tx, d.response(req, 489, "Bad Event")) },
	}
	if handle, ok := handlers[req.Method]; ok {
		handle(req, tx)
		return
	}
	d.respond(tx, d.response(req, 405, "Method Not Allowed"))
}

func (d *Dialog) onInfo(req *sip.Request, tx *sip.ServerTx) {
	d.ok(req, tx)
	d.post(Info{describe(req, "INFO")})
}

func (d *Dialog) ok(req *sip.Request, tx *sip.ServerTx) { d.respond(tx, d.response(req, 200, "OK")) }

func (d *Dialog) respond(tx *sip.ServerTx, res *sip.Response) {
	if err := tx.Respond(res); err != nil {
		d.log().Debug("response_failed", "status", res.StatusCode, "error", err)
	}
}

func (d *Dialog) onBye(req *sip.Request, tx *sip.ServerTx) {
	d.ok(req, tx)
	d.mu.Lock()
	open := d.incoming && !d.answered
	d.answered = true
	invite, inviteTx := d.invite, d.serverTx
	d.mu.Unlock()
	if open { // RFC 3261 section 15.1.2
		d.restore487(invite, inviteTx)
	}
	d.end(Cause{Method: "BYE", Headers: describe(req, "BYE").Headers})
}

// onNotify answers every NOTIFY at once, in early dialogs too: the Genesys SIP
// Server presses Answer by NOTIFY talk while the phone rings, and repeats it for 32 s otherwise.
func (d *Dialog) onNotify(req *sip.Request, tx *sip.ServerTx) {
	event, _, _ := strings.Cut(strings.ToLower(headerValue(req, "Event")), ";")
	event = strings.TrimSpace(event)
	if event == "" {
		event, _, _ = strings.Cut(strings.ToLower(headerValue(req, "o")), ";") // compact form
	}
	if event != "refer" {
		d.ok(req, tx)
		d.post(Notify{Message: describe(req, "NOTIFY"), Event: event})
		return
	}
	status, reason, ok := sipfrag(string(req.Body()))
	if !ok {
		d.respond(tx, d.response(req, 400, "Body Is No sipfrag"))
		return
	}
	d.ok(req, tx)
	d.post(ReferProgress{Status: status, Reason: reason})
}

// sipfrag reads the status line that a NOTIFY of a REFER carries (RFC 3515 section 2.4.5).
func sipfrag(body string) (status int, reason string, ok bool) {
	line, _, _ := strings.Cut(body, "\n")
	version, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	code, reason, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	return status, reason, err == nil && version == "SIP/2.0" && status >= 100 && status <= 699
}
