package bayeux_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/cti/bayeux"
)

// TestOrder52AcrossTransports: a client goes to and fro between sockets and polls, and loses connections. With acks it sees each event
// once; without, what a socket had pushed may come again, but nothing is missing.
func TestOrder52AcrossTransports(t *testing.T) {
	for _, acks := range []bool{true, false} {
		t.Run(fmt.Sprint("acks=", acks), func(t *testing.T) {
			const events = 3000
			pushing(t, bayeux.Options{MaxQueue: events, MaxInterval: time.Hour, MaxSessionsPerPrincipal: 1000}, func(t *testing.T, s *rig) {
				w := &wanderer{t: t, acks: acks, socket: newClient(t, s, "anna")}
				w.socket.open(t, msg{"ack": acks})
				session := only(t, s, "anna")
				go func() { // joined by the bubble
					for i := range events {
						_ = session.Deliver(bayeux.Event{Channel: "/n", Data: fmt.Append(nil, i)}) // a gap would show
						if rand.IntN(5) == 0 {
							select {
							case <-time.After(time.Duration(rand.IntN(50)) * time.Millisecond):
							case <-t.Context().Done():
								return
							}
						}
					}
				}()
				for w.next < events {
					if rand.IntN(2) == 0 {
						w.poll(s)
					} else {
						w.push()
					}
				}
				require.Equal(t, events, w.next)
				if acks {
					require.Zero(t, w.again)
				}
				t.Logf("%d events came again", w.again)
			})
		})
	}
}

// wanderer is a client that changes its transport.
type wanderer struct {
	t           *testing.T
	acks        bool
	socket      *client // the last one
	batch       int
	next, again int
}

func (w *wanderer) connectMsg(c *client) msg {
	if w.acks {
		return c.ackMsg(w.batch)
	}
	return c.connectMsg()
}

// poll connects by long-polling, and now and then has gone before the answer.
func (w *wanderer) poll(s *rig) {
	c := newClient(w.t, s.Server, "anna")
	c.id = w.socket.id
	for range rand.IntN(4) + 1 {
		ctx, cancel := context.WithCancel(w.t.Context())
		a := c.start(ctx, w.connectMsg(c))
		if rand.IntN(4) == 0 {
			pass(time.Duration(rand.IntN(20)) * time.Millisecond)
			cancel()
		}
		<-a.done
		cancel()
		lost := w.acks && rand.IntN(4) == 0
		if a.Body.Len() > 0 && !lost {
			w.see(a.messages())
		}
	}
}

// push connects by a new WebSocket, which is cut in the end, now and then after the network has been.
func (w *wanderer) push() {
	c := w.socket.again()
	for range rand.IntN(4) + 1 {
		c.start(w.t.Context(), w.connectMsg(c))
		pass(time.Duration(rand.IntN(100)) * time.Millisecond)
		synctest.Wait()
		w.see(c.link.fresh(w.t))
	}
	if rand.IntN(2) == 0 {
		c.link.lose()
		pass(time.Duration(rand.IntN(100)) * time.Millisecond)
	}
	if rand.IntN(2) == 0 {
		c.link.close()
		w.see(c.link.fresh(w.t))
	}
}

func (w *wanderer) see(list []msg) {
	w.t.Helper()
	for _, m := range list {
		if n, isNumber := m["data"].(float64); isNumber {
			require.LessOrEqual(w.t, int(n), w.next, "a gap")
			if int(n) == w.next {
				w.next++
			} else {
				w.again++
			}
		}
	}
	for _, m := range list { // a client acknowledges when it has seen all of them
		if ext, ok := m["ext"].(msg); ok && m["channel"] == "/meta/connect" {
			w.batch = int(ext["ack"].(float64)) //nolint:forcetypeassert // the test ends with it
		}
	}
}

const racersCookie = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// TestRacesOfTheEnd: whatever meets at one session, it ends once, and nothing of it stays.
func TestRacesOfTheEnd(t *testing.T) {
	var mu sync.Mutex
	opened, ended := 0, map[*bayeux.Session]int{}
	hooks := bayeux.Hooks{
		OnSession: func(*bayeux.Session) { mu.Lock(); defer mu.Unlock(); opened++ },
		OnClose:   func(s *bayeux.Session, _ bayeux.CloseReason) { mu.Lock(); defer mu.Unlock(); ended[s]++ },
	}
	opts := bayeux.Options{
		Hooks: hooks, MaxQueue: 20, MaxHoldsPerBrowser: 2, MaxHandshakeRate: -1, MaxSessionsPerPrincipal: 3,
		Timeout: time.Second, MaxInterval: time.Second,
	}
	pushing(t, opts, func(t *testing.T, s *rig) {
		for range 200 {
			raceAtOneSession(t, s)
		}
		pass(time.Minute)
		synctest.Wait()
		require.Equal(t, bayeux.Stats{}, s.Stats())
		require.Len(t, ended, opened)
		for _, n := range ended {
			require.Equal(t, 1, n)
		}
		for range opts.MaxHoldsPerBrowser {
			c := connected(t, s.Server, "anna")
			c.cookie = racersCookie
			held := c.connect()
			synctest.Wait()
			require.False(t, held.finished(), "the browser may hold as many as before")
		}
	})
}

func raceAtOneSession(t *testing.T, s *rig) {
	t.Helper()
	c := newClient(t, s, "anna")
	c.open(t, msg{"ack": rand.IntN(2) == 0})
	session := sessionOf(s, c)
	if session == nil {
		return
	}
	poller := newClient(t, s.Server, "anna")
	poller.id, poller.cookie = c.id, racersCookie
	other := c.again()
	other.dial()
	ctx, cancel := context.WithCancel(t.Context())
	acts := []func(){
		func() { c.start(ctx, c.connectMsg()) },
		func() { other.start(ctx, other.connectMsg()) },
		func() { <-poller.start(ctx, poller.connectMsg()).done },
		func() { <-poller.start(ctx, poller.connectMsg()).done },
		func() { poller.post(msg{"channel": "/meta/disconnect", "clientId": c.id}) },
		func() { session.Close("shoo") },
		func() { session.Drop("shoo") },
		func() {
			for i := range 15 {
				_ = session.Deliver(bayeux.Event{Channel: "/a", Data: fmt.Append(nil, i)}) // it may have ended
			}
		},
		func() { _ = c.link.conn.Close() },
		func() { _ = other.link.conn.Close() },
		cancel,
	}
	var wg sync.WaitGroup
	for _, i := range rand.Perm(len(acts))[:2+rand.IntN(len(acts)-2)] {
		wait := time.Duration(rand.IntN(3)) * time.Second
		wg.Go(func() {
			pass(wait)
			acts[i]()
		})
	}
	wg.Wait()
	cancel()
	_ = c.link.conn.Close()
	_ = other.link.conn.Close()
}
