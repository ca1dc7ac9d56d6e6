package bayeux

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/websocket"
)

// ServeHTTP answers one request of the long-polling transport, or makes a WebSocket of it. All that is wrong inside
// a message is answered in a Bayeux reply; other statuses than 200 are for requests that hold no messages.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would keep a small reply back
	if !s.admit(w, r) {
		return
	}
	switch {
	case r.Method == http.MethodOptions:
		preflight(w, r)
		return
	case r.Method == http.MethodPost:
	case s.opts.WebSocket && websocket.IsWebSocketUpgrade(r):
		s.serveWebSocket(w, r)
		return
	default: // an upgrade included: clients fall back to long-polling at once
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
	return readMessages(lp.w, lp.r, lp.server.opts.MaxMessageSize, lp.server.opts.MaxBatch)
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

// serve answers with the array [replies..., events..., reply to the connect].
func (lp *longPoll) serve(ctx context.Context, messages []message) {
	x := &exchange{server: lp.server, r: lp.r, transport: typeLongPolling, browser: browserOf(lp.r)}
	fresh := x.browser == ""
	if fresh {
		x.browser = newID()
	}
	out := x.handle(ctx, messages)
	if out.opened != nil && fresh {
		http.SetCookie(lp.w, lp.server.browserCookie(lp.r, x.browser))
	}
	if out.connect == nil {
		_ = lp.write(replies(out.replies...))
		return
	}
	lp.serveConnect(ctx, &out)
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
func replies(list ...*reply) []*packet {
	encoded := make([]*packet, 0, len(list))
	for _, r := range list {
		if raw, err := json.Marshal(r); err == nil {
			encoded = append(encoded, &packet{data: raw})
		}
	}
	return encoded
}

// write sends one array and returns an error if it can't have reached the client.
func (lp *longPoll) write(list []*packet) error {
	lp.expire(lp.server.opts.WriteTimeout)
	return lp.send(list)
}

// expire bounds the writing.
func (lp *longPoll) expire(after time.Duration) {
	_ = lp.control.SetWriteDeadline(time.Now().Add(after))
}

func (lp *longPoll) send(list []*packet) error {
	body := appendArray(make([]byte, 0, weigh(list).bytes+len(list)+1), list)
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
