package g711_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/g711"
)

func TestKnownValues(t *testing.T) {
	t.Parallel()
	// Decision values of G.711 tables 1a and 2a, scaled to 16 bits.
	for octet, sample := range map[byte]int16{
		0xff: 0, 0x7f: 0, 0x80: 32124, 0x00: -32124, 0xf0: 120, 0xef: 132, 0x8f: 16764, 0xfe: 8,
	} {
		require.Equal(t, sample, g711.DecodeULaw(octet), "mu-law %#x", octet)
	}
	for octet, sample := range map[byte]int16{
		0xd5: 8, 0x55: -8, 0xaa: 32256, 0x2a: -32256, 0xc5: 264, 0xf5: 528, 0x80: 5504, 0xd4: 24,
	} {
		require.Equal(t, sample, g711.DecodeALaw(octet), "A-law %#x", octet)
	}
}

func TestEveryOctetSurvivesDecodeAndEncode(t *testing.T) {
	t.Parallel()
	for i := range 256 {
		octet := byte(i)
		if octet != 0x7f { // negative zero encodes as positive zero
			require.Equal(t, octet, g711.EncodeULaw(g711.DecodeULaw(octet)), "mu-law %#x", octet)
		}
		require.Equal(t, octet, g711.EncodeALaw(g711.DecodeALaw(octet)), "A-law %#x", octet)
	}
	require.Equal(t, byte(0xff), g711.EncodeULaw(g711.DecodeULaw(0x7f)))
}

// Companding keeps the relative error of one step: at most half of 1/16 of the
// value, or half the smallest step near zero.
func TestErrorStaysWithinHalfAStep(t *testing.T) {
	t.Parallel()
	for v := -32768; v <= 32767; v++ {
		sample := int16(v)
		magnitude := max(v, -v)
		if magnitude > 32124 {
			continue // clipped by mu-law
		}
		ulaw := int(g711.DecodeULaw(g711.EncodeULaw(sample)))
		alaw := int(g711.DecodeALaw(g711.EncodeALaw(sample)))
		require.InDelta(t, v, ulaw, float64((magnitude+132)/32+4), "mu-law of %d", v)
		require.InDelta(t, v, alaw, float64(magnitude/32+8), "A-law of %d", v)
	}
}

// The extremes must not wrap around.
func TestExtremesClip(t *testing.T) {
	t.Parallel()
	require.Equal(t, byte(0x80), g711.EncodeULaw(32767))
	require.Equal(t, byte(0x00), g711.EncodeULaw(-32768))
	require.Equal(t, byte(0xaa), g711.EncodeALaw(32767))
	require.Equal(t, byte(0x2a), g711.EncodeALaw(-32768))
}
