// Package backoff spaces out retries: each pause grows up to a cap, a random
// part keeps many clients from returning at the same instant, and a pause ends
// early when its context does.
//
// It owns the arithmetic and the waiting. It never retries anything itself and
// starts no goroutine.
package backoff
