package bayeux

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/gorilla/websocket"
)

// maxFrame is where a frame of several messages ends and the next begins.
const maxFrame = 64 << 10

// heldConnect is the connect that a socket has not answered yet.
type heldConnect struct {
	h        *hold
	m        *message
	interval time.Duration
	due      bool // it is answered now, events or not
	fresh    bool // it came with the frame being answered, after the other messages
}

// write is the writer. It ends with the reader, when the server closes, or when a frame can't be written.
func (k *socket) write() {
	defer close(k.done)
	defer k.leave()
	k.timer, k.pinger.timer = newTimer(), newTimer()
	defer k.timer.Stop()
	defer k.pinger.timer.Stop()
	for {
		err := k.step()
		switch {
		case err == nil:
		case errors.Is(err, errServerClosed):
			k.sendClose(&websocket.CloseError{Code: websocket.CloseGoingAway, Text: "the server is closing"})
			_ = k.conn.SetReadDeadline(time.Now().Add(closeGrace))
			return
		default:
			k.failed(err)
			return
		}
	}
}

// newTimer is one that doesn't run yet.
func newTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// step waits for something to do and does it.
func (k *socket) step() error {
	var superseded <-chan struct{}
	if k.held != nil {
		superseded = k.held.h.superseded
	}
	select {
	case out := <-k.in:
		return k.answer(out)
	case <-k.wake:
		return k.flush(nil)
	case <-k.timer.C:
		k.held.due = true
		return k.flush(nil)
	case n := <-k.pongs:
		k.ponged(n)
		return nil
	case <-k.pinger.timer.C:
		k.ping()
		return nil
	case <-superseded:
		return k.flush(replies(k.giveUp()))
	case <-k.server.closed:
		if err := k.flush(nil); err != nil {
			return err
		}
		return errServerClosed
	case <-k.gone:
		return errGone
	}
}

// answer sends what came of a frame. The reply of a handshake travels alone.
func (k *socket) answer(out *outcome) error {
	if out.handshake {
		if err := k.flush(nil); err != nil {
			return err
		}
		_, err := k.send(replies(out.replies...))
		return err
	}
	list := out.replies
	if out.connect != nil {
		list = append(k.begin(out), list...)
	}
	return k.flush(replies(list...))
}

// begin makes a connect the one that the socket holds, and returns what that leads to: the end of the one before.
func (k *socket) begin(out *outcome) (list []*reply) {
	if k.held != nil {
		list = append(list, k.giveUp())
	}
	if k.session != out.session {
		k.leave()
		k.session = out.session
	}
	h, first := k.session.beginConnect(k, out.connect, nil)
	if h == nil && k.session.Reason() == ReasonDisconnect { // the reader has gone on to the disconnect that came behind it
		return append(list, k.server.connectReply(out.connect, taken{reason: ReasonDisconnect}, 0))
	}
	if h == nil {
		return append(list, k.server.connectUnknown(out.connect))
	}
	timeout, interval := k.server.patience(out.connect)
	k.held = &heldConnect{h: h, m: out.connect, interval: interval, fresh: true, due: !out.alone || first || timeout == 0}
	k.timer.Reset(timeout)
	return list
}

// giveUp answers the held connect because there is a newer one.
func (k *socket) giveUp() *reply {
	r := k.held.m.fail(wireConnectDuplicated)
	r.Advice = k.server.advise(reconnectRetry, k.held.interval)
	k.release(false, false)
	return r
}

// release ends the hold.
func (k *socket) release(answered, told bool) {
	k.timer.Stop()
	k.session.endConnect(k.held.h, k, k.held.interval, answered, told)
	k.held = nil
}

// leave makes the socket nobody's.
func (k *socket) leave() {
	if k.session == nil {
		return
	}
	if k.held != nil {
		k.release(false, false)
	}
	k.session.detach(k)
	k.session = nil
}

// flush sends the session's events, the reply of the held connect if it is due, and the other replies.
func (k *socket) flush(others []*packet) error {
	if k.session == nil {
		_, err := k.send(others)
		return err
	}
	select {
	case k.session.turn <- struct{}{}:
	case <-k.gone:
		return errGone
	}
	defer func(s *Session) { <-s.turn }(k.session)

	var h *hold
	due := false
	if k.held != nil {
		h, due = k.held.h, k.held.due
	}
	t, answer := k.session.takeFor(k, h, due)
	members := t.events
	if answer && !k.held.fresh {
		members = append(members, replies(k.server.connectReply(k.held.m, t, k.held.interval))...)
	}
	members = append(members, others...)
	if answer && k.held.fresh {
		members = append(members, replies(k.server.connectReply(k.held.m, t, k.held.interval))...)
	}
	written, err := k.send(members)
	k.session.land(t, min(written, len(t.events)))
	if err != nil {
		return err
	}
	k.settle(t, answer)
	return nil
}

// settle is what follows once it was written.
func (k *socket) settle(t taken, answer bool) {
	if k.held != nil {
		k.held.fresh = false
	}
	if answer {
		k.release(true, t.reason != "")
	} else if len(t.events) > 0 {
		k.ping()
	}
	if t.reason != "" { // a farewell may have been pushed without a connect
		k.session.finish()
		k.leave()
	}
}

// send writes messages, several per frame, and returns how many were written.
func (k *socket) send(members []*packet) (written int, err error) {
	for written < len(members) {
		n, size := 0, 0
		for written+n < len(members) && (n == 0 || size+members[written+n].size() < maxFrame) {
			size += members[written+n].size()
			n++
		}
		k.frame = appendArray(slices.Grow(k.frame[:0], size+n+1), members[written:written+n])
		_ = k.conn.SetWriteDeadline(time.Now().Add(k.server.opts.WriteTimeout))
		err := k.conn.WriteMessage(websocket.TextMessage, k.frame)
		if cap(k.frame) > socketBuffer {
			k.frame = nil // idle sockets keep no large buffers
		}
		if err != nil {
			return written, fmt.Errorf("writing a frame: %w", err)
		}
		written += n
	}
	return written, nil
}

// failed ends the socket, and with it the session of a client that has stopped reading: its events pile up otherwise until
// the queue overflows. A session that goes on elsewhere is not to blame.
func (k *socket) failed(err error) {
	if isTimeout(err) && k.session != nil {
		s := k.session
		s.endIf(ReasonSlow, false, func() bool { return s.place == k })
	}
	_ = k.conn.Close()
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// abandon ends the write under way, if there is one: the client has come back elsewhere, and what is being written stands
// before what it waits for. It never blocks.
func (k *socket) abandon() { _ = k.conn.NetConn().SetWriteDeadline(time.Now()) }
