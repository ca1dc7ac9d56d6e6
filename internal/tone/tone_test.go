package tone_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/internal/g711"
	"sidecar/internal/tone"
)

func sine(freq float64, n int) []int16 {
	var g tone.Generator
	samples := make([]int16, n)
	g.Fill(samples, freq)
	return samples
}

func mix(parts ...[]int16) []int16 {
	out := make([]int16, len(parts[0]))
	for _, part := range parts {
		for i, s := range part {
			out[i] += s
		}
	}
	return out
}

func TestPresent(t *testing.T) {
	t.Parallel()
	noise := make([]int16, tone.WindowSize)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = int16(r.IntN(16000) - 8000)
	}
	quiet := sine(450, tone.WindowSize)
	for i := range quiet {
		quiet[i] /= 100
	}
	n := tone.WindowSize
	cases := []struct {
		name    string
		samples []int16
		freq    float64
		want    bool
	}{
		{"the tone itself", sine(450, n), 450, true},
		{"another tone", sine(1010, n), 450, false},
		{"a neighbour two windows' resolution away", sine(470, n), 450, false},
		{"two mixed, first", mix(sine(450, n), sine(1010, n)), 450, true},
		{"two mixed, second", mix(sine(450, n), sine(1010, n)), 1010, true},
		{"two mixed, a third", mix(sine(450, n), sine(1010, n)), 620, false},
		{"three mixed", mix(sine(450, n), sine(1010, n), sine(620, n)), 620, true},
		{"noise", noise, 450, false},
		{"silence", make([]int16, n), 450, false},
		{"too quiet", quiet, 450, false},
		{"nothing", nil, 450, false},
		{"one packet of five lost", append(make([]int16, 160), sine(450, n-160)...), 450, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, tone.Present(c.samples, c.freq), "share %.3f level %.1f", tone.Share(c.samples, c.freq), tone.Level(c.samples))
		})
	}
}

// The digital milliwatt of G.711 tables 5 and 6 is 1 kHz at 0 dBm0, which is
// 3.17 (mu-law) and 3.14 dB (A-law) below the largest sine that fits.
func TestDigitalMilliwatt(t *testing.T) {
	t.Parallel()
	ulaw := [8]byte{0x1e, 0x0b, 0x0b, 0x1e, 0x9e, 0x8b, 0x8b, 0x9e}
	alaw := [8]byte{0x34, 0x21, 0x21, 0x34, 0xb4, 0xa1, 0xa1, 0xb4}
	u, a := make([]int16, tone.WindowSize), make([]int16, tone.WindowSize)
	for i := range u {
		u[i], a[i] = g711.DecodeULaw(ulaw[i%8]), g711.DecodeALaw(alaw[i%8])
	}
	sineOfFullScale := 10 * math.Log10(0.5)
	require.InDelta(t, sineOfFullScale-3.17, tone.Level(u), 0.2)
	require.InDelta(t, sineOfFullScale-3.14, tone.Level(a), 0.2)
	require.Greater(t, tone.Share(u, 1000), 0.99)
	require.Greater(t, tone.Share(a, 1000), 0.99)
}

func TestGeneratorKeepsItsPhase(t *testing.T) {
	t.Parallel()
	var g tone.Generator
	pieces := make([]int16, 0, tone.WindowSize)
	for range 5 {
		piece := make([]int16, 160)
		g.Fill(piece, 450)
		pieces = append(pieces, piece...)
	}
	require.Equal(t, sine(450, tone.WindowSize), pieces)
	g.Fill(pieces, 0)
	require.True(t, tone.Silent(pieces))
}

func TestListenerWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		l := tone.NewListener()
		l.Write(sine(450, 4*tone.WindowSize))
		require.True(t, l.Hears(450))
		require.False(t, l.Hears(1010))

		// Old sound does not satisfy a new wait.
		done := make(chan error, 1)
		go func() { done <- l.WaitTone(ctx, 450) }()
		synctest.Wait()
		l.Write(sine(450, 3*tone.WindowSize))
		synctest.Wait()
		require.Empty(t, done, "the window begun before the wait counted")
		l.Write(sine(450, tone.WindowSize))
		require.NoError(t, <-done)

		// A gap starts the count again, and lost packets are silence.
		go func() { done <- l.WaitNoTone(ctx, 450) }()
		synctest.Wait()
		l.Quiet()
		l.Quiet()
		l.Write(sine(450, tone.WindowSize))
		l.Quiet()
		l.Quiet()
		synctest.Wait()
		require.Empty(t, done)
		l.Quiet()
		require.NoError(t, <-done)

		go func() { done <- l.WaitSilence(ctx) }()
		synctest.Wait()
		l.Write(make([]int16, 4*tone.WindowSize))
		require.NoError(t, <-done)
		require.False(t, l.Hears(450))

		go func() { done <- l.WaitSound(ctx) }()
		synctest.Wait()
		l.Write(sine(1010, 4*tone.WindowSize))
		require.NoError(t, <-done)
		freq, share := l.Strongest(450, 620, 1010)
		require.InDelta(t, 1010, freq, 0)
		require.Greater(t, share, 0.99)
	})
}

func TestListenerWaitEnds(t *testing.T) {
	t.Parallel()
	l := tone.NewListener()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := l.WaitTone(ctx, 450)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "450 Hz")
	require.ErrorContains(t, err, "no audio was received")
	l.Write(sine(1010, tone.WindowSize))
	require.ErrorContains(t, l.WaitTone(ctx, 450), "1010 Hz")
	l.Close()
	l.Close()
	require.ErrorIs(t, l.WaitTone(t.Context(), 450), tone.ErrClosed)
}
