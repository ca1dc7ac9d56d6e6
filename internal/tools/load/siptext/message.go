package siptext

import (
	"crypto/rand"
	"strconv"
	"strings"
)

// Message is a request or a response.
type Message struct {
	Start   string // first line
	Headers []string
	Body    string
}

// Parse takes a message apart. Anything becomes a Message; what was no SIP has no headers that anybody asks for.
func Parse(raw string) *Message {
	head, body, _ := strings.Cut(raw, "\r\n\r\n")
	start, rest, _ := strings.Cut(head, "\r\n")
	return &Message{Start: start, Headers: strings.Split(rest, "\r\n"), Body: body}
}

// Bytes is the message as it is sent, with its length and, if it has a body, the type of a session description.
func (m *Message) Bytes() []byte {
	lines := append([]string{m.Start}, m.Headers...)
	if m.Body != "" {
		lines = append(lines, "Content-Type: application/sdp")
	}
	lines = append(lines, "Content-Length: "+strconv.Itoa(len(m.Body)))
	return []byte(strings.Join(lines, "\r\n") + "\r\n\r\n" + m.Body)
}

// Status is that of a response, 0 for a request.
func (m *Message) Status() int {
	rest, ok := strings.CutPrefix(m.Start, "SIP/2.0 ")
	if !ok {
		return 0
	}
	code, _, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	if err != nil {
		return 0
	}
	return status
}

// Method is that of a request, or of the request that was answered.
func (m *Message) Method() string {
	if m.Status() == 0 {
		method, _, _ := strings.Cut(m.Start, " ")
		return method
	}
	_, method, _ := strings.Cut(m.Get("CSeq"), " ")
	return method
}

// Get is the first value of a header, or "".
func (m *Message) Get(name string) string {
	if all := m.All(name); len(all) > 0 {
		return all[0]
	}
	return ""
}

// All are the values of a header, one for each line.
func (m *Message) All(name string) []string {
	var values []string
	for _, line := range m.Headers {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(strings.TrimSpace(key), name) {
			values = append(values, strings.TrimSpace(value))
		}
	}
	return values
}

// Respond makes the response to a request; tag is ours, for requests that bring none.
func (m *Message) Respond(status int, reason, tag string, headers ...string) *Message {
	res := &Message{Start: "SIP/2.0 " + strconv.Itoa(status) + " " + reason}
	for _, name := range []string{"Via", "Record-Route", "From", "To", "Call-ID", "CSeq"} {
		for _, value := range m.All(name) {
			if name == "To" && status > 100 && !strings.Contains(value, ";tag=") {
				value += ";tag=" + tag
			}
			res.Headers = append(res.Headers, name+": "+value)
		}
	}
	res.Headers = append(res.Headers, headers...)
	return res
}

// URI is the address inside a header such as Contact, To or From.
func URI(header string) string {
	if _, rest, ok := strings.Cut(header, "<"); ok {
		header, _, _ = strings.Cut(rest, ">")
		return header
	}
	header, _, _ = strings.Cut(header, ";")
	return header
}

// Token is a new name for a branch, a tag or a Call-ID.
func Token() string { return rand.Text()[:16] }
