//go:build opus && cgo

package opus

import (
	"fmt"

	libopus "gopkg.in/hraban/opus.v2"
)

// Built reports whether libopus is in this program.
const Built = true

const (
	// complexity of 0 to 10: beyond 3 the ear gains little from a telephone's sound, and the cost doubles.
	complexity = 3
	// bitsPerSample leaves narrowband 24 kbit/s and wideband 48, well above what RFC 7587 section 3.1.1 calls the sweet spots,
	// because the sound has been or will be through another codec.
	bitsPerSample = 3
)

// Encoder turns samples into payloads. It is not safe for use by several goroutines.
type Encoder struct {
	lib *libopus.Encoder
}

// NewEncoder makes an encoder for samples at 8,000, 12,000, 16,000, 24,000 or 48,000 a second.
func NewEncoder(rate int) (*Encoder, error) {
	lib, err := libopus.NewEncoder(rate, 1, libopus.AppVoIP)
	if err == nil {
		err = lib.SetComplexity(complexity)
	}
	if err == nil {
		err = lib.SetBitrate(min(rate, 16000) * bitsPerSample)
	}
	if err != nil {
		return nil, fmt.Errorf("make an opus encoder for %d samples a second: %w", rate, err)
	}
	return &Encoder{lib: lib}, nil
}

// Encode appends the payload of one frame.
func (e *Encoder) Encode(payload []byte, samples []int16) ([]byte, error) {
	n, err := e.lib.Encode(samples, payload[len(payload):cap(payload)])
	if err != nil {
		return payload, fmt.Errorf("encode opus: %w", err)
	}
	return payload[:len(payload)+n], nil
}

// Decoder turns payloads into samples. It is not safe for use by several goroutines.
type Decoder struct {
	lib *libopus.Decoder
}

// NewDecoder makes a decoder of the same rates as NewEncoder; stereo is mixed down.
func NewDecoder(rate int) (*Decoder, error) {
	lib, err := libopus.NewDecoder(rate, 1)
	if err != nil {
		return nil, fmt.Errorf("make an opus decoder for %d samples a second: %w", rate, err)
	}
	return &Decoder{lib: lib}, nil
}

// Decode appends the samples of a payload.
func (d *Decoder) Decode(samples []int16, payload []byte) ([]int16, error) {
	n, err := d.lib.Decode(payload, samples[len(samples):cap(samples)])
	if err != nil {
		return samples, fmt.Errorf("decode opus: %w", err)
	}
	return samples[:len(samples)+n], nil
}

// Conceal appends n samples in place of a lost payload. The payload that came after it may carry a copy of what was lost
// (RFC 6716 section 2.1.7); nil is none.
func (d *Decoder) Conceal(samples []int16, n int, after []byte) ([]int16, error) {
	begin, end := len(samples), len(samples)+n
	if end > cap(samples) {
		return samples, fmt.Errorf("conceal %d samples: %w", n, libopus.ErrBufferTooSmall)
	}
	gap := samples[begin:end:end]
	var err error
	if len(after) > 0 {
		err = d.lib.DecodeFEC(after, gap)
	} else {
		err = d.lib.DecodePLC(gap)
	}
	if err != nil {
		return samples, fmt.Errorf("conceal a lost opus payload: %w", err)
	}
	return samples[:end], nil
}
