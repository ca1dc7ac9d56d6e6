package sip

import (
	"context"
	"net"

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

// NewDoor is the listener of TCP connections by itself; heard tells it of a message.
func NewDoor(listener net.Listener) (door net.Listener, heard func(source string)) {
	d := newDoor(listener)
	return d, d.heard
}
