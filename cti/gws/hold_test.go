package gws_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/gws"
)

// replies is a desk in virtual time that notes in which order its desktops are told and its replies are flushed.
type replies struct {
	*desk

	handler http.Handler
	mu      sync.Mutex
	noted   []string
	wg      sync.WaitGroup
}

// newReplies has the desktops "own" of agent1's login, "twin" of another login of the same agent, and "boss".
func newReplies(t *testing.T) (o *replies, desktops map[string]*desktop) {
	t.Helper()
	o = &replies{}
	o.desk, o.handler = newDeskWithoutServer(t)
	o.people.set("twin", gws.Principal{ID: "1", OwnDNs: []string{"5001"}})
	desktops = map[string]*desktop{}
	for name, token := range map[string]string{"own": "agent1", "twin": "twin", "boss": "boss"} {
		d := virtual(t, o.rig, token).start(nil, gws.ChannelAgentEvents)
		d.connect()
		d.inbox = nil // the snapshot
		desktops[name] = d
	}
	o.stand.set(other("T", "5001", bridge.PartyEstablished))
	return o, desktops
}

func (o *replies) note(what string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.noted = append(o.noted, what)
}

// soFar is what has happened by now, when nothing more happens without time passing.
func (o *replies) soFar() []string {
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	noted := slices.Clone(o.noted)
	slices.Sort(noted) // at one point in time there is no order between desktops
	o.noted = nil
	return noted
}

// listen notes the next event of a desktop.
func (o *replies) listen(name string, d *desktop) {
	o.wg.Go(func() {
		d.receive(1)
		o.note(name)
	})
}

// flushing tells when a reply goes out, and looks around before.
type flushing struct {
	*httptest.ResponseRecorder

	before func()
}

func (f flushing) Flush() {
	f.before()
	f.ResponseRecorder.Flush()
}

// hold is agent1's command.
func (o *replies) hold(t *testing.T, before func()) {
	t.Helper()
	w := flushing{httptest.NewRecorder(), before}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v2/me/calls/active/hold", strings.NewReader(""))
	r.Header.Set("Authorization", "Bearer agent1")
	o.handler.ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	require.True(t, w.Flushed, "nobody waits for a buffer to fill")
}

// What a command causes waits for the reply to be flushed where the command came from, and is told everywhere else at once.
func TestEventsComeAfterTheReply(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, desktops := newReplies(t)
		for name, d := range desktops {
			o.listen(name, d)
		}
		began := time.Now()
		o.board.hook = func() {
			o.happen(1, "5001", bridge.EventHeld, bridge.PartyHeld)
			require.Equal(t, []string{"boss", "twin"}, o.soFar(), "other sessions don't wait, and the own one does")
		}
		o.hold(t, func() { require.Empty(t, o.soFar(), "the reply is written, but not out yet") })
		require.Equal(t, []string{"own"}, o.soFar())
		require.Zero(t, time.Since(began), "nobody has waited for anything but the reply")
		o.wg.Wait()
	})
}

// A command that takes long holds up events for 250 ms, once, and those that follow no more.
func TestEventsDoNotWaitForever(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, desktops := newReplies(t)
		o.board.hook = func() {
			o.listen("own", desktops["own"])
			time.Sleep(time.Minute) // the command's own time does not count: the event's does
			o.happen(1, "5001", bridge.EventHeld, bridge.PartyHeld)
			time.Sleep(250*time.Millisecond - time.Nanosecond)
			require.Empty(t, o.soFar())
			time.Sleep(time.Nanosecond)
			require.Equal(t, []string{"own"}, o.soFar())
			o.listen("own", desktops["own"])
			synctest.Wait()
			o.happen(2, "5001", bridge.EventRetrieved, bridge.PartyEstablished)
			require.Equal(t, []string{"own"}, o.soFar(), "it has waited long enough")
		}
		o.hold(t, func() {})

		o.board.hook = func() {
			o.listen("own", desktops["own"])
			o.happen(3, "5001", bridge.EventHeld, bridge.PartyHeld)
			require.Empty(t, o.soFar(), "the next command has a time of its own")
		}
		o.hold(t, func() {})
		require.Equal(t, []string{"own"}, o.soFar())
		o.wg.Wait()
	})
}

// plain is a desktop on a stream without a snapshot.
func plain(t *testing.T, r *rig) (*gws.Sessions, *desktop) {
	t.Helper()
	sessions, err := gws.NewSessions(gws.Options{Feed: r.feed, Snapshot: r.stand, Auth: r.people}, gws.Dialect{
		Name: "plain", Streams: map[string]gws.Stream{"/plain": {Topic: cti.TopicAgent}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sessions.Close(context.WithoutCancel(t.Context()))) })
	d := virtual(t, r, "agent1")
	d.http.Transport = direct{sessions}
	return sessions, d.start(nil, "/plain")
}

// ids are those of the events that have come so far.
func (d *desktop) ids() (ids []string) {
	d.t.Helper()
	synctest.Wait()
	_, reply := d.connect()
	require.True(d.t, reply.ok())
	for _, m := range d.inbox {
		ids = append(ids, m.event(d.t).ID)
	}
	return ids
}

// Who has unsubscribed is told nothing of what happens then, however soon it subscribes again.
func TestNothingIsToldBetweenTwoSubscriptions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cti.FeedOptions{}, gws.Options{}).run()
		sessions, d := plain(t, r)
		sessions.Answering(httptest.NewRecorder(), "agent1", func() { // holds the session's events up
			r.happen(1, "5001", bridge.EventHeld, bridge.PartyHeld)
			synctest.Wait()
			require.True(t, d.send(map[string]any{"channel": "/meta/unsubscribe", "subscription": "/plain"})[0].ok())
			r.happen(2, "5001", bridge.EventHeld, bridge.PartyHeld)
			synctest.Wait()
			require.True(t, d.subscribe("/plain").ok())
		})
		r.happen(3, "5001", bridge.EventHeld, bridge.PartyHeld)
		require.Equal(t, []string{"5001-5"}, d.ids())
	})
}

// Who subscribes again to a stream without a snapshot, while events wait for a reply, loses none of them and gets none twice.
func TestSubscribeAgainWhileEventsWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cti.FeedOptions{}, gws.Options{}).run()
		sessions, d := plain(t, r)
		sessions.Answering(httptest.NewRecorder(), "agent1", func() {
			for n := range 3 {
				r.happen(n+1, "5001", bridge.EventHeld, bridge.PartyHeld)
				synctest.Wait()
			}
			require.True(t, d.subscribe("/plain").ok())
		})
		require.Equal(t, []string{"5001-1", "5001-3", "5001-5"}, d.ids())
	})
}
