package bayeux_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sidecar/cti/bayeux"
)

// bulky is an event of exactly so many bytes on the wire.
func bulky(t testing.TB, bytes int) bayeux.Event {
	t.Helper()
	return event(t, "/a", strings.Repeat("x", bytes-len(`{"channel":"/a","data":""}`)-2))
}

// TestBytesOverflow: it's the bytes that end the session here; of events there could be a thousand.
func TestBytesOverflow(t *testing.T) {
	eachTransport(t, bayeux.Options{MaxQueueBytes: 3000}, func(t *testing.T, s *rig) {
		slow, quick := connected(t, s, "slow"), connected(t, s, "quick")
		slow.subscribe("/a")
		quick.subscribe("/a")
		session := only(t, s, "slow")
		for range 3 {
			require.NoError(t, s.Publish(bulky(t, 998)))
			events, _ := quick.poll()
			require.Len(t, events, 1)
		}
		require.Empty(t, session.Reason())
		require.NoError(t, s.Publish(bulky(t, 40)))
		require.Equal(t, bayeux.ReasonOverflow, session.Reason())
		require.Empty(t, only(t, s, "quick").Reason(), "what was fetched weighs nothing")
		events, reply := slow.poll()
		require.Empty(t, events)
		require.Equal(t, "402::session_unknown", reply["error"])
		requireAdvice(t, reply, "handshake")

		require.ErrorIs(t, only(t, s, "quick").Deliver(bulky(t, 4000)), bayeux.ErrOverflow, "larger than all that may wait")
	})
}

func TestBytesNotAcknowledged(t *testing.T) {
	eachTransport(t, bayeux.Options{MaxQueueBytes: 3000}, func(t *testing.T, s *rig) {
		c := acking(t, s)
		session := only(t, s, "anna")
		acked := 1
		for range 10 { // what is acknowledged weighs nothing
			require.NoError(t, session.Deliver(bulky(t, 1400)))
			_, reply := c.fetch(acked)
			acked = batchOf(t, reply)
		}
		require.NoError(t, session.Deliver(bulky(t, 1000)))
		require.ErrorIs(t, session.Deliver(bulky(t, 1000)), bayeux.ErrOverflow)
	})
}

// TestBytesBeingWritten: a client that takes its time over a reply has it counted until it is through, whether it succeeds or not.
func TestBytesBeingWritten(t *testing.T) {
	t.Parallel()
	for _, fails := range []error{nil, errBroken} {
		s := newServer(t, bayeux.Options{MaxQueueBytes: 3000})
		c := connected(t, s, "anna")
		session := only(t, s, "anna")
		require.NoError(t, session.Deliver(bulky(t, 2000)))
		w := hookWriter{httptest.NewRecorder(), func() error {
			assert.NoError(t, session.Deliver(bulky(t, 1000)))
			return fails
		}}
		s.ServeHTTP(w, c.request(t.Context(), c.encode(c.connectMsg(), c.connectMsg())))
		require.Empty(t, session.Reason())
		if fails == nil {
			require.NoError(t, session.Deliver(bulky(t, 2000)))
		}
		require.ErrorIs(t, session.Deliver(bulky(t, 100)), bayeux.ErrOverflow)
	}
	s := newServer(t, bayeux.Options{MaxQueueBytes: 3000})
	c := connected(t, s, "anna")
	session := only(t, s, "anna")
	require.NoError(t, session.Deliver(bulky(t, 2000)))
	w := hookWriter{httptest.NewRecorder(), func() error {
		assert.ErrorIs(t, session.Deliver(bulky(t, 1100)), bayeux.ErrOverflow)
		return nil
	}}
	s.ServeHTTP(w, c.request(t.Context(), c.encode(c.connectMsg(), c.connectMsg())))
}

// TestBytesPushed: a client that reads is told any amount, confirmed or not; one that doesn't is ended by what waits together with
// what is being written.
func TestBytesPushed(t *testing.T) {
	pushing(t, bayeux.Options{MaxQueueBytes: 3000}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		session := only(t, s, "anna")
		for range 20 {
			require.NoError(t, session.Deliver(bulky(t, 2000)))
			synctest.Wait()
		}
		require.Len(t, c.link.events(t), 20)
		pass(2 * time.Second) // for the pong to the last ping
		d := deafen(t, c)
		for range 3 { // the last three are not confirmed
			require.NoError(t, session.Deliver(bulky(t, 1400)))
			d.read(t)
			synctest.Wait()
		}
		require.NoError(t, session.Deliver(bulky(t, 2000)))
		synctest.Wait() // the writer is at it, and nobody reads
		require.NoError(t, session.Deliver(bulky(t, 900)))
		require.ErrorIs(t, session.Deliver(bulky(t, 200)), bayeux.ErrOverflow)
		d.swallow()
	})
}

// TestBytesInFlightGiveWay: what was not confirmed and had no room is a gap, and the client starts over rather than go on with it.
func TestBytesInFlightGiveWay(t *testing.T) {
	for name, room := range map[string]int{"gone": 3000, "kept": 5000} {
		t.Run(name, func(t *testing.T) {
			pushing(t, bayeux.Options{MaxQueueBytes: room}, func(t *testing.T, s *rig) {
				c := connected(t, s, "anna")
				d := deafen(t, c)
				d.swallow()
				session := only(t, s, "anna")
				for range 2 {
					require.NoError(t, session.Deliver(bulky(t, 2000)))
					synctest.Wait()
				}
				require.Empty(t, session.Reason())
				events, reply := c.again().poll()
				require.Equal(t, room == 5000, reply["successful"])
				if room == 5000 {
					require.Len(t, events, 2)
				}
			})
		})
	}
}

// TestBytesConfirmedInTime: only what has left since is kept, so there is no gap.
func TestBytesConfirmedInTime(t *testing.T) {
	pushing(t, bayeux.Options{MaxQueueBytes: 3000}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		d := deafen(t, c)
		d.swallow()
		session := only(t, s, "anna")
		for range 2 {
			require.NoError(t, session.Deliver(bulky(t, 2000)))
			synctest.Wait()
			require.NoError(t, d.conn.WriteControl(websocket.PongMessage, []byte(<-d.pings), time.Now().Add(time.Second)))
			synctest.Wait()
			pass(time.Second)
		}
		require.NoError(t, session.Deliver(bulky(t, 2000)))
		synctest.Wait()
		events, reply := c.again().poll()
		require.Equal(t, true, reply["successful"])
		require.Len(t, events, 1)
	})
}

// TestMemoryIsLetGo: an event that was fetched and acknowledged, or pushed and confirmed, is kept by nothing.
func TestMemoryIsLetGo(t *testing.T) {
	t.Parallel()
	deliver := func(t *testing.T, session *bayeux.Session) weak.Pointer[byte] {
		t.Helper()
		e := bulky(t, 100_000)
		require.NoError(t, session.Deliver(e))
		return weak.Make(&e.Data[0])
	}
	gone := func(t *testing.T, p weak.Pointer[byte]) {
		t.Helper()
		require.Eventually(t, func() bool { runtime.GC(); return p.Value() == nil }, waitLimit, waitStep)
	}
	for _, socket := range []bool{false, true} {
		t.Run(fmt.Sprint("acknowledged, socket=", socket), func(t *testing.T) {
			s := &rig{Server: newServer(t, bayeux.Options{WebSocket: true}), socket: socket}
			c := acking(t, s)
			session := only(t, s, "anna")
			p := deliver(t, session)
			_, first := c.fetch(1)
			require.NoError(t, session.Deliver(event(t, "/a", 1)))
			c.fetch(1)
			events, _ := c.fetch(batchOf(t, first))
			require.Len(t, events, 1, "the second is not acknowledged")
			c.letGo(t)
			gone(t, p)
		})
	}
	t.Run("confirmed", func(t *testing.T) {
		s := &rig{Server: newServer(t, bayeux.Options{WebSocket: true}), socket: true}
		c := connected(t, s, "anna")
		session := only(t, s, "anna")
		p := deliver(t, session)
		c.poll() // the first has arrived, of the next nothing is known
		c.poll()
		require.NoError(t, session.Deliver(event(t, "/a", 1)))
		c.letGo(t)
		gone(t, p)
	})
}

// letGo forgets what has arrived over a WebSocket.
func (c *client) letGo(t *testing.T) {
	t.Helper()
	if c.link != nil {
		c.link.fresh(t)
	}
}

// TestEventsOnTheWire: they are put together by hand, and encoding/json reads what was meant.
func TestEventsOnTheWire(t *testing.T) {
	eachTransport(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		session := only(t, s, "anna")
		for _, e := range []bayeux.Event{
			{Channel: "/-_!~()$@ #+.{}/aZ09", Data: []byte(" {\n\"a\" : [1 , 2]}\t")},
			{Channel: "/a", Data: []byte(`"</script>"`), ID: "\"q\\\n\x00<é\xff"},
			{Channel: "/a", Data: []byte(`null`), ID: strings.Repeat("x", 1000)},
		} {
			require.NoError(t, session.Deliver(e))
			events, _ := c.poll()
			var want any
			require.NoError(t, json.Unmarshal(e.Data, &want))
			got := msg{"channel": e.Channel, "data": want}
			if e.ID != "" {
				got["id"] = strings.ToValidUTF8(e.ID, "\ufffd")
			}
			require.Equal(t, []msg{got}, events)
		}
	})
}

// TestEventsThatNobodyCouldRead: a browser closes a WebSocket over which something else than UTF-8 comes.
func TestEventsThatNobodyCouldRead(t *testing.T) {
	t.Parallel()
	s := newServer(t, bayeux.Options{})
	c := connected(t, s, "anna")
	c.subscribe("/a")
	for _, data := range []string{"{", `1]`, `"a",1`, " ", `"` + "\xff" + `"`, "nul"} {
		e := bayeux.Event{Channel: "/a", Data: []byte(data)}
		require.ErrorIs(t, only(t, s, "anna").Deliver(e), bayeux.ErrData, "%q", data)
		require.ErrorIs(t, s.Publish(event(t, "/a", 1), e), bayeux.ErrData, "%q", data)
	}
	events, _ := c.poll()
	require.Empty(t, events)
}
