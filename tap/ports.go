package tap

import "context"

// Leg is a party whose sound can be had.
type Leg struct {
	Channel string // of the switch, opaque; a party whose channel changes gets another stream
	Party   string
	DN      string // empty for an outside party
	Number  string
	Role    string
}

// Calls says who is in a call. Changed is closed, or sent to, when that may have changed; then it is asked again. False: the
// call has ended.
type Calls interface {
	Legs(call string) (legs []Leg, changed <-chan struct{}, ok bool)
}

// Source gives what the party on a channel says. Ctx bounds the request, not the stream.
type Source interface {
	Tap(ctx context.Context, channel string) (Stream, error)
}

// Stream is the sound of a party: signed 16-bit little-endian samples, 16000 a second, 20 ms a frame. Frames is closed when
// no more come, by Close at the latest.
type Stream interface {
	Frames() <-chan []byte
	Close()
}
