package backoff

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Defaults used for fields of Policy that are zero.
const (
	DefaultMin = 250 * time.Millisecond
	DefaultMax = 10 * time.Second
)

// Policy says how pauses grow.
type Policy struct {
	// Min is the first pause before jitter, Max the largest one.
	Min, Max time.Duration
	// Jitter returns a number in [0, 1); nil means a random one. A pause is
	// drawn from the upper half [d/2, d), so that it never collapses to nothing.
	Jitter func() float64
}

// Backoff counts failures in a row. It belongs to one goroutine.
type Backoff struct {
	policy   Policy
	failures int
}

// New returns a Backoff that has seen no failure yet.
func New(p Policy) *Backoff {
	if p.Min <= 0 {
		p.Min = DefaultMin
	}
	if p.Max <= 0 {
		p.Max = DefaultMax
	}
	if p.Max < p.Min {
		p.Max = p.Min
	}
	if p.Jitter == nil {
		p.Jitter = rand.Float64
	}
	return &Backoff{policy: p}
}

// Next counts one more failure and returns the pause that should follow it.
func (b *Backoff) Next() time.Duration {
	d := b.policy.Max
	// Shifting stops well before the duration could overflow: the cap is
	// reached first for every sane Min.
	if b.failures < 32 {
		if grown := b.policy.Min << b.failures; grown > 0 && grown < d && grown>>b.failures == b.policy.Min {
			d = grown
		}
		b.failures++
	}
	half := d / 2
	return half + time.Duration(float64(d-half)*b.policy.Jitter())
}

// Failures returns how many pauses were drawn since the last Reset.
func (b *Backoff) Failures() int { return b.failures }

// Reset forgets the failures; call it after a success.
func (b *Backoff) Reset() { b.failures = 0 }

// Wait pauses for Next. It returns early with the context's error.
func (b *Backoff) Wait(ctx context.Context) error {
	return Sleep(ctx, b.Next())
}

// Sleep pauses for d or until ctx ends, whichever is first.
func Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("backoff: %w", err)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("backoff: %w", ctx.Err())
	}
}
