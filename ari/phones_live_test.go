//go:build e2e

package ari_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
	"sidecar/internal/phone"
)

// The tests of this file hold the statements of doc.go about phones.

func newPhone(t *testing.T, l *lab, mode phone.AnswerMode) *phone.Phone {
	t.Helper()
	p, err := phone.New(t.Context(), phone.Options{
		Server: fmt.Sprintf("127.0.0.1:%d", l.ports.SIP), User: "5001", Password: "p5001", Answer: mode,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// story is what the events say of one created channel, as short words.
func story(e ari.Event) string {
	switch e := e.(type) {
	case *ari.StasisStart:
		return "StasisStart"
	case *ari.Dial:
		return "Dial " + e.DialStatus
	case *ari.ChannelStateChange:
		return "State " + string(e.Channel.State)
	case *ari.ChannelHangupRequest:
		return fmt.Sprintf("HangupRequest %d", e.Cause)
	case *ari.StasisEnd:
		return "StasisEnd"
	case *ari.ChannelDestroyed:
		return fmt.Sprintf("Destroyed %d %d", e.Cause, e.TechCause)
	}
	return ""
}

// hear collects the next n lines of a channel's story.
func hear(t *testing.T, events <-chan ari.Event, n int) []string {
	t.Helper()
	var lines []string
	for len(lines) < n {
		if line := story(next[ari.Event](t, events)); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestLivePhoneStories(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	p := newPhone(t, l, phone.Manual)
	tp := l.connect(t, l.config(t))
	require.NoError(t, p.Register(t.Context(), time.Minute))
	begin := func(timeout time.Duration) (*ari.StagedChannel, *phone.Call) {
		st := tp.StageChannel(ari.ChannelCreateParams{
			Endpoint: "PJSIP/5001", Variables: ari.NewVars(map[string]string{"PJSIP_HEADER(add,X-Early)": "1"}),
		})
		t.Cleanup(st.Close)
		_, err := st.Exec(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"StasisStart"}, hear(t, st.Events(), 1))
		require.NoError(t, st.SetChannelVar(t.Context(), ari.ChannelSetChannelVarParams{Variable: "PJSIP_HEADER(add,X-Late)", Value: "2"}))
		require.NoError(t, st.Dial(t.Context(), ari.ChannelDialParams{Timeout: timeout}))
		call, err := p.WaitCall(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"1", "2"}, []string{call.Header("X-Early"), call.Header("X-Late")})
		require.Equal(t, []string{"Dial "}, hear(t, st.Events(), 1))
		return st, call
	}
	// Asterisk tells of a state and of the dial's progress from two threads, so
	// either may come first.
	both := func(st *ari.StagedChannel, state, dial string) {
		require.ElementsMatch(t, []string{"State " + state, "Dial " + dial}, hear(t, st.Events(), 2))
	}

	// Answered, then we hang up.
	st, call := begin(time.Minute)
	require.NoError(t, call.Ring())
	both(st, "Ringing", "RINGING")
	require.NoError(t, call.Answer(t.Context()))
	both(st, "Up", "ANSWER")
	stats, err := st.RTPStatistics(t.Context())
	require.NoError(t, err)
	require.Equal(t, st.ID(), stats.ChannelUniqueid)
	require.NoError(t, st.Hangup(t.Context(), ari.ChannelHangupParams{ReasonCode: "21"}))
	require.Equal(t, []string{"HangupRequest 32", "StasisEnd", "Destroyed 21 403"}, hear(t, st.Events(), 3))
	end, err := call.WaitEnd(t.Context())
	require.NoError(t, err)
	require.Equal(t, []any{"BYE", 21}, []any{end.Method, end.Q850})

	// Early media, then the phone hangs up.
	st, call = begin(time.Minute)
	require.NoError(t, call.Progress())
	require.Equal(t, []string{"Dial PROGRESS"}, hear(t, st.Events(), 1))
	require.NoError(t, call.Answer(t.Context()))
	both(st, "Up", "ANSWER")
	require.NoError(t, call.Hangup(t.Context()))
	require.Equal(t, []string{"HangupRequest 0", "StasisEnd", "Destroyed 16 0"}, hear(t, st.Events(), 3))

	// Refused.
	for status, want := range map[int]string{486: "17", 603: "21", 404: "1", 480: "19"} {
		st, call = begin(time.Minute)
		require.NoError(t, call.Ring())
		both(st, "Ringing", "RINGING")
		require.NoError(t, call.Reject(status, "No"))
		require.Equal(t, []string{"HangupRequest " + want, "StasisEnd", fmt.Sprintf("Destroyed %s %d", want, status)}, hear(t, st.Events(), 3))
	}

	// Nobody answers before the timeout of dial.
	st, call = begin(5 * time.Second) // which must be enough to ring in
	require.NoError(t, call.Ring())
	both(st, "Ringing", "RINGING")
	require.Equal(t, []string{"HangupRequest 32", "StasisEnd", "Destroyed 19 480"}, hear(t, st.Events(), 3))
	end, err = call.WaitEnd(t.Context())
	require.NoError(t, err)
	require.Equal(t, "CANCEL", end.Method)

	// Given up because somebody else has answered.
	st, call = begin(time.Minute)
	require.NoError(t, call.Ring())
	both(st, "Ringing", "RINGING")
	require.NoError(t, st.Hangup(t.Context(), ari.ChannelHangupParams{Reason: "answered_elsewhere"}))
	require.Equal(t, []string{"HangupRequest 32", "StasisEnd", "Destroyed 26 0"}, hear(t, st.Events(), 3))
	end, err = call.WaitEnd(t.Context())
	require.NoError(t, err)
	require.Equal(t, "Call completed elsewhere", end.Reason)
}

func TestLiveRegistrationStory(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	cfg := l.config(t)
	cfg.EventSources = []string{"endpoint:PJSIP"}
	tp := l.connect(t, cfg)
	lines := func(n int) []string {
		var out []string
		for len(out) < n {
			switch e := wait[ari.Event](tp).(type) {
			case *ari.EndpointStateChange:
				out = append(out, "Endpoint "+string(e.Endpoint.State))
			case *ari.PeerStatusChange:
				out = append(out, "Peer "+e.Peer.PeerStatus)
			case *ari.ContactStatusChange:
				out = append(out, "Contact "+string(e.ContactInfo.ContactStatus))
			}
		}
		return out
	}
	p := newPhone(t, l, phone.RingOnly)
	require.NoError(t, p.Register(t.Context(), time.Minute))
	require.Equal(t, []string{"Endpoint online", "Peer Reachable", "Contact NonQualified"}, lines(3))
	again := newPhone(t, l, phone.RingOnly)
	require.NoError(t, p.Register(t.Context(), time.Minute)) // a refresh: no event
	require.NoError(t, again.Register(t.Context(), time.Minute))
	require.Equal(t, []string{"Contact NonQualified", "Contact Removed"}, lines(2))
	require.NoError(t, again.Unregister(t.Context()))
	require.Equal(t, []string{"Endpoint offline", "Peer Unreachable", "Contact Removed"}, lines(3))
}

func TestLiveReferStory(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	p := newPhone(t, l, phone.RingOnly)
	tp := l.connect(t, l.config(t))
	require.NoError(t, p.Register(t.Context(), time.Minute))
	call, err := p.Dial(t.Context(), "777")
	require.NoError(t, err)
	start := wait[*ari.StasisStart](tp)
	require.Equal(t, []string{"from-agents", "777"}, start.Args)
	ch := tp.Channel(start.Channel.ID)
	require.NoError(t, ch.SetChannelVar(t.Context(), ari.ChannelSetChannelVarParams{Variable: "PJSIP_TRANSFER_HANDLING()", Value: "ari-only"}))
	require.NoError(t, ch.Answer(t.Context()))
	require.NoError(t, call.WaitState(t.Context(), phone.Established))
	require.NoError(t, call.Refer(t.Context(), "5002"))

	e := wait[*ari.ChannelTransfer](tp)
	require.Empty(t, e.State)
	require.Equal(t, "5002", e.ReferTo.RequestedDestination.Destination)
	require.Equal(t, ch.ID(), e.ReferredBy.SourceChannel.ID)
	for _, state := range []string{"channel_progress", "channel_answered"} {
		require.NoError(t, ch.TransferProgress(t.Context(), ari.ChannelTransferProgressParams{States: state}))
		require.Equal(t, state, wait[*ari.ChannelTransfer](tp).State)
	}
	status, err := call.WaitReferResult(t.Context())
	require.NoError(t, err)
	require.Equal(t, 200, status)
	data, err := ch.Get(t.Context())
	require.NoError(t, err)
	require.Equal(t, ari.ChannelStateUp, data.State)
}
