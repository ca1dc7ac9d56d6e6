package phone

import (
	"net/netip"

	"sidecar/internal/tone"
)

// The decoders of what the network sends, for the fuzz tests.
var (
	ParseSDP  = parseSDP
	FormatSDP = formatSDP
	TakeInfo  = takeInfo
)

// Description is the parsed session description.
type Description = description

// Fields are the parsed description's parts, to compare.
func (d description) Fields() (addr string, codecs []Codec, dtmf uint8, direction Direction) {
	return d.addr.String(), d.codecs, d.dtmf, d.direction
}

// Next is the guard of the call's states.
func (s State) Next(to State) bool { return s.next(to) }

// AnswerTo is the answer to an offered direction.
func (d Direction) AnswerTo(theirs Direction) Direction { return d.answerTo(theirs) }

// TakeDatagrams gives datagrams to the RTP reader of a call and returns the digits it saw.
func TakeDatagrams(datagrams ...[]byte) (digits string, samples int) {
	m := &media{listener: tone.NewListener(), onDigit: func(d byte) { digits += string(d) }}
	for _, datagram := range datagrams {
		samples += len(m.take(datagram, netip.AddrPort{}, nil))
	}
	return digits, samples
}
