package gws_test

import (
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/gws"
)

const (
	waitFor = time.Minute
	tick    = 5 * time.Millisecond
)

// virtual is a desktop without a network, for a test in virtual time.
func virtual(t *testing.T, r *rig, token string) *desktop {
	t.Helper()
	d := newDesktop(t, "http://sidecar.test/cometd", token)
	d.http = &http.Client{Transport: direct{r.guide}}
	return d
}

func TestHeldConnectEndsWithItsToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cti.FeedOptions{}, gws.Options{}).run()
		d := virtual(t, r, "agent1").start(nil, gws.ChannelAgentEvents)
		d.receive(1)
		began := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			farewell, reply := d.connect()
			if !farewell || reply.Advice.Reconnect != "none" {
				t.Errorf("farewell %v, advice %q", farewell, reply.Advice.Reconnect)
			}
		})
		synctest.Wait()
		r.people.revoke("agent1")
		wg.Wait()
		require.LessOrEqual(t, time.Since(began), 10*time.Second, "before the hold would have ended")
		synctest.Wait()
		require.Zero(t, r.guide.Count())
		require.Zero(t, r.feed.Stats().Subscribers)

		d.inbox = nil
		r.happen(1, "5001", bridge.EventRinging, bridge.PartyRinging)
		_, reply := d.connect()
		require.False(t, reply.ok())
		require.Empty(t, d.inbox)
	})
}

func TestRequestWithABadTokenIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, cti.FeedOptions{}, gws.Options{Recheck: time.Hour}).run()
	d := newDesktop(t, r.serve(), "agent1").start(nil, gws.ChannelAgentEvents)
	d.receive(1)
	r.people.revoke("agent1")
	_, reply := d.connect()
	require.False(t, reply.ok())
	require.Contains(t, reply.Error, "401:")
	require.Equal(t, "none", reply.Advice.Reconnect)
}

func TestRecheckOnDemand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cti.FeedOptions{}, gws.Options{Recheck: time.Hour}).run()
		virtual(t, r, "agent1").start(nil, gws.ChannelAgentEvents)
		virtual(t, r, "agent2").start(nil, gws.ChannelAgentEvents)
		require.True(t, r.guide.Present("5001"))
		r.people.revoke("agent1")
		r.guide.RecheckTokens(t.Context())
		synctest.Wait()
		require.Equal(t, 1, r.guide.Count())
		require.False(t, r.guide.Present("5001"), "nobody whose own DN it is")
	})
}

func TestSessionsOutliveADatabaseThatHiccups(t *testing.T) {
	t.Parallel()
	r := newRig(t, cti.FeedOptions{}, gws.Options{Recheck: time.Hour}).run()
	url := r.serve()
	d := newDesktop(t, url, "agent1").start(nil, gws.ChannelAgentEvents)
	d.receive(1)
	r.people.setBroken(true)
	r.guide.RecheckTokens(t.Context())
	require.Equal(t, 1, r.guide.Count())
	r.happen(1, "5001", bridge.EventRinging, bridge.PartyRinging)
	got, _ := d.receive(1)
	require.Equal(t, []string{"5001: Ringing(1) CallType=Inbound OtherDN=100 ANI=100 DNIS=5001"}, got)

	thief := newDesktop(t, url, "another token")
	thief.id = d.id
	require.False(t, thief.subscribe(gws.ChannelCallState).ok(), "only the session's own token is taken unchecked")
	reply := newDesktop(t, url, "agent2").handshake(nil)
	require.False(t, reply.ok())
	require.NotEqual(t, "none", reply.Advice.Reconnect, "a newcomer tries again")

	r.people.setBroken(false)
	r.people.revoke("agent1")
	r.guide.RecheckTokens(t.Context())
	_, last := d.connect()
	require.False(t, last.ok())
}

func TestSessionIsItsPrincipalsAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t, cti.FeedOptions{}, gws.Options{}).run()
	url := r.serve()
	d := newDesktop(t, url, "agent1").start(nil, gws.ChannelAgentEvents)
	d.receive(1)

	thief := newDesktop(t, url, "agent2")
	thief.id = d.id
	require.Contains(t, thief.subscribe(gws.ChannelCallState).Error, "402:")
	naked := newDesktop(t, url, "")
	naked.id = d.id
	require.Contains(t, naked.subscribe(gws.ChannelCallState).Error, "401:")

	r.people.set("agent1 anew", gws.Principal{ID: "1", OwnDNs: []string{"5001"}})
	d.header.Set("Authorization", "Bearer agent1 anew")
	require.True(t, d.subscribe(gws.ChannelCallState).ok())
	r.people.revoke("agent1")
	r.guide.RecheckTokens(t.Context())
	r.happen(1, "5001", bridge.EventRinging, bridge.PartyRinging) // so that the connect is not held
	farewell, reply := d.connect()
	require.True(t, reply.ok() && !farewell, "the newer token has taken the place of the old one")
}

func TestTokenInTheHandshakeSpeaksForTheSession(t *testing.T) {
	t.Parallel()
	r := newRig(t, cti.FeedOptions{}, gws.Options{}).run()
	d := newDesktop(t, r.serve(), "")
	d.header.Set("Cookie", auth.CookieName+"=agent2")
	d.start(tokenExt("agent1"), gws.ChannelAgentEvents)
	got, _ := d.receive(1)
	require.Equal(t, []string{"5001: InService snapshot"}, got)
	r.people.revoke("agent1")
	require.Contains(t, d.subscribe(gws.ChannelCallState).Error, "401:")
}

func TestWhatMayBeSeenFollowsThePrincipal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cti.FeedOptions{}, gws.Options{}).run()
		d := virtual(t, r, "agent1").start(nil, gws.ChannelAgentEvents)
		d.receive(1)
		r.people.set("agent1", gws.Principal{ID: "1", OwnDNs: []string{"5002"}})
		r.guide.RecheckTokens(t.Context())
		r.happen(1, "5001", bridge.EventRinging, bridge.PartyRinging)
		r.happen(1, "5002", bridge.EventRinging, bridge.PartyRinging)
		got, _ := d.receive(1)
		require.Equal(t, []string{"5002: Ringing(1) CallType=Inbound OtherDN=100 ANI=100 DNIS=5002"}, got)
	})
}
