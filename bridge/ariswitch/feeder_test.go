package ariswitch_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sidecar/ari"
	"sidecar/bridge"
	"sidecar/bridge/ariswitch"
	"sidecar/internal/backoff"
	"sidecar/internal/testkit/fakeari"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// facts is an engine that only notes what it is told, as lines; snapshots and arrivals are kept whole.
type facts struct {
	lines    chan string
	arrivals chan bridge.Arrival
	snaps    chan bridge.Snapshot
}

func newFacts() *facts {
	return &facts{lines: make(chan string, 100), arrivals: make(chan bridge.Arrival, 10), snaps: make(chan bridge.Snapshot, 10)}
}

func (f *facts) Arrive(in bridge.Arrival) { f.arrivals <- in }
func (f *facts) Leg(c bridge.LegChanged) {
	f.lines <- fmt.Sprintf("%s %s %s %d", c.Channel.Server, c.Channel.ID, c.Change, c.Cause)
}

func (f *facts) Refer(in bridge.Referral) {
	f.lines <- fmt.Sprintf("refer %s %s %s %t%s%s", in.Channel.ID, in.From, in.To, in.Attended, in.Name, in.ReplacesName)
}

func (f *facts) Played(server bridge.ServerID, in bridge.Played) {
	f.lines <- fmt.Sprintf("%s played %s %t", server, in.ID, in.Failed)
}

func (f *facts) Recorded(server bridge.ServerID, in bridge.Recorded) {
	f.lines <- fmt.Sprintf("%s recorded %s %t %s", server, in.Name, in.Failed, in.Why)
}

func (f *facts) Digit(in bridge.Digit) {
	f.lines <- fmt.Sprintf("%s %s digit %s", in.Channel.Server, in.Channel.ID, in.Digit)
}

func (f *facts) Gap(server bridge.ServerID)     { f.lines <- "gap " + string(server) }
func (f *facts) Recovered(snap bridge.Snapshot) { f.snaps <- snap }
func (f *facts) Lost(server bridge.ServerID)    { f.lines <- "lost " + string(server) }
func (f *facts) SetService(number string, in bool) {
	f.lines <- fmt.Sprintf("service %s %t", number, in)
}

// patience bounds waits for the feeder.
const patience = time.Minute

func take[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v := <-from:
		return v
	case <-timer.C:
		require.FailNow(t, "nothing came")
		panic("unreachable")
	}
}

func connect(t *testing.T, s *fakeari.Server) *ari.Client {
	t.Helper()
	return connectAs(t, s, "pbx1")
}

func connectAs(t *testing.T, s *fakeari.Server, id ari.ServerID) *ari.Client {
	t.Helper()
	c, err := ari.Connect(t.Context(), ari.Config{
		Server: id, URL: s.URL(), User: fakeari.User, Password: fakeari.Password, App: "sidecar",
		Backoff: backoff.Policy{Min: time.Millisecond, Max: 10 * time.Millisecond}, SlowRetry: 10 * time.Millisecond,
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// feeding runs a feeder on a fake Asterisk.
func feeding(t *testing.T, s *fakeari.Server, lostAfter time.Duration) *facts {
	t.Helper()
	f := newFacts()
	c := connect(t, s)
	done := make(chan struct{})
	feeder := ariswitch.NewFeeder(c, f, f, lostAfter, slog.New(slog.DiscardHandler))
	go func() { defer close(done); feeder.Run(t.Context()) }()
	t.Cleanup(func() { c.Close(); <-done })
	return f
}

// connected is a feeder that has its snapshot.
func connected(t *testing.T) (*fakeari.Conn, *facts) {
	t.Helper()
	s := fakeari.New(t)
	f := feeding(t, s, time.Minute)
	conn := s.Accept()
	take(t, f.snaps)
	return conn, f
}

func channel(id, name, state, number string) string {
	return fmt.Sprintf(`{"id":%q,"name":%q,"state":%q,"caller":{"name":"Cust","number":%q},"connected":{"name":"","number":""},`+
		`"creationtime":"2026-11-21T07:16:09.514+0000","dialplan":{"context":"x","exten":"1","priority":1,"app_name":"Stasis","app_data":"sidecar"},`+
		`"channelvars":{"SIDECAR_CALLUUID":"0123456789ABCDEF0123456789ABCDEF"}}`, id, name, state, number)
}

func event(kind, rest string) string {
	return fmt.Sprintf(`{"type":%q,"timestamp":"2026-11-21T07:16:10.321+0000","application":"sidecar",%s}`, kind, rest)
}

func TestArrivals(t *testing.T) {
	t.Parallel()
	conn, f := connected(t)
	id := bridge.ChannelID{Server: "pbx1", ID: "c1"}
	uuid := bridge.CallID("0123456789ABCDEF0123456789ABCDEF")
	for _, tc := range []struct {
		name, args, endpoint, state string
		want                        bridge.Arrival
	}{
		{"trunk", `["from-trunk","8000","provider"]`, "PJSIP/provider-0000002a", "Ring", bridge.Arrival{Channel: id, Trunk: "provider", Number: "030", Name: "Cust", Called: "8000", CallID: uuid}},
		{"trunk with dashes", `["from-trunk","8000"]`, "PJSIP/my-sip-provider-0000002a", "Up", bridge.Arrival{Channel: id, Up: true, Trunk: "my-sip-provider", Number: "030", Name: "Cust", Called: "8000", CallID: uuid}},
		{"agent", `["from-agents","5002","leg"]`, "PJSIP/5001-0000002a", "Ring", bridge.Arrival{Channel: id, From: "5001", Number: "5001", Called: "5002", Leg: "leg", CallID: uuid}},
		{"agent's desk phone", `["from-agents","5002"]`, "PJSIP/5001-0000002a", "Ring", bridge.Arrival{Channel: id, From: "5001", Number: "5001", Called: "5002", CallID: uuid}},
	} {
		conn.Send(event("StasisStart", `"args":`+tc.args+`,"channel":`+channel("c1", tc.endpoint, tc.state, "030")))
		require.Equal(t, tc.want, take(t, f.arrivals), tc.name)
	}
	// What we made ourselves, and what no dialplan of ours sends, is no arrival.
	for _, args := range []string{`["leg"]`, `["leg","x"]`, `[]`, `["from-trunk"]`, `["from-elsewhere","1"]`} {
		conn.Send(event("StasisStart", `"args":`+args+`,"channel":`+channel("n1-x.1", "PJSIP/5001-1", "Down", "")))
		require.Equal(t, "pbx1 n1-x.1 created 0", take(t, f.lines), args)
	}
	require.Empty(t, f.arrivals)
}

// To the engine they would be channels of ours that no call has, to be hung up.
func TestTapsAreNoFacts(t *testing.T) {
	t.Parallel()
	conn, f := connected(t)
	for _, frame := range []string{
		`"args":[],"channel":` + channel("n1-x.t1", "WebSocket/n1-x.t1/media", "Up", ""),
		`"args":["tap"],"channel":` + channel("n1-x.t2", "Snoop/a.1-00000001", "Up", ""),
	} {
		conn.Send(event("StasisStart", frame))
	}
	conn.Send(event("StasisStart", `"args":["leg"],"channel":`+channel("n1-x.1", "PJSIP/5001-1", "Down", "")))
	require.Equal(t, "pbx1 n1-x.1 created 0", take(t, f.lines), "the first that the engine is told")
	require.Empty(t, f.arrivals)
}

func TestLegFacts(t *testing.T) {
	t.Parallel()
	conn, f := connected(t)
	in := func(state string) string { return `"channel":` + channel("a.1", "PJSIP/5001-1", state, "") }
	for _, tc := range []struct{ frame, want string }{
		{event("ChannelStateChange", in("Ringing")), "pbx1 a.1 ringing 0"},
		{event("ChannelStateChange", in("Up")), "pbx1 a.1 up 0"},
		{event("ChannelHold", in("Up")), "pbx1 a.1 held 0"},
		{event("ChannelUnhold", in("Up")), "pbx1 a.1 retrieved 0"},
		{event("ChannelDestroyed", `"cause":17,"cause_txt":"busy",`+in("Up")), "pbx1 a.1 gone 17"},
		{event("StasisEnd", `"channel":`+channel("a.s1", "Snoop/a.1-00000000", "Up", "")), "pbx1 a.s1 gone 0"},
		{event("StasisStart", `"args":["leg"],"channel":`+channel("a.s1", "Snoop/a.1-00000000", "Up", "")), "pbx1 a.s1 created 0"},
		{event("PlaybackFinished", `"playback":{"id":"a.p1","state":"done"}`), "pbx1 played a.p1 false"},
		{event("PlaybackFinished", `"playback":{"id":"a.p1","state":"failed"}`), "pbx1 played a.p1 true"},
		{event("RecordingFinished", `"recording":{"name":"a.r1","state":"done"}`), "pbx1 recorded a.r1 false "},
		{event("RecordingFailed", `"recording":{"name":"a.r1","state":"failed","cause":"why"}`), "pbx1 recorded a.r1 true why"},
		{event("EndpointStateChange", `"endpoint":{"technology":"PJSIP","resource":"5001","state":"online","channel_ids":[]}`), "service 5001 true"},
		{event("EndpointStateChange", `"endpoint":{"technology":"PJSIP","resource":"5001","state":"offline","channel_ids":[]}`), "service 5001 false"},
	} {
		conn.Send(event("StasisEnd", in("Up")))               // comes before ChannelDestroyed, which alone counts
		conn.Send(event("ChannelStateChange", in("Dialing"))) // says nothing new
		conn.Send(event("EndpointStateChange", `"endpoint":{"technology":"Local","resource":"5001","state":"online","channel_ids":[]}`))
		conn.Send(tc.frame)
		require.Equal(t, tc.want, take(t, f.lines))
	}
}

// Asterisk tells of each digit twice.
func TestDigits(t *testing.T) {
	t.Parallel()
	conn, f := connected(t)
	press := func(channelID, at, digit string) {
		conn.Send(fmt.Sprintf(`{"type":"ChannelDtmfReceived","timestamp":%q,"application":"sidecar","digit":%q,"duration_ms":100,"channel":%s}`,
			at, digit, channel(channelID, "PJSIP/5001-1", "Up", "")))
	}
	const first, second = "2026-11-21T07:16:10.321+0000", "2026-11-21T07:16:10.521+0000"
	for _, at := range []string{first, first, second, second} {
		press("a.1", at, "9")
	}
	press("a.2", second, "9")
	for _, want := range []string{"pbx1 a.1 digit 9", "pbx1 a.1 digit 9", "pbx1 a.2 digit 9"} {
		require.Equal(t, want, take(t, f.lines))
	}
}

func TestRefers(t *testing.T) {
	t.Parallel()
	conn, f := connected(t)
	refer := func(at, extra, destination string) string {
		return fmt.Sprintf(`{"type":"ChannelTransfer","timestamp":%q,"application":"sidecar",%s"refer_to":{"requested_destination":{%s}},"referred_by":{"source_channel":%s}}`,
			at, extra, destination, channel("a.1", "PJSIP/5001-1", "Up", ""))
	}
	const first, second = "2026-11-21T07:16:10.321+0000", "2026-11-21T07:16:12.000+0000"
	conn.Send(refer(first, "", `"destination":"5002"`))
	conn.Send(refer(first, "", `"destination":"5002"`)) // once more, for the bridge
	conn.Send(refer(first, `"state":"channel_declined",`, `"destination":"5002"`))
	conn.Send(refer(second, "", `"protocol_id":"abc"`))
	require.Equal(t, "refer a.1 5001 5002 false", take(t, f.lines))
	require.Equal(t, "refer a.1 5001  true", take(t, f.lines), "the second of one REFER and the echo of our answer are none")

	named := func(id, leg string) string {
		return strings.Replace(channel(id, "PJSIP/5001-1", "Up", ""), `"channelvars":{`, `"channelvars":{"SIDECAR_LEG":"`+leg+`",`, 1)
	}
	conn.Send(event("ChannelTransfer", `"refer_to":{"requested_destination":{"destination":"5002"},"destination_channel":`+named("f.2", " n1-y.2")+
		`},"referred_by":{"source_channel":`+named("f.1", " n1-x.1")+`}`))
	require.Equal(t, "refer f.1 5001 5002 true n1-x.1 n1-y.2", take(t, f.lines), "at another server the legs go by these names")
}

func TestSnapshot(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	list := func(path, body string) {
		s.On(http.MethodGet, path, func(fakeari.Request) fakeari.Response { return fakeari.Response{Status: http.StatusOK, Body: body} })
	}
	with := func(ch, data string) string {
		return strings.Replace(ch, `"app_data":"sidecar"`, `"app_data":"`+data+`"`, 1)
	}
	cust := with(channel("cust", "PJSIP/prov-x-1", "Up", "030"), "sidecar,from-trunk,8000,prov-x")
	ours := with(channel("n1-x.1", "PJSIP/5001-1", "Ringing", ""), "sidecar,leg")
	other := with(channel("other", "PJSIP/5002-1", "Ring", ""), "another,from-agents,1,leg")
	plain := strings.Replace(channel("plain", "PJSIP/5003-1", "Ring", ""), `"app_name":"Stasis"`, `"app_name":"Dial"`, 1)
	list("/channels", "["+strings.Join([]string{cust, ours, other, plain}, ",")+"]")
	list("/bridges", `[{"id":"n1-x","technology":"simple_bridge","bridge_type":"mixing","bridge_class":"stasis","creator":"","name":"","channels":["cust","n1-x.1"],"creationtime":"2026-11-21T07:16:09.514+0000"}]`)
	list("/endpoints", `[{"technology":"PJSIP","resource":"5001","state":"online","channel_ids":[]},{"technology":"PJSIP","resource":"5002","state":"offline","channel_ids":[]}]`)
	f := feeding(t, s, time.Minute)
	conn := s.Accept()
	snap := take(t, f.snaps)
	require.Equal(t, bridge.ServerID("pbx1"), snap.Server)
	require.Equal(t, map[string][]string{"n1-x": {"cust", "n1-x.1"}}, snap.Bridges)
	require.Equal(t, bridge.LegIsUp, snap.Channels["cust"].State)
	require.Equal(t, "prov-x", snap.Channels["cust"].Arrived.Trunk)
	require.True(t, snap.Channels["cust"].Arrived.Up)
	require.Equal(t, "8000", snap.Channels["cust"].Arrived.Called)
	require.Equal(t, bridge.ChannelFact{State: bridge.LegIsRinging}, snap.Channels["n1-x.1"])
	require.Nil(t, snap.Channels["other"].Arrived, "in another application")
	require.Nil(t, snap.Channels["plain"].Arrived, "in no application")
	require.Equal(t, "service 5001 true", take(t, f.lines), "told before the calls are compared")
	require.Equal(t, "service 5002 false", take(t, f.lines))

	conn.Drop()
	require.Equal(t, "gap pbx1", take(t, f.lines))
	s.Accept()
	take(t, f.snaps)
}

// A snapshot that fails is asked for again.
func TestSnapshotIsRetried(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	tries := make(chan struct{}, 10)
	s.On(http.MethodGet, "/bridges", func(fakeari.Request) fakeari.Response {
		tries <- struct{}{}
		if len(tries) < 3 {
			return fakeari.Response{Status: http.StatusInternalServerError, Body: `{"message":"no"}`}
		}
		return fakeari.Response{Status: http.StatusOK, Body: `[]`}
	})
	f := feeding(t, s, time.Minute)
	s.Accept()
	take(t, f.snaps)
	require.Len(t, tries, 3)
}

func TestLost(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	s.On(http.MethodGet, "/endpoints", func(fakeari.Request) fakeari.Response {
		return fakeari.Response{Status: http.StatusOK, Body: `[{"technology":"PJSIP","resource":"5001","state":"online","channel_ids":[]},{"technology":"PJSIP","resource":"5002","state":"offline","channel_ids":[]}]`}
	})
	var dead atomic.Bool // before that the feeder is only slow to connect
	s.On(http.MethodGet, "/asterisk/ping", func(fakeari.Request) fakeari.Response {
		if dead.Load() {
			return fakeari.Response{Status: http.StatusInternalServerError, Body: `{}`}
		}
		return fakeari.Response{Status: http.StatusOK, Body: `{"asterisk_id":"a","ping":"pong","timestamp":"2026-11-21T07:16:10.321+0000"}`}
	})
	f := feeding(t, s, 50*time.Millisecond)
	conn := s.Accept()
	take(t, f.snaps)
	take(t, f.lines)
	take(t, f.lines)
	dead.Store(true)
	s.RefuseSockets(http.StatusServiceUnavailable)
	conn.Drop()
	require.Equal(t, "gap pbx1", take(t, f.lines))
	require.Equal(t, "lost pbx1", take(t, f.lines))
	require.Equal(t, "service 5001 false", take(t, f.lines), "only who was in service leaves it")
	s.RefuseSockets(0)
	s.Accept()
	take(t, f.snaps)
	require.Equal(t, "service 5001 true", take(t, f.lines))
}
