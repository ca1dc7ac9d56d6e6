package sip

import (
	"context"
	"net"
	"time"

	"github.com/emiago/sipgo/sip"
)

// AnswerRegisters replaces the network of upstream registrations, so that they can live in virtual time.
func (e *Endpoint) AnswerRegisters(answer func(request string) (status int, headers Headers)) {
	e.trip = func(_ context.Context, req *sip.Request) (*sip.Response, error) {
		status, headers := answer(req.String())
		res := sip.NewResponseFromRequest(req, status, "Answer", nil)
		for _, header := range headers {
			res.AppendHeader(sip.NewHeader(header.Name, header.Value))
		}
		return res, nil
	}
}

// Read lets the endpoint see a request as the reader of its socket does; nobody handles it yet.
func (e *Endpoint) Read(request string) error {
	msg, err := sip.ParseMessage([]byte(request))
	if err == nil {
		e.expect(msg)
	}
	return err
}

// Answers sends an answer to whoever wrote over UDP, as a goroutine of sipgo would that comes late; ok is whether it finds a
// connection, else it would open a socket.
func (e *Endpoint) Answers(to net.Addr) (ok bool, err error) {
	conn := e.stack.transport.Pool(transportUDP).Get(to.String())
	if conn == nil {
		return false, nil
	}
	return true, conn.WriteMsg(sip.NewResponse(200, "OK"))
}

// NewDoor is the listener of TCP connections by itself; heard tells it of a message.
func NewDoor(listener net.Listener) (door net.Listener, heard func(source string)) {
	d := newDoor(listener)
	return d, d.heard
}

// ParseReplaces, ParseSipfrag and ParseSession are what we read ourselves of what the peer writes.
func ParseReplaces(text string) *Replaces { return parseReplaces(text) }

// ParseSipfrag reads the body of a REFER's NOTIFY.
func ParseSipfrag(body string) (status int, reason string, ok bool) { return sipfrag(body) }

// ParseSession reads Session-Expires, Min-SE and body of an INVITE.
func ParseSession(expires, minimum, contentType string, body []byte) (interval, floor time.Duration, description Body) {
	req := sip.NewRequest(sip.INVITE, sip.Uri{Scheme: "sip", Host: "x"})
	req.AppendHeader(sip.NewHeader("Session-Expires", expires))
	req.AppendHeader(sip.NewHeader("Min-SE", minimum))
	req.AppendHeader(sip.NewHeader("Content-Type", contentType))
	req.SetBody(body)
	interval, _ = sessionExpires(req)
	return interval, minSE(req), bodyOf(req)
}
