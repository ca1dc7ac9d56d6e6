//go:build !opus || !cgo

package opus

// Built reports whether libopus is in this program.
const Built = false

// Encoder is described in libopus.go; there is none in this program.
type Encoder struct{}

// NewEncoder fails with ErrNotBuilt.
func NewEncoder(int) (*Encoder, error) { return nil, ErrNotBuilt }

// Encode fails with ErrNotBuilt.
func (*Encoder) Encode(payload []byte, _ []int16) ([]byte, error) { return payload, ErrNotBuilt }

// Decoder is described in libopus.go; there is none in this program.
type Decoder struct{}

// NewDecoder fails with ErrNotBuilt.
func NewDecoder(int) (*Decoder, error) { return nil, ErrNotBuilt }

// Decode fails with ErrNotBuilt.
func (*Decoder) Decode(samples []int16, _ []byte) ([]int16, error) { return samples, ErrNotBuilt }

// Conceal fails with ErrNotBuilt.
func (*Decoder) Conceal(samples []int16, _ int, _ []byte) ([]int16, error) {
	return samples, ErrNotBuilt
}
