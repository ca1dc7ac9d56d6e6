package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"sidecar/api"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti"
	judge "sidecar/internal/testkit/schema"
)

// What is served describes what is sent: a client needs nothing else to check an event.
func TestEventsAreAsTheirSchemaSays(t *testing.T) {
	t.Parallel()
	n := newNewsroom(t, cti.FeedOptions{}, api.EventsOptions{})
	n.engine.calls = []bridge.CallView{call("C", bridge.PartyEstablished, "5001")}
	a := n.send("GET", "/api/v1/events/schema", "", "")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "application/schema+json", a.header.Get("Content-Type"))
	schema := judge.Closed(t, []byte(a.body), "")

	agent := n.user("5001", auth.RoleAgent, "", "5001")
	r, conn := n.stream("", agent), n.dial("", agent)
	all := r.until(complete)
	n.happen("5001", bridge.EventHeld, bridge.PartyHeld)
	all = append(all, r.until("Held")...)
	all = append(all, n.stream("?since=another:7", agent).until(complete)...)
	require.Contains(t, linesOf(all), "Reset snapshot")
	for _, e := range all {
		require.NoError(t, schema.Check([]byte(e.data)), e.data)
	}
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	for range 6 {
		kind, text, err := conn.ReadMessage()
		require.NoError(t, err)
		require.Equal(t, websocket.TextMessage, kind)
		require.NoError(t, schema.Check(text), string(text))
	}
}
