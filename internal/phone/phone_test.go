package phone_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

func TestRegister(t *testing.T) {
	t.Parallel()
	r := startRegistrar(t, "right")
	p := start(t, phone.Options{User: "5001", Password: "right", Server: r.addr})
	ctx := soon(t)
	require.False(t, p.Registered())
	require.NoError(t, p.Register(ctx, time.Hour))
	require.True(t, p.Registered())
	require.Equal(t, uri(p), r.contact("5001"))
	require.NoError(t, p.Unregister(ctx))
	require.False(t, p.Registered())
	require.Empty(t, r.contact("5001"))
	require.Equal(t, []string{"3600", "0"}, r.expires)
}

func TestRegisterIsRefused(t *testing.T) {
	t.Parallel()
	r := startRegistrar(t, "right")
	wrong := start(t, phone.Options{User: "5001", Password: "wrong", Server: r.addr})
	err := wrong.Register(soon(t), time.Hour)
	require.ErrorIs(t, err, phone.ErrUnchallenged)
	require.NotContains(t, err.Error(), "right")
	require.False(t, wrong.Registered())
	none := start(t, phone.Options{User: "5001", Server: r.addr})
	require.ErrorContains(t, none.Register(soon(t), time.Hour), "no password")
}

func TestRegistrationIsRefreshedAndEndsWithClose(t *testing.T) {
	t.Parallel()
	r := startRegistrar(t, "right")
	p := start(t, phone.Options{User: "5001", Password: "right", Server: r.addr})
	require.NoError(t, p.Register(soon(t), 2*time.Second))
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.expires) >= 3
	}, patience, 20*time.Millisecond)
	require.NoError(t, p.Close())
	require.Empty(t, r.contact("5001"))
}

func TestToneBothWays(t *testing.T) {
	t.Parallel()
	for name, codecs := range map[string][]phone.Codec{"PCMU": {phone.PCMU}, "PCMA": {phone.PCMA}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			alice := start(t, phone.Options{User: "alice", DisplayName: "Alice", Tone: 450, Codecs: codecs})
			bob := start(t, phone.Options{User: "bob", Bind: "127.0.0.2:0", Tone: 1010})
			ctx := soon(t)
			out, in := connect(t, alice, bob)
			require.Equal(t, phone.Identity{Number: "alice", Name: "Alice"}, in.Remote())
			require.Equal(t, "bob", in.Called())
			require.True(t, in.Incoming())
			require.False(t, out.Incoming())
			require.NoError(t, in.WaitTone(ctx, 450))
			require.NoError(t, out.WaitTone(ctx, 1010))
			require.True(t, in.HeardTone(450))
			require.False(t, in.HeardTone(1010), "a phone must not hear itself")
			out.SendTone(620)
			require.NoError(t, in.WaitTone(ctx, 620))
			require.NoError(t, in.WaitNoTone(ctx, 450))
			out.SendTone(0)
			require.NoError(t, in.WaitSilence(ctx))
			require.Positive(t, in.MediaStats().Received)
		})
	}
}

func TestHangup(t *testing.T) {
	t.Parallel()
	for _, byCaller := range []bool{true, false} {
		alice, bob := start(t, phone.Options{User: "alice"}), start(t, phone.Options{User: "bob"})
		ctx := soon(t)
		first, second := connect(t, alice, bob)
		if !byCaller {
			first, second = second, first
		}
		require.NoError(t, first.Hangup(ctx))
		require.Equal(t, phone.Ended, first.State())
		cause, err := second.WaitEnd(ctx)
		require.NoError(t, err)
		require.Equal(t, phone.EndCause{Method: "BYE"}, cause)
		require.Equal(t, phone.EndCause{Local: true, Method: "BYE"}, first.EndCause())
		require.NoError(t, first.Hangup(ctx), "hanging up twice is no error")
		require.Empty(t, alice.Calls())
		require.ErrorIs(t, second.WaitTone(ctx, 450), phone.ErrStreamEnded)
	}
}

func TestCallerGivesUp(t *testing.T) {
	t.Parallel()
	alice, bob := start(t, phone.Options{User: "alice"}), start(t, phone.Options{User: "bob"})
	ctx := soon(t)
	out, err := alice.Dial(ctx, uri(bob))
	require.NoError(t, err)
	in, err := bob.WaitCall(ctx)
	require.NoError(t, err)
	require.NoError(t, out.WaitState(ctx, phone.Ringing))
	require.NoError(t, out.Hangup(ctx))
	require.Equal(t, phone.EndCause{Local: true, Method: "CANCEL", Status: 487, Reason: "Request Terminated"}, out.EndCause())
	cause, err := in.WaitEnd(ctx)
	require.NoError(t, err)
	require.Equal(t, "CANCEL", cause.Method)
	require.False(t, cause.Local)
	require.ErrorIs(t, in.Answer(ctx), phone.ErrEnded)
	require.ErrorIs(t, out.WaitState(ctx, phone.Established), phone.ErrEnded)
}

func TestCalleeRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		refuse func(*phone.Call) error
		status int
	}{
		"busy":    {(*phone.Call).Busy, 486},
		"reject":  {func(c *phone.Call) error { return c.Reject(480, "Temporarily Unavailable") }, 480},
		"decline": {func(c *phone.Call) error { return c.Hangup(t.Context()) }, 603},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			alice, bob := start(t, phone.Options{User: "alice"}), start(t, phone.Options{User: "bob"})
			ctx := soon(t)
			out, err := alice.Dial(ctx, uri(bob))
			require.NoError(t, err)
			in, err := bob.WaitCall(ctx)
			require.NoError(t, err)
			require.ErrorContains(t, in.Reject(200, "OK"), "300 to 699")
			require.NoError(t, c.refuse(in))
			cause, err := out.WaitEnd(ctx)
			require.NoError(t, err)
			require.Equal(t, c.status, cause.Status)
			require.Equal(t, "INVITE", cause.Method)
			require.ErrorContains(t, out.WaitState(ctx, phone.Established), "INVITE")
			require.ErrorIs(t, in.Busy(), phone.ErrEnded)
		})
	}
}

func TestHold(t *testing.T) {
	t.Parallel()
	for _, byCaller := range []bool{true, false} {
		alice, bob := start(t, phone.Options{User: "alice", Tone: 450}), start(t, phone.Options{User: "bob", Tone: 1010})
		ctx := soon(t)
		holder, held := connect(t, alice, bob)
		holderTone, heldTone := 450.0, 1010.0
		if !byCaller {
			holder, held, holderTone, heldTone = held, holder, heldTone, holderTone
		}
		require.NoError(t, held.WaitTone(ctx, holderTone))
		require.NoError(t, holder.Hold(ctx))
		require.NoError(t, held.WaitDirection(ctx, phone.RecvOnly))
		require.NoError(t, holder.WaitDirection(ctx, phone.SendOnly))
		require.NoError(t, held.WaitSilence(ctx), "the holder must not be heard")
		require.NoError(t, holder.WaitNoTone(ctx, heldTone), "the held must not send")
		require.NoError(t, holder.Retrieve(ctx))
		require.NoError(t, held.WaitDirection(ctx, phone.SendRecv))
		require.NoError(t, held.WaitTone(ctx, holderTone))
		require.NoError(t, holder.WaitTone(ctx, heldTone))
		require.Equal(t, 2, held.Reinvites())
	}
}

// Both hold at once: one of the two offers meets the other and is repeated.
func TestHoldGlare(t *testing.T) {
	t.Parallel()
	alice, bob := start(t, phone.Options{User: "alice"}), start(t, phone.Options{User: "bob"})
	ctx := soon(t)
	out, in := connect(t, alice, bob)
	errs := make(chan error, 2)
	go func() { errs <- out.Hold(ctx) }()
	go func() { errs <- in.Hold(ctx) }()
	require.NoError(t, <-errs)
	require.NoError(t, <-errs)
	require.NoError(t, out.WaitDirection(ctx, phone.Inactive))
	require.NoError(t, in.WaitDirection(ctx, phone.Inactive))
}

func TestDTMF(t *testing.T) {
	t.Parallel()
	alice, bob := start(t, phone.Options{User: "alice", Tone: 450}), start(t, phone.Options{User: "bob"})
	ctx := soon(t)
	out, in := connect(t, alice, bob)
	require.NoError(t, out.SendDTMF(ctx, "1#0*D99"))
	require.NoError(t, in.WaitDTMF(ctx, "1#0*D99"))
	require.Equal(t, "1#0*D99", in.DTMF(), "each digit counts once")
	require.Empty(t, out.DTMF())
	require.NoError(t, in.WaitTone(ctx, 450), "the audio goes on afterwards")
	require.ErrorIs(t, out.SendDTMF(ctx, "1x"), phone.ErrBadDigit)
	require.NoError(t, out.Hangup(ctx))
	require.ErrorIs(t, out.SendDTMF(ctx, "1"), phone.ErrState)
}

func TestEarlyMedia(t *testing.T) {
	t.Parallel()
	alice := start(t, phone.Options{User: "alice"})
	bob := start(t, phone.Options{User: "bob", Tone: 1010, Answer: phone.Manual})
	ctx := soon(t)
	out, err := alice.Dial(ctx, uri(bob), phone.WithHeader("X-Case", "early"), phone.WithCaller("0301234567", "A Subscriber"))
	require.NoError(t, err)
	in, err := bob.WaitCall(ctx)
	require.NoError(t, err)
	require.Equal(t, "early", in.Header("x-case"))
	require.Equal(t, []string{"early"}, in.Headers()["X-Case"])
	require.Equal(t, phone.Identity{Number: "0301234567", Name: "A Subscriber"}, in.Remote())
	require.Equal(t, phone.Dialing, in.State(), "a manual phone does not ring by itself")
	require.NoError(t, in.Progress())
	require.NoError(t, out.WaitTone(ctx, 1010))
	require.True(t, out.EarlyMedia())
	require.Equal(t, phone.Dialing, out.State())
	require.NoError(t, in.Ring())
	require.NoError(t, out.WaitState(ctx, phone.Ringing))
	require.NoError(t, in.Answer(ctx))
	require.NoError(t, out.WaitState(ctx, phone.Established))
	require.ErrorIs(t, in.Ring(), phone.ErrState)
	require.ErrorIs(t, in.Answer(ctx), phone.ErrState)
}

func TestAutoAnswer(t *testing.T) {
	t.Parallel()
	alice := start(t, phone.Options{User: "alice"})
	bob := start(t, phone.Options{User: "bob", Answer: phone.AutoAnswer, AnswerDelay: 50 * time.Millisecond})
	ctx := soon(t)
	out, err := alice.Dial(ctx, uri(bob))
	require.NoError(t, err)
	require.NoError(t, out.WaitState(ctx, phone.Established))
	require.NoError(t, out.WaitState(ctx, phone.Ringing), "a state that was reached is never missed")
}

func TestRefer(t *testing.T) {
	t.Parallel()
	alice := start(t, phone.Options{User: "alice", Tone: 450, FollowRefer: true})
	bob := start(t, phone.Options{User: "bob", Tone: 1010})
	carol := start(t, phone.Options{User: "carol", Tone: 620, Answer: phone.AutoAnswer})
	ctx := soon(t)
	out, in := connect(t, alice, bob)
	require.NoError(t, in.Refer(ctx, uri(carol)))
	status, err := in.WaitReferResult(ctx)
	require.NoError(t, err)
	require.Equal(t, 200, status)
	require.Equal(t, []int{100, 200}, in.ReferResults())
	require.NoError(t, in.Hangup(ctx))
	require.NoError(t, out.WaitState(ctx, phone.Ended))
	next, err := alice.WaitCall(ctx)
	require.NoError(t, err)
	require.NoError(t, next.WaitTone(ctx, 620))

	// A phone that does not follow says so.
	third, err := carol.WaitCall(ctx)
	require.NoError(t, err)
	require.NoError(t, third.WaitTone(ctx, 450))
	var refused *phone.StatusError
	require.ErrorAs(t, next.Refer(ctx, uri(bob)), &refused)
	require.Equal(t, 603, refused.Status)
}

func TestReferFails(t *testing.T) {
	t.Parallel()
	alice := start(t, phone.Options{User: "alice", FollowRefer: true})
	bob, carol := start(t, phone.Options{User: "bob"}), start(t, phone.Options{User: "carol"})
	ctx := soon(t)
	_, in := connect(t, alice, bob)
	require.NoError(t, in.Refer(ctx, uri(carol)))
	ringing, err := carol.WaitCall(ctx)
	require.NoError(t, err)
	require.NoError(t, ringing.Busy())
	status, err := in.WaitReferResult(ctx)
	require.NoError(t, err)
	require.Equal(t, 486, status)
	require.Equal(t, phone.Established, in.State())
}

// Close is polite, Kill is not.
func TestCloseEndsCallsAndKillDoesNot(t *testing.T) {
	t.Parallel()
	alice, bob := start(t, phone.Options{User: "alice"}), start(t, phone.Options{User: "bob"})
	carol := start(t, phone.Options{User: "carol"})
	ctx := soon(t)
	_, in := connect(t, alice, bob)
	out, err := alice.Dial(ctx, uri(carol))
	require.NoError(t, err)
	ringing, err := carol.WaitCall(ctx)
	require.NoError(t, err)
	require.NoError(t, alice.Close())
	require.Equal(t, phone.Ended, out.State())
	cause, err := in.WaitEnd(ctx)
	require.NoError(t, err)
	require.Equal(t, "BYE", cause.Method)
	cause, err = ringing.WaitEnd(ctx)
	require.NoError(t, err)
	require.Equal(t, "CANCEL", cause.Method)
	_, err = alice.Dial(ctx, uri(bob))
	require.ErrorIs(t, err, phone.ErrClosed)
	_, err = alice.WaitCall(ctx)
	require.ErrorIs(t, err, phone.ErrClosed)

	out, in = connect(t, bob, carol)
	require.NoError(t, bob.Kill())
	require.Equal(t, phone.Ended, out.State())
	require.NoError(t, in.WaitSilence(ctx))
	require.Equal(t, phone.Established, in.State())
	require.NoError(t, carol.Kill(), "killing must not wait for a dead peer")
}

func TestNoCommonCodec(t *testing.T) {
	t.Parallel()
	alice := start(t, phone.Options{User: "alice", Codecs: []phone.Codec{phone.PCMA}})
	bob := start(t, phone.Options{User: "bob", Codecs: []phone.Codec{phone.PCMU}})
	ctx := soon(t)
	out, err := alice.Dial(ctx, uri(bob))
	require.NoError(t, err)
	cause, err := out.WaitEnd(ctx)
	require.NoError(t, err)
	require.Equal(t, 488, cause.Status)
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]phone.Options{
		"Server": {},
		"Bind":   {Server: "127.0.0.1:5060", Bind: "localhost"},
		"Codecs": {Server: "127.0.0.1:5060", Codecs: []phone.Codec{"G729"}},
	} {
		_, err := phone.New(t.Context(), opts)
		require.ErrorIs(t, err, phone.ErrBadOption)
		require.ErrorContains(t, err, name)
	}
}

// A CANCEL may leave only after a provisional response: the phone keeps it until then.
func TestCallerGivesUpBeforeAnyResponse(t *testing.T) {
	t.Parallel()
	alice, bob := start(t, phone.Options{User: "alice"}), start(t, phone.Options{User: "bob", Answer: phone.Manual})
	ctx := soon(t)
	out, err := alice.Dial(ctx, uri(bob))
	require.NoError(t, err)
	require.NoError(t, out.Hangup(ctx))
	require.Equal(t, "CANCEL", out.EndCause().Method)
	in, err := bob.WaitCall(ctx)
	require.NoError(t, err)
	_, err = in.WaitEnd(ctx)
	require.NoError(t, err)
}
