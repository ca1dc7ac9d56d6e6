package media

import (
	"fmt"

	"sidecar/internal/g711"
)

// encoder appends the payload of 20 ms of sound at 8 kHz.
type encoder func(payload []byte, samples []int16) []byte

// newEncoder makes the encoder for sound of our own.
func newEncoder(c Codec) (encoder, error) {
	switch c {
	case PCMU:
		return encodeULaw, nil
	case PCMA:
		return encodeALaw, nil
	case Opus:
		return opusSilence, nil
	case G722, Unknown, Event8k, Event48k, codecCount:
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

// opusSilence is 20 ms of silence: one CELT frame (RFC 6716 section 3.1, configuration 31) that codes nothing. Opus needs a
// library that this program doesn't carry, so an opus leg on hold hears silence, whatever the sound was to be.
func opusSilence(payload []byte, _ []int16) []byte { return append(payload, 0xf8, 0xff, 0xfe) }
