package bayeux_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/cti/bayeux"
)

// acking opens a session with the ack extension and has its first connect answered.
func acking(t testing.TB, server http.Handler) *client {
	t.Helper()
	c := newClient(t, server, "anna")
	c.open(t, msg{"ack": true})
	_, reply := c.fetch(0)
	require.EqualValues(t, 1, batchOf(t, reply))
	return c
}

// open shakes hands with an ext and returns that of the reply.
func (c *client) open(t testing.TB, ext any) any {
	t.Helper()
	m := handshakeMsg()
	m["ext"] = ext
	reply := c.post(m).one()
	require.Equal(t, true, reply["successful"], reply)
	c.id, _ = reply["clientId"].(string)
	return reply["ext"]
}

// ackMsg is a connect that acknowledges a batch.
func (c *client) ackMsg(batch any) msg {
	m := c.connectMsg()
	m["ext"] = msg{"ack": batch}
	return m
}

// fetch acknowledges a batch and gets what there is now.
func (c *client) fetch(batch any) (events []msg, reply msg) {
	c.t.Helper()
	m := c.ackMsg(batch)
	m["advice"] = msg{"timeout": 0}
	return c.post(m).last()
}

func batchOf(t testing.TB, reply msg) int {
	t.Helper()
	ext, ok := reply["ext"].(msg)
	require.True(t, ok, reply)
	n, ok := ext["ack"].(float64)
	require.True(t, ok, reply)
	return int(n)
}

func data(events []msg) string {
	text := ""
	for _, e := range events {
		text += fmt.Sprint(e["data"])
	}
	return text
}

func TestAck06Negotiation(t *testing.T) {
	eachTransport(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		for _, tc := range []struct{ ask, want any }{
			{msg{"ack": true}, msg{"ack": true}},
			{msg{"ack": msg{"enabled": true}}, msg{"ack": msg{"enabled": true, "batch": 0.0}}},
			{msg{"ack": false}, nil},
			{msg{"ack": msg{"enabled": false}}, nil},
			{msg{"ack": "yes"}, nil},
			{msg{"ack": nil, "timesync": 7}, nil},
			{"an ext that is none", nil},
			{nil, nil},
		} {
			c := newClient(t, s, "anna")
			require.Equal(t, tc.want, c.open(t, tc.ask), tc.ask)
			_, reply := c.poll()
			require.Equal(t, tc.want != nil, reply["ext"] != nil, "replies are numbered for those who asked")
		}
	})
}

func TestAck54LostReplyIsSentAgain(t *testing.T) {
	inBubbles(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := acking(t, s)
		session := only(t, s, "anna")
		acked, lost, seen := 1, 0, ""
		for i := range 9 {
			require.NoError(t, session.Deliver(event(t, "/a", i)))
			began := time.Now()
			a := c.start(t.Context(), c.ackMsg(acked))
			events, reply := a.last()
			require.Zero(t, time.Since(began), "what is not acknowledged is not waited for")
			if i%3 == 1 { // this reply never reaches the client
				lost++
				continue
			}
			seen += data(events)
			acked = batchOf(t, reply)
		}
		require.Equal(t, 3, lost)
		require.Equal(t, "012345678", seen, "no gap, no duplicate, in order")

		began := time.Now()
		events, _ := c.start(t.Context(), c.ackMsg(acked)).last()
		require.Empty(t, events)
		require.Equal(t, bayeux.DefaultTimeout, time.Since(began), "all is acknowledged, so the connect is held")
	})
}

func TestAck55OldAndForeignNumbers(t *testing.T) {
	eachTransport(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := acking(t, s)
		session := only(t, s, "anna")
		require.NoError(t, session.Deliver(event(t, "/a", "a")))
		events, reply := c.fetch(1)
		require.Equal(t, "a", data(events))
		second := batchOf(t, reply)
		require.NoError(t, session.Deliver(event(t, "/a", "b")))
		for _, old := range []any{1, 0, -3, 99, "2", nil} { // a connect that was long under way, and nonsense
			events, reply = c.fetch(old)
			require.Equal(t, "ab", data(events), old)
		}
		events, _ = c.fetch(second) // late, and yet: what was part of it has arrived
		require.Equal(t, "b", data(events))
		events, reply = c.fetch(batchOf(t, reply))
		require.Empty(t, events)
		events, _ = c.fetch(1)
		require.Empty(t, events, "what was acknowledged doesn't come back")
		_ = reply
	})
}

func TestAck55FailedWriteIsSentOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t, bayeux.Options{})
	c := acking(t, s)
	require.NoError(t, only(t, s, "anna").Deliver(event(t, "/a", 1)))
	broken := hookWriter{httptest.NewRecorder(), func() error { return errBroken }}
	s.ServeHTTP(broken, c.request(t.Context(), c.encode(c.ackMsg(1))))
	events, _ := c.fetch(1)
	require.Len(t, events, 1)
}

// TestAck56AcrossTransports: a reply gets lost over one transport, and the client goes on over the other.
func TestAck56AcrossTransports(t *testing.T) {
	pushing(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		socket := acking(t, s)
		poller := newClient(t, s.Server, "anna")
		poller.id = socket.id
		session := only(t, s, "anna")
		seen, acked := "", 1
		for i := range 8 {
			require.NoError(t, session.Deliver(event(t, "/a", i)))
			synctest.Wait()
			require.Empty(t, socket.link.events(t), "with ack, nothing is pushed")
			c := socket
			if i%4 >= 2 {
				c = poller
			}
			events, reply := c.fetch(acked)
			if i%2 == 0 { // lost
				continue
			}
			seen += data(events)
			acked = batchOf(t, reply)
		}
		require.Equal(t, "01234567", seen)

		socket.link.close()
		require.NoError(t, session.Deliver(event(t, "/a", 8)))
		n := socket.again()
		events, reply := n.fetch(acked)
		require.Equal(t, "8", data(events))
		held := n.start(t.Context(), n.ackMsg(batchOf(t, reply)))
		pass(time.Second)
		synctest.Wait()
		require.False(t, held.finished())
		require.NoError(t, session.Deliver(event(t, "/a", 9)))
		events, _ = held.last()
		require.Equal(t, "9", data(events), "a connect over a socket brings events as one over long-polling does")
	})
}

// TestAck54LostReplyInABatch: a reply that can't repeat what was lost must not number it, or the client would acknowledge it.
func TestAck54LostReplyInABatch(t *testing.T) {
	eachTransport(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := acking(t, s)
		session := only(t, s, "anna")
		require.NoError(t, session.Deliver(event(t, "/a", "a")))
		c.fetch(1) // this reply is lost
		var reply msg
		session.Batch(func() {
			var events []msg
			events, reply = c.fetch(1)
			require.Empty(t, events)
		})
		events, _ := c.fetch(batchOf(t, reply))
		require.Equal(t, "a", data(events))
	})
}

func TestAckBoundsWhatIsKept(t *testing.T) {
	eachTransport(t, bayeux.Options{MaxQueue: 3}, func(t *testing.T, s *rig) {
		c := acking(t, s)
		session := only(t, s, "anna")
		for i := range 3 {
			require.NoError(t, session.Deliver(event(t, "/a", i)))
			c.fetch(1)
		}
		require.ErrorIs(t, session.Deliver(event(t, "/a", 3)), bayeux.ErrOverflow)
		events, reply := c.fetch(1)
		require.Empty(t, events)
		require.Equal(t, "402::session_unknown", reply["error"])
	})
}

func TestAckFarewellArrives(t *testing.T) {
	inBubbles(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := acking(t, s)
		held := c.start(t.Context(), c.ackMsg(1))
		synctest.Wait()
		only(t, s, "anna").Close("logged out")
		events, reply := held.last()
		require.Equal(t, "/meta/disconnect", events[0]["channel"])
		requireAdvice(t, reply, "none")
		synctest.Wait()
		require.Zero(t, s.Stats().Sessions)
	})
}

func TestTimesync(t *testing.T) {
	inBubbles(t, bayeux.Options{Timeout: 20 * time.Second}, func(t *testing.T, s *rig) {
		now := float64(time.Now().UnixMilli())
		c := newClient(t, s, "anna")
		require.Nil(t, c.open(t, msg{"timesync": msg{"tc": 1e308, "l": 1e308, "o": 0}}), "what can't be said is left out, and the rest said")
		ext := c.open(t, msg{"timesync": msg{"tc": now - 700, "l": 0, "o": 0}})
		require.Equal(t, msg{"timesync": msg{"tc": now - 700, "ts": now, "p": 0.0, "a": -700.0}}, ext)

		sync := func(l, o any) msg {
			t.Helper()
			m := c.connectMsg()
			clock := msg{"tc": float64(time.Now().UnixMilli()) - 700}
			if l != nil {
				clock["l"], clock["o"] = l, o
			}
			m["ext"] = msg{"timesync": clock}
			reply := c.start(context.WithoutCancel(t.Context()), m).one()
			ext, _ := reply["ext"].(msg)
			answer, _ := ext["timesync"].(msg)
			return answer
		}
		c.poll()
		held := sync(5, 600)
		require.EqualValues(t, 20_000, held["p"], "the time of the hold is not the network's")
		require.EqualValues(t, -95, held["a"])
		require.Empty(t, sync(1, 690), "near enough")
		require.NotEmpty(t, sync(0, 700), "a client that knows no lag yet is told")
		require.NotContains(t, sync(nil, nil), "a", "the older form")
		require.Empty(t, c.open(t, msg{"timesync": msg{"l": 0}}), "without tc there is nothing to say")
	})
}
