package v3

import (
	"crypto/rand"
	"sync"
	"time"
)

const (
	codeLife = time.Minute
	maxCodes = 10000 // that wait to be redeemed: more than so many log in in a minute nowhere
)

// codes are the authorization codes that were given out and not redeemed yet. The zero value is ready.
type codes struct {
	mu   sync.Mutex
	list map[string]grant
}

// grant is what a code stands for.
type grant struct {
	token    string
	expires  time.Time // of the token
	redirect string
	until    time.Time
}

// issue gives a code for a login; false when too many wait.
func (c *codes) issue(g grant, now time.Time) (code string, ok bool) {
	g.until = now.Add(codeLife)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.list == nil {
		c.list = map[string]grant{}
	}
	if len(c.list) >= maxCodes {
		for old, g := range c.list {
			if now.After(g.until) {
				delete(c.list, old)
			}
		}
	}
	if len(c.list) >= maxCodes {
		return "", false
	}
	code = rand.Text()
	c.list[code] = g
	return code, true
}

// redeem gives what a code stands for, once, and only to whom names the page that it was sent to.
func (c *codes) redeem(code, redirect string, now time.Time) (grant, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g, found := c.list[code]
	delete(c.list, code)
	if !found || now.After(g.until) || g.redirect != redirect {
		return grant{}, false
	}
	return g, true
}
