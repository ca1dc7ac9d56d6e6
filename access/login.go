package access

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"sidecar/auth"
)

// Tokens is what Logins needs of package auth.
type Tokens interface {
	Login(ctx context.Context, name, password, address string) (auth.Token, auth.Principal, error)
	Verify(ctx context.Context, token string) (auth.Principal, error)
	CheckOrigin(r *http.Request) error
	Logout(ctx context.Context, p auth.Principal) error
}

// Login is whose request it is.
type Login struct {
	auth.Principal

	Token  auth.Token // names the login: all requests with it are of one session
	Cookie bool       // it came as a cookie, which a browser adds by itself
	Basic  bool       // it stands for a name and password that came with the request
}

// maxLogins is how many names with passwords are remembered; the rest are logged in anew.
const maxLogins = 10_000

// Logins finds out whose request it is for clients that send a token as "Authorization: Bearer" or as a cookie, or a name
// and password with every request, as the old desktops do. The latter are logged in once, since checking a password is made slow on purpose;
// what is remembered of it is a keyed hash, and its token is checked every time, so that a changed password or a disabled user
// counts at once.
type Logins struct {
	tokens  Tokens
	cookie  string
	address func(*http.Request) string
	key     []byte

	mu    sync.Mutex
	known map[[sha256.Size]byte]auth.Token
}

// NewLogins makes Logins for one name of the cookie; address tells where a request comes from.
func NewLogins(tokens Tokens, cookie string, address func(*http.Request) string) *Logins {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	return &Logins{tokens: tokens, cookie: cookie, address: address, key: key, known: map[[sha256.Size]byte]auth.Token{}}
}

// Of checks who sent a request. It fails with auth.ErrNoToken when it brings nothing, with auth.ErrOrigin when a foreign page made a
// browser send it, and otherwise as Verify and Login do.
func (l *Logins) Of(r *http.Request) (Login, error) {
	if name, password, ok := r.BasicAuth(); ok {
		if err := l.tokens.CheckOrigin(r); err != nil { // browsers repeat these by themselves too
			return Login{}, err
		}
		return l.Basic(r, name, password)
	}
	request := r
	if l.cookie != auth.CookieName { // auth knows only its own
		request = r.Clone(r.Context())
		request.Header.Del("Cookie")
		if c, err := r.Cookie(l.cookie); err == nil {
			request.AddCookie(&http.Cookie{Name: auth.CookieName, Value: c.Value}) //nolint:gosec // G124: it is sent nowhere
		}
	}
	cred, err := auth.FromRequest(request)
	if err != nil {
		return Login{}, fmt.Errorf("whose request: %w", err)
	}
	if cred.Cookie {
		if err = l.checkCookie(r); err != nil {
			return Login{}, err
		}
	}
	p, err := l.tokens.Verify(r.Context(), cred.Token)
	if err != nil {
		return Login{}, err
	}
	return Login{Principal: p, Token: auth.Token{Value: cred.Token, ExpiresAt: p.ExpiresAt}, Cookie: cred.Cookie}, nil
}

// checkCookie refuses an unsafe request with the cookie unless the page that sent it may.
func (l *Logins) checkCookie(r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	return l.tokens.CheckOrigin(r)
}

// Basic is the login of a name and password: the one that is known already, or a new one.
func (l *Logins) Basic(r *http.Request, name, password string) (Login, error) {
	id := l.id(name, password)
	l.mu.Lock()
	token, known := l.known[id]
	l.mu.Unlock()
	if known {
		p, err := l.tokens.Verify(r.Context(), token.Value)
		if err == nil {
			return Login{Principal: p, Token: token, Basic: true}, nil
		}
		if !errors.Is(err, auth.ErrTokenExpired) && !errors.Is(err, auth.ErrTokenRevoked) {
			return Login{}, err
		}
	}
	token, p, err := l.tokens.Login(r.Context(), name, password, l.address(r))
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		delete(l.known, id)
		return Login{}, err
	}
	l.makeRoom(time.Now())
	l.known[id] = token
	return Login{Principal: p, Token: token, Basic: true}, nil
}

// Login logs in with a name and password for a token of its own.
func (l *Logins) Login(r *http.Request, name, password string) (Login, error) {
	if err := l.tokens.CheckOrigin(r); err != nil { // a foreign page must not log its visitor in
		return Login{}, err
	}
	token, p, err := l.tokens.Login(r.Context(), name, password, l.address(r))
	if err != nil {
		return Login{}, err
	}
	return Login{Principal: p, Token: token}, nil
}

// Logout makes a login's token stop to count.
func (l *Logins) Logout(ctx context.Context, in Login) error {
	return l.tokens.Logout(ctx, in.Principal)
}

func (l *Logins) id(name, password string) (id [sha256.Size]byte) {
	mac := hmac.New(sha256.New, l.key)
	fmt.Fprintf(mac, "%d:%s%s", len(name), name, password)
	return [sha256.Size]byte(mac.Sum(nil))
}

// makeRoom forgets the expired logins, and all when that does not suffice.
func (l *Logins) makeRoom(now time.Time) {
	if len(l.known) < maxLogins {
		return
	}
	for id, token := range l.known {
		if now.After(token.ExpiresAt) {
			delete(l.known, id)
		}
	}
	if len(l.known) >= maxLogins {
		clear(l.known)
	}
}
