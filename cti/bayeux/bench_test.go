package bayeux_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/cti/bayeux"
)

// BenchmarkFanOut measures events published to long-polling sessions over loopback TCP, each session fetching what it
// gets and coming back; an operation is one published event, delivered to all. The clients run in the same process.
func BenchmarkFanOut(b *testing.B) {
	for _, sessions := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint("sessions=", sessions), func(b *testing.B) {
			s, addr := serve(b, bayeux.Options{MaxQueue: 1 << 20, MaxQueueBytes: 1 << 40, MaxSessionsPerPrincipal: sessions, MaxHoldsPerBrowser: -1})
			data := event(b, "/call/state", msg{"event": "Ringing", "connId": "006a02c8d2a4e1f0", "thisDN": "5001"})
			var ready, done sync.WaitGroup
			for range sessions {
				ready.Add(1)
				done.Go(func() { fetch(b, addr, s, b.N, ready.Done) })
			}
			ready.Wait()
			b.ResetTimer()
			for range b.N {
				require.NoError(b, s.Publish(data))
			}
			done.Wait()
			b.ReportMetric(float64(sessions)*float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}

// BenchmarkEnqueue is the publisher's share alone: what a call engine waits for.
func BenchmarkEnqueue(b *testing.B) {
	const sessions = 100
	s := newServer(b, bayeux.Options{MaxQueue: 1 << 30, MaxQueueBytes: 1 << 40, MaxSessionsPerPrincipal: sessions})
	for range sessions {
		connected(b, s, "anna").subscribe("/call/state")
	}
	data := event(b, "/call/state", msg{"event": "Ringing"})
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, s.Publish(data))
	}
}

// BenchmarkDeliver is one event, as JSON, handed to each session by itself: how a feed with a filter for each session does it.
func BenchmarkDeliver(b *testing.B) {
	const sessions = 100
	s := newServer(b, bayeux.Options{MaxSessionsPerPrincipal: sessions})
	for range sessions {
		connected(b, s, "anna")
	}
	all := s.Sessions("anna")
	clients := make([]*client, len(all))
	for i := range all {
		clients[i] = newClient(b, s, "anna")
		clients[i].id = all[i].ID()
	}
	e := event(b, "/call/state", msg{
		"event": "Established", "connId": "006a02c8d2a4e1f0", "thisDN": "5001", "otherDN": "+49301234567", "dnis": "100",
		"callType": "Inbound", "userData": msg{"customer": "4711", "segment": "gold", "language": "de", "note": strings.Repeat("x", 200)},
	})
	const round = 900 // fewer than a queue takes
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%round == round-1 {
			b.StopTimer()
			for _, c := range clients {
				c.poll()
			}
			b.StartTimer()
		}
		for _, session := range all {
			if err := session.Deliver(e); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(sessions*float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
}

// BenchmarkIdleSessions measures what a session costs between two connects.
func BenchmarkIdleSessions(b *testing.B) {
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		s := newServer(b, bayeux.Options{MaxSessionsPerPrincipal: 10_000})
		for range 10_000 {
			connected(b, s, "anna")
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapInuse-before.HeapInuse)/10_000, "B/session")
		b.ReportMetric(float64(s.Stats().Sessions), "sessions")
	}
}

// serve puts a server on a port.
func serve(b *testing.B, opts bayeux.Options) (*bayeux.Server, string) {
	b.Helper()
	s := newServer(b, opts)
	l, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	require.NoError(b, err)
	web := &http.Server{Handler: s}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = web.Serve(l)
	}()
	b.Cleanup(func() {
		_ = web.Close()
		<-served
	})
	return s, l.Addr().String()
}

// fetch is a client on one connection that connects until it has seen n events. It counts by the channel's
// name, to cost little beside the server.
func fetch(b *testing.B, addr string, s *bayeux.Server, n int, ready func()) {
	b.Helper()
	c := newClient(b, s, "anna")
	c.handshake()
	c.subscribe("/call/state")
	c.poll()
	conn, err := (&net.Dialer{}).DialContext(context.WithoutCancel(b.Context()), "tcp", addr)
	if err != nil {
		b.Error(err)
		ready()
		return
	}
	defer func() { _ = conn.Close() }()
	body := c.encode(c.connectMsg())
	request := []byte("POST /cometd/connect HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer anna\r\nContent-Type: application/json\r\nContent-Length: " +
		strconv.Itoa(len(body)) + "\r\n\r\n" + body)
	in := bufio.NewReader(conn)
	ready()
	for got := 0; got < n; {
		if _, err := conn.Write(request); err != nil {
			b.Error(err)
			return
		}
		reply, err := readBody(in)
		if err != nil {
			b.Error(err)
			return
		}
		got += bytes.Count(reply, []byte(`"/call/state"`))
	}
}

// readBody reads one HTTP response with a length.
func readBody(in *bufio.Reader) ([]byte, error) {
	length := 0
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("reading a header: %w", err)
		}
		if value, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return nil, fmt.Errorf("reading the length: %w", err)
			}
		}
		if line == "\r\n" {
			break
		}
	}
	body := make([]byte, length)
	for read := 0; read < length; {
		n, err := in.Read(body[read:])
		if err != nil {
			return nil, fmt.Errorf("reading the body: %w", err)
		}
		read += n
	}
	return body, nil
}
