package media

import (
	"math"
	"sync/atomic"

	"github.com/pion/rtp"

	"sidecar/internal/g711"
)

// floorDB is the level of digital silence, and of codecs that a Meter can't read.
const floorDB = -96

// Meter measures how loud a leg's G.711 is. Its Tap goes to SetTap; a leg without one does no work for it.
type Meter struct {
	level atomic.Uint64 // float64 bits of dBFS, 0 before the first packet
}

// Tap implements [Sink].
func (m *Meter) Tap(codec Codec, packet *rtp.Packet) {
	var decode func(byte) int16
	switch codec {
	case PCMU:
		decode = g711.DecodeULaw
	case PCMA:
		decode = g711.DecodeALaw
	case G722, Opus, Unknown, Event8k, Event48k, codecCount:
	}
	if decode == nil || len(packet.Payload) == 0 {
		return
	}
	var sum float64
	for _, octet := range packet.Payload {
		s := float64(decode(octet)) / 32768
		sum += s * s
	}
	level := max(floorDB, 10*math.Log10(sum/float64(len(packet.Payload))+1e-12))
	m.level.Store(math.Float64bits(level))
}

// Level is the RMS level of the last packet in dBFS.
func (m *Meter) Level() float64 {
	bits := m.level.Load()
	if bits == 0 {
		return floorDB
	}
	return math.Float64frombits(bits)
}
