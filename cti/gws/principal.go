package gws

import (
	"context"
	"slices"
	"sync"

	"sidecar/bridge"
)

// Principal is somebody who has shown a good token.
type Principal struct {
	ID     string // stable, unique, may appear in logs
	OwnDNs []string
	SeesDN func(dn string) bool // DNs besides the own: a supervisor's team; nil: none
}

func (p *Principal) sees(dn bridge.DN) bool {
	return slices.Contains(p.OwnDNs, string(dn)) || p.SeesDN != nil && p.SeesDN(string(dn))
}

// Authenticator knows tokens. It is asked for every request, and time and again for the sessions in between, so it
// must answer quickly. ErrToken means that the token is not good, or not any more; any other error, that this could not
// be found out.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (Principal, error)
}

// member is the owner of a session. What the principal may see can change while the session lasts.
type member struct {
	id  string
	how source // where the handshake's token came from

	mu        sync.Mutex
	token     string // the newest that was good
	principal *Principal
}

// ID makes a member a bayeux.Principal.
func (m *member) ID() string { return m.id }

func (m *member) sees(dn bridge.DN) bool {
	m.mu.Lock()
	p := m.principal
	m.mu.Unlock()
	return p.sees(dn)
}

func (m *member) owns(dn string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.principal.OwnDNs, dn)
}

func (m *member) ownsDN() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.principal.OwnDNs) > 0
}

func (m *member) credential() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.token
}

func (m *member) renew(token string, p *Principal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.token, m.principal = token, p
}
