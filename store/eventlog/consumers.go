package eventlog

import (
	"context"
	"sync"
	"time"
)

// heartbeat is how often the server says that a consumer of ours lives; after two of them without, it is made again.
const heartbeat = 2 * time.Second

// consumers is what reads from the embedded server. When its streams are opened again it forgets them without a word, and they
// would wait for their heartbeats in vain first.
type consumers struct {
	mu   sync.Mutex
	ends map[*context.CancelCauseFunc]struct{}
}

// consumer gives a context that ends with the consumers. Its release is to be called.
func (c *consumers) consumer(ctx context.Context) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ends == nil {
		c.ends = map[*context.CancelCauseFunc]struct{}{}
	}
	c.ends[&cancel] = struct{}{}
	return ctx, func() {
		c.mu.Lock()
		delete(c.ends, &cancel)
		c.mu.Unlock()
		cancel(nil)
	}
}

// lost ends those that there are.
func (c *consumers) lost() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for end := range c.ends {
		(*end)(errReopened)
	}
}
