package media

import "errors"

// What can be wrong, one sentence each; the wrapping error says where.
var (
	// ErrBadSDP means that a session description can't be read or lacks something this leg needs.
	ErrBadSDP = errors.New("bad session description")
	// ErrNoCodec means that the other side offers no audio codec that this leg may use.
	ErrNoCodec = errors.New("no common codec")
	// ErrNoOffer means that an answer came without an offer of ours.
	ErrNoOffer = errors.New("no offer is outstanding")
	// ErrNotNegotiated means that packets can't flow yet, because offer and answer are not complete.
	ErrNotNegotiated = errors.New("media is not negotiated yet")
	// ErrNoMedia means that a packet call named a media stream that the leg doesn't have.
	ErrNoMedia = errors.New("no such media stream")
	// ErrNoPort means that the port pool has no free pair.
	ErrNoPort = errors.New("no free RTP port")
	// ErrBadDigit means that a character is none of the 16 DTMF digits.
	ErrBadDigit = errors.New("no DTMF digit")
	// ErrNoDTMF means that the other side did not negotiate telephone-event.
	ErrNoDTMF = errors.New("telephone-event is not negotiated")
	// ErrTooManyDigits means that more digits wait to be sent than anybody presses.
	ErrTooManyDigits = errors.New("too many DTMF digits wait")
	// ErrTooLong means that a packet doesn't fit into a datagram.
	ErrTooLong = errors.New("packet is too long")
	// ErrNoTranscoder means that two legs have no codec in common and this program can't convert between theirs.
	ErrNoTranscoder = errors.New("no transcoder")
	// ErrClosed means that the leg, the session or the engine is closed.
	ErrClosed = errors.New("media is closed")
	// ErrConfig means that the settings of the engine can't work.
	ErrConfig = errors.New("media settings")
)
