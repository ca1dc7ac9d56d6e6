package sip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"
)

// FlowID names one WebSocket of one browser for the life of the process.
type FlowID uint64

func (id FlowID) String() string { return fmt.Sprintf("flow-%d", uint64(id)) }

// syntheticPort is the port of every flow's address; the host part tells flows apart.
const syntheticPort = 5060

// addr is the address that sipgo knows the flow by: unique, and in the prefix
// that RFC 6666 sets aside for discarding, so that it could reach nobody.
func (id FlowID) addr() *net.TCPAddr {
	ip := netip.MustParseAddr("100::").As16()
	binary.BigEndian.PutUint64(ip[8:], uint64(id))
	return &net.TCPAddr{IP: ip[:], Port: syntheticPort}
}

// Flow is one WebSocket of a browser. One goroutine reads; one writes while there is something to write.
type Flow struct {
	id     FlowID
	source string // the synthetic address, as sipgo prints it
	peer   netip.Addr
	cookie string // credential of the upgrade request; never logged
	front  *front
	ws     *websocket.Conn
	bridge *bridge
	conn   *flowConn // for sipgo
	opts   *WebSocketOptions

	admitted chan struct{} // closed when a REGISTER has succeeded: anything goes from then on
	admit    func()        // closes it, once
	out      outbox
	done     chan struct{}
	closing  sync.Once
	starting sync.RWMutex // held by requests while sipgo starts their transactions, and against them as the flow ends
	cause    error        // why; set before done is closed
	code     int
}

// log is made when it is needed, which is seldom.
func (f *Flow) log() *slog.Logger { return f.front.log.With("flow", f.id.String()) }

// ID returns the flow's name.
func (f *Flow) ID() FlowID { return f.id }

// Peer returns the client's network address.
func (f *Flow) Peer() netip.Addr { return f.peer }

// Done is closed when the flow has ended.
func (f *Flow) Done() <-chan struct{} { return f.done }

// ended reports whether the flow is over, which the registrar may not have heard of yet.
func (f *Flow) ended() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// close ends the flow once; the first cause stays. It does not wait.
func (f *Flow) close(code int, cause error) {
	f.closing.Do(func() {
		f.code, f.cause = code, cause
		close(f.done)
		f.out.end()
	})
}

func (f *Flow) isAdmitted() bool {
	select {
	case <-f.admitted:
		return true
	default:
		return false
	}
}

// send queues a message for the writer. A client that doesn't read is closed, never waited for: it comes back and registers again.
func (f *Flow) send(msg []byte) error {
	select {
	case <-f.done:
		return ErrFlowGone
	default:
	}
	if !f.out.put(msg) { // if the flow ended just now this close is no news
		f.close(websocket.CloseTryAgainLater, errSlowClient)
		return fmt.Errorf("%w: %w", ErrFlowGone, errSlowClient)
	}
	return nil
}

// write is the flow's writer. The last one closes the socket, which ends the reader.
func (f *Flow) write() {
	for {
		work, more := f.out.take()
		switch {
		case !more:
			return
		case work.over:
			f.farewell(work.items)
			if err := f.ws.Close(); err != nil {
				f.log().Debug("websocket_close_failed", "error", err)
			}
			return
		}
		if err := f.perform(work); err != nil {
			f.close(websocket.CloseAbnormalClosure, fmt.Errorf("write: %w", err))
		}
	}
}

func (f *Flow) perform(w work) error {
	if err := f.flush(w.items); err != nil || !w.ping {
		return err
	}
	return f.ws.WriteControl(websocket.PingMessage, []byte(f.id.String()), f.writeDeadline()) //nolint:wrapcheck // wrapped by write
}

func (f *Flow) flush(items [][]byte) error {
	for _, msg := range items {
		if err := f.writeMessage(msg); err != nil {
			return err
		}
	}
	return nil
}

func (f *Flow) writeMessage(msg []byte) error {
	if err := f.ws.SetWriteDeadline(f.writeDeadline()); err != nil {
		return err //nolint:wrapcheck // wrapped by write
	}
	return f.ws.WriteMessage(websocket.TextMessage, msg) //nolint:wrapcheck // wrapped by write
}

// farewell sends what is queued (the last responses among it) and says why the flow ends.
func (f *Flow) farewell(items [][]byte) {
	if f.code == websocket.CloseAbnormalClosure || errors.Is(f.cause, errSlowClient) {
		return
	}
	if err := f.flush(items); err != nil {
		return
	}
	text := ""
	if f.cause != nil {
		text = f.cause.Error()
	}
	frame := websocket.FormatCloseMessage(f.code, text[:min(len(text), 120)]) // RFC 6455 section 5.5: 125 bytes with the code
	if err := f.ws.WriteControl(websocket.CloseMessage, frame, f.writeDeadline()); err != nil {
		f.log().Debug("websocket_close_frame_failed", "error", err)
	}
}

func (f *Flow) writeDeadline() time.Time { return time.Now().Add(f.opts.WriteTimeout) }

// read takes messages until the flow ends.
func (f *Flow) read() {
	f.ws.SetReadLimit(int64(f.opts.MessageLimit))
	alive := func() error {
		return f.ws.SetReadDeadline(time.Now().Add(f.opts.PingInterval + f.opts.PongTimeout))
	}
	f.ws.SetPongHandler(func(string) error { return alive() })
	limit := rate.NewLimiter(rate.Limit(f.opts.Rate), f.opts.Burst)
	spoilt := rate.NewLimiter(badMessageRate, badMessageBurst)
	for {
		if err := alive(); err != nil {
			f.close(websocket.CloseAbnormalClosure, fmt.Errorf("read: %w", err))
			return
		}
		_, msg, err := f.ws.ReadMessage()
		if err != nil {
			f.close(closeCode(err), fmt.Errorf("read: %w", err))
			return
		}
		if !limit.Allow() {
			f.close(websocket.ClosePolicyViolation, errRateLimit)
			return
		}
		if err := f.take(msg); err != nil {
			f.log().Debug("message_refused", "error", err)
			if !spoilt.Allow() {
				f.close(websocket.ClosePolicyViolation, errBadMessages)
				return
			}
		}
	}
}

// closeCode is the answer to what ended the reading. gorilla sends 1009 itself when a message is too long.
func closeCode(err error) int {
	closed, isClose := errors.AsType[*websocket.CloseError](err)
	switch {
	case errors.Is(err, websocket.ErrReadLimit):
		return websocket.CloseMessageTooBig
	case isClose && closed.Code != websocket.CloseAbnormalClosure && closed.Code != websocket.CloseNoStatusReceived:
		return websocket.CloseNormalClosure
	}
	return websocket.CloseAbnormalClosure
}

// take hands one message to sipgo, or answers it here when it must not get there.
func (f *Flow) take(msg []byte) error {
	if pong, ok := keepAlive(msg); ok {
		if pong != nil {
			return f.send(pong)
		}
		return nil
	}
	parsed, err := screen(msg)
	if err != nil {
		if answer := refusal(msg, refusalFor(err)); answer != nil {
			return errors.Join(err, f.send(answer))
		}
		return err
	}
	if !f.isAdmitted() && !parsed.harmless() {
		if answer := refusal(msg, refuse(403, "Register First")); answer != nil && parsed.method != "ACK" {
			return errors.Join(errUnregistered, f.send(answer))
		}
		return errUnregistered
	}
	return f.bridge.deliver(f, f.mark(msg, parsed.branch))
}

// mark makes the branch of a request the flow's own: sipgo tells transactions apart
// by branch and Via host only, both of the client's choice, and would give one client
// the answers to another. unmark takes it off the responses again.
func (f *Flow) mark(msg []byte, branch string) []byte {
	if branch == "" {
		return msg
	}
	param := []byte("branch=" + branch)
	return bytes.Replace(msg, param, append(param, f.branchMark()...), 1)
}

func (f *Flow) unmark(msg []byte) []byte {
	if !bytes.HasPrefix(msg, []byte("SIP/2.0 ")) {
		return msg
	}
	return bytes.Replace(msg, []byte(f.branchMark()), nil, 1)
}

func (f *Flow) branchMark() string { return ".sidecar-" + f.id.String() + "." }

var errUnregistered = errors.New("only REGISTER and OPTIONS are taken before a REGISTER has succeeded")

const (
	// A client may err now and then; a stream of rubbish ends the flow.
	badMessageRate  = 1.0
	badMessageBurst = 20
)
