package bayeux

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// ServeHTTP answers one request of the long-polling transport. All that is wrong inside a message is answered in
// a Bayeux reply with status 200; other statuses are for requests that are none.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would keep a small reply back
	if !s.admit(w, r) {
		return
	}
	switch r.Method {
	case http.MethodOptions:
		preflight(w, r)
		return
	case http.MethodPost:
	default:
		w.Header().Set("Allow", "OPTIONS, POST")
		http.Error(w, "Bayeux messages are sent by POST", http.StatusMethodNotAllowed)
		return
	}
	lp := &longPoll{server: s, w: w, r: r, control: http.NewResponseController(w)}
	messages, err := lp.read()
	if err != nil {
		lp.fail(err)
		return
	}
	if !s.enter() {
		lp.serveClosing(messages)
		return
	}
	defer s.exit()
	lp.serve(r.Context(), messages)
}

// longPoll is one request.
type longPoll struct {
	server  *Server
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
}

// read bounds the time that the body takes. net/http lifts the deadline when the body has been read, so that it doesn't
// end a hold.
func (lp *longPoll) read() ([]message, error) {
	_ = lp.control.SetReadDeadline(time.Now().Add(lp.server.opts.WriteTimeout))
	return readMessages(lp.w, lp.r, lp.server.opts.MaxMessageSize)
}

func (lp *longPoll) fail(err error) {
	status := http.StatusBadRequest
	text := err.Error()
	switch {
	case errors.Is(err, errTooLarge):
		status = http.StatusRequestEntityTooLarge
	case !errors.Is(err, ErrMalformed):
		text = "the request could not be read"
	}
	http.Error(lp.w, text, status)
}

// serve answers the messages in their order; a connect comes last. The array is [replies..., events..., reply to the
// connect].
func (lp *longPoll) serve(ctx context.Context, messages []message) {
	x := lp.server.exchange(lp.r)
	for i := range messages {
		if messages[i].Channel == metaHandshake {
			lp.serveHandshake(ctx, x, &messages[i]) // whatever came with it is ignored: it can't belong to a session yet
			return
		}
	}
	var answers []*reply
	var connect *message
	var session *Session
	for i := range messages {
		m := &messages[i]
		if m.Channel != metaConnect {
			answers = append(answers, x.answer(ctx, m))
			continue
		}
		found, refusal := lp.findConnect(ctx, x, m, connect != nil)
		if refusal != nil {
			answers = append(answers, refusal)
			continue
		}
		connect, session = m, found
	}
	if connect == nil {
		_ = lp.write(replies(answers...))
		return
	}
	lp.serveConnect(ctx, session, connect, len(messages) == 1, replies(answers...))
}

func (lp *longPoll) serveHandshake(ctx context.Context, x *exchange, m *message) {
	browser := browserOf(lp.r)
	fresh := browser == ""
	if fresh {
		browser = newID()
	}
	reply, session := x.handshake(ctx, m, browser)
	if session != nil && fresh {
		lp.server.setBrowser(lp.w, lp.r, browser)
	}
	_ = lp.write(replies(reply))
}

// findConnect checks a connect as far as that goes without waiting.
func (lp *longPoll) findConnect(ctx context.Context, x *exchange, m *message, second bool) (*Session, *reply) {
	s := lp.server
	refuse := func(wireError string, a *advice) (*Session, *reply) {
		r := m.fail(wireError)
		r.Advice = a
		return nil, r
	}
	if !m.validID() {
		return refuse(wireIDInvalid, s.advise(reconnectRetry, s.opts.Interval))
	}
	if second {
		return refuse(wireSecondConnect, s.advise(reconnectRetry, s.opts.Interval))
	}
	session, wireError := x.session(ctx, m)
	switch {
	case wireError == wireUnauthorized:
		return refuse(wireError, s.advise(reconnectNone, 0))
	case wireError != "":
		return refuse(wireError, s.adviseHandshake())
	case m.ConnectionType != "" && m.ConnectionType != typeLongPolling:
		return refuse(wireTransport, s.adviseHandshake())
	default:
		return session, nil
	}
}

// serveClosing answers after Close. The status stays 200: pages of other origins give a server up for good after
// a handshake that failed below Bayeux.
func (lp *longPoll) serveClosing(messages []message) {
	answers := make([]*reply, 0, len(messages))
	for i := range messages {
		r := messages[i].fail(wireClosing)
		switch messages[i].Channel {
		case metaHandshake:
			r.Advice = lp.server.advise(reconnectHandshake, closingInterval)
		case metaConnect:
			r.Advice = lp.server.advise(reconnectRetry, closingInterval)
		}
		answers = append(answers, r)
	}
	_ = lp.write(replies(answers...))
}

// replies encodes replies; all their fields are of kinds that can be encoded.
func replies(list ...*reply) []json.RawMessage {
	encoded := make([]json.RawMessage, 0, len(list))
	for _, r := range list {
		if raw, err := json.Marshal(r); err == nil {
			encoded = append(encoded, raw)
		}
	}
	return encoded
}

// write sends one array and returns an error if it can't have reached the client.
func (lp *longPoll) write(members []json.RawMessage) error {
	size := len(members) + 1
	for _, m := range members {
		size += len(m)
	}
	body := append(make([]byte, 0, size), '[')
	for i, m := range members {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, m...)
	}
	body = append(body, ']')
	_ = lp.control.SetWriteDeadline(time.Now().Add(lp.server.opts.WriteTimeout))
	h := lp.w.Header()
	h.Set("Content-Type", "application/json;charset=UTF-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if _, err := lp.w.Write(body); err != nil {
		return fmt.Errorf("writing a reply: %w", err)
	}
	if err := lp.control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("flushing a reply: %w", err)
	}
	return nil
}
