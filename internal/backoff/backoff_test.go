package backoff_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/internal/backoff"
)

func fixed(f float64) func() float64 { return func() float64 { return f } }

func TestPausesDoubleUpToTheCap(t *testing.T) {
	t.Parallel()
	b := backoff.New(backoff.Policy{Min: 100 * time.Millisecond, Max: time.Second, Jitter: fixed(0)})
	var got []time.Duration
	for range 6 {
		got = append(got, b.Next())
	}
	// Jitter 0 is the lower edge: half of 100, 200, 400, 800, 1000, 1000 ms.
	require.Equal(t, []time.Duration{
		50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond,
		400 * time.Millisecond, 500 * time.Millisecond, 500 * time.Millisecond,
	}, got)
	require.Equal(t, 6, b.Failures())
	b.Reset()
	require.Equal(t, 50*time.Millisecond, b.Next())
}

func TestJitterStaysBelowThePause(t *testing.T) {
	t.Parallel()
	b := backoff.New(backoff.Policy{Min: time.Second, Max: time.Second, Jitter: fixed(0.999)})
	d := b.Next()
	require.Less(t, d, time.Second)
	require.Greater(t, d, 990*time.Millisecond)
}

func TestNeverOverflowsNorExceedsMax(t *testing.T) {
	t.Parallel()
	b := backoff.New(backoff.Policy{Min: time.Hour, Max: 1000 * time.Hour})
	for range 1000 {
		d := b.Next()
		require.Positive(t, d)
		require.LessOrEqual(t, d, 1000*time.Hour)
	}
}

func TestDefaultsAndInvertedBounds(t *testing.T) {
	t.Parallel()
	require.Equal(t, backoff.DefaultMin/2, backoff.New(backoff.Policy{Jitter: fixed(0)}).Next())
	b := backoff.New(backoff.Policy{Min: time.Minute, Max: time.Second, Jitter: fixed(0)})
	require.Equal(t, 30*time.Second, b.Next())
}

func TestWaitTakesExactlyThePause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := backoff.New(backoff.Policy{Min: 4 * time.Second, Max: time.Minute, Jitter: fixed(0)})
		start := time.Now()
		require.NoError(t, b.Wait(t.Context()))
		require.Equal(t, 2*time.Second, time.Since(start))
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		require.ErrorIs(t, backoff.Sleep(ctx, time.Hour), context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))
		require.ErrorIs(t, backoff.Sleep(ctx, 0), context.DeadlineExceeded, "an ended context wins over a zero pause")
	})
}
