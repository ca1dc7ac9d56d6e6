package ari_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sidecar/ari"
	"sidecar/internal/backoff"
	"sidecar/internal/testkit/fakeari"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func fakeConfig(s *fakeari.Server) ari.Config {
	return ari.Config{
		Server: "fake-1", URL: s.URL(), User: fakeari.User, Password: fakeari.Password, App: "app",
		Backoff:   backoff.Policy{Min: time.Millisecond, Max: 10 * time.Millisecond},
		SlowRetry: 10 * time.Millisecond,
	}
}

func connect(t *testing.T, cfg ari.Config) *ari.Client {
	t.Helper()
	c, err := ari.Connect(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// limit bounds waits for what must happen anyway, on a machine that stutters too.
const limit = time.Minute

// expect takes the very next event, which must be of the type.
func expect[E ari.Event](t *testing.T, from <-chan ari.Event) E {
	t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	var got E
	select {
	case e, open := <-from:
		require.True(t, open, "the stream ended")
		got = as[E](t, e)
	case <-timer.C:
		require.FailNow(t, "no event")
	}
	return got
}

const stasisStart = `{"type":"StasisStart","timestamp":"2026-11-21T07:16:10.321+0000","args":["a","b"],"channel":{"id":"c1","name":"PJSIP/5001-1","state":"Ring","caller":{"name":"","number":"5001"},"connected":{"name":"","number":""},"creationtime":"2026-11-21T07:16:09.514+0000","dialplan":{"context":"x","exten":"1","priority":1,"app_name":"Stasis","app_data":"app"}},"asterisk_id":"02:fc","application":"app"}`

func TestEventsArriveTypedInOrderAfterConnected(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	cfg := fakeConfig(s)
	cfg.SubscribeAll, cfg.EventSources = true, []string{"endpoint:PJSIP", "deviceState:Stasis:q"}
	c := connect(t, cfg)
	conn := s.Accept()
	require.Equal(t, "app", conn.Query.Get("app"))
	require.Equal(t, "true", conn.Query.Get("subscribeAll"))
	conn.Send(stasisStart)
	conn.Send(`{"type":"NewThing","application":"app","timestamp":"2026-11-21T07:16:10.321+0000","x":1}`)
	conn.Send(`{"type":"ChannelDestroyed","cause":"seventeen","application":"app"}`)

	hello := expect[*ari.Connected](t, c.Events())
	require.Equal(t, fakeari.Version, hello.Version)
	require.False(t, hello.Restarted)
	start := expect[*ari.StasisStart](t, c.Events())
	require.Equal(t, ari.ServerID("fake-1"), start.Server())
	require.Equal(t, ari.ChannelID("c1"), start.Channel.ID)
	require.Equal(t, ari.ChannelStateRing, start.Channel.State)
	require.Equal(t, time.Date(2026, 11, 21, 7, 16, 10, 321_000_000, time.UTC), start.At().UTC())
	unknown := expect[*ari.UnknownEvent](t, c.Events())
	require.Equal(t, ari.EventType("NewThing"), unknown.Type())
	require.NoError(t, unknown.Err)
	misfit := expect[*ari.UnknownEvent](t, c.Events())
	require.Equal(t, ari.EventTypeChannelDestroyed, misfit.Type())
	require.Error(t, misfit.Err)
	require.NoError(t, c.Ready(t.Context()))

	var subscribed bool
	for _, r := range s.Requests() {
		if strings.HasSuffix(r.Path, "/subscription") {
			subscribed = r.Query.Get("eventSource") == "endpoint:PJSIP,deviceState:Stasis:q"
		}
	}
	require.True(t, subscribed)
}

func TestGarbageIsCountedAndSurvived(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	c := connect(t, fakeConfig(s))
	conn := s.Accept()
	expect[*ari.Connected](t, c.Events())
	for _, frame := range []string{"", "null", "[]", "{", `{"type":5}`, `{"x":1}`, `{"type":"StasisStart"`, "\xff\xfe"} {
		conn.Send(frame)
	}
	conn.Send(stasisStart)
	expect[*ari.StasisStart](t, c.Events())
	require.Equal(t, uint64(8), c.Malformed())
}

func TestLostConnectionIsAGapAndComesBack(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	c := connect(t, fakeConfig(s))
	conn := s.Accept()
	expect[*ari.Connected](t, c.Events())
	before := time.Now()
	conn.Drop()
	gap := expect[*ari.Disconnected](t, c.Events())
	require.Error(t, gap.Err)
	require.False(t, gap.Since.After(gap.At()))
	require.WithinDuration(t, before, gap.Since, time.Minute)
	require.False(t, expect[*ari.Connected](t, c.Events()).Restarted)

	second := s.Accept()
	s.SetStarted(time.Unix(1_800_000_000, 0))
	second.Drop()
	expect[*ari.Disconnected](t, c.Events())
	hello := expect[*ari.Connected](t, c.Events())
	require.True(t, hello.Restarted)
	require.Equal(t, int64(1_800_000_000), hello.StartedAt.Unix())
}

func TestSilentPeerIsHalfOpen(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	cfg := fakeConfig(s)
	cfg.PingInterval, cfg.PongTimeout = 20*time.Millisecond, 200*time.Millisecond
	c := connect(t, cfg)
	conn := s.Accept()
	expect[*ari.Connected](t, c.Events())
	conn.Mute()
	require.ErrorIs(t, expect[*ari.Disconnected](t, c.Events()).Err, ari.ErrHalfOpen)
	expect[*ari.Connected](t, c.Events())
	<-conn.Gone()
}

func TestPongsAloneKeepTheConnection(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	cfg := fakeConfig(s)
	cfg.PingInterval, cfg.PongTimeout = 20*time.Millisecond, 3*time.Second
	c := connect(t, cfg)
	conn := s.Accept()
	expect[*ari.Connected](t, c.Events())
	// So many pings take longer than the silence that is allowed.
	require.Eventually(t, func() bool { return conn.Pings() > 200 }, limit, 10*time.Millisecond)
	conn.Send(stasisStart)
	expect[*ari.StasisStart](t, c.Events())
}

func deadline(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestFullQueueIsAGapNotALoss(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	cfg := fakeConfig(s)
	cfg.QueueSize = 3
	c := connect(t, cfg)
	conn := s.Accept()
	// Connected and two events fit; the third is too much and nobody reads.
	for range 3 {
		conn.Send(stasisStart)
	}
	<-conn.Gone()
	expect[*ari.Connected](t, c.Events())
	expect[*ari.StasisStart](t, c.Events())
	expect[*ari.StasisStart](t, c.Events())
	require.ErrorIs(t, expect[*ari.Disconnected](t, c.Events()).Err, ari.ErrQueueFull)
	expect[*ari.Connected](t, c.Events())
	s.Accept().Send(stasisStart)
	expect[*ari.StasisStart](t, c.Events())
}

func TestReplacedStandsByUntilResume(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	c := connect(t, fakeConfig(s))
	conn := s.Accept()
	expect[*ari.Connected](t, c.Events())
	conn.Send(`{"type":"ApplicationReplaced","application":"app","timestamp":"2026-11-21T07:16:10.321+0000"}`)
	expect[*ari.ApplicationReplaced](t, c.Events())
	require.ErrorIs(t, expect[*ari.Disconnected](t, c.Events()).Err, ari.ErrReplaced)
	expect[*ari.Replaced](t, c.Events())
	<-conn.Gone()
	require.Eventually(t, func() bool { return c.Status().State == ari.StateStandBy }, limit, time.Millisecond)
	require.ErrorIs(t, c.Ready(deadline(t, 50*time.Millisecond)), ari.ErrReplaced)

	c.Resume()
	s.Accept()
	expect[*ari.Connected](t, c.Events())
	require.Equal(t, ari.StateConnected, c.Status().State)
}

func TestReplacedOfAnotherApplicationIsJustAnEvent(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	c := connect(t, fakeConfig(s))
	conn := s.Accept()
	expect[*ari.Connected](t, c.Events())
	conn.Send(`{"type":"ApplicationReplaced","application":"other"}`)
	conn.Send(stasisStart)
	expect[*ari.ApplicationReplaced](t, c.Events())
	expect[*ari.StasisStart](t, c.Events())
}

func TestWrongPasswordIsAStateThatHeals(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	s.RefuseSockets(http.StatusUnauthorized)
	c := connect(t, fakeConfig(s))
	require.Eventually(t, func() bool { return c.Status().State == ari.StateUnauthorized }, limit, time.Millisecond)
	err := c.Ready(deadline(t, 20*time.Millisecond))
	require.ErrorIs(t, err, ari.ErrUnauthorized)
	require.NotContains(t, err.Error(), fakeari.Password)
	s.RefuseSockets(0)
	require.NoError(t, c.Ready(deadline(t, limit)))
}

func TestOtherMajorVersionIsRefused(t *testing.T) {
	t.Parallel()
	for _, carrier := range []ari.Carrier{ari.OverHTTP, ari.OverSocket} {
		s := fakeari.New(t)
		s.SetVersion("20.11.0")
		cfg := fakeConfig(s)
		cfg.RESTOver = carrier
		c := connect(t, cfg)
		require.Eventually(t, func() bool { return c.Status().State == ari.StateWrongVersion }, limit, time.Millisecond)
		require.ErrorIs(t, c.Status().Err, ari.ErrUnsupportedVersion)
		s.SetVersion("22.11.0-rc1")
		require.NoError(t, c.Ready(deadline(t, limit)))
	}
}

func TestAbsentAsteriskIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	s.RefuseSockets(http.StatusServiceUnavailable)
	c := connect(t, fakeConfig(s))
	require.Eventually(t, func() bool { return c.Status().Err != nil }, limit, time.Millisecond)
	require.Equal(t, ari.StateConnecting, c.Status().State)
	s.RefuseSockets(0)
	expect[*ari.Connected](t, c.Events())
}

func TestEventsThatNobodyWantsAreKeptAway(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusOK, http.StatusBadRequest} { // an Asterisk that does not do so is good enough
		s := fakeari.New(t)
		asked := make(chan string, 1)
		s.On(http.MethodPut, "/applications/{applicationName}/eventFilter", func(r fakeari.Request) fakeari.Response {
			asked <- r.Path + " " + r.Body
			return fakeari.Response{Status: status, Body: `{"name":"app"}`}
		})
		cfg := fakeConfig(s)
		cfg.Ignore = []ari.EventType{ari.EventTypeChannelVarset, ari.EventTypeChannelDialplan}
		c := connect(t, cfg)
		expect[*ari.Connected](t, c.Events())
		require.Equal(t, `/applications/app/eventFilter {"disallowed":[{"type":"ChannelVarset"},{"type":"ChannelDialplan"}]}`, <-asked)
	}
}

func TestFailedSubscriptionIsNotConnected(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	s.On(http.MethodPost, "/applications/{applicationName}/subscription", func(fakeari.Request) fakeari.Response {
		return fakeari.Response{Status: http.StatusUnprocessableEntity, Body: `{"message":"Event source does not exist"}`}
	})
	cfg := fakeConfig(s)
	cfg.EventSources = []string{"endpoint:NONE"}
	c := connect(t, cfg)
	require.Eventually(t, func() bool { return c.Status().Err != nil }, limit, time.Millisecond)
	require.ErrorIs(t, c.Status().Err, ari.ErrUnprocessable)
	require.ErrorContains(t, c.Status().Err, "endpoint:NONE")
}

func TestCloseEndsEverything(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	// Several times: closing races with the connection's own end.
	for range 8 {
		c, err := ari.Connect(t.Context(), fakeConfig(s))
		require.NoError(t, err)
		conn := s.Accept()
		w := c.Watch(ari.Interest{})
		expect[*ari.Connected](t, c.Events())
		c.Close()
		<-conn.Gone()
		_, open := <-c.Events()
		require.False(t, open, "closing is no gap")
		for range w.Events() { //nolint:revive // until closed
		}
		require.ErrorIs(t, w.Err(), ari.ErrClosed)
		require.ErrorIs(t, c.Ready(t.Context()), ari.ErrClosed)
		require.ErrorIs(t, c.Watch(ari.Interest{}).Err(), ari.ErrClosed)
		c.Close()
	}
}

func TestConfigErrorsNameTheRule(t *testing.T) {
	t.Parallel()
	good := ari.Config{URL: "http://127.0.0.1:8089/ari", User: "u", Password: "topsecret", App: "app"}
	for name, spoil := range map[string]func(*ari.Config){
		"App":         func(c *ari.Config) { c.App = "" },
		"one":         func(c *ari.Config) { c.App = "a,b" },
		"User":        func(c *ari.Config) { c.User = "" },
		"URL":         func(c *ari.Config) { c.URL = "" },
		"scheme":      func(c *ari.Config) { c.URL = "ftp://x/ari" },
		"host":        func(c *ari.Config) { c.URL = "http:///ari" },
		"credentials": func(c *ari.Config) { c.URL = "http://u:topsecret@x/ari" },
		"parsed":      func(c *ari.Config) { c.URL = "http://u:topsecret@x:y/ari" },
	} {
		cfg := good
		spoil(&cfg)
		_, err := ari.Connect(t.Context(), cfg)
		require.ErrorIs(t, err, ari.ErrConfig, name)
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), "topsecret")
	}
}
