package sip_test

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"sidecar/sip"
)

func allTorture() []torture { return slices.Concat(validTorture(), invalidTorture(), coreTorture()) }

// wire is the message as it is sent: its own branch and Call-ID, its own Via, its true length.
func (m torture) wire(n int, via string) []byte {
	protocol, host, _ := strings.Cut(strings.TrimPrefix(via, "SIP/2.0/"), " ")
	text := strings.NewReplacer("SIP/2.0/WS x.invalid", via, "/WS\n    x.invalid", "/"+protocol+"\n    "+host).Replace(m.msg)
	text = strings.ReplaceAll(text, "$B", fmt.Sprintf("torture%d", n))
	head, body, _ := strings.Cut(text, "\n\n")
	if other, _, two := strings.Cut(body, "\n\n"); two && strings.Contains(other, "SIP/2.0\n") {
		body = crlf(body)
	}
	head = strings.ReplaceAll(crlf(head), "$L", strconv.Itoa(len(body)))
	return []byte(head + "\r\n\r\n" + strings.ReplaceAll(body, "$L", "0"))
}

// mark is an OPTIONS whose answer says that everything before it was worked off.
func mark(n int, via string) []byte {
	return []byte(crlf(request("OPTIONS", "sip:desk.example.com", "", "Via: "+via+";branch=z9hG4bKmark"+strconv.Itoa(n), "Call-ID: mark"+strconv.Itoa(n), "Content-Length: 0")))
}

func busy(o *sip.Options) {
	o.OnCall = func(d *sip.Dialog, _ sip.Call) { _ = d.Reject(486, "Busy Here", nil) }
}

// verdict is the final status that comes. When silence is expected it is what comes before the answers to two more
// requests: messages may overtake each other, but not for long.
func verdict(t *testing.T, n, expected int, next func() *text, send func([]byte), via string) int {
	t.Helper()
	marks := 0
	for range 2 {
		if expected == 0 {
			send(mark(2*n+marks, via))
		}
		for {
			m := next()
			if strings.HasPrefix(m.get("Call-ID"), "mark") {
				require.Equal(t, 200, m.status)
				break
			}
			if m.status >= 200 {
				return m.status
			}
		}
		marks++
	}
	return 0
}

func TestTortureMessagesOverUDP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *sip.Options) {
		busy(o)
		o.ListenUDP = "127.0.0.1:0"
	})
	for n, m := range allTorture() {
		t.Run(m.section+" "+m.name, func(t *testing.T) {
			conn, err := net.Dial("udp", w.AddrUDP().String())
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
			buf := make([]byte, 65536)
			receive := func() *text {
				size, err := conn.Read(buf)
				require.NoError(t, err)
				return parseText(string(buf[:size]))
			}
			send := func(msg []byte) {
				_, err := conn.Write(msg)
				require.NoError(t, err)
			}
			via := "SIP/2.0/UDP " + conn.LocalAddr().String()
			send(m.wire(n, via))
			require.Equal(t, m.status, verdict(t, n, m.status, receive, send, via))
		})
	}
}

func TestTortureMessagesOverWebSocket(t *testing.T) {
	t.Parallel()
	w := newWorld(t, busy)
	for n, m := range allTorture() {
		t.Run(m.section+" "+m.name, func(t *testing.T) {
			b := w.agent("5001")
			defer b.close()
			send := func(msg []byte) { require.NoError(t, b.ws.WriteMessage(websocket.TextMessage, msg)) }
			via := "SIP/2.0/WS " + b.host
			send(m.wire(n, via))
			require.Equal(t, m.ws, verdict(t, n, m.ws, b.next, send, via))
		})
	}
}

// Over TCP a broken message may end its connection, and nothing else.
func TestTortureMessagesOverTCP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *sip.Options) {
		busy(o)
		o.ListenTCP = "127.0.0.1:0"
	})
	for n, m := range allTorture() {
		conn, err := net.Dial("tcp", w.AddrTCP().String())
		require.NoError(t, err)
		_, err = conn.Write(m.wire(n, "SIP/2.0/TCP "+conn.LocalAddr().String()))
		require.NoError(t, err)
		good, err := net.Dial("tcp", w.AddrTCP().String())
		require.NoError(t, err)
		require.NoError(t, good.SetReadDeadline(time.Now().Add(time.Minute)))
		_, err = good.Write(mark(n, "SIP/2.0/TCP "+good.LocalAddr().String()))
		require.NoError(t, err)
		buf := make([]byte, 65536)
		size, err := good.Read(buf)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(buf[:size]), "SIP/2.0 200 "), m.name)
		_ = good.Close()
		_ = conn.Close()
	}
}

func TestBadRequestsOverTCPAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *sip.Options) { o.ListenTCP = "127.0.0.1:0" })
	conn, err := net.Dial("tcp", w.AddrTCP().String())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	s := &stream{t, conn, bufio.NewReader(conn)}
	for n, m := range allTorture() {
		if slices.Contains([]string{"3.1.2.16", "3.1.2.17", "3.1.2.18", "3.3.2", "3.3.5", "3.3.8"}, m.section) {
			_, err = conn.Write(m.wire(n, "SIP/2.0/TCP "+conn.LocalAddr().String()))
			require.NoError(t, err)
			require.Equal(t, m.status, s.receive().status, m.name)
		}
	}
}
