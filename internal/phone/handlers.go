package phone

import (
	"strings"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// handle sets the handlers of incoming requests. Each request has a goroutine of
// its own, so they may overtake one another; handlers tolerate that.
func (p *Phone) handle(server *sipgo.Server) {
	on := func(method sip.RequestMethod, handler func(*sip.Request, sip.ServerTransaction)) {
		server.OnRequest(method, func(req *sip.Request, tx sip.ServerTransaction) {
			if !p.enter() {
				if method != sip.ACK {
					p.respond(tx, req, sip.StatusServiceUnavailable, "Service Unavailable")
				}
				return
			}
			defer p.wg.Done()
			handler(req, tx)
		})
	}
	on(sip.INVITE, p.onInvite)
	on(sip.ACK, p.onAck)
	on(sip.BYE, p.onBye)
	on(sip.CANCEL, p.onLateCancel)
	on(sip.UPDATE, p.onUpdate)
	on(sip.INFO, p.onInfo)
	on(sip.NOTIFY, p.onNotify)
	on(sip.REFER, p.onRefer)
	on(sip.OPTIONS, p.onOptions)
}

func (p *Phone) respond(tx sip.ServerTransaction, req *sip.Request, status int, reason string) {
	if err := tx.Respond(sip.NewResponseFromRequest(req, status, reason, nil)); err != nil {
		p.log.Debug("response_failed", "method", req.Method.String(), "status", status, "error", err)
	}
}

// inCall runs f with the call that the request belongs to, or answers 481.
func (p *Phone) inCall(req *sip.Request, tx sip.ServerTransaction, f func(*Call)) {
	if c := p.find(req); c != nil {
		f(c)
		return
	}
	p.respond(tx, req, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
}

func (p *Phone) onInvite(req *sip.Request, tx sip.ServerTransaction) {
	if req.From() == nil || req.To() == nil || req.CallID() == nil || req.CSeq() == nil {
		p.respond(tx, req, sip.StatusBadRequest, "Bad Request")
		return
	}
	if !req.To().Params.Has("tag") {
		p.receive(req, tx)
		return
	}
	p.inCall(req, tx, func(c *Call) { c.onReinvite(req, tx) })
}

func (p *Phone) onAck(req *sip.Request, _ sip.ServerTransaction) {
	c := p.find(req)
	if c == nil || req.CSeq() == nil {
		return
	}
	c.mu.Lock()
	acked := c.acks[req.CSeq().SeqNo]
	delete(c.acks, req.CSeq().SeqNo)
	c.mu.Unlock()
	if acked != nil {
		acked <- req // has room for the one ACK that was expected
	}
}

func (p *Phone) onBye(req *sip.Request, tx sip.ServerTransaction) {
	p.inCall(req, tx, func(c *Call) {
		if c.State() == Ended { // kept only for the NOTIFYs of a REFER
			p.respond(tx, req, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
			return
		}
		p.respond(tx, req, sip.StatusOK, "OK")
		c.finish(EndCause{Method: "BYE"}.withReason(req))
	})
}

// onLateCancel gets only a CANCEL whose INVITE is unknown or over; the others
// are the transaction layer's.
func (p *Phone) onLateCancel(req *sip.Request, tx sip.ServerTransaction) {
	p.respond(tx, req, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
}

func (p *Phone) onOptions(req *sip.Request, tx sip.ServerTransaction) {
	res := sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil)
	res.AppendHeader(p.contact())
	res.AppendHeader(sip.NewHeader("Allow", allow))
	res.AppendHeader(sip.NewHeader("Accept", "application/sdp"))
	if err := tx.Respond(res); err != nil {
		p.log.Debug("response_failed", "method", "OPTIONS", "error", err)
	}
}

func (p *Phone) onInfo(req *sip.Request, tx sip.ServerTransaction) {
	p.inCall(req, tx, func(c *Call) {
		if contentType := req.ContentType(); contentType != nil {
			if digit, ok := takeInfo(contentType.Value(), string(req.Body())); ok {
				c.addDigit(digit)
			}
		}
		p.respond(tx, req, sip.StatusOK, "OK")
	})
}

// onNotify takes the reports of a REFER; everything else (message waiting, and
// whatever a PBX sends unasked) is accepted and ignored.
func (p *Phone) onNotify(req *sip.Request, tx sip.ServerTransaction) {
	event := ""
	if header := req.GetHeader("Event"); header != nil {
		event, _, _ = strings.Cut(strings.ToLower(header.Value()), ";")
	}
	if strings.TrimSpace(event) != "refer" {
		p.respond(tx, req, sip.StatusOK, "OK")
		return
	}
	p.inCall(req, tx, func(c *Call) {
		if !c.takeSipfrag(req) {
			p.respond(tx, req, sip.StatusBadRequest, "Bad Request")
			return
		}
		p.respond(tx, req, sip.StatusOK, "OK")
	})
}

// onReinvite answers an INVITE within the call: hold, retrieve, new media address, new connected party.
func (c *Call) onReinvite(req *sip.Request, tx sip.ServerTransaction) {
	if !c.admit(req, tx) {
		return
	}
	c.learn(req, false)
	body, err := c.localDescription(req)
	if err != nil {
		c.log.Warn("reinvite_refused", "error", err)
		c.phone.respond(tx, req, 488, "Not Acceptable Here")
		return
	}
	acked := c.expectAck(req)
	res := c.response(req, sip.StatusOK, "OK", body)
	if err := tx.Respond(res); err != nil {
		c.log.Debug("response_failed", "method", "INVITE", "error", err)
		return
	}
	c.countReinvite()
	if err := c.awaitAck(c.phone.ctx, tx, req, res, acked); err != nil {
		c.log.Debug("reinvite_not_acknowledged", "error", err)
	}
}

func (p *Phone) onUpdate(req *sip.Request, tx sip.ServerTransaction) {
	p.inCall(req, tx, func(c *Call) {
		if !c.admit(req, tx) {
			return
		}
		c.learn(req, false)
		var body []byte
		if len(req.Body()) > 0 {
			var err error
			if body, err = c.media.accept(req.Body()); err != nil {
				c.log.Warn("update_refused", "error", err)
				p.respond(tx, req, 488, "Not Acceptable Here")
				return
			}
			c.countReinvite()
		}
		if err := tx.Respond(c.response(req, sip.StatusOK, "OK", body)); err != nil {
			c.log.Debug("response_failed", "method", "UPDATE", "error", err)
		}
	})
}

// admit checks an incoming INVITE or UPDATE of the dialog: one that is older than
// the last one accepted must not undo it, and one that meets ours gets 491 (RFC 3261 section 14.2).
func (c *Call) admit(req *sip.Request, tx sip.ServerTransaction) bool {
	c.mu.Lock()
	old := req.CSeq() == nil || req.CSeq().SeqNo <= c.dialog.offerSeq
	glare := c.offering || req.IsInvite() && c.state < Established
	ended := c.state == Ended
	admitted := !old && !glare && !ended
	if admitted {
		c.dialog.offerSeq = req.CSeq().SeqNo
		c.dialog.refresh(req)
	}
	c.mu.Unlock()
	switch {
	case ended:
		c.phone.respond(tx, req, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
	case old:
		c.phone.respond(tx, req, sip.StatusInternalServerError, "Out of order")
	case glare:
		c.phone.respond(tx, req, sip.StatusRequestPending, "Request Pending")
	}
	return admitted
}

func (c *Call) countReinvite() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reinvites++
	c.bumpLocked()
}
