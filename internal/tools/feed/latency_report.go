package main

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"time"

	"sidecar/internal/tools/feed/exchange"
)

// contains reports whether an event of that name is among the messages.
func contains(body []byte, event string) bool {
	return bytes.Contains(body, []byte(`"event":"`+event+`"`))
}

func (s *study) print(out io.Writer, took time.Duration, uses []use) {
	first, last := uses[0], uses[len(uses)-1]
	_, _ = fmt.Fprintf(out, "%d processors, %s, %g calls a second, %d calls, %d sessions, %d failures\n\n",
		runtime.NumCPU(), runtime.Version(), s.o.rate, s.begun, s.o.dns, len(s.failures))
	_, _ = fmt.Fprintln(out, "| event, and the frame before it | transport | p50 ms | p99 ms | at most ms |\n|---|---|---|---|---|")
	for m := range exchange.Moments {
		for _, transport := range []string{"websocket", "long-polling"} {
			t := s.times[transport][m].Summary()
			_, _ = fmt.Fprintf(out, "| %s: %s | %s | %.2f | %.2f | %.2f |\n", moments[m].event, moments[m].frame, transport, t.P50, t.P99, t.Max)
		}
	}
	_, _ = fmt.Fprintf(out, "\nsidecar: %.2f ms CPU a call (%.2f cores)\n",
		float64((last.cpu-first.cpu).Microseconds())/1000/float64(max(1, s.begun)), (last.cpu-first.cpu).Seconds()/took.Seconds())
	for i, u := range uses {
		_, _ = fmt.Fprintf(out, "sidecar after %5d calls: %.1f MB resident, %d goroutines\n", i*s.begun/(len(uses)-1), float64(u.memory)/1024, u.goroutines)
	}
}
