package media

import (
	"fmt"
	"strconv"
	"strings"
)

// Codec is an RTP encoding that this package knows by name.
type Codec uint8

// The encodings, in no order of preference. Unknown is what a payload type that nobody negotiated stands for.
const (
	Unknown Codec = iota
	PCMU
	PCMA
	G722
	Opus
	Event8k  // telephone-event beside codecs with a clock of 8 kHz (RFC 4733)
	Event48k // telephone-event beside opus
	codecCount
)

type codecFacts struct {
	name     string
	clock    uint32 // of the RTP timestamps
	channels uint8
	static   int8  // payload type of RFC 3551 table 4, -1 for dynamic
	offered  uint8 // payload type in offers to browsers; for dynamic ones what browsers use themselves
	params   string
}

// facts is the table of the encodings. G.722 samples at 16 kHz but its RTP clock runs at 8 kHz, by an old mistake that
// RFC 3551 section 4.5.2 keeps for compatibility.
func (c Codec) facts() codecFacts {
	switch c {
	case PCMU:
		return codecFacts{name: "PCMU", clock: 8000, channels: 1, static: 0, offered: 0}
	case PCMA:
		return codecFacts{name: "PCMA", clock: 8000, channels: 1, static: 8, offered: 8}
	case G722:
		return codecFacts{name: "G722", clock: 8000, channels: 1, static: 9, offered: 9}
	case Opus:
		return codecFacts{name: "opus", clock: 48000, channels: 2, static: -1, offered: 111, params: "minptime=10;useinbandfec=1"}
	case Event8k:
		return codecFacts{name: "telephone-event", clock: 8000, channels: 1, static: -1, offered: 126, params: "0-15"}
	case Event48k:
		return codecFacts{name: "telephone-event", clock: 48000, channels: 1, static: -1, offered: 110, params: "0-15"}
	case Unknown, codecCount:
	}
	return codecFacts{name: "unknown", static: -1}
}

// String returns the encoding's name as in an rtpmap.
func (c Codec) String() string { return c.facts().name }

// ClockRate is the rate of the RTP timestamps.
func (c Codec) ClockRate() uint32 { return c.facts().clock }

// IsEvent reports whether the encoding carries DTMF, not sound.
func (c Codec) IsEvent() bool { return c == Event8k || c == Event48k }

// event is the telephone-event that shares this codec's clock: RFC 4733 section 2.1 wants both in one time base.
func (c Codec) event() Codec {
	if c == Opus {
		return Event48k
	}
	return Event8k
}

// DefaultCodecs is the order of preference where none is configured. G.711 comes first because an upstream that
// speaks it needs no transcoding, and transcoding costs more than the whole relay.
func DefaultCodecs() []Codec { return []Codec{PCMU, PCMA, G722, Opus} }

// ParseCodec reads the name of an audio codec as settings spell it.
func ParseCodec(name string) (Codec, error) {
	for _, c := range DefaultCodecs() {
		if strings.EqualFold(name, c.String()) {
			return c, nil
		}
	}
	return Unknown, fmt.Errorf("%w: codec %q is none of %v", ErrConfig, name, DefaultCodecs())
}

// Format is a codec with the payload type and parameters that an offer or answer gave it.
type Format struct {
	Codec       Codec
	PayloadType uint8
	Params      string // of a=fmtp, empty for none
}

// rtpmap writes the attribute's value; the channel count is written only where it isn't 1 (RFC 8866 section 6.6).
func (f Format) rtpmap() string {
	facts := f.Codec.facts()
	value := strconv.Itoa(int(f.PayloadType)) + " " + facts.name + "/" + strconv.FormatUint(uint64(facts.clock), 10)
	if facts.channels != 1 {
		value += "/" + strconv.Itoa(int(facts.channels))
	}
	return value
}

// codecOf finds the encoding that an rtpmap's value names after the payload type.
func codecOf(encoding string) Codec {
	name, rest, _ := strings.Cut(encoding, "/")
	rate, _, _ := strings.Cut(rest, "/")
	for c := Unknown + 1; c < codecCount; c++ {
		if facts := c.facts(); strings.EqualFold(name, facts.name) && rate == strconv.FormatUint(uint64(facts.clock), 10) {
			return c
		}
	}
	return Unknown
}

// offeredFormats lists the codecs in order with the telephone-events that go with them.
func offeredFormats(codecs []Codec) []Format {
	var formats, events []Format
	seen := [codecCount]bool{}
	for _, c := range codecs {
		for _, f := range []Codec{c, c.event()} {
			if seen[f] {
				continue
			}
			seen[f] = true
			format := Format{Codec: f, PayloadType: f.facts().offered, Params: f.facts().params}
			if f.IsEvent() {
				events = append(events, format)
			} else {
				formats = append(formats, format)
			}
		}
	}
	return append(formats, events...)
}

// chooseFormats picks one codec of what was offered, the first by our order, and the telephone-event beside it.
// One codec in the answer means that the offerer can't switch to another in mid-stream.
func chooseFormats(offered []Format, order []Codec) ([]Format, error) {
	for _, c := range order {
		format, ok := findFormat(offered, c)
		if !ok {
			continue
		}
		chosen := []Format{format}
		event, ok := findFormat(offered, c.event())
		if !ok {
			// Some browsers offer telephone-event at 8 kHz only, and send it beside opus nevertheless.
			event, ok = findFormat(offered, Event8k)
		}
		if ok {
			chosen = append(chosen, event)
		}
		return chosen, nil
	}
	return nil, fmt.Errorf("%w: offered %v, this leg may use %v", ErrNoCodec, codecsOf(offered), order)
}

func findFormat(formats []Format, c Codec) (Format, bool) {
	for _, f := range formats {
		if f.Codec == c {
			return f, true
		}
	}
	return Format{}, false
}

func codecsOf(formats []Format) []Codec {
	var codecs []Codec
	for _, f := range formats {
		if !f.Codec.IsEvent() {
			codecs = append(codecs, f.Codec)
		}
	}
	return codecs
}
