package gateway

import (
	"context"
	"sync"
	"time"
)

// pageTimeout is how long a page may take to say that it did what it was told.
const pageTimeout = 3 * time.Second

// noPages stands for pages that nobody can reach.
type noPages struct{}

func (noPages) Present(string) bool { return false }

func (noPages) Do(context.Context, string, string, string) error { return ErrNoAbility }

// Drain refuses new calls with 503, tells the pages to move, and returns when no call is left or the context ends. What
// is left then ends with Close.
func (g *Gateway) Drain(ctx context.Context) {
	g.mu.Lock()
	g.draining = true
	pages := make(map[string]string, len(g.lines))
	for dn, l := range g.lines {
		if l.wanted && l.page != "" {
			pages[dn] = l.page
		}
	}
	g.mu.Unlock()
	var told sync.WaitGroup
	defer told.Wait()
	for dn, page := range pages {
		if g.opts.Pages.Present(page) {
			told.Go(func() { g.tellPage(ctx, dn, page, "drain") })
		}
	}
	for {
		g.mu.Lock()
		left, changed := len(g.calls), g.changed
		g.mu.Unlock()
		if left == 0 {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			g.log.Warn("drain_incomplete", "calls", left)
			return
		}
	}
}

// tellPage tells a page something about itself; one that can't be told finds out.
func (g *Gateway) tellPage(ctx context.Context, dn, page, verb string) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	if err := g.opts.Pages.Do(ctx, page, verb, ""); err != nil {
		g.log.Info("page_not_told", "dn", dn, "verb", verb, "error", err)
	}
}
