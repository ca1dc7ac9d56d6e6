package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// feed keeps the names of the events that came, per DN, and lets the demo wait for them.
type feed struct {
	screen *screen

	mu      sync.Mutex
	seen    map[string]bool     // event ids: delivery is at least once
	names   map[string][]string // by DN
	changed chan struct{}       // closed and replaced with every event
}

func newFeed(s *screen) *feed {
	return &feed{screen: s, seen: map[string]bool{}, names: map[string][]string{}, changed: make(chan struct{})}
}

func (f *feed) take(e *event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.Snapshot && e.DNState == nil || f.seen[e.ID] {
		return
	}
	f.seen[e.ID] = true
	name := e.Name
	if e.DNState != nil && e.DNState.InService {
		name = "InService"
	}
	f.names[e.DN] = append(f.names[e.DN], name)
	if !e.Snapshot {
		f.screen.event(e.String())
	}
	close(f.changed)
	f.changed = make(chan struct{})
}

// wait blocks until the DN's events hold the given ones in their order; others may come between.
func (f *feed) wait(ctx context.Context, dn string, names ...string) error {
	for {
		f.mu.Lock()
		got, changed := slices.Clone(f.names[dn]), f.changed
		f.mu.Unlock()
		if inOrder(got, names) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("want %q, got %q: %w", names, got, context.Cause(ctx))
		}
	}
}

func inOrder(got, want []string) bool {
	for _, name := range got {
		if len(want) > 0 && name == want[0] {
			want = want[1:]
		}
	}
	return len(want) == 0
}
