package sip

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// screened is what the door needs to know of a message.
type screened struct {
	method string // "" for a response
	branch string // of a request's top Via
}

// harmless messages are taken from anybody.
func (s screened) harmless() bool { return s.method == "REGISTER" || s.method == "OPTIONS" }

// screen checks that a message has what the transaction layer and the dialogs
// read without asking (RFC 3261 section 8.1.1): a message without it is answered
// or dropped at the door.
func screen(data []byte) (screened, error) {
	msg, err := sip.ParseMessage(data)
	if err != nil {
		return screened{}, fmt.Errorf("%w: %w", ErrBadMessage, err)
	}
	m, ok := msg.(message)
	if !ok {
		return screened{}, fmt.Errorf("%w: neither request nor response", ErrBadMessage)
	}
	if err := usable(m); err != nil {
		return screened{}, err
	}
	if req, ok := msg.(*sip.Request); ok {
		return screened{method: string(req.Method), branch: req.Via().Params.GetOr("branch", "")}, nil
	}
	return screened{}, nil
}

func usable(m message) error {
	if err := complete(m); err != nil {
		return err
	}
	switch m := m.(type) {
	case *sip.Request:
		return completeRequest(m)
	case *sip.Response:
		if m.StatusCode < 100 || m.StatusCode > 699 {
			return fmt.Errorf("%w: status %d, must be 100 to 699", ErrBadMessage, m.StatusCode)
		}
	}
	return nil
}

// message is what sipgo's requests and responses have in common.
type message interface {
	sip.Message
	Via() *sip.ViaHeader
	From() *sip.FromHeader
	To() *sip.ToHeader
	CallID() *sip.CallIDHeader
	CSeq() *sip.CSeqHeader
	Contact() *sip.ContactHeader
	GetHeader(name string) sip.Header
	GetHeaders(name string) []sip.Header
	RemoveHeader(name string) bool
	Headers() []sip.Header
}

func complete(m message) error {
	missing := ""
	switch {
	case m.Via() == nil:
		missing = "Via"
	case m.From() == nil:
		missing = "From"
	case m.To() == nil:
		missing = "To"
	case m.CallID() == nil || m.CallID().Value() == "":
		missing = "Call-ID"
	case m.CSeq() == nil:
		missing = "CSeq"
	}
	if missing != "" {
		return fmt.Errorf("%w: no %s", ErrBadMessage, missing)
	}
	for _, name := range []string{"From", "To", "Call-ID", "CSeq", "Content-Length", "Max-Forwards"} {
		if len(m.GetHeaders(name)) > 1 {
			return fmt.Errorf("%w: more than one %s", ErrBadMessage, name)
		}
	}
	return nil
}

// protocolError is a request that is refused with another status than 400.
type protocolError struct {
	status int
	reason string
	detail string
}

func (e *protocolError) Error() string { return ErrBadMessage.Error() + ": " + e.detail }
func (e *protocolError) Unwrap() error { return ErrBadMessage }

// refusalFor is what the sender of a bad request is told.
func refusalFor(err error) answer {
	if bad, ok := errors.AsType[*protocolError](err); ok {
		return refuse(bad.status, bad.reason)
	}
	return refuse(400, "Bad Request")
}

func completeRequest(req *sip.Request) error {
	switch branch := req.Via().Params.GetOr("branch", ""); {
	case req.SipVersion != "SIP/2.0":
		return &protocolError{505, "Version Not Supported", fmt.Sprintf("version %q, must be SIP/2.0", req.SipVersion)}
	case req.CSeq().MethodName != req.Method:
		return fmt.Errorf("%w: CSeq says %q, the request line %q", ErrBadMessage, req.CSeq().MethodName, req.Method)
	case !strings.HasPrefix(branch, sip.RFC3261BranchMagicCookie):
		return fmt.Errorf("%w: the branch of the Via does not start with %s", ErrBadMessage, sip.RFC3261BranchMagicCookie)
	case len(branch) == len(sip.RFC3261BranchMagicCookie): // RFC 4475 section 3.2.1
		return fmt.Errorf("%w: the branch of the Via is nothing but %s", ErrBadMessage, branch)
	case !strings.EqualFold(req.Recipient.Scheme, "sip") && !strings.EqualFold(req.Recipient.Scheme, "sips"):
		return &protocolError{416, "Unsupported URI Scheme", "the Request-URI is no sip: or sips: URI"}
	case req.Recipient.Host == "":
		return fmt.Errorf("%w: the Request-URI has no host", ErrBadMessage)
	}
	return nil
}

// keepAlive recognises RFC 5626 section 3.5.1: a double CRLF is answered with one, a single one is such an answer.
func keepAlive(msg []byte) (pong []byte, ok bool) {
	if len(bytes.Trim(msg, "\r\n\x00")) > 0 {
		return nil, false
	}
	if bytes.Equal(msg, []byte("\r\n\r\n")) {
		return []byte("\r\n"), true
	}
	return nil, true
}

// refusal builds a response to a request that sipgo must not see, from the
// request's own header lines. It returns nil for what must not be answered: a
// response, an ACK, or bytes without the lines that would bring an answer home.
func refusal(msg []byte, because answer) []byte {
	head, _, _ := bytes.Cut(msg, []byte("\r\n\r\n"))
	lines := strings.Split(strings.ToValidUTF8(string(head), "?"), "\r\n")
	start := strings.Fields(lines[0])
	if len(start) < 2 || strings.HasPrefix(start[0], "SIP/") || start[0] == "ACK" {
		return nil
	}
	var out strings.Builder
	out.WriteString("SIP/2.0 " + strconv.Itoa(because.status) + " " + because.reason + "\r\n")
	seen := make([]string, 0, 8)
	for _, line := range lines[1:] {
		name, _, ok := strings.Cut(line, ":")
		full, wanted := echoed(strings.ToLower(strings.TrimSpace(name)))
		if !ok || !wanted || full != "via" && slices.Contains(seen, full) {
			continue
		}
		seen = append(seen, full)
		if full == "to" && !strings.Contains(strings.ToLower(line), ";tag=") {
			line += ";tag=refused" // RFC 3261 section 8.2.6.2: the same each time
		}
		out.WriteString(line + "\r\n")
	}
	if !slices.Contains(seen, "via") || !slices.Contains(seen, "cseq") || !slices.Contains(seen, "call-id") {
		return nil
	}
	out.WriteString("Content-Length: 0\r\n\r\n")
	return []byte(out.String())
}

// echoed says which headers a response repeats, and their names without the compact forms.
func echoed(name string) (string, bool) {
	switch name {
	case "v", "via":
		return "via", true
	case "f", "from":
		return "from", true
	case "t", "to":
		return "to", true
	case "i", "call-id":
		return "call-id", true
	case "cseq":
		return "cseq", true
	}
	return "", false
}
