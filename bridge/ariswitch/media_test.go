package ariswitch_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
	"sidecar/bridge"
	"sidecar/bridge/ariswitch"
	"sidecar/internal/testkit/fakeari"
)

var (
	someone = bridge.ChannelID{Server: "pbx1", ID: "c"}
	place   = bridge.BridgeID{Server: "pbx1", ID: "n1-x.b1"}
)

func TestLeaveForgivesWhoIsNotThere(t *testing.T) {
	t.Parallel()
	s, sw := commanding(t)
	leave := func() error {
		return sw.Leave(t.Context(), place, []bridge.ChannelID{someone, {Server: "pbx1", ID: "d"}})
	}
	require.NoError(t, leave(), "no such bridge")
	for _, status := range []int{http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity} {
		answers(s, http.MethodPost, "/bridges/{bridgeId}/removeChannel", status)
		require.NoError(t, leave(), status)
		require.Equal(t, "d", last(s).Query.Get("channel"), "and goes on with the next one")
	}
	answers(s, http.MethodPost, "/bridges/{bridgeId}/removeChannel", http.StatusInternalServerError)
	require.ErrorContains(t, leave(), "take c out of bridge")
}

func TestMediaRequests(t *testing.T) {
	t.Parallel()
	s, sw := commanding(t)
	ctx := t.Context()
	for _, tc := range []struct {
		method, path string
		do           func() error
		query        map[string]string
	}{
		{http.MethodPost, "/channels/c/hold", func() error { return sw.Hold(ctx, someone, true) }, nil},
		{http.MethodDelete, "/channels/c/hold", func() error { return sw.Hold(ctx, someone, false) }, nil},
		{http.MethodPost, "/channels/c/mute", func() error { return sw.Mute(ctx, someone, bridge.MuteIn, true) }, map[string]string{"direction": "in"}},
		{http.MethodDelete, "/channels/c/mute", func() error { return sw.Mute(ctx, someone, bridge.MuteBoth, false) }, map[string]string{"direction": "both"}},
		{http.MethodPost, "/channels/c/dtmf", func() error { return sw.SendDTMF(ctx, someone, "1#") }, map[string]string{"dtmf": "1#"}},
		{http.MethodPost, "/channels/c/snoop/n1-x.s1", func() error {
			return sw.Snoop(ctx, bridge.NewSnoop{Channel: bridge.ChannelID{Server: "pbx1", ID: "n1-x.s1"}, Of: someone, Hear: bridge.HearBoth, Whisper: true})
		}, map[string]string{"spy": "both", "whisper": "out", "app": "sidecar", "appArgs": "leg"}},
		{http.MethodPost, "/channels/c/play/n1-x.p1", func() error {
			return sw.Play(ctx, bridge.NewPlayback{ID: "n1-x.p1", Channel: someone, Media: []string{"sound:a", "sound:b"}})
		}, map[string]string{"media": "sound:a,sound:b"}},
		{http.MethodPost, "/bridges/n1-x.b1/play/n1-x.p1", func() error {
			return sw.Play(ctx, bridge.NewPlayback{ID: "n1-x.p1", Bridge: place, Media: []string{"sound:a"}})
		}, map[string]string{"media": "sound:a"}},
		{http.MethodPost, "/channels/c/record", func() error { return sw.Record(ctx, someone, "n1-x.r1") }, map[string]string{"name": "n1-x.r1", "format": "wav", "ifExists": "fail"}},
		{http.MethodPost, "/recordings/live/n1-x.r1/pause", func() error { return sw.PauseRecording(ctx, "pbx1", "n1-x.r1", true) }, nil},
		{http.MethodDelete, "/recordings/live/n1-x.r1/pause", func() error { return sw.PauseRecording(ctx, "pbx1", "n1-x.r1", false) }, nil},
	} {
		require.ErrorIs(t, tc.do(), ari.ErrNotFound, tc.path) // the fake has nothing
		r := last(s)
		require.Equal(t, tc.method+" "+tc.path, r.Method+" "+r.Path)
		for name, want := range tc.query {
			require.Equal(t, want, r.Query.Get(name), "%s: %s", tc.path, name)
		}
	}
	require.NoError(t, sw.StopPlay(ctx, "pbx1", "n1-x.p1"), "it has ended")
	require.NoError(t, sw.StopRecording(ctx, "pbx1", "n1-x.r1"))
	require.ErrorIs(t, sw.StopPlay(ctx, "pbx9", "p"), ariswitch.ErrUnknownServer)
}

// Whom Asterisk would play music of its own is not held: the far end of an endpoint without moh_passthrough.
func TestHoldOfSilentEndpoints(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	c := connect(t, s)
	require.NoError(t, c.Ready(t.Context()))
	sw := ariswitch.New([]*ari.Client{c}, func(bridge.DN) bool { return false }, ariswitch.Homes{}, "old-pbx")
	var name string
	s.On(http.MethodGet, "/channels/{channelId}", func(fakeari.Request) fakeari.Response {
		return fakeari.Response{Status: http.StatusOK, Body: channel("c", name, "Up", "")}
	})
	for _, on := range []bool{true, false} {
		name = "PJSIP/old-pbx-00000001"
		require.NoError(t, sw.Hold(t.Context(), someone, on))
		require.Equal(t, http.MethodGet, last(s).Method, "nothing is commanded")
		name = "PJSIP/old-00000001"
		require.ErrorIs(t, sw.Hold(t.Context(), someone, on), ari.ErrNotFound) // the fake has no hold
		require.Equal(t, "/channels/c/hold", last(s).Path)
	}
}

// A restart asks twice: what lasts under the same id is what was asked for.
func TestMediaAskedTwice(t *testing.T) {
	t.Parallel()
	s, sw := commanding(t)
	ctx := t.Context()
	has := func(path, body string) {
		s.On(http.MethodGet, path, func(fakeari.Request) fakeari.Response { return fakeari.Response{Status: http.StatusOK, Body: body} })
	}
	snoop := func() error {
		return sw.Snoop(ctx, bridge.NewSnoop{Channel: bridge.ChannelID{Server: "pbx1", ID: "n1-x.s1"}, Of: someone, Hear: bridge.HearIn})
	}
	answers(s, http.MethodPost, "/channels/{channelId}/snoop/{snoopId}", http.StatusInternalServerError)
	require.ErrorIs(t, snoop(), ari.ErrServer)
	has("/channels/{channelId}", channel("n1-x.s1", "Snoop/c-1", "Up", ""))
	require.NoError(t, snoop())

	record := func() error { return sw.Record(ctx, someone, "n1-x.r1") }
	answers(s, http.MethodPost, "/channels/{channelId}/record", http.StatusConflict)
	require.ErrorIs(t, record(), ari.ErrConflict, "a file of that name")
	has("/recordings/live/{recordingName}", `{"name":"n1-x.r1","format":"wav","state":"recording","target_uri":"channel:c"}`)
	require.NoError(t, record())

	has("/playbacks/{playbackId}", `{"id":"n1-x.p1","state":"playing","media_uri":"sound:a","target_uri":"channel:c"}`)
	require.NoError(t, sw.Play(ctx, bridge.NewPlayback{ID: "n1-x.p1", Channel: someone, Media: []string{"sound:a"}}))
	require.Equal(t, "GET /playbacks/n1-x.p1", last(s).Method+" "+last(s).Path)

	answers(s, http.MethodPost, "/recordings/live/{recordingName}/stop", http.StatusConflict)
	require.NoError(t, sw.StopRecording(ctx, "pbx1", "n1-x.r1"), "at its very end")
}

// What Asterisk refuses for a moment only is asked for again.
func TestMediaThatIsNotReadyYet(t *testing.T) {
	t.Parallel()
	s, sw := commanding(t)
	ctx := t.Context()
	for _, tc := range []struct {
		method, path string
		refusal      int
		do           func() error
	}{
		{http.MethodPost, "/recordings/live/{recordingName}/pause", http.StatusConflict, func() error { return sw.PauseRecording(ctx, "pbx1", "n1-x.r1", true) }},
		{http.MethodDelete, "/recordings/live/{recordingName}/pause", http.StatusConflict, func() error { return sw.PauseRecording(ctx, "pbx1", "n1-x.r1", false) }},
		{http.MethodDelete, "/playbacks/{playbackId}", http.StatusInternalServerError, func() error { return sw.StopPlay(ctx, "pbx1", "n1-x.p1") }},
		{http.MethodPost, "/bridges/{bridgeId}/play/{playbackId}", http.StatusInternalServerError, func() error {
			return sw.Play(ctx, bridge.NewPlayback{ID: "n1-x.p1", Bridge: place, Media: []string{"sound:a"}})
		}},
	} {
		tries := 0
		s.On(tc.method, tc.path, func(fakeari.Request) fakeari.Response {
			if tries++; tries < 3 {
				return fakeari.Response{Status: tc.refusal, Body: `{"message":"not yet"}`}
			}
			return fakeari.Response{Status: http.StatusOK, Body: `{"id":"n1-x.p1","state":"queued","media_uri":"sound:a","target_uri":"bridge:x"}`}
		})
		require.NoError(t, tc.do(), tc.path)
		require.Equal(t, 3, tries, tc.path)
	}

	waiting, cancel := context.WithCancel(ctx)
	s.On(http.MethodPost, "/recordings/live/{recordingName}/pause", func(fakeari.Request) fakeari.Response {
		cancel()
		return fakeari.Response{Status: http.StatusConflict, Body: `{"message":"not yet"}`}
	})
	require.Error(t, sw.PauseRecording(waiting, "pbx1", "n1-x.r1", true), "but not for longer than its client waits")
}
