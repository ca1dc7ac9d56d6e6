package tap

import (
	"encoding/binary"
	"math"

	"sidecar/internal/g711"
)

// Format is how sound is coded.
type Format string

// The formats.
const (
	SLIN16 Format = "slin16" // signed 16-bit little-endian, 16 kHz
	PCMU   Format = "pcmu"   // G.711 mu-law, 8 kHz
)

// Rate is the samples a second.
func (f Format) Rate() int {
	if f == PCMU {
		return wideRate / 2
	}
	return wideRate
}

const (
	wideRate = 16000
	// The low pass before every second sample is left out. A Blackman window of this length goes down by 74 dB within
	// 5.5/75 of the rate, 1.2 kHz: the telephone's band up to 3.4 kHz is kept, and what would come back in it as another
	// tone, from 4.6 kHz on, is gone.
	taps   = 75
	cutoff = wideRate / 4
)

// coder turns the frames of one stream into a format.
type coder struct {
	format  Format
	kernel  []float64
	history []float64 // the last taps-1 samples
	odd     bool      // the next sample is one that is left out
}

func newCoder(f Format) *coder {
	c := &coder{format: f}
	if f == PCMU {
		c.kernel, c.history = lowPass(), make([]float64, taps-1)
	}
	return c
}

// code appends a frame to dst, and says how many samples it has become.
func (c *coder) code(dst, frame []byte) ([]byte, int) {
	frame = frame[:len(frame)&^1]
	if c.format != PCMU {
		return append(dst, frame...), len(frame) / 2
	}
	samples := c.history
	for i := 0; i < len(frame); i += 2 {
		samples = append(samples, float64(int16(binary.LittleEndian.Uint16(frame[i:])))) //nolint:gosec // the bits of a sample
	}
	n := 0
	for end := taps; end <= len(samples); end++ {
		if c.odd = !c.odd; !c.odd {
			continue
		}
		sum := 0.0
		for i, k := range c.kernel {
			sum += k * samples[end-taps+i]
		}
		dst = append(dst, g711.EncodeULaw(int16(math.Round(max(math.MinInt16, min(math.MaxInt16, sum))))))
		n++
	}
	c.history = append(c.history[:0], samples[len(samples)-(taps-1):]...)
	return dst, n
}

// lowPass is a windowed sinc of gain 1.
func lowPass() []float64 {
	kernel, sum := make([]float64, taps), 0.0
	for i := range kernel {
		x := float64(i - taps/2)
		k := 2.0 * cutoff / wideRate
		if x != 0 {
			k = math.Sin(2*math.Pi*cutoff/wideRate*x) / (math.Pi * x)
		}
		turn := 2 * math.Pi * float64(i) / (taps - 1)
		kernel[i] = k * (0.42 - 0.5*math.Cos(turn) + 0.08*math.Cos(2*turn))
		sum += kernel[i]
	}
	for i := range kernel {
		kernel[i] /= sum
	}
	return kernel
}
