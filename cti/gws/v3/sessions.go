package v3

import (
	"crypto/rand"
	"net/http"
	"slices"
	"sync"
	"time"

	"sidecar/auth"
)

// CookieName is the cookie that stands for a session. Published clients look for it by this name.
const CookieName = "WORKSPACE_SESSIONID"

const (
	maxSessions     = 20000
	maxUserSessions = 32 // one more ends the one that was used longest ago
)

// session is a login. Sessions live in memory: after a restart clients initialize anew, with the token that they have.
type session struct {
	// Constant.
	id    string
	user  auth.UserID
	begun time.Time

	// Guarded by sessions.mu.
	token         string
	expires       time.Time // of the token
	used          time.Time
	subscriptions map[string]*subscription // statistics
}

// seat is the DN that a user works at in all of the user's sessions: the active voice channel.
type seat struct {
	dn           string
	place        string
	agentID      string
	autoComplete bool
}

// sessions are all logins.
type sessions struct {
	life time.Duration

	mu    sync.Mutex
	list  map[string]*session
	seats map[auth.UserID]*seat
}

func newSessions(life time.Duration) *sessions {
	return &sessions{life: life, list: map[string]*session{}, seats: map[auth.UserID]*seat{}}
}

// open begins a session; false when there are too many.
func (s *sessions) open(user auth.UserID, token string, expires, now time.Time) (*session, bool) {
	fresh := &session{
		id: rand.Text() + rand.Text(), token: token, expires: expires, user: user, begun: now, used: now,
		subscriptions: map[string]*subscription{},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var oldest *session
	own := 0
	for _, other := range s.list {
		if other.user != user {
			continue
		}
		own++
		if oldest == nil || other.used.Before(oldest.used) {
			oldest = other
		}
	}
	if own >= maxUserSessions {
		delete(s.list, oldest.id)
	}
	if len(s.list) >= maxSessions {
		return nil, false
	}
	s.list[fresh.id] = fresh
	return fresh, true
}

// of finds the session of a request by its cookie, and its token.
func (s *sessions) of(r *http.Request, now time.Time) (found *session, token string, ok bool) {
	c, err := r.Cookie(CookieName)
	if err != nil {
		return nil, "", false
	}
	return s.touch(c.Value, now)
}

// touch finds a session and counts as its use.
func (s *sessions) touch(id string, now time.Time) (found *session, token string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok = s.list[id]
	if !ok || now.After(found.expires) {
		return nil, "", false
	}
	found.used = now
	return found, found.token, true
}

// end ends a session, and the user's seat with the last one: last says so.
func (s *sessions) end(gone *session) (left *seat, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.list, gone.id)
	for _, other := range s.list {
		if other.user == gone.user {
			return nil, false
		}
	}
	left = s.seats[gone.user]
	delete(s.seats, gone.user)
	return left, true
}

// sweep ends the sessions that nobody has used for long, or whose token has expired. The agent's state is not touched: an agent
// whose desktop has died goes on taking calls until the settings say otherwise.
func (s *sessions) sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	users := map[auth.UserID]bool{}
	for id, one := range s.list {
		if now.After(one.expires) || now.Sub(one.used) > s.life {
			delete(s.list, id)
			continue
		}
		users[one.user] = true
	}
	for user := range s.seats {
		if !users[user] {
			delete(s.seats, user)
		}
	}
}

func (s *sessions) seat(user auth.UserID) (seat, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.seats[user]; found != nil {
		return *found, true
	}
	return seat{}, false
}

// sit gives a user a seat, or with nil takes it away, and gives the one before.
func (s *sessions) sit(user auth.UserID, at *seat) (was *seat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was = s.seats[user]
	if at == nil {
		delete(s.seats, user)
		return was
	}
	s.seats[user] = at
	return was
}

// ids are the sessions of some users; nil: of all.
func (s *sessions) ids(users []auth.UserID) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for id, one := range s.list {
		if users == nil || slices.Contains(users, one.user) {
			list = append(list, id)
		}
	}
	return list
}

// at are the users who work at a DN.
func (s *sessions) at(dn string) []auth.UserID {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []auth.UserID{}
	for user, one := range s.seats {
		if one.dn == dn {
			list = append(list, user)
		}
	}
	return list
}

// autoCompletes reports whether all who work at a DN have their calls put away for them.
func (s *sessions) autoCompletes(dn string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := false
	for _, one := range s.seats {
		if one.dn == dn && !one.autoComplete {
			return false
		}
		found = found || one.dn == dn
	}
	return found
}

// cookie carries a session to its client; nil makes it forget. Without TLS it is not Secure, or the client would lose it.
func (s *session) cookie(secure bool) *http.Cookie {
	c := &http.Cookie{ // #nosec G124 -- Secure would keep it from working without TLS
		Name: CookieName, Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode,
	}
	if s == nil {
		c.MaxAge = -1
		return c
	}
	c.Value = s.id
	return c
}

// refresh gives a session a newer token of its user.
func (s *session) refresh(of *sessions, token string, expires time.Time) {
	of.mu.Lock()
	defer of.mu.Unlock()
	s.token, s.expires = token, expires
}

// shares reports whether another session lives on the same token.
func (s *sessions) shares(gone *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.list {
		if other.token == gone.token {
			return true
		}
	}
	return false
}

// with finds a session of a token.
func (s *sessions) with(token string, now time.Time) (id string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, one := range s.list {
		if token != "" && one.token == token && now.Before(one.expires) {
			return id, true
		}
	}
	return "", false
}
