package gws

import (
	"context"
	"crypto/subtle"
	"slices"
	"sync"

	"sidecar/auth"
)

// Principal is somebody who has shown a good token.
type Principal struct {
	ID     string // stable, unique, may appear in logs
	OwnDNs []string
	SeesDN func(dn string) bool // DNs besides the own: a supervisor's team; nil: none
	User   auth.Principal       // as access knows it; only for dialects that tell of the user
}

// Authenticator knows tokens. It is asked for every request, and time and again for the sessions in between, so it
// must answer quickly. ErrToken means that the token is not good, or not any more; any other error, that this could not
// be found out.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (Principal, error)
}

// Member is the owner of a session. What the principal may see can change while the session lasts.
type Member struct {
	id  string
	how source // where the handshake's token came from

	mu        sync.Mutex
	token     string   // the newest that was good
	former    []string // those before it
	principal *Principal
}

// maxFormer is how many former tokens a session knows again: more logins than an agent makes while one WebSocket lives.
const maxFormer = 32

// ID makes a Member a bayeux.Principal.
func (m *Member) ID() string { return m.id }

// Principal is who it is, as of the last check of the token.
func (m *Member) Principal() Principal {
	m.mu.Lock()
	defer m.mu.Unlock()
	return *m.principal
}

// Sees reports whether the DN is the member's own or one of those that it may see.
func (m *Member) Sees(dn string) bool {
	p := m.Principal()
	return slices.Contains(p.OwnDNs, dn) || p.SeesDN != nil && p.SeesDN(dn)
}

// Owns reports whether the DN is one of the member's own.
func (m *Member) Owns(dn string) bool { return slices.Contains(m.Principal().OwnDNs, dn) }

func (m *Member) ownsDN() bool { return len(m.Principal().OwnDNs) > 0 }

// Token is the newest that was good: it names the login of the session.
func (m *Member) Token() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.token
}

// renew takes the token of a request for the newest, unless it is one that a newer has taken the place of.
func (m *Member) renew(token string, p *Principal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.principal = p
	if token == m.token || m.isFormerLocked(token) {
		return
	}
	m.former = append(m.former[max(0, len(m.former)-maxFormer+1):], m.token)
	m.token = token
}

// newestFor gives the newest token in place of a former one.
func (m *Member) newestFor(token string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.isFormerLocked(token) {
		return m.token
	}
	return token
}

func (m *Member) isFormerLocked(token string) bool {
	return slices.ContainsFunc(m.former, func(old string) bool { return subtle.ConstantTimeCompare([]byte(old), []byte(token)) == 1 })
}
