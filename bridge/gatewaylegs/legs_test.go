package gatewaylegs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/bridge/gatewaylegs"
	"sidecar/gateway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What the daemon joins fits.
var (
	_ bridge.Phones       = (*gatewaylegs.Legs)(nil)
	_ gatewaylegs.Gateway = (*gateway.Gateway)(nil)
	_ gatewaylegs.Engine  = (*bridge.Engine)(nil)
	_ gatewaylegs.Service = (*agent.Registry)(nil)
)

var errPhone = errors.New("the page has no microphone")

// world notes what both sides are told, as lines.
type world struct{ lines []string }

func (w *world) note(format string, args ...any) {
	w.lines = append(w.lines, fmt.Sprintf(format, args...))
}

func (w *world) Abilities(leg string) gateway.Abilities {
	return gateway.Abilities{Answer: leg == "g-1", Hold: true}
}

func (w *world) Lost(dn, leg string) bool { return dn == "5001" && leg == "g-2" }

func (w *world) did(what, leg string) error {
	w.note("%s %s", what, leg)
	if leg == "bad" {
		return errPhone
	}
	return nil
}

func (w *world) Answer(_ context.Context, leg string) error   { return w.did("answer", leg) }
func (w *world) Hold(_ context.Context, leg string) error     { return w.did("hold", leg) }
func (w *world) Retrieve(_ context.Context, leg string) error { return w.did("retrieve", leg) }
func (w *world) Hangup(_ context.Context, leg string) error   { return w.did("hangup", leg) }
func (w *world) ReferResult(_ context.Context, leg string, ok bool) error {
	return w.did(fmt.Sprintf("refer %t", ok), leg)
}

func (w *world) Phone(c bridge.PhoneChange)     { w.note("%s %s %d", c.Leg, c.Change, c.Cause) }
func (w *world) SwitchCall(c bridge.SwitchCall) { w.note("%+v", c) }
func (w *world) Refer(r bridge.Referral) {
	w.note("refer %s %s %s %t", r.Leg, r.From, r.To, r.Attended)
}

func (w *world) SetService(server, number string, in bool) {
	w.note("service %s %s %t", server, number, in)
}

func attached() (*gatewaylegs.Legs, *world) {
	w := &world{}
	l := gatewaylegs.New(w, slog.New(slog.DiscardHandler))
	l.Attach(w, w)
	return l, w
}

func TestCommands(t *testing.T) {
	t.Parallel()
	l, w := attached()
	ctx := t.Context()
	require.Equal(t, bridge.PhoneAbilities{Answer: true, Hold: true}, l.Abilities("g-1"))
	require.Equal(t, bridge.PhoneAbilities{Hold: true}, l.Abilities("g-2"))
	require.NoError(t, l.Answer(ctx, "g-1"))
	require.NoError(t, l.Hold(ctx, "g-1"))
	require.NoError(t, l.Retrieve(ctx, "g-1"))
	require.NoError(t, l.Hangup(ctx, "g-1"))
	require.NoError(t, l.ReferResult(ctx, "g-1", true))
	require.ErrorIs(t, l.Answer(ctx, "bad"), errPhone)
	require.Equal(t, []string{"answer g-1", "hold g-1", "retrieve g-1", "hangup g-1", "refer true g-1", "answer bad"}, w.lines)
}

func TestWithoutAGateway(t *testing.T) {
	t.Parallel()
	w := &world{}
	l := gatewaylegs.New(w, slog.New(slog.DiscardHandler))
	require.Zero(t, l.Abilities("g-1"))
	require.ErrorIs(t, l.Answer(t.Context(), "g-1"), gatewaylegs.ErrNotAttached)
	require.NoError(t, l.Hangup(t.Context(), "g-1"), "what is not there is over")
	l.OnEvent(gateway.Event{Kind: gateway.Held, Leg: "g-1"})
	l.OnRefer(gateway.Referral{Leg: "g-1"})
	require.Empty(t, w.lines)
}

// Of a call at Asterisk only what Asterisk does not hear is passed on.
func TestEventsOfACallAtAsterisk(t *testing.T) {
	t.Parallel()
	for _, upstream := range []string{"", gateway.Asterisk} {
		l, w := attached()
		for kind := gateway.Ringing; kind <= gateway.Ended; kind++ {
			l.OnEvent(gateway.Event{Kind: kind, Leg: "g-1", DN: "5001", Upstream: upstream, Status: 486})
		}
		require.Equal(t, []string{"g-1 held 0", "g-1 retrieved 0", "g-1 media lost 0", "g-1 media back 0"}, w.lines)
		require.EqualValues(t, 1, l.MediaLosses())
	}
}

func TestEventsOfACallAtASwitch(t *testing.T) {
	t.Parallel()
	l, w := attached()
	for kind := gateway.Ringing; kind <= gateway.Ended; kind++ {
		l.OnEvent(gateway.Event{Kind: kind, Leg: "g-1", DN: "5001", Number: "030", Inbound: true, Upstream: "genesys", CallUUID: "UUID", Status: 486})
	}
	require.Equal(t, []string{
		"{Switch:genesys Leg:g-1 DN:5001 Number:030 Inbound:true CallID:UUID}",
		"g-1 up 0", "g-1 held 0", "g-1 retrieved 0", "g-1 media lost 0", "g-1 media back 0", "g-1 gone 17",
	}, w.lines)
}

func TestCauses(t *testing.T) {
	t.Parallel()
	for status, cause := range map[int]int{487: 16, 486: 17, 600: 17, 480: 18, 404: 1, 403: 21, 603: 21, 410: 22, 408: 102, 484: 28, 503: 41, 488: 127, 0: 127} {
		l, w := attached()
		l.OnEvent(gateway.Event{Kind: gateway.Ended, Leg: "g-1", Upstream: "genesys", Status: status})
		require.Equal(t, []string{fmt.Sprintf("g-1 gone %d", cause)}, w.lines, "status %d", status)
	}
}

func TestReferrals(t *testing.T) {
	t.Parallel()
	l, w := attached()
	l.OnRefer(gateway.Referral{Leg: "g-1", DN: "5001", To: "5002"})
	l.OnRefer(gateway.Referral{Leg: "g-1", DN: "5001", To: "5002", ReplacesLeg: "g-2"})
	require.Equal(t, []string{"refer g-1 5001 5002 false", "refer g-1 5001 5002 true"}, w.lines)
}

func TestLines(t *testing.T) {
	t.Parallel()
	l, w := attached()
	l.OnLine(gateway.Line{DN: "5001", Upstream: gateway.Asterisk, Registered: true}) // of which Asterisk tells
	l.OnLine(gateway.Line{DN: "5001", Registered: true})
	l.OnLine(gateway.Line{DN: "5001", Upstream: "genesys", Registered: true})
	l.OnLine(gateway.Line{DN: "5001", Upstream: "genesys"})
	require.Equal(t, []string{"service switch:genesys 5001 true", "service switch:genesys 5001 false"}, w.lines)
}
