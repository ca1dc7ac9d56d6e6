package tone

import "math"

// SampleRate is the rate of telephone audio, in samples per second.
const SampleRate = 8000

// amplitude is about -12 dBFS: loud enough to survive a mix of four, low enough not to clip in it.
const amplitude = 8000

// Generator makes one continuous sine. The zero value is silent.
// It is not safe for use by several goroutines.
type Generator struct {
	phase float64
}

// Fill overwrites samples with the next piece of a sine of freq Hz. The phase
// goes on from call to call, also across a change of frequency; 0 Hz is silence.
func (g *Generator) Fill(samples []int16, freq float64) {
	if freq <= 0 {
		clear(samples)
		return
	}
	step := 2 * math.Pi * freq / SampleRate
	for i := range samples {
		samples[i] = int16(amplitude * math.Sin(g.phase))
		g.phase = math.Mod(g.phase+step, 2*math.Pi)
	}
}
