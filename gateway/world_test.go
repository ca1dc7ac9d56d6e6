package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/gateway"
	"sidecar/internal/phone"
	"sidecar/internal/testkit/asterisk"
	"sidecar/internal/tone"
	"sidecar/media"
	"sidecar/sip"
)

const (
	patience  = 20 * time.Second
	phoneHz   = 450
	soundHz   = 620
	browserHz = 830
)

func patient(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// tokens lets everybody in with the token of the DN.
type tokens struct{}

func (tokens) Password(string) (string, bool) { return "", false }

func (tokens) Token(_ context.Context, token string) ([]string, error) {
	if dn, ok := strings.CutPrefix(token, "token-for-"); ok {
		return []string{dn}, nil
	}
	return nil, errors.New("unknown token")
}

// world is a gateway with a registrar and a phone upstream.
type world struct {
	*gateway.Gateway
	t         testing.TB
	server    *httptest.Server
	registrar *registrar
	phone     *phone.Phone // where the gateway's calls go
	events    chan gateway.Event
	pool      *media.PortPool
	after     []func() // run when the gateway is closed
}

// testLog shows what the gateway logs when a test fails.
func testLog(t testing.TB) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type settings struct {
	gateway gateway.Options
	phone   phone.Options
}

func newWorld(t testing.TB, change func(*settings)) *world {
	t.Helper()
	w := &world{t: t, registrar: startRegistrar(t), events: make(chan gateway.Event, 256)}
	engine, err := media.NewEngine(media.EngineOptions{Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	low := asterisk.PortRange(t, 20)
	w.pool, err = media.NewPortPool(netip.MustParseAddr("127.0.0.1"), uint16(low), uint16(low+19), time.Second)
	require.NoError(t, err)
	set := settings{
		phone: phone.Options{Server: w.registrar.addr(), User: "5002", Tone: phoneHz},
		gateway: gateway.Options{
			Log:    testLog(t),
			SIP:    sip.Options{ListenUDP: "127.0.0.1:0", Registrar: sip.RegistrarOptions{Credentials: tokens{}, Bearer: true, Grace: time.Minute}},
			Engine: engine, Ports: w.pool, OnEvent: func(e gateway.Event) { w.events <- e },
			Sound: func() media.Sound {
				var g tone.Generator
				return func(samples []int16) { g.Fill(samples, soundHz) }
			},
		},
	}
	set.gateway.Upstream = func(dn string) (gateway.Upstream, bool) {
		up := gateway.Upstream{Registrar: w.registrar.addr(), Domain: "pbx.example.com"}
		if w.phone != nil {
			up.Proxy = w.phone.Addr().String()
		}
		return up, strings.HasPrefix(dn, "50")
	}
	if change != nil {
		change(&set)
	}
	w.phone, err = phone.New(context.WithoutCancel(t.Context()), set.phone)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.phone.Close() })
	w.Gateway, err = gateway.New(set.gateway)
	require.NoError(t, err)
	w.server = httptest.NewServer(w.WebSocket())
	t.Cleanup(func() {
		w.server.Close()
		w.Close()
		for _, f := range w.after {
			f()
		}
		require.Zero(t, w.Calls())
		require.Zero(t, w.pool.InUse(), "ports are given back")
	})
	return w
}

// wait skips events until one of the kind.
func (w *world) wait(kind gateway.EventKind) gateway.Event {
	w.t.Helper()
	ctx := patient(w.t)
	for {
		select {
		case e := <-w.events:
			if e.Kind == kind {
				return e
			}
			require.NotEqual(w.t, gateway.Ended, e.Kind, "waiting for %s: %+v", kind, e)
		case <-ctx.Done():
			w.t.Fatalf("no event %s", kind)
		}
	}
}

// next is the next event, whatever it is.
func (w *world) next() gateway.Event {
	w.t.Helper()
	select {
	case e := <-w.events:
		return e
	case <-patient(w.t).Done():
		w.t.Fatal("no event")
	}
	return gateway.Event{}
}

// kinds are the events that nobody has taken yet.
func (w *world) kinds() []string {
	var kinds []string
	for len(w.events) > 0 {
		kinds = append(kinds, (<-w.events).Kind.String())
	}
	return kinds
}

// dialRefused lets the phone call a DN, which must be refused.
func (w *world) dialRefused(dn string, status int, why string) {
	w.t.Helper()
	end, err := w.dial(dn).WaitEnd(patient(w.t))
	require.NoError(w.t, err)
	require.Equal(w.t, status, end.Status, why)
}

// dial lets the phone call a DN.
func (w *world) dial(dn string, options ...phone.DialOption) *phone.Call {
	w.t.Helper()
	call, err := w.phone.Dial(patient(w.t), "sip:"+dn+"@"+w.AddrUDP().String(), options...)
	require.NoError(w.t, err)
	return call
}

// registrar says yes to every REGISTER and tells what it saw.
type registrar struct {
	conn net.PacketConn
	seen chan string // "5001 3600"
}

func startRegistrar(t testing.TB) *registrar {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &registrar{conn: conn, seen: make(chan string, 64)}
	var wg sync.WaitGroup
	wg.Go(r.run)
	t.Cleanup(func() { _ = conn.Close(); wg.Wait() })
	return r
}

func (r *registrar) addr() string { return r.conn.LocalAddr().String() }

func (r *registrar) run() {
	buffer := make([]byte, 8192)
	for {
		n, from, err := r.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		m := parseText(string(buffer[:n]))
		if !strings.HasPrefix(m.start, "REGISTER ") {
			continue
		}
		res := "SIP/2.0 200 OK\r\n"
		for _, name := range []string{"Via", "From", "Call-ID", "CSeq", "Contact", "Expires"} {
			res += name + ": " + m.get(name) + "\r\n"
		}
		res += "To: " + m.get("To") + ";tag=registrar\r\nContent-Length: 0\r\n\r\n"
		_, user, _ := strings.Cut(m.get("To"), "sip:")
		user, _, _ = strings.Cut(user, "@")
		r.seen <- user + " " + m.get("Expires")
		_, _ = r.conn.WriteTo([]byte(res), from)
	}
}

func (r *registrar) wait(t testing.TB) string {
	t.Helper()
	select {
	case s := <-r.seen:
		return s
	case <-patient(t).Done():
		t.Fatal("no REGISTER came")
	}
	return ""
}

func (r *registrar) none(t testing.TB) {
	t.Helper()
	select {
	case s := <-r.seen:
		t.Fatalf("REGISTER %s came", s)
	default:
	}
}

// text is a SIP message as its reader sees it.
type text struct {
	start, body string
	status      int
	headers     []string
}

func parseText(raw string) *text {
	head, body, _ := strings.Cut(raw, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	m := &text{start: lines[0], headers: lines[1:], body: body}
	_, _ = fmt.Sscanf(m.start, "SIP/2.0 %d", &m.status)
	return m
}

func (m *text) get(name string) string { return strings.Join(m.all(name), ", ") }

func (m *text) all(name string) []string {
	var values []string
	for _, line := range m.headers {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(strings.TrimSpace(key), name) {
			values = append(values, strings.TrimSpace(value))
		}
	}
	return values
}

func tagOf(header string) string {
	_, tag, _ := strings.Cut(header, ";tag=")
	return strings.Split(tag, ";")[0]
}
