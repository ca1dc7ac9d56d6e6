package main

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"sidecar/internal/tools/feed/exchange"
)

// contains reports whether an event of that name is among the messages.
func contains(body []byte, event string) bool {
	return bytes.Contains(body, []byte(`"event":"`+event+`"`))
}

func (s *study) print(out io.Writer, took, cpu time.Duration, before, after int) {
	calls := max(1, s.begun)
	_, _ = fmt.Fprintf(out, "| %s at %g calls/s, %d calls, %d sessions | transport | p50 ms | p99 ms | at most |\n|---|---|---|---|---|\n",
		"ARI frame to client", s.o.rate, s.begun, s.o.dns)
	for m := range exchange.Moments {
		for _, transport := range []string{"websocket", "long-polling"} {
			t := s.times[transport][m].Summary()
			_, _ = fmt.Fprintf(out, "| %s (%s) | %s | %.2f | %.2f | %.2f |\n", moments[m].event, moments[m].frame, transport, t.P50, t.P99, t.Max)
		}
	}
	_, _ = fmt.Fprintf(out, "sidecar: %.2f ms CPU a call (%.2f cores); memory %.1f MB before, %.1f after; %d failures\n",
		float64(cpu.Microseconds())/1000/float64(calls), cpu.Seconds()/took.Seconds(), float64(before)/1024, float64(after)/1024, len(s.failures))
}
