package main

import (
	"sync"
	"time"

	"sidecar/gateway"
)

// refreshWithin spreads the registrations of DNs that an Asterisk has lost all at once.
const refreshWithin = 5 * time.Second

// upkeep registers DNs anew that we hold for registered and Asterisk, which says so when it is connected to, does not: it
// was restarted without its database, or somebody removed the contact.
type upkeep struct {
	mu         sync.Mutex
	gateway    *gateway.Gateway // nil when no DN needs one
	registered map[string]bool
}

func (u *upkeep) start(g *gateway.Gateway) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.gateway = g
}

// note takes how a registration stands.
func (u *upkeep) note(l gateway.Line) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.registered == nil {
		u.registered = map[string]bool{}
	}
	if l.Registered && (l.Upstream == "" || l.Upstream == gateway.Asterisk) {
		u.registered[l.DN] = true
	} else {
		delete(u.registered, l.DN)
	}
}

// count is how many DNs are registered at Asterisk.
func (u *upkeep) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.registered)
}

// lost takes that a DN has no contact at Asterisk.
func (u *upkeep) lost(dn string) {
	u.mu.Lock()
	g, ours := u.gateway, u.registered[dn]
	u.mu.Unlock()
	if g != nil && ours {
		g.Refresh(refreshWithin, dn)
	}
}
