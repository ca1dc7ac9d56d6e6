package bayeux

import (
	"crypto/rand"
	"encoding/binary"
	"time"
)

// advice tells the client how to go on. Clients replace what they had by what they get, field by field from their own
// defaults, so every advice is complete.
type advice struct {
	Reconnect       string `json:"reconnect"`
	Interval        int64  `json:"interval"`
	Timeout         int64  `json:"timeout"`
	MaxInterval     int64  `json:"maxInterval"`
	MultipleClients bool   `json:"multiple-clients,omitempty"`
}

const (
	// reconnectRetry: send the next connect.
	reconnectRetry = "retry"
	// reconnectHandshake: the session is gone. Only failed handshakes and connects may say so: clients keep an advice,
	// and stumble over this one when the next connect succeeds.
	reconnectHandshake = "handshake"
	// reconnectNone: stop.
	reconnectNone = "none"
)

// closingInterval keeps clients from hammering a server that is about to go away.
const closingInterval = time.Second

func (s *Server) advise(reconnect string, interval time.Duration) *advice {
	return &advice{
		Reconnect:   reconnect,
		Interval:    interval.Milliseconds(),
		Timeout:     s.opts.Timeout.Milliseconds(),
		MaxInterval: s.opts.MaxInterval.Milliseconds(),
	}
}

// adviseHandshake is for clients whose session is unknown. All of them come at once after a restart.
func (s *Server) adviseHandshake() *advice {
	return s.advise(reconnectHandshake, spread(s.opts.RehandshakeSpread))
}

// spread draws a duration from [0, limit).
func spread(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return time.Duration(float64(limit) * (float64(binary.BigEndian.Uint32(b[:])) / (1 << 32)))
}
