package tone

import "math"

const (
	// WindowSize is 100 ms, hence a resolution of 10 Hz.
	WindowSize = SampleRate / 10

	// minShare is the part of a window's power that a frequency must have to
	// count. Three parties mixed at equal level leave a third to each.
	minShare = 0.2
	// minLevel is the quietest tone that counts, silenceLevel the loudest
	// window that still is silence; dBFS of the RMS.
	minLevel     = -45.0
	silenceLevel = -55.0
	// floor is what digital silence measures.
	floor = -120.0
)

// Level returns the RMS level of the samples in dBFS, -120 for digital silence.
func Level(samples []int16) float64 {
	return decibel(meanSquare(samples))
}

// Share returns which part (0 to 1) of the samples' power lies at freq.
func Share(samples []int16, freq float64) float64 {
	total := meanSquare(samples)
	if total == 0 {
		return 0
	}
	return min(1, power(samples, freq)/total)
}

// Present reports whether the samples hold a clear tone of freq Hz.
func Present(samples []int16, freq float64) bool {
	return decibel(power(samples, freq)) >= minLevel && Share(samples, freq) >= minShare
}

// Silent reports whether the samples hold nothing that can be heard.
func Silent(samples []int16) bool {
	return Level(samples) <= silenceLevel
}

// power is the mean square of the sine of freq Hz within the samples, by
// Goertzel's recurrence (G. Goertzel, American Mathematical Monthly 65, 1958).
func power(samples []int16, freq float64) float64 {
	if len(samples) == 0 {
		return 0
	}
	coefficient := 2 * math.Cos(2*math.Pi*freq/SampleRate)
	var s1, s2 float64
	for _, sample := range samples {
		s1, s2 = float64(sample)+coefficient*s1-s2, s1
	}
	n := float64(len(samples))
	// A sine of amplitude A gives |X|^2 = (A*n/2)^2, and its mean square is A^2/2.
	return 2 * (s1*s1 + s2*s2 - coefficient*s1*s2) / (n * n)
}

func meanSquare(samples []int16) float64 {
	if len(samples) == 0 {
		return 0
	}
	var sum float64
	for _, sample := range samples {
		sum += float64(sample) * float64(sample)
	}
	return sum / float64(len(samples))
}

func decibel(meanSquare float64) float64 {
	const fullScale = 32768.0
	if meanSquare <= 0 {
		return floor
	}
	return max(floor, 10*math.Log10(meanSquare/(fullScale*fullScale)))
}
