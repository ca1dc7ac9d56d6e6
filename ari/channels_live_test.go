//go:build e2e

package ari_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
	"sidecar/internal/testkit/asterisk"
)

func liveChannels(t *testing.T, tp *tap) {
	t.Helper()
	ctx := t.Context()
	ch := tp.local()
	data, err := ch.Get(ctx)
	require.NoError(t, err)
	require.Equal(t, ari.ChannelStateUp, data.State)
	require.Equal(t, "Stasis", data.Dialplan.AppName)
	list, err := tp.Channels().List(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, list)

	require.NoError(t, ch.SetChannelVar(ctx, ari.ChannelSetChannelVarParams{Variable: "A", Value: "a b&c=d?é", ReportEvents: true}))
	set := wait(tp, func(e *ari.ChannelVarset) bool { return e.Variable == "A" })
	require.Equal(t, "a b&c=d?é", set.Value)
	v, err := ch.GetChannelVar(ctx, ari.ChannelGetChannelVarParams{Variable: "A"})
	require.NoError(t, err)
	require.Equal(t, "a b&c=d?é", v.Value)
	require.NoError(t, ch.SetChannelVars(ctx, ari.ChannelSetChannelVarsParams{Variables: ari.Vars{"B": {Value: "1"}, "C": {Value: "2", Report: true}}}))
	vs, err := ch.GetChannelVars(ctx, ari.ChannelGetChannelVarsParams{Variables: []string{"B", "C"}})
	require.NoError(t, err)
	require.Equal(t, ari.VarValues{"B": "1", "C": "2"}, vs.Variables)
	_, err = ch.GetChannelVar(ctx, ari.ChannelGetChannelVarParams{Variable: "UNSET"})
	require.ErrorIs(t, err, ari.ErrNotFound)

	require.NoError(t, ch.Answer(ctx))
	require.NoError(t, ch.Ring(ctx))
	require.NoError(t, ch.RingStop(ctx))
	require.NoError(t, ch.Progress(ctx))
	require.NoError(t, ch.Mute(ctx, ari.ChannelMuteParams{Direction: "in"}))
	require.NoError(t, ch.Unmute(ctx, ari.ChannelUnmuteParams{Direction: "in"}))
	require.NoError(t, ch.Hold(ctx))
	require.NoError(t, ch.Unhold(ctx))
	require.NoError(t, ch.StartMOH(ctx, ari.ChannelStartMOHParams{MOHClass: "default"}))
	require.NoError(t, ch.StopMOH(ctx))
	require.NoError(t, ch.StartSilence(ctx))
	require.NoError(t, ch.StopSilence(ctx))
	require.NoError(t, ch.SendDTMF(ctx, ari.ChannelSendDTMFParams{DTMF: "1#", Between: new(20 * time.Millisecond), Duration: new(60 * time.Millisecond)}))
	require.NoError(t, ch.TransferProgress(ctx, ari.ChannelTransferProgressParams{States: "channel_progress"}))
	_, err = ch.RTPStatistics(ctx)
	require.ErrorIs(t, err, ari.ErrForbidden, "a Local channel has no RTP")
	require.Error(t, ch.Redirect(ctx, ari.ChannelRedirectParams{Endpoint: "PJSIP/5001"}), "another technology")
}

func liveChannelEnds(t *testing.T, tp *tap) {
	t.Helper()
	ctx := t.Context()
	ch := tp.local()
	require.NoError(t, ch.ContinueInDialplan(ctx, ari.ChannelContinueInDialplanParams{Context: "test", Extension: "wait", Priority: 1}))
	wait(tp, func(e *ari.StasisEnd) bool { return e.Channel.ID == ch.ID() })
	// Asterisk tells of the end a moment before it lets go of the channel.
	require.Eventually(t, func() bool { return errors.Is(ch.Hold(ctx), ari.ErrConflict) }, patience, 10*time.Millisecond,
		"it is outside the application")

	ch = tp.local()
	require.NoError(t, ch.Move(ctx, ari.ChannelMoveParams{App: tp.App(), AppArgs: "x,y"}))
	moved := wait(tp, func(e *ari.StasisStart) bool { return e.Channel.ID == ch.ID() })
	require.Equal(t, []string{"x", "y"}, moved.Args)
	require.NoError(t, ch.Hangup(ctx, ari.ChannelHangupParams{ReasonCode: "17"}))
	gone := wait(tp, func(e *ari.ChannelDestroyed) bool { return e.Channel.ID == ch.ID() })
	require.Equal(t, 17, gone.Cause)
	require.ErrorIs(t, ch.Hangup(ctx, ari.ChannelHangupParams{}), ari.ErrNotFound)
	ch = tp.local()
	require.NoError(t, ch.Hangup(ctx, ari.ChannelHangupParams{Reason: "answered_elsewhere"}))
	gone = wait(tp, func(e *ari.ChannelDestroyed) bool { return e.Channel.ID == ch.ID() }) // the end of a moved one may be told twice
	require.Equal(t, 26, gone.Cause)
}

func liveChannelMedia(t *testing.T, tp *tap) {
	t.Helper()
	ctx := t.Context()
	id := ari.NewChannelID()
	em, err := tp.Channels().ExternalMedia(ctx, ari.ChannelExternalMediaParams{
		ChannelID: id, App: tp.App(), Format: "ulaw", Variables: ari.NewVars(map[string]string{"EM": "1"}),
		ExternalHost: fmt.Sprintf("127.0.0.1:%d", asterisk.FreePorts(t, 1)[0]), Encapsulation: "rtp", Transport: "udp", ConnectionType: "client", Direction: "both",
	})
	require.NoError(t, err)
	require.Equal(t, id, em.ID)
	wait(tp, func(e *ari.StasisStart) bool { return e.Channel.ID == id })
	v, err := tp.Channel(id).GetChannelVar(ctx, ari.ChannelGetChannelVarParams{Variable: "EM"})
	require.NoError(t, err)
	require.Equal(t, "1", v.Value)

	ch := tp.local()
	snoop, err := ch.SnoopChannel(ctx, ari.ChannelSnoopChannelParams{App: tp.App(), Spy: "both", SnoopID: ari.NewChannelID()})
	require.NoError(t, err)
	wait(tp, func(e *ari.StasisStart) bool { return e.Channel.ID == snoop.ID })
	withID, err := ch.SnoopChannelWithID(ctx, ari.NewChannelID(), ari.ChannelSnoopChannelWithIDParams{App: tp.App(), Whisper: "out"})
	require.NoError(t, err)
	for _, id := range []ari.ChannelID{id, snoop.ID, withID.ID} {
		require.NoError(t, tp.Channel(id).Hangup(ctx, ari.ChannelHangupParams{}))
		// Snoop channels end without ChannelDestroyed.
		wait(tp, func(e *ari.StasisEnd) bool { return e.Channel.ID == id })
	}
}

func liveOrigination(t *testing.T, tp *tap) {
	t.Helper()
	ctx := t.Context()
	_, err := tp.Channels().Originate(ctx, ari.ChannelOriginateParams{Endpoint: "PJSIP/5001", App: tp.App()})
	require.ErrorIs(t, err, ari.ErrAllocationFailed)
	id := ari.NewChannelID()
	_, err = tp.Channels().OriginateWithID(ctx, id, ari.ChannelOriginateWithIDParams{
		Endpoint: "Local/wait@test", App: tp.App(), AppArgs: "one,two", CallerID: `"Me" <123>`, Timeout: new(20 * time.Second),
		Variables: ari.NewVars(map[string]string{"V": "1"}),
	})
	require.NoError(t, err)
	start := wait(tp, func(e *ari.StasisStart) bool { return e.Channel.ID == id })
	require.Equal(t, []string{"one", "two"}, start.Args)
	v, err := tp.Channel(id).GetChannelVar(ctx, ari.ChannelGetChannelVarParams{Variable: "V"})
	require.NoError(t, err)
	require.Equal(t, "1", v.Value)
	require.NoError(t, tp.Channel(id).Hangup(ctx, ari.ChannelHangupParams{}))

	st := tp.StageChannel(ari.ChannelCreateParams{Endpoint: "Local/wait@test", AppArgs: "staged", Originator: ""})
	defer st.Close()
	data, err := st.Exec(ctx)
	require.NoError(t, err)
	require.Equal(t, st.ID(), data.ID)
	require.Equal(t, ari.Key[ari.ChannelID]{Server: liveServer, ID: data.ID}, st.Key())
	require.Equal(t, []string{"staged"}, next[*ari.StasisStart](t, st.Events()).Args)
	_, err = tp.Channels().Create(ctx, ari.ChannelCreateParams{Endpoint: "Local/wait@test", App: tp.App(), ChannelID: st.ID()})
	require.ErrorIs(t, err, ari.ErrConflict)
	require.NoError(t, st.Dial(ctx, ari.ChannelDialParams{Timeout: 20 * time.Second}))
	next(t, st.Events(), func(e *ari.Dial) bool { return e.DialStatus == "ANSWER" })
	require.NoError(t, st.Hangup(ctx, ari.ChannelHangupParams{}))
	next[*ari.ChannelDestroyed](t, st.Events())

	_, err = tp.StageChannel(ari.ChannelCreateParams{Endpoint: "PJSIP/5001"}).Exec(ctx)
	require.ErrorIs(t, err, ari.ErrAllocationFailed, "the phone has no contact")
}
