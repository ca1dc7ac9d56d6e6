//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

// outcomes are what the intruders were answered, counted by the kind of answer.
type outcomes struct {
	mu    sync.Mutex
	count map[string]int
}

// note counts an answer: "ok", the Bayeux error without its arguments, or the status or close code.
func (o *outcomes) note(a answered) {
	what := fmt.Sprint(a.refused)
	if a.refused == 0 && len(a.list) > 0 {
		what = "ok"
		if last := a.list[len(a.list)-1]; last.Data == nil && !last.Successful {
			what, _, _ = strings.Cut(last.Error, ":") // the words between the colons are each door's own
			what += last.Error[strings.LastIndexByte(last.Error, ':'):]
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count[what]++
}

// only requires that nothing but this was answered, and that it was.
func (o *outcomes) only(t *testing.T, want ...string) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	t.Logf("answers: %v", o.count)
	for what := range o.count {
		require.Contains(t, append(want, "ok", "429:too_many_messages"), what, "a machine that is quick gets there too")
	}
	for _, what := range want {
		require.Positive(t, o.count[what], what)
	}
}

// flood lets several intruders do the same at once, many times.
func flood(at, times int, do func(worker, n int)) {
	var work sync.WaitGroup
	for worker := range at {
		work.Go(func() {
			for n := range times {
				do(worker, n)
			}
		})
	}
	work.Wait()
}

// memory is what the daemon occupies, in MiB.
func (s *system) memory() int {
	s.t.Helper()
	s.mu.Lock()
	pid := s.cmd.Process.Pid
	s.mu.Unlock()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	require.NoError(s.t, err)
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	require.NoError(s.t, err)
	return pages * os.Getpagesize() >> 20
}

// innocents are desktops of 5001 at all doors, whose call events are counted.
type innocents struct {
	guide []*listener
	v2    *agentDesk
	v3    *workspaceClient
	calls int
}

// require checks that each has seen each call ring, be answered and end, in this order and once, on the session it began with.
func (i *innocents) require(s *system) {
	s.t.Helper()
	var want []string
	for range i.calls {
		want = append(want, "Ringing", "Established", "Released")
	}
	for _, l := range i.guide {
		names := func() (list []string) {
			for _, line := range l.lines() {
				name, _, _ := strings.Cut(strings.TrimPrefix(line, "5001: "), "(")
				list = append(list, name)
			}
			return list
		}
		s.eventually(l.name+" has seen it", func() bool { return len(names()) >= len(want) })
		require.Equal(s.t, want, names(), l.name)
		require.Equal(s.t, 2, l.lived("subscribed"), "%s has kept its session", l.name)
	}
	names := func() (list []string) {
		for _, line := range (v2Dialect{}).lines(i.v2.since(0), false) {
			name, _, _ := strings.Cut(strings.TrimPrefix(line, "5001: StatusChange "), "(")
			list = append(list, name)
		}
		return list
	}
	s.eventually("the desktop of v2 has seen it", func() bool { return len(names()) >= len(want) })
	require.Equal(s.t, want, names())
	states := func() (list []string) {
		for _, m := range i.v3.seen() {
			if m.Call != nil && m.NotificationType == "StateChange" && m.Call.State != "Completed" {
				list = append(list, m.Call.State)
			}
		}
		return list
	}
	s.eventually("the workspace has seen it", func() bool { return len(states()) >= len(want) })
	require.Equal(s.t, want, states())
}

// While intruders flood every door, calls go on and the desktops of others miss nothing of them. It runs before the tests that
// are parallel: a flood takes what CPU there is, and an event log that does not answer for 2 s sends all desktops away.
func TestFloodsHarmNobody(t *testing.T) {
	s := newRunning(t, "")
	agent, customer := s.agentPhone("5001", phone.RingOnly), s.customerPhone()
	s.inService("5001")
	in := &innocents{
		guide: []*listener{s.listen(9, "5001"), s.listen(5, "5001", "--transport", "websocket", "--auth", "cookie", "--cookie-name", "SIDECAR_SESSION")},
		v2:    s.agentDesk(v2Dialect{}, "5001"), v3: s.workspace("5001"),
	}
	in.v3.must("", "activateChannels", "5001", "5001")
	for _, user := range []string{"5002", "5003", "5004"} {
		s.token(user) // the floods begin at once
	}
	before := s.memory()

	for _, f := range []struct {
		name string
		run  func(s *system, door cometdDoor, got *outcomes)
		want []string
	}{
		{"handshakes of strangers", strangersShake, []string{"403:handshake_denied"}},
		{"handshakes", handshakes, []string{"ok", "403:handshake_denied"}},
		{"connects", connects, []string{"ok", "409"}},
		{"subscriptions", subscriptions, []string{"ok", "429:too_many_messages", "403:subscribe_denied"}},
		{"batches", batches, []string{"413"}},
		{"sockets", sockets, []string{"101", "429"}},
		{"slow readers", slowReaders, []string{"ok"}},
	} {
		ok := t.Run(f.name, func(t *testing.T) {
			inner := s.in(t)
			got := &outcomes{count: map[string]int{}}
			var attack sync.WaitGroup
			for _, door := range cometdDoors()[:2] { // the third has the same server behind a session of its own
				attack.Go(func() { f.run(inner, door, got) })
			}
			cust := dial(t, customer, "8000", customerTone)
			a := incoming(t, agent, agentTone)
			talk(t, cust, customerTone, a, agentTone)
			require.NoError(t, cust.Hangup(soon(t)))
			ended(t, a)
			in.calls++
			in.require(inner)
			attack.Wait()
			got.only(t, f.want...)
			t.Logf("the daemon occupies %d MiB, %d before", inner.memory(), before)
			require.Less(t, inner.memory(), before+512, "a thousand sockets and what waits for those who don't read, and as much again for the collector")
		})
		require.True(t, ok, "the steps share one system")
	}
	newcomer := s.listen(9, "5001", "--transport", "websocket", "--auth", "cookie", "--cookie-name", "SIDECAR_SESSION")
	require.Equal(t, 2, newcomer.lived("subscribed"))
	s.requireNoLeftovers()
}

func strangersShake(s *system, door cometdDoor, got *outcomes) {
	wrong := http.Header{"Authorization": {"Bearer wrong"}}
	poller, socket := s.intruder(door, wrong, false), s.intruder(door, wrong, true)
	flood(4, 100, func(int, int) { got.note(poller.shake()) })
	flood(1, 100, func(int, int) { got.note(socket.shake()) })
}

func handshakes(s *system, door cometdDoor, got *outcomes) {
	i := s.intruder(door, byToken(s, "5002"), false)
	flood(4, 40, func(int, int) { got.note(i.shake()) })
}

func connects(s *system, door cometdDoor, got *outcomes) {
	i := s.intruder(door, byToken(s, "5003"), false).within()
	flood(4, 50, func(int, int) { got.note(i.connect()) })
}

func subscriptions(s *system, door cometdDoor, got *outcomes) {
	i := s.intruder(door, byToken(s, "5004"), false).within()
	other := make([]object, 500)
	for n := range other {
		other[n] = object{"channel": "/meta/subscribe", "id": "3", "clientId": i.id, "subscription": fmt.Sprintf("/other/%d", n)}
	}
	flood(4, 5, func(int, int) {
		got.note(i.subscribe(door.channel))
		got.note(i.send(other...))
	})
}

func batches(s *system, door cometdDoor, got *outcomes) {
	i := s.intruder(door, byToken(s, "5004"), false)
	body := []byte("[" + strings.Repeat("{},", 20_000) + "{}]")
	flood(4, 25, func(int, int) { got.note(i.raw(websocket.TextMessage, body)) })
}

// sockets opens more than an address may have, and lets them be.
func sockets(s *system, door cometdDoor, got *outcomes) {
	flood(4, 150, func(int, int) {
		i := s.intruder(door, http.Header{"Authorization": {"Bearer wrong"}}, true)
		got.note(answered{refused: i.dial()})
	})
}

// slowReaders have all sessions of a user subscribe, connect and never read.
func slowReaders(s *system, door cometdDoor, got *outcomes) {
	flood(1, 10, func(int, int) {
		i := s.intruder(door, byToken(s, "supervisor"), true)
		r := i.shake()
		got.note(r)
		if len(r.list) == 0 || r.list[0].ClientID == "" {
			return
		}
		i.id = r.list[0].ClientID
		got.note(i.connect())
		for range 200 {
			body := fmt.Appendf(nil, `[{"channel":"/meta/subscribe","id":"3","clientId":%q,"subscription":%q}]`, i.id, door.channel)
			_ = i.conn.SetWriteDeadline(time.Now().Add(time.Second)) // who doesn't read is not read from
			if i.conn.WriteMessage(websocket.TextMessage, body) != nil {
				break
			}
		}
	})
}

// Connections that say nothing, or never come to an end of what they say, are ended.
func TestSilentConnectionsEnd(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "")
	for name, begin := range map[string]string{
		"nothing":       "",
		"half a header": "POST /cometd HTTP/1.1\r\nHost: x\r\nX-",
		"half a body":   "POST /cometd HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.http)
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			_, err = conn.Write([]byte(begin))
			require.NoError(t, err)
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
			for err == nil {
				_, err = conn.Read(make([]byte, 1024))
			}
			require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the daemon has ended it")
		})
	}
}
