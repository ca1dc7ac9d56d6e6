package sip_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	library "github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"sidecar/sip"
)

// A call over UDP goes on while strangers send rubbish to both ports.
func TestAFloodDisturbsNoCall(t *testing.T) {
	t.Parallel()
	w, c := upstreamWorld(t)
	p := newPhone(t, w, nil)
	call, err := p.Dial(t.Context(), "5001")
	require.NoError(t, err)
	d := <-c
	require.NoError(t, d.Ring(t.Context(), 180, "Ringing", sip.Body{}, nil))
	_, err = d.Answer(t.Context(), sdp("sendrecv"), nil)
	require.NoError(t, err)

	over := make(chan struct{})
	var wg sync.WaitGroup
	sent := make([]int, 3)
	flood := func(n int, network, address string, rubbish func(*rand.Rand) []byte) {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(n)))
			for {
				conn, failed := net.Dial(network, address)
				for failed == nil {
					select {
					case <-over:
						_ = conn.Close()
						return
					default:
						_, failed = conn.Write(rubbish(random))
						sent[n]++
					}
				}
			}
		})
	}
	noise := func(r *rand.Rand) []byte {
		b := make([]byte, r.IntN(1400))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	torn := func(r *rand.Rand) []byte { // messages with a bite out of them
		seeds := tortureMessages()
		msg := []byte(crlf(strings.ReplaceAll(seeds[r.IntN(len(seeds))], "z9hG4bK", fmt.Sprintf("z9hG4bK%d", r.Uint64()))))
		if len(msg) > 2 {
			msg = msg[:1+r.IntN(len(msg)-1)]
		}
		return msg
	}
	flood(0, "udp", w.AddrUDP().String(), noise)
	flood(1, "udp", w.AddrUDP().String(), torn)
	flood(2, "tcp", w.AddrTCP().String(), noise)
	for range 2 {
		require.NoError(t, d.Info(t.Context(), sip.Body{Type: "application/dtmf-relay", Data: []byte("Signal=5\r\nDuration=100\r\n")}, nil))
		held := async(func() (sip.Message, error) { return sip.Message{}, call.Reinvite(t.Context()) })
		_, err = next[*sip.Offer](t, d.Dialog).Accept(t.Context(), sdp("sendrecv"), nil)
		require.NoError(t, err)
		require.NoError(t, (<-held).err)
	}
	close(over)
	wg.Wait()
	for n, count := range sent {
		require.Positive(t, count, "flood %d", n)
	}
	require.NoError(t, call.WaitDTMF(t.Context(), "55"))
	require.NoError(t, d.Hangup(t.Context(), nil))
}

// Connections that say nothing are closed, and one address has few of them; who speaks SIP is served meanwhile.
func TestSilentTCPConnectionsAreFew(t *testing.T) {
	t.Parallel()
	w, c := upstreamWorld(t)
	var conns []net.Conn
	defer func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	}()
	dial := func(from string) net.Conn {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		conn, err := dialer.DialContext(t.Context(), "tcp", w.AddrTCP().String())
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
		conns = append(conns, conn)
		return conn
	}
	speak := func(conn net.Conn, n int) error {
		_, err := fmt.Fprint(conn, crlf(fmt.Sprintf("OPTIONS sip:x@%s SIP/2.0\nVia: SIP/2.0/TCP %s;branch=z9hG4bK%d\nTo: <sip:x@y>\nFrom: <sip:x@y>;tag=1\nCall-ID: %d\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n",
			w.AddrTCP(), conn.LocalAddr(), n, n)))
		if err != nil {
			return err
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err == nil && line != "SIP/2.0 200 OK\r\n" {
			return errors.New(line)
		}
		return err
	}
	speaking := dial("127.0.0.1")
	require.NoError(t, speak(speaking, 1))
	for range 32 {
		dial("127.0.0.1")
	}
	require.Error(t, speak(dial("127.0.0.1"), 2), "the 33rd that says nothing is closed")
	require.NoError(t, speak(speaking, 3))
	require.NoError(t, speak(dial("127.0.0.2"), 4), "another address is not concerned")
	half := conns[1]
	_, err := fmt.Fprint(half, "INVITE sip:5001@x SIP/2.0\r\nVia: SIP/2.0/TCP")
	require.NoError(t, err)
	require.Empty(t, c)
	for _, conn := range conns[2:12] {
		_ = conn.Close()
	}
	require.Eventually(t, func() bool { return speak(dial("127.0.0.1"), 5) == nil }, time.Minute, 10*time.Millisecond, "and what was closed counts no more")
}

func TestASilentTCPConnectionIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pipes := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
		door, heard := sip.NewDoor(pipes)
		defer door.Close()
		start := time.Now()
		for _, speaks := range []bool{false, true} {
			dialled := make(chan net.Conn, 1)
			go func() {
				conn, _ := pipes.dial("192.0.2.9:5060")
				dialled <- conn
			}()
			conn, err := door.Accept()
			require.NoError(t, err)
			client := <-dialled
			failed := make(chan error, 1)
			go func() { _, err := conn.Read(make([]byte, 1)); failed <- err }()
			if speaks {
				heard("192.0.2.9:5060")
				time.Sleep(time.Hour)
				require.Empty(t, failed, "who has spoken may be silent")
			} else {
				require.ErrorIs(t, <-failed, os.ErrDeadlineExceeded)
				require.Equal(t, 32*time.Second, time.Since(start))
			}
			require.NoError(t, conn.Close())
			require.NoError(t, client.Close())
		}
	})
}

func TestATCPConnectionThatSpeaksNoSIPIsClosed(t *testing.T) {
	t.Parallel()
	w, _ := upstreamWorld(t)
	conn, err := net.Dial("tcp", w.AddrTCP().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprint(conn, "GET / HTTP/1.1\r\n")
	require.NoError(t, err)
	_, err = io.ReadAll(conn)
	require.NoError(t, err)
}

// lines collects log records.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// No t.Parallel: the default logger of sipgo is the process's, and the endpoint made last has it.
func TestTheLibrarysLogIsDetailOfOurs(t *testing.T) { //nolint:paralleltest // see above
	log := new(lines)
	newWorld(t, func(o *sip.Options) {
		o.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	library.DefaultLogger().With("caller", "x").Error("something", "detail", 7)
	require.Contains(t, log.String(), "level=DEBUG msg=sipgo text=something detail=7")
	require.NotContains(t, log.String(), "level=ERROR")
}
