package bayeux_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"sidecar/cti/bayeux"
)

// deaf is a client that takes what is sent, and whose end confirms none of it: its network is cut.
type deaf struct {
	*client
	conn  *websocket.Conn
	pings chan string
}

// deafen opens a socket for the session and has a connect answered, and another held.
func deafen(t *testing.T, c *client) *deaf {
	t.Helper()
	conn, _, err := dialPipe(t, c.server, http.Header{"Authorization": {"Bearer " + c.token}})
	require.NoError(t, err)
	d := &deaf{client: c, conn: conn, pings: make(chan string, 100)}
	conn.SetPingHandler(func(data string) error { d.pings <- data; return nil })
	m := c.connectMsg()
	m["advice"] = msg{"timeout": 0}
	require.NoError(t, conn.WriteJSON([]msg{m}))
	require.Equal(t, true, d.read(t)[0]["successful"])
	require.NoError(t, conn.WriteJSON([]msg{c.connectMsg()}))
	synctest.Wait()
	return d
}

func (d *deaf) read(t *testing.T) []msg {
	t.Helper()
	_, body, err := d.conn.ReadMessage()
	require.NoError(t, err)
	var list []msg
	require.NoError(t, json.Unmarshal(body, &list))
	return list
}

// swallow reads in the background until the socket ends.
func (d *deaf) swallow() {
	go func() { // joined by the bubble, which waits for all that it started
		for {
			if _, _, err := d.conn.ReadMessage(); err != nil {
				return
			}
		}
	}()
}

// TestFlightComesBack: what was pushed into a network that was cut is sent again on the next socket, or by long-polling.
func TestFlightComesBack(t *testing.T) {
	for name, polls := range map[string]bool{"websocket": false, "long-polling": true} {
		t.Run(name, func(t *testing.T) {
			pushing(t, bayeux.Options{}, func(t *testing.T, s *rig) {
				c := connected(t, s, "anna")
				d := deafen(t, c)
				d.swallow()
				session := only(t, s, "anna")
				for i := range 5 {
					require.NoError(t, session.Deliver(event(t, "/a", i)))
					synctest.Wait()
				}
				n := c.again()
				if polls {
					n = newClient(t, s.Server, "anna")
					n.id = c.id
				}
				events, _ := n.poll()
				require.Equal(t, "01234", data(events))
				events, _ = n.poll()
				require.Empty(t, events)
			})
		})
	}
}

// TestFlightIsConfirmed: what the client is known to have doesn't come again.
func TestFlightIsConfirmed(t *testing.T) {
	confirmations := map[string]func(t *testing.T, d *deaf, meanwhile func()){
		"by a pong": func(t *testing.T, d *deaf, meanwhile func()) {
			ping := <-d.pings
			meanwhile()
			require.NoError(t, d.conn.WriteControl(websocket.PongMessage, []byte(ping), time.Now().Add(time.Second)))
		},
		"by the next connect": func(t *testing.T, d *deaf, meanwhile func()) {
			pass(bayeux.DefaultTimeout)
			synctest.Wait()
			meanwhile()
			require.NoError(t, d.conn.WriteJSON([]msg{d.connectMsg()}))
		},
	}
	for name, confirm := range confirmations {
		t.Run(name, func(t *testing.T) {
			pushing(t, bayeux.Options{}, func(t *testing.T, s *rig) {
				c := connected(t, s, "anna")
				d := deafen(t, c)
				d.swallow()
				session := only(t, s, "anna")
				require.NoError(t, session.Deliver(event(t, "/a", 0), event(t, "/a", 1)))
				synctest.Wait()
				confirm(t, d, func() {
					require.NoError(t, session.Deliver(event(t, "/a", 2)))
					synctest.Wait()
				})
				synctest.Wait()
				events, _ := c.again().poll()
				require.Equal(t, "2", data(events))
			})
		})
	}
}

func TestFlightPingsAreRare(t *testing.T) {
	pushing(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		d := deafen(t, c)
		d.swallow()
		session := only(t, s, "anna")
		deliver := func(n int) {
			for range n {
				require.NoError(t, session.Deliver(event(t, "/a", 1)))
				synctest.Wait()
			}
		}
		deliver(10)
		pass(3 * time.Second)
		require.Len(t, d.pings, 1, "one at a time")
		require.NoError(t, d.conn.WriteControl(websocket.PongMessage, []byte(<-d.pings), time.Now().Add(time.Second)))
		synctest.Wait()
		require.Equal(t, "10", <-d.pings, "more had left since")
		for _, pong := range []string{"", "nonsense", "-1", "10"} {
			require.NoError(t, d.conn.WriteControl(websocket.PongMessage, []byte(pong), time.Now().Add(time.Second)))
		}
		synctest.Wait()
		deliver(10)
		require.Empty(t, d.pings)
		pass(time.Second)
		synctest.Wait()
		require.Equal(t, "20", <-d.pings)
		pass(5 * time.Second)
		require.Empty(t, d.pings)
	})
}

// TestFlightTooLongToKeep: rather than with a gap, the client goes on with a new handshake.
func TestFlightTooLongToKeep(t *testing.T) {
	pushing(t, bayeux.Options{MaxQueue: 4}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		d := deafen(t, c)
		d.swallow()
		session := only(t, s, "anna")
		for range 5 {
			require.NoError(t, session.Deliver(event(t, "/a", 1)))
			synctest.Wait()
		}
		require.Empty(t, session.Reason(), "it may be reading all of it")
		_, reply := c.again().poll()
		require.Equal(t, "402::session_unknown", reply["error"])
		requireAdvice(t, reply, "handshake")
		require.Equal(t, bayeux.ReasonOverflow, session.Reason())
	})
}

// TestFlightFailedWrite: the frame that could not be written comes again, together with what may not have arrived before.
func TestFlightFailedWrite(t *testing.T) {
	pushing(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		d := deafen(t, c)
		session := only(t, s, "anna")
		require.NoError(t, session.Deliver(event(t, "/a", 0)))
		require.Equal(t, "0", data(d.read(t)))
		require.NoError(t, session.Deliver(event(t, "/a", 1)))
		synctest.Wait() // the writer is at it
		require.NoError(t, session.Deliver(event(t, "/a", 2)))
		require.NoError(t, d.conn.NetConn().Close())
		synctest.Wait()
		events, _ := c.again().poll()
		require.Equal(t, "012", data(events))
	})
}
