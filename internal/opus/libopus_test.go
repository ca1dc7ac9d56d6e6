//go:build opus && cgo

package opus_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/opus"
	"sidecar/internal/tone"
)

// sine makes seconds of a tone at any rate; tone.Generator knows 8 kHz only.
func sine(hz float64, rate, seconds int) []int16 {
	samples := make([]int16, rate*seconds)
	for i := range samples {
		samples[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	return samples
}

func encode(t *testing.T, samples []int16, rate int) [][]byte {
	t.Helper()
	encoder, err := opus.NewEncoder(rate)
	require.NoError(t, err)
	var payloads [][]byte
	for frame := rate * opus.FrameMillis / 1000; len(samples) >= frame; samples = samples[frame:] {
		payload, err := encoder.Encode(make([]byte, 0, 1500), samples[:frame])
		require.NoError(t, err)
		payloads = append(payloads, payload)
	}
	return payloads
}

func decode(t *testing.T, payloads [][]byte, rate int) []int16 {
	t.Helper()
	decoder, err := opus.NewDecoder(rate)
	require.NoError(t, err)
	samples := make([]int16, 0, len(payloads)*rate/50)
	for _, payload := range payloads {
		samples, err = decoder.Decode(samples, payload)
		require.NoError(t, err)
	}
	return samples
}

func TestToneKeepsFrequencyAndLevel(t *testing.T) {
	t.Parallel()
	for _, rate := range []int{8000, 16000, 48000} {
		sent := sine(830, rate, 2)
		heard := decode(t, encode(t, sent, rate), 8000)
		heard = heard[len(heard)/2:]
		require.Greater(t, tone.Share(heard, 830), 0.95, "%d", rate)
		require.InDelta(t, tone.Level(sent), tone.Level(heard), 2, "%d", rate)
	}
}

// What a telephone's rate can't hold must vanish, not come back as another tone.
func TestNothingFoldsBack(t *testing.T) {
	t.Parallel()
	for _, hz := range []float64{4500, 5170, 7000, 10000, 15000} {
		sent := sine(hz, 48000, 2)
		heard := decode(t, encode(t, sent, 48000), 8000)
		heard = heard[len(heard)/2:]
		require.Less(t, tone.Level(heard), tone.Level(sent)-35, "%g Hz", hz)
	}
}

func TestConcealmentFillsAGap(t *testing.T) {
	t.Parallel()
	payloads := encode(t, sine(830, 8000, 2), 8000)
	decoder, err := opus.NewDecoder(8000)
	require.NoError(t, err)
	samples := make([]int16, 0, 4*8000)
	for i, payload := range payloads {
		switch i % 10 {
		case 8: // lost together with the next one
			samples, err = decoder.Conceal(samples, 160, nil)
		case 9:
			samples, err = decoder.Conceal(samples, 160, payloads[min(i+1, len(payloads)-1)])
		default:
			samples, err = decoder.Decode(samples, payload)
		}
		require.NoError(t, err)
	}
	require.Len(t, samples, 2*8000)
	for i := 8000; i+tone.WindowSize <= len(samples); i += tone.WindowSize {
		require.Greater(t, tone.Share(samples[i:i+tone.WindowSize], 830), 0.5, "at %d", i)
	}
	for i := 8000; i+160 <= len(samples); i += 160 {
		require.False(t, tone.Silent(samples[i:i+160]), "a hole at %d", i)
	}
	_, err = decoder.Conceal(make([]int16, 0, 100), 160, nil)
	require.Error(t, err)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	_, err := opus.NewEncoder(44100)
	require.Error(t, err)
	_, err = opus.NewDecoder(44100)
	require.Error(t, err)
	encoder, err := opus.NewEncoder(8000)
	require.NoError(t, err)
	_, err = encoder.Encode(make([]byte, 0, 1500), make([]int16, 161))
	require.Error(t, err, "not 20 ms")
}

// A payload is what a stranger's browser sends.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{0xf8, 0xff, 0xfe})
	f.Add([]byte{0x03, 0x80})
	f.Fuzz(func(t *testing.T, payload []byte) {
		decoder, err := opus.NewDecoder(16000)
		require.NoError(t, err)
		samples := make([]int16, 0, 16*opus.MaxMillis)
		heard, err := decoder.Decode(samples, payload)
		if err != nil {
			require.Empty(t, heard)
		}
		_, _ = decoder.Conceal(samples, 320, payload)
	})
}

func BenchmarkFrame(b *testing.B) {
	encoder, err := opus.NewEncoder(8000)
	require.NoError(b, err)
	decoder, err := opus.NewDecoder(8000)
	require.NoError(b, err)
	frame, payload, samples := sine(830, 8000, 1)[:160], make([]byte, 0, 1500), make([]int16, 0, 960)
	b.ReportAllocs()
	for b.Loop() {
		out, err := encoder.Encode(payload, frame)
		if err == nil {
			_, err = decoder.Decode(samples, out)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
