package bayeux

import (
	"slices"
	"strconv"
	"time"

	"github.com/gorilla/websocket"
)

// A network that is cut swallows what is written to a WebSocket, for as long as it takes the client to notice: minutes of
// events. So what left on a socket is kept until the client's end is known to have it, and goes to the head of the queue
// when the session comes back on another connection. Two things tell: a connect over the same socket, which the client
// sent having read the reply of the one before, and the pong to a ping behind the events, which every WebSocket
// implementation sends (RFC 6455, 5.5.2).

// pingPeriod is the least time between two pings: what confirms must cost little beside what it confirms.
const pingPeriod = time.Second

// flight is what left on a session's socket and isn't known to have arrived. Its events are numbered from 1.
type flight struct {
	events  []*packet
	end     int64 // number of the last event that left
	replied int64 // number of the last event that left before, or with, the last reply to a connect
	dropped int64 // number of the last event that there was no room to keep
	leaving int   // how many of the last events are being written
}

func (f *flight) leave(events []*packet) {
	f.end += int64(len(events))
	f.events = append(f.events, events...)
	f.leaving = len(events)
}

// arrived forgets the events up to the number.
func (f *flight) arrived(n int64) (gone load) {
	if n >= f.dropped {
		f.dropped = 0
	}
	return f.forget(min(max(n, 0), f.end) - (f.end - int64(len(f.events))))
}

// drop forgets all that was written: there is no room.
func (f *flight) drop() (gone load) {
	if written := len(f.events) - f.leaving; written > 0 {
		f.dropped = f.end - int64(f.leaving)
		return f.forget(int64(written))
	}
	return load{}
}

// forget drops the first n events, none if that is negative.
func (f *flight) forget(n int64) (gone load) {
	if n <= 0 {
		return load{}
	}
	gone = weigh(f.events[:n])
	f.events = forget(f.events, int(n))
	return gone
}

// forget drops the first n of a list, and lets the memory go.
func forget[T any](list []T, n int) []T {
	if n == len(list) {
		return nil
	}
	return slices.Delete(list, 0, n)
}

// last takes back the n events that left last.
func (f *flight) last(n int) []*packet {
	n = min(n, len(f.events))
	rest := len(f.events) - n
	back := f.events[rest:]
	f.events = f.events[:rest:rest]
	f.end -= int64(n)
	return back
}

// all takes back everything; complete is false if some of it was not kept.
func (f *flight) all() (events []*packet, complete bool) {
	events, complete = f.events, f.dropped == 0
	*f = flight{end: f.end, replied: f.end}
	return events, complete
}

// confirm is told that the events up to the number have arrived over the socket.
func (s *Session) confirm(k *socket, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.place == k {
		s.owed = s.owed.minus(s.flight.arrived(n))
	}
}

// unconfirmed returns the number of the last event that left on the socket, zero if all are known to have arrived.
func (s *Session) unconfirmed(k *socket) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.place != k || (len(s.flight.events) == 0 && s.flight.dropped == 0) {
		return 0
	}
	return s.flight.end
}

// pinger asks for confirmation of what was pushed, one ping at a time. It belongs to a socket's writer.
type pinger struct {
	timer   *time.Timer
	session *Session // which the ping under way is about, nil if there is none
	last    time.Time
}

// ping is called after events were pushed.
func (k *socket) ping() {
	p := &k.pinger
	if p.session != nil || k.session == nil {
		return
	}
	n := k.session.unconfirmed(k)
	if n == 0 {
		return
	}
	if wait := pingPeriod - time.Since(p.last); wait > 0 {
		p.timer.Reset(wait)
		return
	}
	p.session, p.last = k.session, time.Now()
	// An error shows at the next frame.
	_ = k.conn.WriteControl(websocket.PingMessage, strconv.AppendInt(nil, n, 10), p.last.Add(k.server.opts.WriteTimeout))
}

// ponged reads what the client's end sent back, and asks again if more has left since.
func (k *socket) ponged(n int64) {
	p := &k.pinger
	if p.session != nil && p.session == k.session {
		k.session.confirm(k, n)
	}
	p.session = nil
	k.ping()
}

// onPong hands a pong to the writer. It never waits for it: the client may be busy writing pongs while the writer waits for
// the client to read. One that nobody asked for may take another's place, which then goes unheard: the client's connects
// confirm as well.
func (k *socket) onPong(data string) error {
	n, err := strconv.ParseInt(data, 10, 64)
	if err != nil {
		return nil //nolint:nilerr // RFC 6455, 5.5.3: a pong that nobody asked for means nothing
	}
	select {
	case k.pongs <- n:
	default:
	}
	return nil
}
