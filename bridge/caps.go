package bridge

import (
	"fmt"
	"sync"
)

// caps counts the outside calls of each capped class by their channels, so that taking or freeing twice does no harm.
type caps struct {
	mu   sync.Mutex
	held map[string]map[ChannelID]bool
}

// take counts ch against the cap. No limit (0) always succeeds.
func (c *caps) take(name string, limit int, ch ChannelID) error {
	if name == "" {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	held := c.held[name]
	if limit > 0 && len(held) >= limit && !held[ch] {
		return &TargetError{
			Rule: name, Unreachable: true,
			Why: fmt.Sprintf("%s allows %d calls at once and they are in use", name, limit),
		}
	}
	if held == nil {
		if c.held == nil {
			c.held = map[string]map[ChannelID]bool{}
		}
		held = map[ChannelID]bool{}
		c.held[name] = held
	}
	held[ch] = true
	return nil
}

func (c *caps) free(name string, ch ChannelID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held[name], ch)
}
