package bayeux

import (
	"encoding/json"
	"math"
	"time"
)

// The extensions that the CometD clients bring along: "ack" (what arrived is acknowledged, what didn't is sent again) and
// "timesync" (the client learns how far its clock is off). Neither does anything unless the client asks.

// clockTolerance is the error below which a client that knows its lag is not corrected, as in the reference server.
const clockTolerance = 25 * time.Millisecond

type requestExt struct {
	Ack      json.RawMessage `json:"ack"`
	Timesync json.RawMessage `json:"timesync"`
}

type replyExt struct {
	Ack      any        `json:"ack,omitempty"`
	Timesync *clockSync `json:"timesync,omitempty"`
}

// ackOffer is the longer of the two forms in which the ack extension is negotiated.
type ackOffer struct {
	Enabled bool  `json:"enabled"`
	Batch   int64 `json:"batch"`
}

func parseExt(raw json.RawMessage) requestExt {
	var e requestExt
	if len(raw) > 0 {
		_ = json.Unmarshal(raw, &e) // an ext is free-form: what isn't ours is no mistake
	}
	return e
}

// wantsAcks reads a handshake's ext: "ack":true, or "ack":{"enabled":true}.
func wantsAcks(ext json.RawMessage) bool {
	ack := parseExt(ext).Ack
	if string(ack) == "true" {
		return true
	}
	var offer ackOffer
	return json.Unmarshal(ack, &offer) == nil && offer.Enabled
}

// handshakeExt agrees to acknowledgements in the form in which the client asked.
func (m *message) handshakeExt() *replyExt {
	e := replyExt{Timesync: m.clockSync()}
	if wantsAcks(m.Ext) {
		e.Ack = true
		if ack := parseExt(m.Ext).Ack; ack[0] == '{' {
			e.Ack = ackOffer{Enabled: true}
		}
	}
	return e.orNil()
}

// connectExt numbers the reply, unless batch is zero.
func (m *message) connectExt(batch int64) *replyExt {
	e := replyExt{Timesync: m.clockSync()}
	if batch > 0 {
		e.Ack = batch
	}
	return e.orNil()
}

func (e replyExt) orNil() *replyExt {
	if e.Ack == nil && e.Timesync == nil {
		return nil
	}
	return &e
}

// acknowledged is the number of the last connect reply that the client has seen, zero if it doesn't say.
func (m *message) acknowledged() int64 {
	var n int64
	if json.Unmarshal(parseExt(m.Ext).Ack, &n) != nil {
		return 0
	}
	return n
}

// sent is an event that was written and not acknowledged. Its batch is the first that it was part of: all later ones held
// it, too, until it was acknowledged.
type sent struct {
	batch int64
	*packet
}

func (s *Session) acknowledgeLocked(batch int64) {
	if batch > s.batch {
		return // a number that was never sent means nothing
	}
	done := 0
	for done < len(s.unacked) && s.unacked[done].batch <= batch {
		s.owed = s.owed.minus(load{1, s.unacked[done].size()})
		done++
	}
	s.unacked = forget(s.unacked, done)
}

// arrivedLocked is the number of the last batch of which nothing is to be sent again.
func (s *Session) arrivedLocked() int64 {
	if len(s.unacked) > 0 {
		return s.unacked[0].batch - 1
	}
	return s.batch
}

// nextBatchLocked moves the queue behind what was sent already, and returns all of it.
func (s *Session) nextBatchLocked() []*packet {
	s.batch++
	for _, p := range s.queue {
		s.unacked = append(s.unacked, sent{s.batch, p})
	}
	s.queue = nil
	events := make([]*packet, len(s.unacked))
	for i := range s.unacked {
		events[i] = s.unacked[i].packet
	}
	return events
}

// clockSync is "timesync" in both directions; times are milliseconds since 1970 or apart.
type clockSync struct {
	TC float64  `json:"tc"`          // the client's clock as it sent
	TS int64    `json:"ts"`          // ours as we received
	P  int64    `json:"p"`           // how long we kept the message
	A  *float64 `json:"a,omitempty"` // how far the client's idea of our clock is off
}

// clockSync answers a request's timesync, nil if there is none or the client knows well enough. Clients that say nothing of
// lag (l) and offset (o) speak an older form, and get no a.
func (m *message) clockSync() *clockSync {
	var asked struct{ TC, L, O *float64 }
	raw := parseExt(m.Ext).Timesync
	if len(raw) == 0 || json.Unmarshal(raw, &asked) != nil || asked.TC == nil {
		return nil
	}
	received := m.received.UnixMilli()
	c := &clockSync{TC: *asked.TC, TS: received, P: time.Since(m.received).Milliseconds()}
	if asked.L == nil {
		return c
	}
	off := *asked.TC + *asked.L - float64(received)
	if asked.O != nil {
		off += *asked.O
	}
	if math.IsInf(off, 0) { // JSON has no word for it
		return nil
	}
	if *asked.L != 0 && math.Abs(off) < float64(clockTolerance.Milliseconds()) {
		return nil
	}
	c.A = &off
	return c
}
