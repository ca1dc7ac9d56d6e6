package gws_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/gws"
)

var both = []string{gws.ChannelAgentEvents, gws.ChannelCallState}

func tokenExt(token string) map[string]any {
	return map[string]any{"auth": map[string]any{"token": token}}
}

func cursorExt(cursor any) map[string]any { return map[string]any{"cursor": cursor} }

func TestHandshakeNeedsAGoodToken(t *testing.T) {
	t.Parallel()
	url := newRig(t, cti.FeedOptions{}, gws.Options{}).run().serve()
	for name, c := range map[string]struct {
		header, cookie string
		ext            any
		ok             bool
	}{
		"none":                 {},
		"unknown":              {header: "Bearer nobody"},
		"basic":                {header: "Basic agent1"},
		"header":               {header: "Bearer agent1", ok: true},
		"header in lower case": {header: "bearer agent1", ok: true},
		"ext":                  {ext: tokenExt("agent1"), ok: true},
		"bad ext":              {ext: tokenExt("nobody")},
		"ext of another kind":  {ext: map[string]any{"auth": "agent1"}},
		"cookie":               {cookie: "agent1", ok: true},
		"bad cookie":           {cookie: "nobody"},
		"ext before cookie":    {ext: tokenExt("agent1"), cookie: "nobody", ok: true},
		"header before ext":    {header: "Bearer nobody", ext: tokenExt("agent1")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesktop(t, url, "")
			if c.header != "" {
				d.header.Set("Authorization", c.header)
			}
			if c.cookie != "" {
				d.header.Set("Cookie", auth.CookieName+"="+c.cookie)
			}
			reply := d.handshake(c.ext)
			require.Equal(t, c.ok, reply.ok())
			if !c.ok {
				require.Contains(t, reply.Error, "403:")
				require.Equal(t, "none", reply.Advice.Reconnect)
				require.Empty(t, reply.ClientID)
			}
		})
	}
}

func TestAgentGetsASnapshotAndThenItsOwnEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t, cti.FeedOptions{}, gws.Options{}).run()
	r.stand.set(call("5001", bridge.PartyRinging), call("5002", bridge.PartyRinging))
	d := newDesktop(t, r.serve(), "agent1").start(nil, both...)
	got, events := d.receive(3)
	require.Equal(t, []string{
		"5001: InService snapshot",
		"5001: Ringing snapshot(1) CallType=Inbound OtherDN=100 ANI=100 DNIS=5001",
		"call: Ringing snapshot(1) CallType=Inbound ANI=100 DNIS=5001 parties=100/Dialing,5001/Ringing",
	}, got)
	for _, e := range events {
		require.True(t, e.Snapshot)
		require.Equal(t, r.feed.Head(), e.Cursor)
	}
	r.happen(1, "5002", bridge.EventEstablished, bridge.PartyEstablished)
	r.happen(1, "5001", bridge.EventEstablished, bridge.PartyEstablished)
	r.happen(2, "5002", bridge.EventHeld, bridge.PartyHeld)
	r.happen(2, "5001", bridge.EventHeld, bridge.PartyHeld)
	got, events = d.receive(4)
	require.ElementsMatch(t, []string{
		"5001: Established(1) CallType=Inbound OtherDN=100",
		"call: Established(1) CallType=Inbound parties=100/Dialing,5001/Established",
		"5001: Held(1) CallType=Inbound OtherDN=100",
		"call: Held(1) CallType=Inbound parties=100/Dialing,5001/Held",
	}, got)
	last := map[cti.Topic]uint64{}
	for _, e := range events {
		require.False(t, e.Snapshot)
		require.Greater(t, e.Seq, last[e.Topic])
		last[e.Topic] = e.Seq
	}
}

func TestSupervisorSeesTheTeam(t *testing.T) {
	t.Parallel()
	r := newRig(t, cti.FeedOptions{}, gws.Options{}).run()
	d := newDesktop(t, r.serve(), "boss").start(nil, gws.ChannelAgentEvents)
	got, _ := d.receive(2)
	require.Equal(t, []string{"5001: InService snapshot", "5002: OutOfService snapshot"}, got)
	for i, dn := range []string{"5003", "5001", "5002"} {
		r.happen(i+1, dn, bridge.EventRinging, bridge.PartyRinging)
	}
	got, _ = d.receive(2)
	require.Equal(t, []string{
		"5001: Ringing(1) CallType=Inbound OtherDN=100 ANI=100 DNIS=5001",
		"5002: Ringing(1) CallType=Inbound OtherDN=100 ANI=100 DNIS=5002",
	}, got)
}

func TestOnlyTheTwoChannelsByName(t *testing.T) {
	t.Parallel()
	r := newRig(t, cti.FeedOptions{}, gws.Options{}).run()
	d := newDesktop(t, r.serve(), "boss")
	require.True(t, d.handshake(nil).ok())
	for _, subscription := range []any{
		"/**", "/*", "/user/**", "/user/agent/*", "/user/agent/**", "/user/agent/events/*", "/call/*", "/call/**",
		"/user/agent/events/5001", "/other",
		[]string{gws.ChannelAgentEvents, "/**"},
	} {
		reply := d.subscribe(subscription)
		require.False(t, reply.ok(), subscription)
		require.Regexp(t, `^403:.+:subscribe_denied$`, reply.Error, subscription)
	}
	require.True(t, d.subscribe(gws.ChannelCallState).ok())
	r.happen(1, "5001", bridge.EventRinging, bridge.PartyRinging)
	got, _ := d.receive(1)
	require.Contains(t, got[0], "call: Ringing", "nothing of the refused subscriptions comes")
}

func TestPublishingIsDenied(t *testing.T) {
	t.Parallel()
	d := newDesktop(t, newRig(t, cti.FeedOptions{}, gws.Options{}).run().serve(), "boss").start(nil, both...)
	d.receive(2)
	for _, channel := range []string{gws.ChannelAgentEvents, gws.ChannelCallState, "/service/x", "/x"} {
		replies := d.send(map[string]any{"channel": channel, "data": map[string]any{"event": "Ringing"}})
		require.Len(t, replies, 1)
		require.False(t, replies[0].ok())
		require.Regexp(t, `^403:.+:publish_denied$`, replies[0].Error)
	}
}

func TestReplayFromTheCursor(t *testing.T) {
	t.Parallel()
	r := newRig(t, cti.FeedOptions{}, gws.Options{}).run()
	url := r.serve()
	d := newDesktop(t, url, "agent1").start(nil, both...)
	d.receive(1)
	r.happen(1, "5001", bridge.EventRinging, bridge.PartyRinging)
	_, events := d.receive(2)
	last := map[cti.Topic]string{}
	for _, e := range events {
		last[e.Topic] = e.Cursor.String()
	}
	r.happen(2, "5001", bridge.EventEstablished, bridge.PartyEstablished)
	r.happen(2, "5002", bridge.EventEstablished, bridge.PartyEstablished)

	back := newDesktop(t, url, "agent1").start(cursorExt(map[string]string{
		gws.ChannelAgentEvents: last[cti.TopicAgent], gws.ChannelCallState: last[cti.TopicCall],
	}), both...)
	got, _ := back.receive(2)
	require.ElementsMatch(t, []string{
		"5001: Established(1) CallType=Inbound OtherDN=100",
		"call: Established(1) CallType=Inbound parties=100/Dialing,5001/Established",
	}, got)

	one := newDesktop(t, url, "agent1").start(cursorExt(last[cti.TopicAgent]), gws.ChannelAgentEvents)
	got, _ = one.receive(1)
	require.Equal(t, []string{"5001: Established(1) CallType=Inbound OtherDN=100"}, got)
	require.True(t, one.subscribe(gws.ChannelAgentEvents).ok())
	got, _ = one.receive(1)
	require.Equal(t, []string{"5001: InService snapshot"}, got, "the cursor counts once")
}

func TestCursorThatCantBeContinuedResets(t *testing.T) {
	t.Parallel()
	r := newRig(t, cti.FeedOptions{Retain: 2, Log: cti.NewMemoryLog(4)}, gws.Options{}).run()
	url := r.serve()
	d := newDesktop(t, url, "agent1").start(nil, gws.ChannelAgentEvents)
	_, events := d.receive(1)
	old := events[0].Cursor.String()
	for n := 1; n <= 3; n++ {
		r.happen(n, "5001", bridge.EventHeld, bridge.PartyHeld)
		d.receive(1)
	}
	r.settle()
	for _, cursor := range []string{old, "other:1", "nonsense"} {
		back := newDesktop(t, url, "agent1").start(cursorExt(cursor), gws.ChannelAgentEvents)
		got, events := back.receive(2)
		require.Equal(t, []string{": Reset snapshot", "5001: InService snapshot"}, got, cursor)
		require.True(t, events[0].Snapshot)
	}
	quiet := newDesktop(t, url, "agent1").start(cursorExt(old), gws.ChannelCallState)
	got, _ := quiet.receive(1)
	require.Equal(t, []string{"call: Reset snapshot"}, got, "with no call left there is still the Reset")
}

func TestSubscribeAgainGivesASnapshotAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, cti.FeedOptions{}, gws.Options{}).run()
	d := newDesktop(t, r.serve(), "agent1").start(nil, gws.ChannelAgentEvents)
	d.receive(1)
	require.True(t, d.subscribe(gws.ChannelAgentEvents).ok())
	d.receive(1)
	r.happen(1, "5001", bridge.EventRinging, bridge.PartyRinging)
	d.receive(1) // once, not twice

	replies := d.send(map[string]any{"channel": "/meta/unsubscribe", "subscription": gws.ChannelAgentEvents})
	require.True(t, replies[0].ok())
	r.happen(2, "5001", bridge.EventHeld, bridge.PartyHeld)
	r.settle()
	require.True(t, d.subscribe(gws.ChannelCallState).ok())
	r.happen(3, "5001", bridge.EventRetrieved, bridge.PartyEstablished)
	_, events := d.receive(1)
	require.Equal(t, cti.TopicCall, events[0].Topic)
}

func TestGapOfTheFeedResetsTheClient(t *testing.T) {
	t.Parallel()
	r := newRig(t, cti.FeedOptions{Intake: 4}, gws.Options{})
	d := newDesktop(t, r.serve(), "agent1").start(nil, gws.ChannelAgentEvents)
	d.receive(1)
	for n := 1; n <= 3; n++ {
		r.happen(n, "5001", bridge.EventHeld, bridge.PartyHeld)
	}
	require.True(t, r.feed.Stats().Degraded)
	r.stand.set(call("5001", bridge.PartyHeld))
	r.run()
	got, _ := d.receive(3)
	require.Equal(t, []string{
		": Reset snapshot", "5001: InService snapshot", "5001: Held snapshot(1) CallType=Inbound OtherDN=100",
	}, got)
	r.happen(4, "5001", bridge.EventRetrieved, bridge.PartyEstablished)
	got, _ = d.receive(1)
	require.Equal(t, []string{"5001: Retrieved(1) CallType=Inbound OtherDN=100"}, got)
}

// More events at once than a feed subscription buffers: however often it is cut off, the client misses nothing.
func TestFloodArrivesWithoutAHole(t *testing.T) {
	t.Parallel()
	const n = 1000
	r := newRig(t, cti.FeedOptions{}, gws.Options{Buffer: 3})
	d := newDesktop(t, r.serve(), "agent1").start(nil, gws.ChannelCallState)
	for i := 1; i <= n; i++ {
		r.happen(i, "5001", bridge.EventHeld, bridge.PartyHeld)
	}
	r.run()
	for len(d.inbox) < n {
		_, reply := d.connect()
		require.True(t, reply.ok())
	}
	require.Len(t, d.inbox, n)
	for i, m := range d.inbox {
		require.Equal(t, fmt.Sprintf("5001-%d", 2*(i+1)), m.event(t).ID)
	}
	require.NotZero(t, r.feed.Stats().Slow)
}

func TestClientThatDoesNotFetchStartsOver(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]gws.Options{"messages": {QueueSize: 10}, "bytes": {QueueBytes: 8000}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, cti.FeedOptions{}, o).run()
			url := r.serve()
			d := newDesktop(t, url, "agent1").start(nil, gws.ChannelAgentEvents)
			_, events := d.receive(1)
			n := 0
			require.Eventually(t, func() bool {
				n++
				r.happen(n, "5001", bridge.EventHeld, bridge.PartyHeld)
				return n > 10 && r.guide.Count() == 0
			}, waitFor, tick)
			_, reply := d.connect()
			require.False(t, reply.ok())
			require.Contains(t, reply.Error, "402:")
			require.Equal(t, "handshake", reply.Advice.Reconnect)

			r.settle()
			d.start(cursorExt(events[0].Cursor.String()), gws.ChannelAgentEvents)
			got, _ := d.receive(2)
			require.Equal(t, ": Reset snapshot", got[0], "the replay would fill the queue again")
		})
	}
}

func TestManyAgentsSeeNothingOfEachOther(t *testing.T) {
	t.Parallel()
	const agents, events = 20, 50
	r := newRig(t, cti.FeedOptions{}, gws.Options{}).run()
	url := r.serve()
	var wg sync.WaitGroup
	desktops := make([]*desktop, agents)
	for i := range agents {
		dn := fmt.Sprint(6000 + i)
		r.people.set(dn, gws.Principal{ID: dn, OwnDNs: []string{dn}})
		desktops[i] = newDesktop(t, url, dn).start(nil, both...)
	}
	for i := range agents {
		wg.Go(func() {
			for n := 1; n <= events; n++ {
				r.happen(n, fmt.Sprint(6000+i), bridge.EventHeld, bridge.PartyHeld)
			}
		})
	}
	for i, d := range desktops {
		_, got := d.receive(2 * events)
		last := map[cti.Topic]uint64{}
		for _, e := range got {
			require.Equal(t, fmt.Sprint(6000+i), e.Attributes.DNIS)
			require.Greater(t, e.Seq, last[e.Topic])
			last[e.Topic] = e.Seq
		}
	}
	wg.Wait()
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := gws.NewGuide(gws.Options{})
	require.ErrorIs(t, err, gws.ErrOptions)
	feed := cti.NewFeed(cti.FeedOptions{})
	_, err = gws.NewGuide(gws.Options{Feed: feed, Snapshot: &stand{}, Auth: &people{}, Origins: []string{"*"}})
	require.Error(t, err)
}

func TestOriginOfAnotherPageIsRefused(t *testing.T) {
	t.Parallel()
	url := newRig(t, cti.FeedOptions{}, gws.Options{Origins: []string{"https://desk.example.com"}}).run().serve()
	for origin, want := range map[string]int{"https://desk.example.com": http.StatusOK, "https://evil.example.com": http.StatusForbidden} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, http.NoBody)
		require.NoError(t, err)
		req.Header.Set("Origin", origin)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		if want == http.StatusForbidden {
			require.Equal(t, want, res.StatusCode)
		} else {
			require.NotEqual(t, http.StatusForbidden, res.StatusCode)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestNewcomerLearnsOfCallsThatJustEnded(t *testing.T) {
	t.Parallel()
	r := newRig(t, cti.FeedOptions{}, gws.Options{}).run()
	r.happen(1, "5001", bridge.EventEstablished, bridge.PartyEstablished)
	r.happen(2, "5001", bridge.EventReleased, bridge.PartyReleased)
	r.happen(1, "5002", bridge.EventReleased, bridge.PartyReleased)
	r.settle()
	d := newDesktop(t, r.serve(), "agent1").start(nil, both...)
	got, events := d.receive(3)
	require.Equal(t, []string{
		"5001: Released(1) CallType=Inbound OtherDN=100",
		"5001: InService snapshot",
		"call: Released(1) CallType=Inbound parties=100/Dialing",
	}, got)
	require.False(t, events[0].Snapshot)
}
