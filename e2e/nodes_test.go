//go:build e2e

package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"sidecar/cti"
	"sidecar/internal/phone"
)

const sharedToken = "what-the-sidecars-show-it"

// newNATS is a NATS server outside of the sidecars.
func newNATS(t *testing.T) *server.Server {
	t.Helper()
	nats, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), Authorization: sharedToken,
	})
	require.NoError(t, err)
	nats.Start()
	t.Cleanup(func() { nats.Shutdown(); nats.WaitForShutdown() })
	require.True(t, nats.ReadyForConnections(patience))
	return nats
}

// newNode is a sidecar with an Asterisk of its own, ready for calls, on a NATS that others use too.
func newNode(t *testing.T, nats *server.Server, name string, id int) *system {
	t.Helper()
	return newRunning(t, fmt.Sprintf("node: %s\nnode_id: %d\nevent_log: {servers: [%q], token: %s, name: site}\n"+
		"dns: [{numbers: [5001-5003, 5011-5013], owner: phone}]\nroutes: [{number: \"8000\", to: \"dn:5011\"}, {number: \"8001\", to: \"dn:5001\"}]\n",
		name, id, nats.ClientURL(), sharedToken))
}

// stream gives a user's events of /api/v1/events until one is the last.
func (s *system) stream(user, query string, last func(cti.Event) bool) []cti.Event {
	s.t.Helper()
	ctx, cancel := context.WithCancel(soon(s.t))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.http+"/api/v1/events?"+query, nil)
	require.NoError(s.t, err)
	req.Header.Set("Authorization", "Bearer "+s.token(user))
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(s.t, http.StatusOK, resp.StatusCode)
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	var events []cti.Event
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var e cti.Event
		require.NoError(s.t, json.Unmarshal([]byte(data), &e))
		if events = append(events, e); last(e) {
			return events
		}
	}
	require.Fail(s.t, "the stream ended", "%v", lines.Err())
	return nil
}

// stands says how a snapshot shows a DN and the calls that it is in.
func (s *system) stands(user, dn string) []string {
	s.t.Helper()
	var list []string
	for _, e := range s.stream(user, "topic=agent", func(e cti.Event) bool { return e.Name == "SnapshotComplete" }) {
		switch {
		case string(e.DN) != dn:
		case e.Call != nil:
			list = append(list, e.Name+" "+string(e.Call.ID))
		default:
			list = append(list, e.Name)
		}
	}
	return list
}

func (s *system) standsAs(user, dn string, want ...string) {
	s.t.Helper()
	var got []string
	s.eventually(fmt.Sprintf("%s is shown as %s", dn, want), func() bool { got = s.stands(user, dn); return slices.Equal(want, got) })
}

// elsewhere requires that a command is refused, and the node named that can do it.
func (s *system) elsewhere(user, path, body, node string) {
	s.t.Helper()
	r := s.as(user, http.MethodPost, path, body).want(http.StatusConflict)
	require.Contains(s.t, string(r.body), "node "+node+": give the command to that one")
}

// heard are the events of a DN's calls that a desktop was told live, in short, and the cursor of the last.
func (k *agentDesk) heard(dn string) (list []string, cursor cti.Cursor) {
	for _, told := range k.since(0) {
		var e cti.Event
		if json.Unmarshal(told.Data, &e) == nil && !e.Snapshot && e.Call != nil && string(e.DN) == dn {
			list, cursor = append(list, e.Name), e.Cursor
		}
	}
	return list, cursor
}

// Two sidecars, each with an Asterisk of its own, share one NATS. Desktops at the one see the calls of the other, until that dies
// and when it is back, but can't command them.
func TestSidecarsShareAFeed(t *testing.T) {
	t.Parallel()
	nats := newNATS(t)
	a, b := newNode(t, nats, "a", 1), newNode(t, nats, "b", 2)
	near, far := a.agentPhone("5001", phone.RingOnly), b.agentPhone("5011", phone.RingOnly)
	a.inService("5001")
	b.inService("5011")
	a.standsAs("supervisor", "5011", "InService")
	b.standsAs("supervisor", "5001", "InService")
	desks := []*agentDesk{a.agentDesk(guideDialect{}, "supervisor"), a.agentDesk(guideDialect{}, "5011")}

	cust, agent := conversation(t, b.customerPhone(), far)
	id := b.onlyCall("Established").ID
	for _, desk := range desks {
		eventually(t, desk.who+" at a is told of the call at b", func() bool {
			list, _ := desk.heard("5011")
			return slices.Equal([]string{"Ringing", "Established"}, list)
		})
	}
	a.standsAs("supervisor", "5011", "InService", "Established "+id)
	a.standsAs("5011", "5011", "InService", "Established "+id)
	require.Empty(t, a.calls("supervisor"), "REST shows the calls that it commands")

	a.elsewhere("supervisor", "/api/v1/calls/"+id+"/transfer", `{"to":"5001"}`, "b")
	a.elsewhere("supervisor", "/api/v1/calls/"+id+"/hangup", "", "b")
	a.elsewhere("5011", "/api/v2/me/calls/active/hold", "", "b")
	a.elsewhere("5011", "/api/v2/me/calls/"+id+"/hold", "", "b")
	a.elsewhere("5011", "/api/v2/me/calls/"+id, `{"operationName":"Hold"}`, "b")
	a.as("5002", http.MethodPost, "/api/v2/me/calls/"+id+"/hold", nil).want(http.StatusNotFound)
	a.as("5002", http.MethodPost, "/api/v2/me/calls/active/hold", nil).want(http.StatusNotFound)

	// The desktop of 5011 moves from a to b, and misses nothing.
	_, cursor := desks[1].heard("5011")
	b.as("5011", http.MethodPost, "/api/v2/me/calls/active/hold", nil).want(http.StatusOK)
	b.as("5011", http.MethodPost, "/api/v2/me/calls/active/retrieve", nil).want(http.StatusOK)
	local, ours := conversationAt(t, a, near)
	names := map[string][]string{} // each sidecar tells of its calls in order, and neither waits for the other
	b.stream("supervisor", "topic=agent&dn=5011&dn=5001&since="+cursor.String(), func(e cti.Event) bool {
		if e.Call != nil {
			names[string(e.DN)] = append(names[string(e.DN)], e.Name)
		}
		return len(names["5011"]) >= 2 && len(names["5001"]) >= 2
	})
	require.Equal(t, map[string][]string{"5011": {"Held", "Retrieved"}, "5001": {"Ringing", "Established"}}, names)

	b.killSidecar()
	require.Contains(t, a.stands("supervisor", "5011"), "Established "+id, "it may be back at once")
	a.standsAs("supervisor", "5011", "OutOfService")
	a.as("supervisor", http.MethodPost, "/api/v1/calls/"+id+"/hangup", nil).want(http.StatusNotFound)
	talk(t, cust, customerTone, agent, agentTone)

	b.startSidecar()
	b.waitReady()
	b.inService("5011")
	a.standsAs("supervisor", "5011", "InService", "Established "+id)
	a.elsewhere("supervisor", "/api/v1/calls/"+id+"/hangup", "", "b")
	b.as("5011", http.MethodDelete, "/api/v2/me/calls/active/hangup", nil).want(http.StatusOK)
	ended(t, cust)
	eventually(t, "the desktops at a are told of the end", func() bool {
		list, _ := desks[0].heard("5011")
		return list[len(list)-1] == "Released"
	})
	a.standsAs("supervisor", "5011", "InService")
	require.NoError(t, local.Hangup(soon(t)))
	ended(t, ours)
}

// conversationAt is one of the customers of a with an agent there.
func conversationAt(t *testing.T, s *system, agent *phone.Phone) (cust, a *phone.Call) {
	t.Helper()
	cust = dial(t, s.customerPhone(), "8001", customerTone)
	a = incoming(t, agent, agentTone)
	talk(t, cust, customerTone, a, agentTone)
	return cust, a
}

// A sidecar that is started with the name of one that lives says so, and does not mix its events with those of the other.
func TestSidecarWithATakenName(t *testing.T) {
	t.Parallel()
	nats := newNATS(t)
	out, err := newSystemFails(t, nats)
	require.Error(t, err)
	require.Contains(t, out, "node_id: must be written when event_log.servers are")
	newNode(t, nats, "a", 1)
	twin := newSystem(t, fmt.Sprintf("node: b\nnode_id: 1\nevent_log: {servers: [%q], token: %s, name: site}\n", nats.ClientURL(), sharedToken))
	twin.startSidecar()
	twin.eventually("it says who has its node_id", func() bool {
		resp, err := http.Get("http://" + twin.http + "/readyz")
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		var text strings.Builder
		_, _ = bufio.NewReader(resp.Body).WriteTo(&text)
		return resp.StatusCode == http.StatusServiceUnavailable && strings.Contains(text.String(), "node_id.1 is that of sidecar a on ")
	})
}

// newSystemFails is a configuration with servers and without a name.
func newSystemFails(t *testing.T, nats *server.Server) (string, error) {
	t.Helper()
	s := newSystem(t, "")
	s.env = append(s.env, "SIDECAR_EVENT_LOG_SERVERS="+nats.ClientURL())
	return s.try("config", "check")
}
