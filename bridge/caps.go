package bridge

import (
	"fmt"
	"sync"
)

// caps counts the channels of each cap, so that taking or freeing twice does no harm.
type caps struct {
	mu   sync.Mutex
	held map[string]map[ChannelID]bool
}

// take counts ch against all of the caps, or against none if one of them is exhausted. A limit of 0 is none.
func (c *caps) take(list []Cap, ch ChannelID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cp := range list {
		if held := c.held[cp.Name]; cp.Limit > 0 && len(held) >= cp.Limit && !held[ch] {
			return &TargetError{
				Rule: cp.Name, Cause: causeNoCircuit, Unreachable: true,
				Why: fmt.Sprintf("%s allows %d calls at once and they are in use", cp.Name, cp.Limit),
			}
		}
	}
	c.holdLocked(list, ch)
	return nil
}

// hold counts a channel that is there already, whatever the limit.
func (c *caps) hold(list []Cap, ch ChannelID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holdLocked(list, ch)
}

func (c *caps) holdLocked(list []Cap, ch ChannelID) {
	for _, cp := range list {
		if c.held == nil {
			c.held = map[string]map[ChannelID]bool{}
		}
		if c.held[cp.Name] == nil {
			c.held[cp.Name] = map[ChannelID]bool{}
		}
		c.held[cp.Name][ch] = true
	}
}

func (c *caps) free(ch ChannelID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, held := range c.held {
		delete(held, ch)
	}
}
