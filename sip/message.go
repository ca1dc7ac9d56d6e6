package sip

import (
	"fmt"
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Body is what a message carries; this package never looks inside.
type Body struct {
	Type string // media type, "application/sdp"
	Data []byte
}

// SDP is a session description as a body.
func SDP(data []byte) Body { return Body{Type: sdpType, Data: data} }

// Empty reports whether there is nothing in the body.
func (b Body) Empty() bool { return len(b.Data) == 0 }

// Header is one header line that this package does not own.
type Header struct{ Name, Value string }

// Headers are header lines in their order.
type Headers []Header

// Get returns the first value, or "".
func (h Headers) Get(name string) string {
	for _, header := range h {
		if strings.EqualFold(header.Name, name) {
			return header.Value
		}
	}
	return ""
}

// Message is a request or a response as the layers above see it.
type Message struct {
	Method  string // of the request, or of the request that was answered
	Status  int    // 0 for a request
	Reason  string
	Headers Headers // all but those of transactions, dialogs and authentication
	Body    Body
}

// owned are the headers that the dialog layer writes; they are neither shown nor taken.
func owned(name string) bool {
	return slices.Contains([]string{
		"via", "v", "from", "f", "to", "t", "call-id", "i", "cseq", "contact", "m", "route", "record-route",
		"max-forwards", "content-length", "l", "content-type", "c", "authorization", "proxy-authorization",
		"www-authenticate", "proxy-authenticate", "session-expires", "x", "min-se", "rseq", "rack", "require",
		"supported", "k", "allow", strings.ToLower(newCallHeader),
	}, strings.ToLower(name))
}

func describe(m message, method string) Message {
	d := Message{Method: method, Body: bodyOf(m)}
	if res, ok := m.(*sip.Response); ok {
		d.Status, d.Reason = res.StatusCode, res.Reason
	}
	for _, header := range m.Headers() {
		if !owned(header.Name()) {
			d.Headers = append(d.Headers, Header{Name: header.Name(), Value: header.Value()})
		}
	}
	return d
}

// carry puts headers and body of the layers above into a message.
func carry(m sip.Message, headers Headers, body Body) error {
	for _, header := range headers {
		if owned(header.Name) || header.Name == "" || strings.ContainsAny(header.Name, " :\r\n\t") {
			return fmt.Errorf("%w: header %q can't be set from outside", ErrBadMessage, header.Name)
		}
		if strings.ContainsAny(header.Value, "\r\n\x00") {
			return fmt.Errorf("%w: header %s has a line break in its value", ErrBadMessage, header.Name)
		}
		m.AppendHeader(sip.NewHeader(header.Name, header.Value))
	}
	if !body.Empty() {
		m.AppendHeader(sip.NewHeader("Content-Type", body.Type))
	}
	m.SetBody(body.Data)
	return nil
}
