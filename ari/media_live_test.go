//go:build e2e

package ari_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
)

// longMedia is long enough to be acted upon while it plays.
const longMedia = "sound:demo-instruct"

func livePlaybacks(t *testing.T, tp *tap) {
	t.Helper()
	ctx := t.Context()
	ch := tp.local()
	id := ari.NewPlaybackID()
	p, err := ch.PlayWithID(ctx, id, ari.ChannelPlayWithIDParams{Media: []string{longMedia}})
	require.NoError(t, err)
	require.Equal(t, id, p.ID)
	started := wait[*ari.PlaybackStarted](tp)
	require.Equal(t, id, started.Playback.ID)
	h := tp.Playback(id)
	got, err := h.Get(ctx)
	require.NoError(t, err)
	require.Equal(t, ari.PlaybackStatePlaying, got.State)
	for _, op := range []string{"pause", "unpause", "restart", "forward", "reverse"} {
		require.NoError(t, h.Control(ctx, ari.PlaybackControlParams{Operation: op}), op)
	}
	require.ErrorIs(t, h.Control(ctx, ari.PlaybackControlParams{Operation: "sing"}), ari.ErrBadRequest)
	snap, err := tp.Snapshot(ctx, ari.Ask{Playbacks: []ari.PlaybackID{id, "gone"}})
	require.NoError(t, err)
	require.Len(t, snap.Playbacks, 1)
	require.NoError(t, h.Stop(ctx))
	require.Equal(t, id, wait[*ari.PlaybackFinished](tp).Playback.ID)
	// Asterisk forgets it some time after the event.
	require.Eventually(t, func() bool {
		_, gone := h.Get(ctx)
		return errors.Is(gone, ari.ErrNotFound)
	}, patience, 10*time.Millisecond)

	p, err = ch.Play(ctx, ari.ChannelPlayParams{Media: []string{"sound:beep", "tone:busy;tonezone=us"}, Skip: new(time.Second)})
	require.NoError(t, err)
	wait(tp, func(e *ari.PlaybackContinuing) bool { return e.Playback.ID == p.ID })
	require.NoError(t, tp.Playback(p.ID).Stop(ctx))
}

func liveRecordings(t *testing.T, tp *tap) {
	t.Helper()
	ctx := t.Context()
	ch := tp.local()
	name := ari.RecordingName(tp.App())
	rec, err := ch.Record(ctx, ari.ChannelRecordParams{
		Name: name, Format: "wav", IfExists: "overwrite", MaxDuration: time.Minute, TerminateOn: "none",
	})
	require.NoError(t, err)
	require.Equal(t, name, rec.Name)
	require.Equal(t, name, wait[*ari.RecordingStarted](tp).Recording.Name)
	live := tp.LiveRecording(name)
	got, err := live.GetLive(ctx)
	require.NoError(t, err)
	require.Equal(t, ari.LiveRecordingStateRecording, got.State)
	snap, err := tp.Snapshot(ctx, ari.Ask{Recordings: []ari.RecordingName{name, "gone"}})
	require.NoError(t, err)
	require.Len(t, snap.Recordings, 1)
	require.NoError(t, live.Pause(ctx))
	require.NoError(t, live.Unpause(ctx))
	require.NoError(t, live.Mute(ctx))
	require.NoError(t, live.Unmute(ctx))
	require.NoError(t, live.Stop(ctx))
	require.Equal(t, name, wait[*ari.RecordingFinished](tp).Recording.Name)
	require.Eventually(t, func() bool {
		return errors.Is(live.Stop(ctx), ari.ErrNotFound) // for a moment it is ErrConflict
	}, patience, 10*time.Millisecond)

	// A copy left by the other carrier's run is in the way.
	stored := tp.StoredRecording(name)
	copied := tp.StoredRecording(name + "-copy")
	_, err = stored.CopyStored(ctx, ari.RecordingCopyStoredParams{DestinationRecordingName: copied.ID()})
	require.NoError(t, err)
	all, err := tp.Recordings().ListStored(ctx)
	require.NoError(t, err)
	require.Contains(t, all, ari.StoredRecordingData{Name: copied.ID(), Format: "wav"})
	one, err := stored.GetStored(ctx)
	require.NoError(t, err)
	require.Equal(t, "wav", one.Format)
	require.NoError(t, copied.DeleteStored(ctx))
	_, err = copied.GetStored(ctx)
	require.ErrorIs(t, err, ari.ErrNotFound)
	file, err := stored.GetStoredFile(ctx)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(file), 44, "a WAV header at least")
	require.Equal(t, "RIFF", string(file[:4]))
	streamed, err := tp.Recordings().OpenStoredFile(ctx, name)
	require.NoError(t, err)
	same, err := io.ReadAll(streamed)
	require.NoError(t, err)
	require.NoError(t, streamed.Close())
	require.Equal(t, file, same)
	require.NoError(t, stored.DeleteStored(ctx))

	_, err = ch.Record(ctx, ari.ChannelRecordParams{Name: name, Format: "wav"})
	require.NoError(t, err)
	// The recording is announced before its file is made, and a cancel that finds no file to delete is answered 500.
	require.Eventually(t, func() bool {
		_, missing := stored.GetStored(ctx)
		return missing == nil
	}, patience, 10*time.Millisecond)
	require.NoError(t, live.Cancel(ctx))
	_, err = stored.GetStored(ctx)
	require.ErrorIs(t, err, ari.ErrNotFound)
}

func liveBridges(t *testing.T, tp *tap) {
	t.Helper()
	ctx := t.Context()
	made, err := tp.Bridges().Create(ctx, ari.BridgeCreateParams{Type: "mixing", Name: "one", Variables: ari.Vars{"B": {Value: "1", Report: true}}})
	require.NoError(t, err)
	v, err := tp.Bridge(made.ID).GetBridgeVar(ctx, ari.BridgeGetBridgeVarParams{Variable: "B"})
	require.NoError(t, err)
	require.Equal(t, "1", v.Value)
	require.NoError(t, tp.Bridge(made.ID).Destroy(ctx))

	b := tp.StageBridge("", ari.BridgeCreateWithIDParams{Type: "mixing,dtmf_events", Name: "two", Variables: ari.Vars{"B0": {Value: "z"}}})
	defer b.Close()
	_, err = b.Exec(ctx)
	require.NoError(t, err)
	a, c := tp.local(), tp.local()
	require.NoError(t, b.AddChannel(ctx, ari.BridgeAddChannelParams{Channel: []ari.ChannelID{a.ID(), c.ID()}}))
	entered := next(t, b.Events(), func(e *ari.ChannelEnteredBridge) bool { return e.Channel.ID == c.ID() })
	require.ElementsMatch(t, []ari.ChannelID{a.ID(), c.ID()}, entered.Bridge.Channels)
	data, err := b.Get(ctx)
	require.NoError(t, err)
	require.Equal(t, ari.BridgeTypeMixing, data.BridgeType)
	require.Equal(t, "two", data.Name)
	list, err := tp.Bridges().List(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, list)

	require.NoError(t, b.SetBridgeVar(ctx, ari.BridgeSetBridgeVarParams{Variable: "B1", Value: "x", ReportEvents: true}))
	v, err = b.GetBridgeVar(ctx, ari.BridgeGetBridgeVarParams{Variable: "B1"})
	require.NoError(t, err)
	require.Equal(t, "x", v.Value)
	require.NoError(t, b.SetBridgeVars(ctx, ari.BridgeSetBridgeVarsParams{Variables: ari.NewVars(map[string]string{"B2": "y"})}))
	vs, err := b.GetBridgeVars(ctx, ari.BridgeGetBridgeVarsParams{Variables: []string{"B0", "B1", "B2"}})
	require.NoError(t, err)
	require.Equal(t, ari.VarValues{"B0": "z", "B1": "x", "B2": "y"}, vs.Variables)

	require.NoError(t, b.SetVideoSource(ctx, a.ID()))
	require.NoError(t, b.ClearVideoSource(ctx))
	require.NoError(t, b.RemoveChannel(ctx, ari.BridgeRemoveChannelParams{Channel: []ari.ChannelID{a.ID()}}))
	left := next[*ari.ChannelLeftBridge](t, b.Events())
	require.Equal(t, a.ID(), left.Channel.ID)
	require.ErrorIs(t, b.AddChannel(ctx, ari.BridgeAddChannelParams{Channel: []ari.ChannelID{"nobody"}}), ari.ErrBadRequest)
	require.NoError(t, b.Destroy(ctx))
	next[*ari.BridgeDestroyed](t, b.Events())
	require.ErrorIs(t, b.Destroy(ctx), ari.ErrNotFound)
}

func liveBridgeMedia(t *testing.T, tp *tap) {
	t.Helper()
	ctx := t.Context()
	b := tp.StageBridge("", ari.BridgeCreateWithIDParams{Type: "mixing"})
	defer b.Close()
	_, err := b.Exec(ctx)
	require.NoError(t, err)
	require.NoError(t, b.AddChannel(ctx, ari.BridgeAddChannelParams{Channel: []ari.ChannelID{tp.local().ID()}}))
	require.NoError(t, b.StartMOH(ctx, ari.BridgeStartMOHParams{}))
	require.NoError(t, b.StopMOH(ctx))
	p, err := b.Play(ctx, ari.BridgePlayParams{Media: []string{longMedia}})
	require.NoError(t, err)
	wait[*ari.PlaybackStarted](tp) // before it, stop may be answered 500
	require.NoError(t, tp.Playback(p.ID).Stop(ctx))
	id := ari.NewPlaybackID()
	// While the announcer of the first playback leaves the bridge, a second one is answered 500 "Allocation failed".
	require.Eventually(t, func() bool {
		_, err = b.PlayWithID(ctx, id, ari.BridgePlayWithIDParams{Media: []string{"sound:beep"}})
		return !errors.Is(err, ari.ErrServer)
	}, patience, 10*time.Millisecond)
	require.NoError(t, err)
	wait(tp, func(e *ari.PlaybackFinished) bool { return e.Playback.ID == id })
	name := ari.RecordingName("b-" + tp.App())
	_, err = b.Record(ctx, ari.BridgeRecordParams{Name: name, Format: "wav", IfExists: "overwrite"})
	require.NoError(t, err)
	require.NoError(t, tp.LiveRecording(name).Stop(ctx))
	require.NoError(t, b.Destroy(ctx))
}
