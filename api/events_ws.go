package api

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"sidecar/cti/follow"
)

// socketMaxRead is enough for clients that have nothing to say.
const socketMaxRead = 1 << 10

// maxCloseReason is what a close frame has room for, RFC 6455 section 5.5.
const maxCloseReason = 123

// eventsSocket serves the stream by WebSocket. Clients have nothing to say; who answers no ping has gone.
func (s *server) eventsSocket(ctx context.Context, cancel context.CancelCauseFunc, w http.ResponseWriter, r *http.Request, st *eventStream) error {
	upgrader := websocket.Upgrader{
		Subprotocols: []string{EventsProtocol},
		CheckOrigin:  func(*http.Request) bool { return true }, // checkPage has
		Error: func(w http.ResponseWriter, r *http.Request, status int, reason error) {
			s.answer(w, r, newProblem(status, codeOfStatus(status), reason.Error()))
		},
	}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return nil //nolint:nilerr // it has been answered
	}
	var wg sync.WaitGroup
	wg.Go(func() { cancel(readSilent(conn, 3*st.events.o.Beat)) })
	st.serve(ctx, &socketSink{conn: conn})
	_ = conn.Close() // which ends the reader; the closing handshake was begun if it could be
	wg.Wait()
	return nil
}

// readSilent notices that the client has gone.
func readSilent(conn *websocket.Conn, idle time.Duration) error {
	alive := func(string) error { return conn.SetReadDeadline(time.Now().Add(idle)) }
	conn.SetReadLimit(socketMaxRead)
	conn.SetPongHandler(alive)
	if err := alive(""); err != nil {
		return err
	}
	for {
		if _, _, err := conn.NextReader(); err != nil {
			return err
		}
	}
}

type socketSink struct{ conn *websocket.Conn }

func (s *socketSink) begin() error { return nil }

func (s *socketSink) send(m *follow.Message) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(eventsWrite)); err != nil {
		return err
	}
	return s.conn.WriteMessage(websocket.TextMessage, m.Data)
}

func (s *socketSink) flush() error { return nil }

func (s *socketSink) beat() error {
	return s.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(eventsWrite))
}

// end closes with the code of RFC 6455 that fits and the reason's own code.
func (s *socketSink) end(why *Problem) {
	if why == nil {
		return
	}
	code := websocket.CloseInternalServerErr
	switch {
	case why.Code == "draining":
		code = websocket.CloseGoingAway
	case why.Status == http.StatusServiceUnavailable:
		code = websocket.CloseTryAgainLater
	case why.Status == http.StatusUnauthorized, why.Status == http.StatusForbidden:
		code = websocket.ClosePolicyViolation
	}
	reason := why.Code + ": " + why.Detail
	reason = reason[:min(len(reason), maxCloseReason)]
	_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(eventsWrite))
}
