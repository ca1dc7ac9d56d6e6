package api

import (
	"encoding/json"
	"net/http"
	"time"

	"sidecar/cti/follow"
)

// eventsRetry is how long an EventSource waits before it comes back.
const eventsRetry = "retry: 2000\n\n"

// sse writes server-sent events, as the HTML standard has them in section 9.2.
type sse struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func newSSE(w http.ResponseWriter) *sse {
	return &sse{w: w, control: http.NewResponseController(w)}
}

func (s *sse) begin() error {
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would collect what it is to pass on
	s.w.WriteHeader(http.StatusOK)
	return s.say(eventsRetry)
}

// send writes an event. A client that comes back by itself names the last id that it was given.
func (s *sse) send(m *follow.Message) error {
	text := make([]byte, 0, len(m.Data)+128)
	text = append(text, "event: "+m.Name+"\n"...)
	if !m.Cursor.IsZero() {
		text = append(text, "id: "+m.Cursor.String()+"\n"...)
	}
	text = append(text, "data: "...)
	text = append(text, m.Data...) // JSON of ours is one line
	text = append(text, "\n\n"...)
	s.limit()
	_, err := s.w.Write(text)
	return err
}

func (s *sse) flush() error {
	s.limit()
	return s.control.Flush()
}

func (s *sse) beat() error { return s.say(":\n\n") }

func (s *sse) say(text string) error {
	s.limit()
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}

// limit bounds how long the client may take nothing.
func (s *sse) limit() { _ = s.control.SetWriteDeadline(time.Now().Add(eventsWrite)) } // not every connection has one

// streamEnd is the last event of a stream that the client did not end.
type streamEnd struct {
	Event  string `json:"event"`
	Reason string `json:"reason"`
	Detail string `json:"detail"`
}

func (s *sse) end(why *Problem) {
	defer func() { _ = s.control.SetWriteDeadline(time.Time{}) }() // the connection may carry another request
	if why == nil {
		return
	}
	text, err := json.Marshal(streamEnd{"End", why.Code, why.Detail})
	if err == nil {
		_ = s.say("event: End\ndata: " + string(text) + "\n\n") // a client that went away
	}
}
