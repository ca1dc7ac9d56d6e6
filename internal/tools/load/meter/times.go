package meter

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Times are counted in steps of 10 microseconds up to 2 seconds, so that any number of packets fits into one size.
const (
	step  = 10 * time.Microsecond
	steps = 200_000
)

// Times collects durations. All methods may be called at once from anywhere.
type Times struct {
	counts [steps + 1]atomic.Uint32 // the last one holds all that took longer
	number atomic.Uint64
	max    atomic.Int64
}

// Add takes one duration; a negative one counts as none at all.
func (t *Times) Add(d time.Duration) {
	d = max(d, 0)
	t.counts[min(d/step, steps)].Add(1)
	t.number.Add(1)
	for {
		old := t.max.Load()
		if int64(d) <= old || t.max.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

// Quantile is the duration that a part q of all stayed below or at, rounded up to the step; 0 when nothing was added.
func (t *Times) Quantile(q float64) time.Duration {
	number := t.number.Load()
	if number == 0 {
		return 0
	}
	rank := max(uint64(q*float64(number)+0.999999), 1)
	var seen uint64
	for i := range t.counts[:steps] {
		if seen += uint64(t.counts[i].Load()); seen >= rank {
			return min(time.Duration(i+1)*step, t.Max())
		}
	}
	return t.Max()
}

// Max is the longest one.
func (t *Times) Max() time.Duration { return time.Duration(t.max.Load()) }

// Summary is what a report says about Times.
type Summary struct {
	Count uint64  `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

// Summary sums up what was added so far.
func (t *Times) Summary() Summary {
	return Summary{Count: t.number.Load(), P50: ms(t.Quantile(0.5)), P99: ms(t.Quantile(0.99)), Max: ms(t.Max())}
}

// String is "p50/p99" in milliseconds.
func (s Summary) String() string {
	if s.Count == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f/%.1f", s.P50, s.P99)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
