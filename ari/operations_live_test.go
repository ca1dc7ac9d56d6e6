//go:build e2e

package ari_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
)

// TestLiveOperations performs the operations of every resource on one real
// Asterisk, over both carriers. Each group has an application of its own.
func TestLiveOperations(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	groups := map[string]func(*testing.T, *tap){
		"applications": liveApplications,
		"asterisk":     liveAsterisk,
		"bridges":      liveBridges,
		"bridge media": liveBridgeMedia,
		"channels":     liveChannels,
		"channel ends": liveChannelEnds,
		"chan media":   liveChannelMedia,
		"origination":  liveOrigination,
		"deviceStates": liveDeviceStates,
		"endpoints":    liveEndpoints,
		"events":       liveUserEvents,
		"mailboxes":    liveMailboxes,
		"playbacks":    livePlaybacks,
		"recordings":   liveRecordings,
		"sounds":       liveSounds,
	}
	for carrierName, carrier := range map[string]ari.Carrier{"http": ari.OverHTTP, "socket": ari.OverSocket} {
		for name, test := range groups {
			t.Run(carrierName+" "+name, func(t *testing.T) {
				t.Parallel()
				cfg := l.config(t)
				cfg.App = "app-" + carrierName + "-" + strings.ReplaceAll(name, " ", "-")
				cfg.RESTOver = carrier
				tp := l.connect(t, cfg)
				test(t, tp)
			})
		}
	}
}

func liveApplications(t *testing.T, tp *tap) {
	t.Helper()
	ctx := t.Context()
	apps := tp.Applications()
	list, err := apps.List(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, list)
	app, err := apps.Subscribe(ctx, tp.App(), ari.ApplicationSubscribeParams{EventSource: []string{"deviceState:Stasis:x", "endpoint:PJSIP/5001"}})
	require.NoError(t, err)
	require.Equal(t, []string{"Stasis:x"}, app.DeviceNames)
	require.Equal(t, []string{"PJSIP/5001"}, app.EndpointIDs)
	app, err = apps.Unsubscribe(ctx, tp.App(), ari.ApplicationUnsubscribeParams{EventSource: []string{"deviceState:Stasis:x"}})
	require.NoError(t, err)
	require.Empty(t, app.DeviceNames)
	_, err = apps.Subscribe(ctx, tp.App(), ari.ApplicationSubscribeParams{EventSource: []string{"endpoint:NOTECH"}})
	require.ErrorIs(t, err, ari.ErrUnprocessable)

	app, err = apps.Filter(ctx, tp.App(), ari.ApplicationFilterParams{Filter: ari.DisallowEvents(ari.EventTypeChannelVarset)})
	require.NoError(t, err)
	require.Equal(t, []ari.EventFilterEntry{{Type: ari.EventTypeChannelVarset}}, app.EventsDisallowed)
	ch := tp.local()
	require.NoError(t, ch.SetChannelVar(ctx, ari.ChannelSetChannelVarParams{Variable: "HIDDEN", Value: "1"}))
	require.NoError(t, ch.StartMOH(ctx, ari.ChannelStartMOHParams{}))
	require.NoError(t, ch.Hangup(ctx, ari.ChannelHangupParams{}))
	for {
		e := wait[ari.Event](tp)
		require.NotEqual(t, ari.EventTypeChannelVarset, e.Type())
		if e.Type() == ari.EventTypeChannelDestroyed {
			break
		}
	}
	app, err = apps.Filter(ctx, tp.App(), ari.ApplicationFilterParams{Filter: ari.DisallowEvents()})
	require.NoError(t, err)
	require.Empty(t, app.EventsDisallowed)
	_, err = apps.Get(ctx, "no-such-app")
	require.ErrorIs(t, err, ari.ErrNotFound)
}

func liveAsterisk(t *testing.T, tp *tap) {
	t.Helper()
	ctx := t.Context()
	a := tp.Asterisk()
	info, err := a.GetInfo(ctx, ari.AsteriskGetInfoParams{Only: []string{"build", "system", "config", "status"}})
	require.NoError(t, err)
	require.NoError(t, ari.CheckVersion(info.System.Version))
	require.False(t, info.Status.StartupTime.IsZero())
	require.NotEmpty(t, info.Build.Kernel)
	require.NotEmpty(t, info.Config.DefaultLanguage)
	pong, err := a.Ping(ctx)
	require.NoError(t, err)
	require.Equal(t, "pong", pong.Ping)

	modules, err := a.ListModules(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, modules)
	const module = "app_milliwatt.so"
	require.NoError(t, a.UnloadModule(ctx, module))
	_, err = a.GetModule(ctx, module)
	require.ErrorIs(t, err, ari.ErrNotFound)
	require.NoError(t, a.LoadModule(ctx, module))
	m, err := a.GetModule(ctx, module)
	require.NoError(t, err)
	require.Equal(t, module, m.Name)
	require.NoError(t, a.ReloadModule(ctx, "res_pjsip.so"))

	require.NoError(t, a.AddLog(ctx, "extra", ari.AsteriskAddLogParams{Configuration: "notice,warning"}))
	logs, err := a.ListLogChannels(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, logs)
	require.NoError(t, a.DeleteLog(ctx, "extra"))
	require.ErrorIs(t, a.DeleteLog(ctx, "extra"), ari.ErrNotFound)
	// Rotation forgets log channels that are not in logger.conf, so it comes last.
	require.NoError(t, a.AddLog(ctx, "extra", ari.AsteriskAddLogParams{Configuration: "notice"}))
	require.NoError(t, a.RotateLog(ctx, "extra"))
	require.ErrorIs(t, a.DeleteLog(ctx, "extra"), ari.ErrNotFound)

	require.NoError(t, a.SetGlobalVar(ctx, ari.AsteriskSetGlobalVarParams{Variable: "G_" + tp.App(), Value: "a b&c=d?é"}))
	v, err := a.GetGlobalVar(ctx, ari.AsteriskGetGlobalVarParams{Variable: "G_" + tp.App()})
	require.NoError(t, err)
	require.Equal(t, "a b&c=d?é", v.Value)

	got, err := a.GetObject(ctx, "res_pjsip", "endpoint", "5001")
	require.NoError(t, err)
	require.Contains(t, got, ari.ConfigTuple{Attribute: "context", Value: "from-agents"})
	_, err = a.UpdateObject(ctx, "res_pjsip", "endpoint", "new", ari.AsteriskUpdateObjectParams{Fields: []ari.ConfigTuple{{Attribute: "context", Value: "x"}}})
	require.ErrorIs(t, err, ari.ErrForbidden, "sorcery.conf maps endpoints to no writable wizard")
	require.Error(t, a.DeleteObject(ctx, "res_pjsip", "endpoint", "5001"))
}

func liveDeviceStates(t *testing.T, tp *tap) {
	t.Helper()
	ctx := t.Context()
	name := "Stasis:" + tp.App()
	_, err := tp.Applications().Subscribe(ctx, tp.App(), ari.ApplicationSubscribeParams{EventSource: []string{"deviceState:" + name}})
	require.NoError(t, err)
	require.NoError(t, tp.DeviceStates().Update(ctx, name, ari.DeviceStateUpdateParams{DeviceState: "INUSE"}))
	e := wait[*ari.DeviceStateChanged](tp)
	require.Equal(t, ari.DeviceStateData{Name: name, State: ari.DeviceStateValueInuse}, e.DeviceState)
	got, err := tp.DeviceStates().Get(ctx, name)
	require.NoError(t, err)
	require.Equal(t, ari.DeviceStateValueInuse, got.State)
	list, err := tp.DeviceStates().List(ctx)
	require.NoError(t, err)
	require.Contains(t, list, got)
	require.NoError(t, tp.DeviceStates().Delete(ctx, name))
	require.ErrorIs(t, tp.DeviceStates().Update(ctx, "PJSIP/5001", ari.DeviceStateUpdateParams{DeviceState: "INUSE"}), ari.ErrConflict)
}

func liveEndpoints(t *testing.T, tp *tap) {
	t.Helper()
	ctx := t.Context()
	e := tp.Endpoints()
	all, err := e.List(ctx)
	require.NoError(t, err)
	want := ari.EndpointData{Technology: "PJSIP", Resource: "5001", State: ari.EndpointStateOffline, ChannelIDs: []ari.ChannelID{}}
	require.Contains(t, all, want)
	pjsip, err := e.ListByTech(ctx, "PJSIP")
	require.NoError(t, err)
	require.Contains(t, pjsip, want)
	got, err := e.Get(ctx, "PJSIP", "5001")
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, err = e.Get(ctx, "PJSIP", "nobody")
	require.ErrorIs(t, err, ari.ErrNotFound)

	// Nobody listens at these addresses: what is proven is that Asterisk
	// understands the requests.
	vars := map[string]string{"X-Test": "1"}
	const nowhere = "pjsip:sip:nobody@127.0.0.1:9"
	accepted(t, e.SendMessage(ctx, ari.EndpointSendMessageParams{To: nowhere, From: "sip:me@127.0.0.1", Body: "hello", Variables: vars}))
	accepted(t, e.SendMessageToEndpoint(ctx, "PJSIP", "5001", ari.EndpointSendMessageToEndpointParams{From: "sip:me@127.0.0.1", Body: "hello", Variables: vars}))
	accepted(t, e.Refer(ctx, ari.EndpointReferParams{To: nowhere, From: "sip:me@127.0.0.1", ReferTo: "sip:x@127.0.0.1:9", Variables: vars}))
	accepted(t, e.ReferToEndpoint(ctx, "PJSIP", "5001", ari.EndpointReferToEndpointParams{From: "sip:me@127.0.0.1", ReferTo: "sip:x@127.0.0.1:9"}))
	require.ErrorIs(t, e.SendMessage(ctx, ari.EndpointSendMessageParams{To: "nonsense", From: "x"}), ari.ErrNotFound)
}

// accepted lets refusals pass that say that the other end is not there.
func accepted(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		require.ErrorIs(t, err, ari.ErrNotFound)
	}
}

func liveUserEvents(t *testing.T, tp *tap) {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, tp.UserEvents().UserEvent(ctx, "greeting", ari.UserEventUserEventParams{
		Application: tp.App(), Variables: map[string]any{"who": "me", "list": []int{1, 2}},
	}))
	e := wait[*ari.ChannelUserevent](tp)
	require.Equal(t, "greeting", e.EventName)
	require.Equal(t, "me", e.UserEvent["who"])
	require.ErrorIs(t, tp.UserEvents().UserEvent(ctx, "x", ari.UserEventUserEventParams{Application: "nobody"}), ari.ErrNotFound)
	require.Error(t, tp.UserEvents().ClaimChannel(ctx, ari.UserEventClaimChannelParams{ChannelID: "nobody", Application: tp.App()}))
}

// liveMailboxes shows the one resource whose module Debian does not ship: the
// description names it, the server does not know it.
func liveMailboxes(t *testing.T, tp *tap) {
	t.Helper()
	ctx := t.Context()
	_, err := tp.Mailboxes().List(ctx)
	require.ErrorIs(t, err, ari.ErrNotFound)
	_, err = tp.Mailboxes().Get(ctx, "1")
	require.ErrorIs(t, err, ari.ErrNotFound)
	require.ErrorIs(t, tp.Mailboxes().Update(ctx, "1", ari.MailboxUpdateParams{OldMessages: 1, NewMessages: 0}), ari.ErrNotFound)
	require.ErrorIs(t, tp.Mailboxes().Delete(ctx, "1"), ari.ErrNotFound)
}

func liveSounds(t *testing.T, tp *tap) {
	t.Helper()
	ctx := t.Context()
	all, err := tp.Sounds().List(ctx, ari.SoundListParams{Lang: "en"})
	require.NoError(t, err)
	require.NotEmpty(t, all)
	s, err := tp.Sounds().Get(ctx, "beep")
	require.NoError(t, err)
	require.Equal(t, "beep", s.ID)
	require.NotEmpty(t, s.Formats)
	_, err = tp.Sounds().Get(ctx, "no-such-sound")
	require.ErrorIs(t, err, ari.ErrNotFound)
}
