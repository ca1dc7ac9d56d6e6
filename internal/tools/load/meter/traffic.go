package meter

import (
	"encoding/binary"
	"sync/atomic"
	"time"
)

// PayloadSize is a frame of 20 ms of G.711.
const PayloadSize = 160

// magic begins the payload of a packet of ours. What follows: leg, time of sending, time at the echo.
const magic = 0x5351_4c44

// Traffic counts the packets of a run that were sent while the window was open, wherever and whenever they came back.
type Traffic struct {
	begin       time.Time
	opens, ends atomic.Int64 // nanoseconds since begin

	Sent, Heard   atomic.Uint64
	Up, Down, All Times // to the echo, from the echo, there and back

	arrived []atomic.Int64 // by leg: when its first packet was at the echo, or back if the echo is not ours
}

// NewTraffic is for a number of legs. Its window is closed.
func NewTraffic(legs int) *Traffic {
	return &Traffic{begin: time.Now(), arrived: make([]atomic.Int64, legs)}
}

// Open begins the measurement, Shut ends it. Packets that are under way then may still come home.
func (t *Traffic) Open() {
	t.ends.Store(int64(1 << 62))
	t.opens.Store(t.now())
}

// Shut ends it.
func (t *Traffic) Shut() { t.ends.Store(t.now()) }

func (t *Traffic) now() int64 { return max(int64(time.Since(t.begin)), 1) }

func (t *Traffic) counts(stamp int64) bool {
	opens := t.opens.Load()
	return opens != 0 && stamp >= opens && stamp < t.ends.Load()
}

// Stamp writes a payload for a leg.
func (t *Traffic) Stamp(payload []byte, leg int) {
	now := t.now()
	binary.BigEndian.PutUint32(payload, magic)
	binary.BigEndian.PutUint32(payload[4:], uint32(leg)) //nolint:gosec // legs are hundreds
	binary.BigEndian.PutUint64(payload[8:], uint64(now)) //nolint:gosec // positive
	binary.BigEndian.PutUint64(payload[16:], 0)
	if t.counts(now) {
		t.Sent.Add(1)
	}
}

// Echoed is called by our echo with a payload that came there. It stamps it once more.
func (t *Traffic) Echoed(payload []byte) {
	leg, sent, _, ok := t.read(payload)
	if !ok {
		return
	}
	now := t.now()
	binary.BigEndian.PutUint64(payload[16:], uint64(now)) //nolint:gosec // positive
	t.arrived[leg].CompareAndSwap(0, now)
	if t.counts(sent) {
		t.Up.Add(time.Duration(now - sent))
	}
}

// Returned is called by a leg with a payload that came back, and says whether it was its own.
func (t *Traffic) Returned(payload []byte, leg int) bool {
	from, sent, echoed, ok := t.read(payload)
	if !ok || from != leg {
		return false
	}
	now := t.now()
	t.arrived[leg].CompareAndSwap(0, now)
	if t.counts(sent) {
		t.Heard.Add(1)
		t.All.Add(time.Duration(now - sent))
		if echoed != 0 {
			t.Down.Add(time.Duration(now - echoed))
		}
	}
	return true
}

// Arrived is when the leg's first packet was at the far end, and false while it wasn't.
func (t *Traffic) Arrived(leg int) (time.Time, bool) {
	at := t.arrived[leg].Load()
	return t.begin.Add(time.Duration(at)), at != 0
}

// Lost is how many packets have not come back. It is final when nothing is under way any more.
func (t *Traffic) Lost() uint64 {
	sent, heard := t.Sent.Load(), t.Heard.Load()
	if heard > sent {
		return 0
	}
	return sent - heard
}

func (t *Traffic) read(payload []byte) (leg int, sent, echoed int64, ok bool) {
	if len(payload) != PayloadSize || binary.BigEndian.Uint32(payload) != magic {
		return 0, 0, 0, false
	}
	leg = int(binary.BigEndian.Uint32(payload[4:]))
	sent, echoed = int64(binary.BigEndian.Uint64(payload[8:])), int64(binary.BigEndian.Uint64(payload[16:])) //nolint:gosec // as Stamp wrote them
	return leg, sent, echoed, leg < len(t.arrived)
}
