package v3_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/bridge"
	"sidecar/cti/gws/v3"
)

// direct is a transport without a network; replying runs when a command's reply is being written.
type direct struct {
	handler  http.Handler
	replying func()
}

func (d *direct) RoundTrip(req *http.Request) (*http.Response, error) {
	w := &writer{ResponseRecorder: httptest.NewRecorder()}
	if !strings.HasSuffix(req.URL.Path, "/notifications") {
		w.replying = d.replying
	}
	d.handler.ServeHTTP(w, req)
	return w.Result(), nil
}

type writer struct {
	*httptest.ResponseRecorder

	replying func()
}

func (w *writer) Write(text []byte) (int, error) {
	if w.replying != nil {
		w.replying()
	}
	return w.ResponseRecorder.Write(text)
}

// What a command causes is told to its session after the reply: what comes from the feed, and what this dialect says itself.
func TestReplyComesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRigUnserved(t, newExchange(), func(*v3.Options) {})
		wire := &direct{handler: r.server}
		r.url, r.transport = "http://desk.test", wire
		d := r.join("anna")
		d.send(http.MethodPost, "/activate-channels", `{"data": {"dn": "5001"}}`)
		connect := func() []map[string]any {
			return d.bayeux(map[string]any{"channel": "/meta/connect", "connectionType": "long-polling"})
		}
		for len(connect()) > 1 { // what was there
		}
		for _, c := range []struct{ path, body string }{
			{"/voice/ready", ""},
			{"/voice/make-call", `{"data": {"destination": "5001"}}`},
			{"/voice/send-user-event", `{"data": {"userData": [{"key": "a", "type": "str", "value": "b"}]}}`},
		} {
			var told atomic.Bool
			var work sync.WaitGroup
			work.Go(func() { told.Store(len(connect()) > 1) })
			synctest.Wait()
			wire.replying = func() {
				synctest.Wait()
				require.False(t, told.Load(), c.path)
			}
			status, reply := d.send(http.MethodPost, c.path, c.body)
			require.Equal(t, http.StatusOK, status, reply)
			wire.replying = nil
			work.Wait()
			require.True(t, told.Load(), c.path)
		}
	})
}

// A DN can't call itself. The command is accepted, commands nothing, and an error follows, as at a T-Server.
func TestItself(t *testing.T) {
	t.Parallel()
	x := newExchange()
	d := newRigOn(t, x).join("anna")
	d.send(http.MethodPost, "/activate-channels", `{"data": {"dn": "5001"}}`)
	for _, path := range []string{"/voice/make-call", "/voice/calls/" + annasCall + "/initiate-transfer", "/voice/calls/" + annasCall + "/redirect"} {
		status, reply := d.send(http.MethodPost, path, fmt.Sprintf(`{"operationId": %q, "data": {"destination": "5001"}}`, path))
		require.Equal(t, http.StatusOK, status, path)
		require.InDelta(t, 1, code(reply), 0)
		told := d.next(v3.ChannelVoice, "EventError")
		why, _ := told["error"].(map[string]any)
		require.InDelta(t, 415, why["errorCode"], 0)
		require.Equal(t, path, told["operationId"])
	}
	require.Empty(t, x.taken())
	d.send(http.MethodPost, "/voice/send-user-event", `{"operationId": "lamp", "data": {"userData": [{"key": "Lamp", "type": "str", "value": "on"}]}}`)
	require.Equal(t, "lamp", d.next(v3.ChannelVoice, "EventUserEvent")["operationId"])
}

// A desktop has the calls that its DN is in: not those that it has left, while they are put away for it, nor one that does not ring yet.
func TestCallsOfADesktop(t *testing.T) {
	t.Parallel()
	x := newExchange()
	for id, state := range map[bridge.ConnID]bridge.PartyState{5: bridge.PartyReleased, 6: bridge.PartyAlerting} {
		c := call(party("5001", state), party("5003", bridge.PartyEstablished), outside()) // her other DN
		c.ConnID, c.ID = id, bridge.CallID(fmt.Sprint("uuid-", int(id)))
		x.calls = append(x.calls, c)
	}
	d := newRigOn(t, x).join("anna")
	d.send(http.MethodPost, "/activate-channels", `{"data": {"dn": "5001"}}`)
	require.ElementsMatch(t, []any{"uuid-1", "uuid-2"}, d.list("/voice/calls", "calls", "callUuid"))
	status, _ := d.send(http.MethodPost, "/voice/calls/uuid-6/hold", "")
	require.Equal(t, http.StatusInternalServerError, status)
	d.send(http.MethodPost, "/activate-channels", `{"data": {"dn": "5001", "autoCompleteCall": false}}`)
	require.ElementsMatch(t, []any{"uuid-1", "uuid-2", "uuid-4", "uuid-5"}, d.list("/voice/calls", "calls", "callUuid"))
}

// A call that has ended is put away in the engine for desktops that want it so, and for no others.
func TestPutAway(t *testing.T) {
	t.Parallel()
	x := newExchange()
	r := newRigOn(t, x)
	d, other := r.join("anna"), r.join("ben")
	d.send(http.MethodPost, "/activate-channels", `{"data": {"dn": "5001"}}`)
	other.send(http.MethodPost, "/activate-channels", `{"data": {"dn": "5002", "autoCompleteCall": false}}`)
	for i, dn := range []bridge.DN{"5002", "5001"} {
		left := party(dn, bridge.PartyReleased)
		v := call(left, outside())
		v.ID = bridge.CallID("over-" + string(dn))
		r.feed.PublishCall(bridge.Event{ID: fmt.Sprint("over-", i), Kind: bridge.EventReleased, Time: time.Now(), Call: v, This: left, Audience: []bridge.DN{dn}})
	}
	var done []any
	require.Eventually(t, func() bool { done = append(done, x.taken()...); return len(done) > 0 }, time.Minute, time.Millisecond)
	require.Equal(t, []any{order{"complete", bridge.PartyCommand{Call: "over-5001", By: "5001"}}}, done)
}

// Who is not ready for after-call work is in it, as after a call.
func TestAfterCallWork(t *testing.T) {
	t.Parallel()
	d := newRig(t).join("anna")
	d.send(http.MethodPost, "/activate-channels", `{"data": {"dn": "5001"}}`)
	status, reply := d.send(http.MethodPost, "/voice/not-ready", `{"data": {"agentWorkMode": "AfterCallWork"}}`)
	require.Equal(t, http.StatusOK, status, reply)
	require.Equal(t, "AfterCallWork", d.state("5001"))
}

// shelf keeps what users write down.
type shelf struct {
	mu   sync.Mutex
	list map[string]v3.Notes
}

func (s *shelf) Put(key string, n v3.Notes) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list[key] = n
	return nil
}

func (s *shelf) All() (all []v3.Notes, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.list {
		all = append(all, n)
	}
	return all, nil
}

// Favorites and recent targets are each user's own, bounded, and outlast a restart.
func TestNotes(t *testing.T) {
	t.Parallel()
	kept := &shelf{list: map[string]v3.Notes{}}
	start := func(user string) *desk {
		return newRigWith(t, quiet{}, func(o *v3.Options) { o.Keep = kept }).join(user)
	}
	d := start("anna")
	must := func(path, body string, want int) {
		t.Helper()
		status, reply := d.send(http.MethodPost, "/targets/"+path, body)
		require.Equal(t, want, status, reply)
	}
	for id := range 200 {
		must("personal-favorites/save", fmt.Sprintf(`{"data": {"target": {"id": "f%d", "type": "contact"}}}`, id), http.StatusOK)
	}
	must("personal-favorites/save", `{"data": {"target": {"id": "one more", "type": "contact"}}}`, http.StatusConflict)
	must("personal-favorites/save", `{"data": {"target": {"id": "f7", "type": "contact"}, "category": "again"}}`, http.StatusOK)
	must("personal-favorites/delete/contact/f7", `{}`, http.StatusOK)
	for _, id := range []string{"a", "b", "a"} {
		must("recents/add", `{"data": {"target": {"id": "`+id+`", "type": "contact"}, "recentInformation": {"missed": true}}}`, http.StatusOK)
	}
	require.Equal(t, []any{"a", "b"}, d.list("/targets/recents", "targets", "id"), "the newest first")
	require.Contains(t, d.must("/targets/recents"), `"missed":true`)

	d = start("anna")
	require.Equal(t, []any{"f0", "f1"}, d.list("/targets/personal-favorites?limit=2", "targets", "id"))
	require.Contains(t, d.must("/targets/personal-favorites"), `"totalMatches":199`)
	must("recents/ack-missed-calls", `{}`, http.StatusOK)
	require.NotContains(t, d.must("/targets/recents"), `"missed":true`)
	require.Empty(t, start("ben").list("/targets/recents", "targets", "id"))
}
