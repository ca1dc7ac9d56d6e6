package sip_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/icholy/digest"
	"github.com/stretchr/testify/require"

	"sidecar/sip"
)

// world is an endpoint behind an HTTP server whose network is in memory, so that
// it can live in virtual time.
type world struct {
	*sip.Endpoint
	t        testing.TB
	listener *pipeListener
	events   *recorder
}

type creds struct{}

func (creds) Password(dn string) (string, bool) {
	if dn < "5001" || dn > "5020" || len(dn) != 4 {
		return "", false
	}
	return "secret-" + dn, true
}

func (creds) Token(_ context.Context, token string) ([]string, error) {
	if dn, ok := strings.CutPrefix(token, "token-for-"); ok {
		return []string{dn}, nil
	}
	return nil, errors.New("unknown token")
}

func newWorld(t testing.TB, change func(*sip.Options)) *world {
	t.Helper()
	w := &world{t: t, listener: &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}, events: &recorder{changed: make(chan struct{})}}
	opts := sip.Options{Registrar: sip.RegistrarOptions{Credentials: creds{}, OnEvent: w.events.add, Bearer: true}}
	if change != nil {
		change(&opts)
	}
	var err error
	w.Endpoint, err = sip.New(opts)
	require.NoError(t, err)
	server := &http.Server{Handler: w.WebSocket(), ReadHeaderTimeout: time.Second}
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(w.listener) })
	t.Cleanup(func() {
		_ = server.Close()
		w.Close()
		wg.Wait()
	})
	return w
}

// recorder keeps registration events.
type recorder struct {
	mu      sync.Mutex
	events  []sip.RegistrationEvent
	changed chan struct{}
}

func (r *recorder) add(e sip.RegistrationEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	close(r.changed)
	r.changed = make(chan struct{})
}

// wait returns the n-th event (from 0) as soon as it is there.
func (r *recorder) wait(t testing.TB, n int) sip.RegistrationEvent {
	t.Helper()
	for {
		r.mu.Lock()
		changed, events := r.changed, r.events
		r.mu.Unlock()
		if len(events) > n {
			return events[n]
		}
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatal("no such event")
		}
	}
}

func (r *recorder) kinds() []sip.RegistrationKind {
	r.mu.Lock()
	defer r.mu.Unlock()
	var kinds []sip.RegistrationKind
	for _, e := range r.events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 8090} }

// pipeConn is a pipe that says where it comes from.
type pipeConn struct {
	net.Conn
	remote net.Addr
}

func (c pipeConn) RemoteAddr() net.Addr { return c.remote }

func (l *pipeListener) dial(from string) (net.Conn, error) {
	client, server := net.Pipe()
	addr, err := net.ResolveTCPAddr("tcp", from)
	if err != nil {
		return nil, err
	}
	select {
	case l.conns <- pipeConn{server, addr}:
		return client, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// browser is a raw SIP client over WebSocket.
type browser struct {
	t        testing.TB
	ws       *websocket.Conn
	dn       string
	host     string // of its Contact
	instance string // its +sip.instance
	cseq     int
	call     string

	in     chan *text
	closed chan error // the read error that ended it
	wg     sync.WaitGroup
}

type dialOptions struct {
	from, origin, cookie, query string
	protocols                   []string
	unread                      bool // never reads
}

func (w *world) upgrade(o dialOptions) (*websocket.Conn, *http.Response, error) {
	dialer := websocket.Dialer{
		NetDialContext: func(context.Context, string, string) (net.Conn, error) { return w.listener.dial(o.from) },
		Subprotocols:   o.protocols, WriteBufferSize: 512,
	}
	header := http.Header{}
	if o.origin != "" {
		header.Set("Origin", o.origin)
	}
	if o.cookie != "" {
		header.Set("Cookie", o.cookie)
	}
	return dialer.DialContext(w.t.Context(), "ws://desk.example.com/ws"+o.query, header)
}

func (w *world) browser(dn string, change ...func(*dialOptions)) *browser {
	w.t.Helper()
	o := dialOptions{from: "192.0.2.10:40000", origin: "http://desk.example.com", protocols: []string{"sip"}}
	for _, f := range change {
		f(&o)
	}
	ws, res, err := w.upgrade(o)
	require.NoError(w.t, err)
	require.NoError(w.t, res.Body.Close())
	require.Equal(w.t, "sip", ws.Subprotocol())
	b := &browser{
		t: w.t, ws: ws, dn: dn, host: randomHost(), call: randomHost(), instance: randomHost(),
		in: make(chan *text, 1024), closed: make(chan error, 1),
	}
	if !o.unread {
		b.wg.Go(b.read)
	}
	w.t.Cleanup(b.close)
	return b
}

func randomHost() string { return strings.ToLower(rand.Text()[:12]) + ".invalid" }

func (b *browser) close() {
	_ = b.ws.Close()
	b.wg.Wait()
}

func (b *browser) read() {
	for {
		_, data, err := b.ws.ReadMessage()
		if err != nil {
			b.closed <- err
			return
		}
		b.in <- parseText(string(data))
	}
}

func (b *browser) send(msg string) {
	b.t.Helper()
	require.NoError(b.t, b.ws.WriteMessage(websocket.TextMessage, []byte(crlf(msg))))
}

func crlf(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")
}

// next returns the next message, whatever it is.
func (b *browser) next() *text {
	b.t.Helper()
	select {
	case m := <-b.in:
		return m
	case err := <-b.closed:
		b.t.Fatalf("flow ended: %v", err)
	case <-b.t.Context().Done():
		b.t.Fatal("no message")
	}
	return nil
}

// until skips messages until one starts as asked.
func (b *browser) until(start string) *text {
	b.t.Helper()
	for {
		if m := b.next(); strings.HasPrefix(m.start, start) {
			return m
		}
	}
}

// closeCode waits for the end of the flow.
func (b *browser) closeCode() int {
	b.t.Helper()
	select {
	case err := <-b.closed:
		if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
			return closed.Code
		}
		return -1
	case <-b.t.Context().Done():
		b.t.Fatal("flow did not end")
	}
	return 0
}

// register sends one REGISTER. headers replace or add header lines; without an Authorization among them none is sent.
func (b *browser) register(expires int, headers ...string) *text {
	b.t.Helper()
	b.cseq++
	msg := fmt.Sprintf("REGISTER sip:desk.example.com SIP/2.0\nVia: SIP/2.0/WS %s;branch=z9hG4bK%s%d\nMax-Forwards: 69\n"+
		"To: <sip:%s@desk.example.com>\nFrom: <sip:%s@desk.example.com>;tag=abc\nCall-ID: reg-%s\nCSeq: %d REGISTER\n",
		b.host, b.host, b.cseq, b.dn, b.dn, b.call, b.cseq)
	if !strings.Contains(strings.Join(headers, "\n"), "Contact:") {
		headers = append(headers, fmt.Sprintf("Contact: <sip:%s@%s;transport=ws>;+sip.ice;reg-id=1;+sip.instance=\"<urn:uuid:%s>\";expires=%d", b.dn, b.host, b.instance, expires))
	}
	for _, header := range headers {
		name, _, _ := strings.Cut(header, ":")
		if name == "To" || name == "From" || name == "CSeq" {
			msg = replaceLine(msg, name, header)
		} else if header != "Contact:" {
			msg += header + "\n"
		}
	}
	b.send(msg + "Expires: " + strconv.Itoa(expires) + "\nContent-Length: 0\n\n")
	return b.until("SIP/2.0")
}

func replaceLine(msg, name, line string) string {
	lines := strings.Split(msg, "\n")
	for i := range lines {
		if strings.HasPrefix(lines[i], name+":") {
			lines[i] = line
		}
	}
	return strings.Join(lines, "\n")
}

// credentials answers a challenge as JsSIP does.
func credentials(t testing.TB, challenge, user, password, uri string, count int) string {
	t.Helper()
	c, err := digest.ParseChallenge(challenge)
	require.NoError(t, err)
	require.Equal(t, []string{"auth"}, c.QOP)
	require.Equal(t, "MD5", c.Algorithm)
	cred, err := digest.Digest(c, digest.Options{Method: "REGISTER", URI: uri, Username: user, Password: password, Count: count})
	require.NoError(t, err)
	return "Authorization: " + cred.String()
}

// login registers with the DN's password.
func (b *browser) login(expires int) *text {
	b.t.Helper()
	res := b.register(expires)
	require.Equal(b.t, 401, res.status, res.raw)
	return b.register(expires, credentials(b.t, res.last("WWW-Authenticate"), b.dn, "secret-"+b.dn, "sip:desk.example.com", 1))
}

// text is a SIP message as its reader sees it.
type text struct {
	raw, start, body string
	status           int
	headers          []string
}

func parseText(raw string) *text {
	head, body, _ := strings.Cut(raw, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	m := &text{raw: raw, start: lines[0], headers: lines[1:], body: body}
	if fields := strings.Fields(m.start); len(fields) > 1 && fields[0] == "SIP/2.0" {
		m.status, _ = strconv.Atoi(fields[1])
	}
	return m
}

// last is what JsSIP keeps of a header that must not be repeated.
func (m *text) last(name string) string {
	if all := m.all(name); len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

func (m *text) get(name string) string {
	if all := m.all(name); len(all) > 0 {
		return all[0]
	}
	return ""
}

func (m *text) all(name string) []string {
	var values []string
	for _, line := range m.headers {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(strings.TrimSpace(key), name) {
			values = append(values, strings.TrimSpace(value))
		}
	}
	return values
}

func options(b *browser, n int) string {
	return fmt.Sprintf("OPTIONS sip:desk.example.com SIP/2.0\nVia: SIP/2.0/WS %s;branch=z9hG4bKo%d\nMax-Forwards: 70\n"+
		"To: <sip:desk.example.com>\nFrom: <sip:%s@desk.example.com>;tag=o%d\nCall-ID: o%d-%s\nCSeq: %d OPTIONS\nContent-Length: 0\n\n", b.host, n, b.dn, n, n, b.call, n)
}
