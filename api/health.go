package api

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// probeTimeout bounds a readiness check: orchestrators ask every few seconds.
const probeTimeout = 2 * time.Second

// Health is the answer to a health check that found nothing wrong.
type Health struct {
	Status string        `json:"status" enum:"ok"`
	Checks []CheckResult `json:"checks,omitempty" nullable:"false"`
}

// CheckResult is one of the things that readiness depends on.
type CheckResult struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

type healthOutput struct{ Body Health }

func (s *server) registerHealth() {
	register(s, endpoint{
		id: "healthz", method: http.MethodGet, path: "/healthz", tag: "health", public: true,
		summary: "Tell whether the process is alive",
	}, func(context.Context, *struct{}) (*healthOutput, error) {
		return &healthOutput{Body: Health{Status: "ok"}}, nil
	})
	register(s, endpoint{
		id: "readyz", method: http.MethodGet, path: "/readyz", tag: "health", public: true,
		summary: "Tell whether the daemon can do its work, and what is missing", errors: []int{http.StatusServiceUnavailable},
	}, s.ready)
}

func (s *server) ready(ctx context.Context, _ *struct{}) (*healthOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	results := make([]CheckResult, len(s.Checks))
	var probes sync.WaitGroup
	for i, check := range s.Checks {
		probes.Go(func() {
			results[i] = CheckResult{Name: check.Name, OK: true}
			if err := check.Probe(ctx); err != nil {
				results[i] = CheckResult{Name: check.Name, Error: err.Error()}
			}
		})
	}
	probes.Wait()
	for _, r := range results {
		if !r.OK {
			p := newProblem(http.StatusServiceUnavailable, "not_ready", r.Name+": "+r.Error)
			p.Checks = results
			return nil, p
		}
	}
	return &healthOutput{Body: Health{Status: "ok", Checks: results}}, nil
}
