//go:build e2e

package pjsipgen_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/config"
	"sidecar/internal/phone"
	"sidecar/internal/testkit/asterisk"
)

// site has everything that serves while the sidecar is away; the phone at the trunk's address answers for the world.
func site(t *testing.T) (*config.Config, string) {
	t.Helper()
	cfg := onPorts(t)
	target := func(text string) config.Target {
		parsed, err := config.ParseTarget(text)
		require.NoError(t, err)
		return parsed
	}
	cfg.DNs = []config.DNGroup{{
		Numbers: []string{"5001-5008"},
		Overrides: map[string]config.DNSettings{
			"5001": {Owner: config.OwnerPhone},
			"5002": {Owner: config.OwnerPhone},
			"5003": {Fallback: target("dn:5002")},
			"5004": {Fallback: target("message:tt-weasels")},
			"5005": {Fallback: target("hangup")},
			"5006": {Owner: config.OwnerPhone, Fallback: target("voicemail:5006")},
			"5007": {Fallback: target("number:+4930777")},
		},
	}}
	at := fmt.Sprintf("127.0.0.2:%d", asterisk.FreePorts(t, 1)[0])
	cfg.Trunks = []config.Trunk{{
		Name: "carrier", Kind: config.TrunkPeer, Host: at, Transport: "udp", Codecs: []string{"ulaw", "alaw"},
		CallerID: "+4930100", Strip: "+", Prepend: "00", MaxCalls: 30,
	}}
	cfg.Schedules = map[string]config.Schedule{
		"always": {Timezone: "Europe/Berlin", Weekly: []string{"mon-sun 00:00-24:00"}},
		"never":  {Timezone: "Europe/Berlin", Weekly: []string{"mon-sun 00:00-24:00"}, Holidays: holidaysOfToday(t)},
	}
	cfg.Routes = []config.Route{
		{Number: "+4930111", To: target("dn:5002"), Schedule: "always"},
		{Number: "+4930112", To: target("dn:5002"), Schedule: "never", Closed: target("hangup")},
		{Number: "+493011*", To: target("queue:sales"), Fallback: target("dn:5002")},
	}
	cfg.DialRules.Normalise = append(cfg.DialRules.Normalise, config.Rewrite{Prefix: "0", Replace: "+49"})
	cfg.DialRules.Classes["default"] = config.DialClass{Allow: []string{"+49", "+491371", "*31#"}, Deny: []string{"+49900", "+49137", "+495"}}
	return cfg, at
}

func TestWhileTheSidecarIsAwayCallsGoToTheirFallback(t *testing.T) {
	t.Parallel()
	cfg, trunk := site(t)
	l := newLab(t, cfg)
	world := l.plainPhone(phone.Options{Bind: trunk, User: "carrier"})
	caller := l.phone("5001", "phone-secret-5001", phone.RingOnly)
	desk := l.phone("5002", "phone-secret-5002", phone.RingOnly)

	rings := func(t *testing.T, from, at *phone.Phone, number, arrivesAs string) {
		t.Helper()
		call := dial(l, from, number)
		ring, err := at.WaitCall(l.ctx)
		require.NoError(t, err)
		require.Equal(t, arrivesAs, ring.Called())
		require.NoError(t, ring.Answer(l.ctx))
		require.NoError(t, call.WaitState(l.ctx, phone.Established))
		require.NoError(t, call.Hangup(l.ctx))
		_, err = ring.WaitEnd(l.ctx)
		require.NoError(t, err)
	}
	for name, from := range map[string]*phone.Phone{"agent": caller, "trunk": world} {
		t.Log(name)
		rings(t, from, desk, "5002", "5002")
		rings(t, from, desk, "5003", "5002")
		rings(t, from, world, "5007", "004930777")
		requireEnd(l, dial(l, from, "5005"), 480)
		closed := dial(l, from, "5008")
		requireEnd(l, closed, 480)
		require.True(t, closed.EarlyMedia(), "the closed message is heard before the refusal")
		for _, number := range []string{"5004", "5006"} {
			call := dial(l, from, number)
			require.NoError(t, call.WaitState(l.ctx, phone.Established), number)
			require.NoError(t, call.WaitSound(l.ctx))
			require.NoError(t, call.Hangup(l.ctx))
		}
	}

	rings(t, world, desk, "+4930111", "5002")
	rings(t, world, desk, "+4930119", "5002")
	requireEnd(l, dial(l, world, "+4930112"), 480)
	for _, number := range []string{"+4940123", "112", "0401234", "sales"} {
		requireEnd(l, dial(l, world, number), 404) // what a trunk delivers never goes out again
	}

	rings(t, caller, world, "112", "112")
	rings(t, caller, world, "0301234", "0049301234")
	rings(t, caller, world, "0049301234", "0049301234")
	rings(t, caller, world, "+491371", "00491371")
	rings(t, caller, world, "*31#030", "00*31%23030")
	for number, status := range map[string]int{
		"0900123": 403, "01375": 403, "+331": 403, "+0900": 403, "+495*1": 403, "*21#0301": 403, "5001x": 404, "sales": 404,
	} {
		requireEnd(l, dial(l, caller, number), status)
	}
}

func TestWhileTheSidecarIsAwayATransferIsNotExecuted(t *testing.T) {
	t.Parallel()
	cfg, _ := site(t)
	l := newLab(t, cfg)
	caller := l.phone("5001", "phone-secret-5001", phone.RingOnly)
	desk := l.phone("5002", "phone-secret-5002", phone.RingOnly)
	call := dial(l, caller, "5002")
	ring, err := desk.WaitCall(l.ctx)
	require.NoError(t, err)
	require.NoError(t, ring.Answer(l.ctx))
	require.NoError(t, call.WaitState(l.ctx, phone.Established))
	for _, leg := range []*phone.Call{call, ring} {
		err := leg.Refer(l.ctx, "+4930123")
		t.Log(err, leg.ReferResults())
		require.Equal(t, phone.Established, leg.State())
	}
	require.NotContains(t, l.RequireCLI("core show channels concise"), "carrier")
	for _, warning := range l.Warnings() {
		require.Regexp(t, "per-call config for app 'sidecar'|Stasis app 'sidecar' doesn't exist", warning)
	}
}
