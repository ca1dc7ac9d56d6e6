package sip_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/sip"
)

// anyDN lets every DN in: the benchmarks have more of them than the tests.
type anyDN struct{}

func (anyDN) Password(dn string) (string, bool) { return "secret-" + dn, true }

func (anyDN) Token(context.Context, string) ([]string, error) { return nil, errors.New("no tokens") }

// plant is an endpoint with its page server and a registrar upstream, all over loopback sockets.
type plant struct {
	*sip.Endpoint
	web      net.Addr
	upstream string
	close    func()
}

func newPlant(b *testing.B) *plant {
	b.Helper()
	e, err := sip.New(sip.Options{
		ListenUDP: "127.0.0.1:0",
		WebSocket: sip.WebSocketOptions{MaxFlows: 100000, MaxFlowsPerPeer: 100000, PingInterval: time.Hour, Rate: 1e6, Burst: 200},
		Registrar: sip.RegistrarOptions{Credentials: anyDN{}},
	})
	require.NoError(b, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	registrar, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(b, err)
	server := &http.Server{Handler: e.WebSocket(), ReadHeaderTimeout: time.Minute}
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(listener) })
	wg.Go(func() { grantAll(registrar) })
	return &plant{
		Endpoint: e, web: listener.Addr(), upstream: registrar.LocalAddr().String(),
		close: func() {
			_ = server.Close()
			e.Close()
			_ = registrar.Close()
			wg.Wait()
		},
	}
}

// grantAll is a registrar that grants everything.
func grantAll(conn net.PacketConn) {
	buf := make([]byte, 65536)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		req := parseText(string(buf[:n]))
		_, _ = conn.WriteTo([]byte(crlf(fmt.Sprintf("SIP/2.0 200 OK\nVia: %s\nFrom: %s\nTo: %s;tag=r\nCall-ID: %s\nCSeq: %s\nExpires: 3600\nContent-Length: 0\n\n",
			req.get("Via"), req.get("From"), req.get("To"), req.get("Call-ID"), req.get("CSeq")))), from)
	}
}

// client is the least that can register over a WebSocket: it must not be what the benchmarks measure.
type client struct {
	b    *testing.B
	conn net.Conn
	dn   string
	cseq int
}

func (p *plant) client(b *testing.B, dn string) *client {
	b.Helper()
	conn, err := net.Dial("tcp", p.web.String())
	require.NoError(b, err)
	_, err = fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: desk\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2lkZWNhciBicmlkZ2VzIQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n")
	require.NoError(b, err)
	res, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), nil) // the server says nothing more until it is asked
	require.NoError(b, err)
	require.NoError(b, res.Body.Close())
	require.Equal(b, http.StatusSwitchingProtocols, res.StatusCode)
	return &client{b: b, conn: conn, dn: dn}
}

func (c *client) register(headers string) *text {
	c.b.Helper()
	c.cseq++
	msg := crlf(fmt.Sprintf("REGISTER sip:desk.example.com SIP/2.0\nVia: SIP/2.0/WS %s.invalid;branch=z9hG4bK%s%d\nMax-Forwards: 70\n"+
		"To: <sip:%s@desk.example.com>\nFrom: <sip:%s@desk.example.com>;tag=%s\nCall-ID: call-%s\nCSeq: %d REGISTER\n"+
		"Contact: <sip:%s@%s.invalid;transport=ws>\nExpires: 600\n%sContent-Length: 0\n\n",
		c.dn, c.dn, c.cseq, c.dn, c.dn, c.dn, c.dn, c.cseq, c.dn, c.dn, headers))
	frame := binary.BigEndian.AppendUint16([]byte{0x81, 0x80 | 126}, uint16(len(msg)))
	_, err := c.conn.Write(append(append(frame, 0, 0, 0, 0), msg...))
	require.NoError(c.b, err)
	var head [4]byte
	_, err = io.ReadFull(c.conn, head[:])
	require.NoError(c.b, err)
	require.EqualValues(c.b, 126, head[1], "a response has more than 125 and less than 65536 bytes")
	answer := make([]byte, binary.BigEndian.Uint16(head[2:]))
	_, err = io.ReadFull(c.conn, answer)
	require.NoError(c.b, err)
	return parseText(string(answer))
}

// login registers with the DN's password: two round trips.
func (c *client) login() {
	c.b.Helper()
	res := c.register("")
	require.Equal(c.b, 401, res.status)
	res = c.register(credentials(c.b, res.last("WWW-Authenticate"), c.dn, "secret-"+c.dn, registrarURI, 1) + "\n")
	require.Equal(c.b, 200, res.status, res.raw)
}

// BenchmarkRegisteredIdleDN says what a DN costs that is registered here, over a WebSocket, and upstream, and does
// nothing. The clients' ends of the sockets are in the process, too.
func BenchmarkRegisteredIdleDN(b *testing.B) {
	const dns = 1000
	for b.Loop() {
		b.StopTimer()
		p := newPlant(b)
		before, goroutines := resident(b), runtime.NumGoroutine()
		b.StartTimer()
		var clients []*client
		up := make(chan sip.UpstreamState, dns)
		for i := range dns {
			c := p.client(b, fmt.Sprint(100000+i))
			c.login()
			clients = append(clients, c)
			_, err := p.RegisterUpstream(sip.Upstream{DN: c.dn, Registrar: p.upstream, OnState: func(s sip.UpstreamState) { up <- s }})
			require.NoError(b, err)
		}
		for range dns {
			require.True(b, (<-up).Registered)
		}
		b.StopTimer()
		after := resident(b)
		b.ReportMetric(float64(after)/1024, "MB_process")
		b.ReportMetric(float64(after-before)/dns, "KB/DN")
		b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/dns, "goroutines/DN")
		for _, c := range clients {
			_ = c.conn.Close()
		}
		p.close()
		b.StartTimer()
	}
}

// resident is the memory of the process in KB, as the system sees it.
func resident(b *testing.B) int {
	b.Helper()
	debug.FreeOSMemory()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(b, err)
	var kb int
	_, line, _ := bytes.Cut(status, []byte("VmRSS:"))
	_, err = fmt.Sscan(string(line), &kb)
	require.NoError(b, err)
	return kb
}

// BenchmarkRegister is the round trip of a refresh: REGISTER with an answered challenge, 200.
func BenchmarkRegister(b *testing.B) {
	p := newPlant(b)
	defer p.close()
	c := p.client(b, rand.Text()[:8])
	defer c.conn.Close()
	challenge := c.register("").last("WWW-Authenticate")
	var took []time.Duration
	count := 0
	for b.Loop() {
		count++
		authorization := credentials(b, challenge, c.dn, "secret-"+c.dn, registrarURI, count) + "\n"
		start := time.Now()
		res := c.register(authorization)
		took = append(took, time.Since(start))
		if res.status == 401 { // the nonce grew old
			challenge, count = res.last("WWW-Authenticate"), 0
		} else if res.status != 200 {
			b.Fatal(strings.TrimSpace(res.raw))
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms_p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms_p99")
}
