package ari

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// subprotocol is what Asterisk's websocket_client.conf must ask for.
const subprotocol = "ari"

// Acceptor is the HTTP handler for Asterisk's outbound websocket: Asterisk
// dials us and the connection feeds the one Client that names this Acceptor in
// its Config.
type Acceptor struct {
	user, password [sha256.Size]byte
	upgrader       websocket.Upgrader

	mu      sync.Mutex
	serving *websocket.Conn // the newest connection
	fresh   chan *websocket.Conn
	closed  bool
}

// NewAcceptor makes an Acceptor that lets in whoever presents user and password.
func NewAcceptor(user string, password Secret) *Acceptor {
	return &Acceptor{
		user: sha256.Sum256([]byte(user)), password: sha256.Sum256([]byte(password)),
		upgrader: websocket.Upgrader{
			Subprotocols:     []string{subprotocol},
			HandshakeTimeout: 5 * time.Second,
		},
		fresh: make(chan *websocket.Conn, 1),
	}
}

// ServeHTTP lets Asterisk in. A new connection takes the place of the previous
// one: Asterisk only redials when it has given that one up.
func (a *Acceptor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !a.authentic(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="ari"`)
		http.Error(w, "user or password is wrong", http.StatusUnauthorized)
		return
	}
	if !hasSubprotocol(r) {
		http.Error(w, "subprotocol ari is required", http.StatusBadRequest)
		return
	}
	conn, err := a.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	a.offer(conn)
}

// authentic compares digests in constant time, so that neither length nor
// content of the secret shows in the time it takes.
func (a *Acceptor) authentic(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	u, p := sha256.Sum256([]byte(user)), sha256.Sum256([]byte(password))
	same := subtle.ConstantTimeCompare(u[:], a.user[:]) & subtle.ConstantTimeCompare(p[:], a.password[:])
	return ok && same == 1
}

func hasSubprotocol(r *http.Request) bool {
	return slices.Contains(websocket.Subprotocols(r), subprotocol)
}

func (a *Acceptor) offer(conn *websocket.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		_ = conn.Close()
		return
	}
	if a.serving != nil {
		_ = a.serving.Close()
	}
	a.serving = conn
	select {
	case <-a.fresh: // not even taken yet, and closed just now
	default:
	}
	a.fresh <- conn
}

func (a *Acceptor) next(ctx context.Context) (*websocket.Conn, error) {
	select {
	case conn := <-a.fresh:
		return conn, nil
	case <-ctx.Done():
		return nil, ctx.Err() //nolint:wrapcheck // only tells the client's run to end
	}
}

// close refuses further connections: their client is gone.
func (a *Acceptor) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	if a.serving != nil {
		_ = a.serving.Close()
	}
}
