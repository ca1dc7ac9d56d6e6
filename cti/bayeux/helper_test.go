package bayeux_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sidecar/cti/bayeux"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// user is a principal that is its own name.
type user string

func (u user) ID() string { return string(u) }

var errRefused = errors.New("refused by the test")

// house lets in whoever brings a bearer token or ext.auth.token, and calls them by it. Channels under /closed
// and any-level wildcards are nobody's; /service/ and /open can be published to.
type house struct {
	mu      sync.Mutex
	revoked map[string]bool
	publish func(channel string) error
}

func tokenOf(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

func (h *house) Handshake(_ context.Context, r *http.Request, ext json.RawMessage) (bayeux.Principal, error) {
	token := tokenOf(r)
	if token == "" {
		if c, err := r.Cookie("token"); err == nil {
			token = c.Value
		}
	}
	var e struct{ Auth struct{ Token string } }
	if json.Unmarshal(ext, &e) == nil && token == "" {
		token = e.Auth.Token
	}
	switch token {
	case "", "nobody":
		return nil, errRefused
	case "busy":
		return nil, &bayeux.DeniedError{Reason: "come back: later", Retry: 7_000_000_000}
	}
	return user(token), nil
}

func (h *house) Authorize(_ context.Context, r *http.Request, p bayeux.Principal) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.revoked[p.ID()] {
		return fmt.Errorf("%w: revoked", errRefused)
	}
	if token := tokenOf(r); token != "" && token != p.ID() {
		return bayeux.ErrForeignSession
	}
	return nil
}

func (h *house) revoke(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.revoked = map[string]bool{name: true}
}

func (h *house) Subscribe(_ context.Context, _ bayeux.Principal, channel string) error {
	switch {
	case strings.HasSuffix(channel, "/**") && strings.Count(channel, "/") == 1:
		return &bayeux.DeniedError{Reason: "everything: at once"}
	case strings.HasPrefix(channel, "/closed"):
		return errRefused
	}
	return nil
}

func (h *house) Publish(_ context.Context, _ bayeux.Principal, channel string) error {
	if h.publish != nil {
		return h.publish(channel)
	}
	if strings.HasPrefix(channel, "/open/") || strings.HasPrefix(channel, "/service/") {
		return nil
	}
	return errRefused
}

// newServer makes a server that is closed with the test.
func newServer(t testing.TB, opts bayeux.Options) *bayeux.Server {
	t.Helper()
	if opts.Policy == nil {
		opts.Policy = &house{}
	}
	s, err := bayeux.NewServer(opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.WithoutCancel(t.Context()))) })
	return s
}

// msg is a message as a client reads or writes it.
type msg = map[string]any

// answer is what came back for a request.
type answer struct {
	*httptest.ResponseRecorder
	t    testing.TB
	done chan struct{}
}

// messages decodes the array, which must have come with status 200.
func (a *answer) messages() []msg {
	a.t.Helper()
	<-a.done
	require.Equal(a.t, http.StatusOK, a.Code, a.Body.String())
	var list []msg
	require.NoError(a.t, json.Unmarshal(a.Body.Bytes(), &list), a.Body.String())
	require.NotEmpty(a.t, list, "clients take an empty array for a failure")
	return list
}

// one decodes an array that holds one message.
func (a *answer) one() msg {
	a.t.Helper()
	list := a.messages()
	require.Len(a.t, list, 1)
	return list[0]
}

// last decodes the reply at the end of the array, and the events before it.
func (a *answer) last() (events []msg, reply msg) {
	a.t.Helper()
	list := a.messages()
	return list[:len(list)-1], list[len(list)-1]
}

// finished reports whether the reply is there.
func (a *answer) finished() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// client speaks to a server without a network.
type client struct {
	t      testing.TB
	server http.Handler
	token  string
	cookie string
	id     string
	header http.Header
	socket bool  // comes by WebSocket
	link   *link // the socket, once it is open
}

func newClient(t testing.TB, server http.Handler, token string) *client {
	t.Helper()
	r, ok := server.(*rig)
	return &client{t: t, server: server, token: token, header: http.Header{}, socket: ok && r.socket}
}

func (c *client) request(ctx context.Context, body string) *http.Request {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/cometd/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json;charset=UTF-8")
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.cookie != "" {
		r.AddCookie(&http.Cookie{Name: "BAYEUX_BROWSER", Value: c.cookie})
	}
	maps.Copy(r.Header, c.header)
	return r
}

// raw posts a body and returns the answer when it is complete.
func (c *client) raw(body string) *answer {
	c.t.Helper()
	if c.socket {
		a := c.dial().send(c.t, body)
		<-a.done
		return a
	}
	a := &answer{ResponseRecorder: httptest.NewRecorder(), t: c.t, done: make(chan struct{})}
	c.server.ServeHTTP(a, c.request(c.t.Context(), body))
	close(a.done)
	return a
}

// post sends messages.
func (c *client) post(messages ...msg) *answer {
	c.t.Helper()
	return c.raw(c.encode(messages...))
}

func (c *client) encode(messages ...msg) string {
	c.t.Helper()
	body, err := json.Marshal(messages)
	require.NoError(c.t, err)
	return string(body)
}

// start sends a message without waiting for the answer.
func (c *client) start(ctx context.Context, m msg) *answer {
	if c.socket {
		return c.dial().send(c.t, c.encode(m))
	}
	a := &answer{ResponseRecorder: httptest.NewRecorder(), t: c.t, done: make(chan struct{})}
	r := c.request(ctx, c.encode(m))
	go func() {
		defer close(a.done)
		c.server.ServeHTTP(a, r)
	}()
	return a
}

func handshakeMsg() msg {
	return msg{
		"channel": "/meta/handshake", "id": "1", "version": "1.0", "minimumVersion": "1.0",
		"supportedConnectionTypes": []string{"websocket", "long-polling", "callback-polling"},
		"advice":                   msg{"timeout": 60000, "interval": 0},
	}
}

// handshake opens a session and remembers its id and cookie.
func (c *client) handshake() msg {
	c.t.Helper()
	a := c.post(handshakeMsg())
	m := a.one()
	require.Equal(c.t, true, m["successful"], m)
	c.id, _ = m["clientId"].(string)
	for _, cookie := range a.Result().Cookies() {
		if cookie.Name == "BAYEUX_BROWSER" {
			c.cookie = cookie.Value
		}
	}
	return m
}

func (c *client) connectMsg() msg {
	kind := "long-polling"
	if c.socket {
		kind = "websocket"
	}
	return msg{"channel": "/meta/connect", "clientId": c.id, "id": "9", "connectionType": kind}
}

// connected opens a session and has its first connect answered.
func connected(t testing.TB, server http.Handler, token string) *client {
	t.Helper()
	c := newClient(t, server, token)
	c.handshake()
	_, reply := c.post(c.connectMsg()).last()
	require.Equal(t, true, reply["successful"], reply)
	return c
}

func (c *client) connect() *answer { return c.start(c.t.Context(), c.connectMsg()) }

// poll sends a connect that isn't held.
func (c *client) poll() (events []msg, reply msg) {
	c.t.Helper()
	m := c.connectMsg()
	m["advice"] = msg{"timeout": 0}
	return c.post(m).last()
}

func (c *client) subscribe(channel any) msg {
	c.t.Helper()
	return c.post(msg{"channel": "/meta/subscribe", "clientId": c.id, "id": "5", "subscription": channel}).one()
}

func event(t testing.TB, channel string, data any) bayeux.Event {
	t.Helper()
	e, err := bayeux.NewEvent(channel, data)
	require.NoError(t, err)
	return e
}

// requireAdvice checks that an advice is there, complete and as wanted.
func requireAdvice(t testing.TB, m msg, reconnect string) msg {
	t.Helper()
	a, ok := m["advice"].(msg)
	require.True(t, ok, "no advice in %v", m)
	require.Equal(t, reconnect, a["reconnect"], m)
	for _, field := range []string{"interval", "timeout", "maxInterval"} {
		require.Contains(t, a, field, "clients fill the gap with a default of their own")
	}
	return a
}

// Bounds of waiting for what must happen anyway.
const (
	waitLimit = time.Minute
	waitStep  = time.Millisecond
)

// pass lets time go by, in a bubble where it costs none.
func pass(d time.Duration) { <-time.After(d) }
