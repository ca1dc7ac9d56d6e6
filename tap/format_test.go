package tap_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/g711"
	"sidecar/internal/tone"
	"sidecar/tap"
)

// wide is a sine of so many 20 ms frames at 16 kHz.
func wide(freq float64, frames int) []byte {
	var b []byte
	for i := range frames * 320 {
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(8000*math.Sin(2*math.Pi*freq*float64(i)/16000))))
	}
	return b
}

func cut(b []byte, size int) (frames [][]byte) {
	for len(b) > 0 {
		n := min(size, len(b))
		frames, b = append(frames, b[:n]), b[n:]
	}
	return frames
}

func decoded(b []byte) (samples []int16) {
	for _, octet := range b {
		samples = append(samples, g711.DecodeULaw(octet))
	}
	return samples
}

func TestPCMUKeepsTheBandAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, freq := range []float64{200, 450, 1010, 3000, 3390} {
		got := decoded(tap.Code(tap.PCMU, cut(wide(freq, 50), 640)...))
		require.Len(t, got, 8000)
		require.Greater(t, tone.Share(got[800:], freq), 0.98, "%g Hz", freq)
		require.InDelta(t, tone.Level(tone8k(freq)), tone.Level(got[800:]), 0.3, "%g Hz", freq)
	}
	for _, freq := range []float64{4610, 5000, 6000, 7550} { // comes back as 8000-freq when nothing is done
		got := decoded(tap.Code(tap.PCMU, cut(wide(freq, 50), 640)...))
		require.Less(t, tone.Level(got[800:]), -70.0, "%g Hz", freq)
	}
}

func tone8k(freq float64) []int16 {
	out := make([]int16, 7200)
	(&tone.Generator{}).Fill(out, freq)
	return out
}

// The edges of frames must not be heard, wherever they are.
func TestFramesAreOneStream(t *testing.T) {
	t.Parallel()
	sound := wide(1010, 10)
	whole := tap.Code(tap.PCMU, sound)
	for _, size := range []int{640, 2, 6, 100, 638} {
		require.Equal(t, whole, tap.Code(tap.PCMU, cut(sound, size)...), "frames of %d bytes", size)
	}
	require.Equal(t, sound, tap.Code(tap.SLIN16, cut(sound, 640)...))
	require.Empty(t, tap.Code(tap.SLIN16, []byte{1}), "half a sample")
	require.Empty(t, bytes.Trim(tap.Code(tap.PCMU, make([]byte, 640)), "\xff"), "silence stays silence")
}
