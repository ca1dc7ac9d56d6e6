package g722_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/g722"
)

func sine(n int, hz, rate, amplitude float64) []int16 {
	samples := make([]int16, n)
	for i := range samples {
		samples[i] = int16(amplitude * math.Sin(2*math.Pi*hz*float64(i)/rate))
	}
	return samples
}

// fit returns how loud a sine of hz is in the samples, and the ratio of it to all the rest in dB, whatever its phase.
func fit(samples []int16, hz, rate float64) (amplitude, snr float64) {
	var c, s, total float64
	for i, v := range samples {
		w := 2 * math.Pi * hz * float64(i) / rate
		c += float64(v) * math.Cos(w)
		s += float64(v) * math.Sin(w)
		total += float64(v) * float64(v)
	}
	n := float64(len(samples))
	amplitude = 2 / n * math.Hypot(c, s)
	signal := amplitude * amplitude / 2
	return amplitude, 10 * math.Log10(signal/math.Max(total/n-signal, 1e-9))
}

func TestTonesKeepTheirLevel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ hz, snr float64 }{{300, 25}, {1000, 25}, {2000, 25}, {3000, 20}, {5000, 8}, {6500, 8}} {
		in := sine(32000, c.hz, 16000, 8000)
		octets := g722.NewEncoder().Encode(nil, in)
		require.Len(t, octets, 16000)
		out := g722.NewDecoder().Decode(nil, octets)
		require.Len(t, out, 32000)
		amplitude, snr := fit(out[16000:], c.hz, 16000)
		require.InDelta(t, 8000, amplitude, 600, "%g Hz", c.hz)
		require.Greater(t, snr, c.snr, "%g Hz", c.hz)
	}
}

// 8 kHz on one side, 16 kHz on the other, as between G.711 and a wideband phone.
func TestNarrowAndWideUnderstandEachOther(t *testing.T) {
	t.Parallel()
	for _, hz := range []float64{400, 1000, 2500} {
		wide := g722.NewDecoder().Decode(nil, g722.NewEncoder().EncodeNarrow(nil, sine(16000, hz, 8000, 8000)))
		amplitude, snr := fit(wide[16000:], hz, 16000)
		require.InDelta(t, 8000, amplitude, 600, "%g Hz to wide", hz)
		require.Greater(t, snr, 20.0, "%g Hz to wide", hz)
		narrow := g722.NewDecoder().DecodeNarrow(nil, g722.NewEncoder().Encode(nil, sine(32000, hz, 16000, 8000)))
		amplitude, snr = fit(narrow[8000:], hz, 8000)
		require.InDelta(t, 8000, amplitude, 600, "%g Hz to narrow", hz)
		require.Greater(t, snr, 20.0, "%g Hz to narrow", hz)
	}
}

func TestSilenceStaysSilent(t *testing.T) {
	t.Parallel()
	for _, v := range g722.NewDecoder().Decode(nil, g722.NewEncoder().Encode(nil, make([]int16, 3200))) {
		require.InDelta(t, 0, v, 16)
	}
}

func TestLoudestSamplesDoNotWrap(t *testing.T) {
	t.Parallel()
	in := sine(32000, 1000, 16000, 32767)
	out := g722.NewDecoder().Decode(nil, g722.NewEncoder().Encode(nil, in))
	amplitude, snr := fit(out[16000:], 1000, 16000)
	require.InDelta(t, 32767, amplitude, 2500)
	require.Greater(t, snr, 20.0)
}

func TestAllocations(t *testing.T) {
	encoder, decoder := g722.NewEncoder(), g722.NewDecoder()
	in, octets, out := sine(320, 1000, 16000, 8000), make([]byte, 0, 160), make([]int16, 0, 320)
	require.Zero(t, testing.AllocsPerRun(100, func() { out = decoder.Decode(out[:0], encoder.Encode(octets[:0], in)) }))
}

// Any octets decode to something, and the coder does not run away.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{0, 0xff, 0x80, 0x7f})
	f.Fuzz(func(t *testing.T, octets []byte) {
		decoder := g722.NewDecoder()
		if out := decoder.Decode(nil, octets); len(out) != 2*len(octets) {
			t.Fatalf("%d samples", len(out))
		}
		settled := decoder.DecodeNarrow(nil, g722.NewEncoder().EncodeNarrow(nil, make([]int16, 100)))
		if len(settled) != 100 {
			t.Fatal("too few samples")
		}
	})
}

func BenchmarkEncodeNarrow(b *testing.B) {
	encoder, in, octets := g722.NewEncoder(), sine(160, 1000, 8000, 8000), make([]byte, 0, 160)
	b.ReportAllocs()
	for b.Loop() {
		octets = encoder.EncodeNarrow(octets[:0], in)
	}
}
