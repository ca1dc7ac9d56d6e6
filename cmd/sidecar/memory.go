package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// gcPercent makes the collector work four times as often as usual for less memory; the variable GOGC wins. It costs
// little, because what runs for every packet allocates nothing: collecting is the price of signalling alone.
const gcPercent = 25

// For the same reason nothing makes the collector run after a burst of calls or logins (the hash of a password takes
// 19 MiB for a moment), and the heap would stay as large as the burst made it for minutes. So it is given back when the
// burst is over: not sooner, because the next call would have to ask for it again.
const (
	trimInterval = 5 * time.Second
	trimQuiet    = 8 << 20  // bytes: fewer were allocated within an interval
	trimWorth    = 16 << 20 // bytes: more were allocated since the last trim
)

type trimmer struct{ last, trimmed uint64 }

// due takes the bytes allocated since the start, once in an interval.
func (t *trimmer) due(allocated uint64) bool {
	quiet := allocated-t.last < trimQuiet
	t.last = allocated
	if !quiet || allocated-t.trimmed < trimWorth {
		return false
	}
	t.trimmed = allocated
	return true
}

// keepTrim gives memory back until ctx ends.
func keepTrim(ctx context.Context) {
	ticker := time.NewTicker(trimInterval)
	defer ticker.Stop()
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	var t trimmer
	debug.FreeOSMemory() // starting is a burst, too
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if metrics.Read(sample); t.due(sample[0].Value.Uint64()) {
			debug.FreeOSMemory()
		}
	}
}
