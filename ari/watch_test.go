package ari_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
	"sidecar/internal/testkit/fakeari"
)

func channelEvent(kind, id string) string {
	return fmt.Sprintf(`{"type":%q,"application":"app","timestamp":"2026-11-21T07:16:10.321+0000","channel":{"id":%q}}`, kind, id)
}

func TestWatchSeesOnlyWhatItAskedFor(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	c := connect(t, fakeConfig(s))
	conn := s.Accept()
	expect[*ari.Connected](t, c.Events())
	channel := c.Watch(ari.Interest{Channels: []ari.ChannelID{"mine"}, Types: []ari.EventType{ari.EventTypeStasisStart, ari.EventTypeStasisEnd}})
	bridge := c.Watch(ari.Interest{Bridges: []ari.BridgeID{"b"}})
	media := c.Watch(ari.Interest{Playbacks: []ari.PlaybackID{"p"}, Recordings: []ari.RecordingName{"r"}})
	for _, frame := range []string{
		channelEvent("StasisStart", "other"),
		channelEvent("ChannelHold", "mine"),
		channelEvent("StasisStart", "mine"),
		`{"type":"ChannelEnteredBridge","bridge":{"id":"x"},"channel":{"id":"mine"}}`,
		`{"type":"ChannelEnteredBridge","bridge":{"id":"b"},"channel":{"id":"other"}}`,
		`{"type":"PlaybackStarted","playback":{"id":"q"}}`,
		`{"type":"PlaybackStarted","playback":{"id":"p"}}`,
		`{"type":"PlaybackContinuing","playback":{"id":"p"}}`,
		`{"type":"PlaybackFinished","playback":{"id":"p"}}`,
		`{"type":"RecordingStarted","recording":{"name":"r"}}`,
		`{"type":"RecordingFailed","recording":{"name":"r"}}`,
		`{"type":"RecordingFinished","recording":{"name":"q"}}`,
		`{"type":"RecordingFinished","recording":{"name":"r"}}`,
		channelEvent("StasisEnd", "mine"),
	} {
		conn.Send(frame)
	}
	require.Equal(t, ari.ChannelID("mine"), expect[*ari.StasisStart](t, channel.Events()).Channel.ID)
	expect[*ari.StasisEnd](t, channel.Events())
	require.Equal(t, ari.ChannelID("other"), expect[*ari.ChannelEnteredBridge](t, bridge.Events()).Channel.ID)
	expect[*ari.PlaybackStarted](t, media.Events())
	expect[*ari.PlaybackContinuing](t, media.Events())
	expect[*ari.PlaybackFinished](t, media.Events())
	expect[*ari.RecordingStarted](t, media.Events())
	expect[*ari.RecordingFailed](t, media.Events())
	expect[*ari.RecordingFinished](t, media.Events())

	conn.Drop()
	for _, w := range []*ari.Watch{channel, bridge, media} {
		expect[*ari.Disconnected](t, w.Events())
		expect[*ari.Connected](t, w.Events())
	}
	channel.Close()
	channel.Close()
	_, open := <-channel.Events()
	require.False(t, open)
	require.NoError(t, channel.Err())
}

func TestSlowWatchEndsAloneAndSaysWhy(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	c := connect(t, fakeConfig(s))
	conn := s.Accept()
	slow := c.Watch(ari.Interest{Channels: []ari.ChannelID{"mine"}})
	expect[*ari.Connected](t, c.Events())
	const many = 1000
	for range many {
		conn.Send(channelEvent("ChannelHold", "mine"))
	}
	for range many {
		expect[*ari.ChannelHold](t, c.Events())
	}
	n := 0
	for range slow.Events() {
		n++
	}
	require.Less(t, n, many)
	require.ErrorIs(t, slow.Err(), ari.ErrQueueFull)
	slow.Close()
	require.ErrorIs(t, slow.Err(), ari.ErrQueueFull, "closing does not hide the reason")
}

func TestStagedChannelHearsEverythingFromItsFirstMoment(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	c := connect(t, fakeConfig(s))
	conn := s.Accept()
	expect[*ari.Connected](t, c.Events())
	s.On(http.MethodPost, "/channels/create", func(r fakeari.Request) fakeari.Response {
		// The event overtakes the answer.
		conn.Send(channelEvent("StasisStart", r.Query.Get("channelId")))
		return fakeari.Response{Status: 200, Body: fmt.Sprintf(`{"id":%q}`, r.Query.Get("channelId"))}
	})
	st := c.StageChannel(ari.ChannelCreateParams{Endpoint: "PJSIP/5001"})
	defer st.Close()
	require.NotEqual(t, st.ID(), c.StageChannel(ari.ChannelCreateParams{}).ID())
	data, err := st.Exec(t.Context())
	require.NoError(t, err)
	require.Equal(t, st.ID(), data.ID)
	require.Equal(t, "app", last(s).Query.Get("app"))
	require.Equal(t, st.ID(), expect[*ari.StasisStart](t, st.Events()).Channel.ID)
}

func TestStagedChannelTellsAStaleConflictFromARealOne(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	c := connect(t, fakeConfig(s))
	conflict := func(fakeari.Request) fakeari.Response {
		return fakeari.Response{Status: http.StatusConflict, Body: `{"message":"Channel with given unique ID already exists"}`}
	}
	s.On(http.MethodPost, "/channels/create", conflict)
	st := c.StageChannel(ari.ChannelCreateParams{Endpoint: "PJSIP/5001"})
	defer st.Close()
	_, err := st.Exec(t.Context())
	require.ErrorIs(t, err, ari.ErrAllocationFailed)
	s.On(http.MethodGet, "/channels/{channelId}", func(fakeari.Request) fakeari.Response {
		return fakeari.Response{Status: 200, Body: `{"id":"there"}`}
	})
	_, err = st.Exec(t.Context())
	require.ErrorIs(t, err, ari.ErrConflict)
	require.NotErrorIs(t, err, ari.ErrAllocationFailed)
}

func TestStagedBridgeIsSubscribed(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	c := connect(t, fakeConfig(s))
	require.NoError(t, c.Ready(t.Context())) // connecting makes requests too
	s.On(http.MethodPost, "/bridges/{bridgeId}", func(fakeari.Request) fakeari.Response {
		return fakeari.Response{Status: 200, Body: `{"id":"b"}`}
	})
	b := c.StageBridge("b", ari.BridgeCreateWithIDParams{Type: "mixing"})
	defer b.Close()
	_, err := b.Exec(t.Context())
	require.NoError(t, err)
	require.Equal(t, "bridge:b", last(s).Query.Get("eventSource"))
	s.On(http.MethodPost, "/applications/{applicationName}/subscription", func(fakeari.Request) fakeari.Response {
		return fakeari.Response{Status: 422, Body: `{}`}
	})
	_, err = b.Exec(t.Context())
	require.ErrorIs(t, err, ari.ErrUnprocessable)
	require.ErrorContains(t, err, "created but not subscribed")
	s.On(http.MethodPost, "/bridges/{bridgeId}", func(fakeari.Request) fakeari.Response {
		return fakeari.Response{Status: 409, Body: `{}`}
	})
	_, err = b.Exec(t.Context())
	require.ErrorIs(t, err, ari.ErrConflict)
}

func TestSnapshotOfTwoLivesIsRefused(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	c := connect(t, fakeConfig(s))
	require.NoError(t, c.Ready(t.Context()))
	snap, err := c.Snapshot(t.Context(), ari.Ask{Playbacks: []ari.PlaybackID{"p"}, Recordings: []ari.RecordingName{"r"}})
	require.NoError(t, err)
	require.Equal(t, ari.ServerID("fake-1"), snap.Server)
	require.Empty(t, snap.Playbacks)
	require.Empty(t, snap.Application.Name, "404 of the application is no error")

	s.On(http.MethodGet, "/bridges", func(fakeari.Request) fakeari.Response {
		s.SetStarted(time.Unix(1_900_000_000, 0))
		return fakeari.Response{Status: 200, Body: `[]`}
	})
	_, err = c.Snapshot(t.Context(), ari.Ask{})
	require.ErrorIs(t, err, ari.ErrRestarted)

	for _, path := range []string{"/channels", "/endpoints", "/applications/{applicationName}", "/playbacks/{playbackId}", "/recordings/live/{recordingName}"} {
		s.On(http.MethodGet, path, func(fakeari.Request) fakeari.Response { return fakeari.Response{Status: 503, Body: `{}`} })
		_, err = c.Snapshot(t.Context(), ari.Ask{Playbacks: []ari.PlaybackID{"p"}, Recordings: []ari.RecordingName{"r"}})
		require.ErrorIs(t, err, ari.ErrServer, path)
		s.On(http.MethodGet, path, nil)
	}
}
