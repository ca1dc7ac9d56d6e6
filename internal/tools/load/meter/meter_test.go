package meter_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/internal/tools/load/meter"
)

func TestQuantiles(t *testing.T) {
	t.Parallel()
	var times meter.Times
	require.Zero(t, times.Quantile(0.5))
	require.Equal(t, "-", times.Summary().String())
	for i := range 100 {
		times.Add(time.Duration(i+1)*time.Millisecond - time.Microsecond)
	}
	require.Equal(t, 50*time.Millisecond, times.Quantile(0.5))
	require.Equal(t, 99*time.Millisecond, times.Quantile(0.99))
	require.Equal(t, 100*time.Millisecond-time.Microsecond, times.Quantile(1), "never above the longest")
	times.Add(time.Minute)
	require.Equal(t, time.Minute, times.Quantile(1), "what is longer than the last step is kept")
	times.Add(-time.Second)
	require.Equal(t, meter.Summary{Count: 102, P50: 50, P99: 100, Max: 60_000}, times.Summary())
	require.Equal(t, "50.0/100.0", times.Summary().String())
}

func TestOnlyPacketsOfTheWindowCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		traffic := meter.NewTraffic(2)
		packet := func(leg int) []byte {
			payload := make([]byte, meter.PayloadSize)
			traffic.Stamp(payload, leg)
			return payload
		}
		early := packet(0)
		time.Sleep(time.Second)
		traffic.Open()
		one, lost := packet(1), packet(0)
		time.Sleep(4 * time.Millisecond)
		traffic.Echoed(one)
		first, ok := traffic.Arrived(1)
		require.True(t, ok)
		require.Equal(t, time.Now(), first)
		_, ok = traffic.Arrived(0)
		require.False(t, ok)
		traffic.Shut()
		time.Sleep(6 * time.Millisecond)
		late := packet(0)
		require.True(t, traffic.Returned(one, 1), "counted although it came after the end")
		require.True(t, traffic.Returned(early, 0))
		require.True(t, traffic.Returned(late, 0))
		require.False(t, traffic.Returned(lost, 1), "another leg's")
		require.False(t, traffic.Returned(make([]byte, meter.PayloadSize), 0), "not ours")
		require.EqualValues(t, 2, traffic.Sent.Load())
		require.EqualValues(t, 1, traffic.Heard.Load())
		require.EqualValues(t, 1, traffic.Lost())
		require.InDelta(t, 4, traffic.Up.Summary().P50, 0.01)
		require.InDelta(t, 6, traffic.Down.Summary().P50, 0.01)
		require.InDelta(t, 10, traffic.All.Summary().P50, 0.01)
	})
}

func TestPacerSendsFiftyTimesASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p meter.Pacer
		counts := make([]int, 45)
		for i := range counts {
			p.Add(func() { counts[i]++ })
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second+time.Microsecond)
		defer cancel()
		p.Run(ctx)
		for i, n := range counts {
			require.Equal(t, 100, n, "leg %d", i)
		}
		require.Zero(t, p.Skipped.Load())
	})
}

func TestPacerDoesNotMakeUpForALongPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p meter.Pacer
		sent := 0
		p.Add(func() {
			if sent++; sent == 1 {
				time.Sleep(time.Second)
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 1100*time.Millisecond)
		defer cancel()
		p.Run(ctx)
		require.Less(t, sent, 10)
		require.NotZero(t, p.Skipped.Load())
	})
}
