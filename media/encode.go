package media

import (
	"fmt"

	"sidecar/internal/g711"
	"sidecar/internal/g722"
	"sidecar/internal/opus"
)

// encoder appends the payload of some sound, of 20 ms for opus.
type encoder func(payload []byte, samples []int16) []byte

// newEncoder makes the encoder for sound of our own at 8 kHz.
func newEncoder(c Codec) (encoder, error) {
	if c == Opus && !opus.Built {
		return opusSilence, nil
	}
	return encoderAt(c, 8000)
}

// encoderAt makes an encoder for sound of 8 kHz, or of 16 kHz where the codec can use it.
func encoderAt(c Codec, rate int) (encoder, error) {
	switch c {
	case PCMU:
		return encodeULaw, nil
	case PCMA:
		return encodeALaw, nil
	case G722:
		if rate == 16000 {
			return g722.NewEncoder().Encode, nil
		}
		return g722.NewEncoder().EncodeNarrow, nil
	case Opus:
		lib, err := opus.NewEncoder(rate)
		if err != nil {
			return nil, fmt.Errorf("%w to opus: %w", ErrNoTranscoder, err)
		}
		return func(payload []byte, samples []int16) []byte {
			out, err := lib.Encode(payload, samples)
			if err != nil {
				return opusSilence(payload, samples)
			}
			return out
		}, nil
	case Unknown, Event8k, Event48k, codecCount:
	}
	return nil, fmt.Errorf("%w: this program has no encoder for %s", ErrNoTranscoder, c)
}

func encodeULaw(payload []byte, samples []int16) []byte {
	for _, s := range samples {
		payload = append(payload, g711.EncodeULaw(s))
	}
	return payload
}

func encodeALaw(payload []byte, samples []int16) []byte {
	for _, s := range samples {
		payload = append(payload, g711.EncodeALaw(s))
	}
	return payload
}

// opusSilence is 20 ms of silence: one CELT frame (RFC 6716 section 3.1, configuration 31) that codes nothing. Without
// libopus an opus leg on hold hears it, whatever the sound was to be.
func opusSilence(payload []byte, _ []int16) []byte { return append(payload, 0xf8, 0xff, 0xfe) }

// decoder appends the samples that a payload stands for; none when it can't be decoded.
type decoder func(samples []int16, payload []byte) []int16

func decodeULaw(samples []int16, payload []byte) []int16 {
	for _, octet := range payload {
		samples = append(samples, g711.DecodeULaw(octet))
	}
	return samples
}

func decodeALaw(samples []int16, payload []byte) []int16 {
	for _, octet := range payload {
		samples = append(samples, g711.DecodeALaw(octet))
	}
	return samples
}

// convertible reports whether a codec can be converted to and from the others of its kind. All of them have one octet for
// each tick of a clock of 8 kHz, so that converted packets keep their timestamps.
func convertible(c Codec) bool { return c == PCMU || c == PCMA || c == G722 }

// converter turns one stream's payloads from one codec into another. It belongs to one goroutine.
type converter struct {
	from, to Codec
	decode   decoder
	encode   encoder
	samples  []int16
	payload  []byte
}

// newConverter makes a converter between two codecs that are convertible.
func newConverter(from, to Codec) *converter {
	c := &converter{from: from, to: to, decode: decodeULaw, encode: encodeULaw, samples: make([]int16, 0, receiveMTU), payload: make([]byte, 0, receiveMTU)}
	switch from {
	case PCMA:
		c.decode = decodeALaw
	case G722:
		c.decode = g722.NewDecoder().DecodeNarrow
	case PCMU, Opus, Unknown, Event8k, Event48k, codecCount:
	}
	switch to {
	case PCMA:
		c.encode = encodeALaw
	case G722:
		c.encode = g722.NewEncoder().EncodeNarrow
	case PCMU, Opus, Unknown, Event8k, Event48k, codecCount:
	}
	return c
}

// convert returns the other codec's payload; it is valid until the next call.
func (c *converter) convert(payload []byte) []byte {
	c.samples = c.decode(c.samples[:0], payload)
	c.payload = c.encode(c.payload[:0], c.samples)
	return c.payload
}
