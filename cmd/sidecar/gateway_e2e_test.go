//go:build e2e

package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/api"
	"sidecar/auth"
	"sidecar/config"
	"sidecar/internal/testkit/asterisk"
)

// pbxSite is a daemon's configuration with an Asterisk that runs on what is generated from it.
func pbxSite(t *testing.T, more string) (*config.Config, *asterisk.Instance) {
	t.Helper()
	ports, free := asterisk.FreeAsteriskPorts(t), asterisk.FreePorts(t, 2)
	rtp := asterisk.PortRange(t, 20)
	o := place(t, fmt.Sprintf(`
http: {listen: "127.0.0.1:%d"}
asterisk: [{id: pbx1, url: "http://127.0.0.1:%d", reconnect_max: 1s}]
network: {sip_listen: "127.0.0.1:%d", rtp: {start: %d, end: %d}, sidecar_sip_port: %d}
gateway: {ice: {listen: "127.0.0.1:0", tcp: false}, rtp: {start: %d, end: %d}}
%s`, free[1], ports.HTTP, ports.SIP, ports.RTPStart, ports.RTPEnd, free[0], rtp, rtp+19, more))
	dir := filepath.Join(t.TempDir(), "etc")
	_, err := run(t, newGenerateCmd(o), "", "--out", dir)
	require.NoError(t, err)
	pbx := asterisk.Start(t, asterisk.Options{ConfDir: dir})
	cfg, _, err := o.load()
	require.NoError(t, err)
	return cfg, pbx
}

// inService reports what the registry of DNs says, which hears it from Asterisk.
func inService(d *daemon, dn string) bool {
	for _, v := range d.dns.All() {
		if v.Number == dn {
			return v.InService
		}
	}
	return false
}

func requireInService(t *testing.T, d *daemon, dn string, want bool) {
	t.Helper()
	require.Eventually(t, func() bool { return inService(d, dn) == want }, patience, patience/500, "DN %s in service: %v", dn, want)
}

// token logs an agent in who has one DN.
func token(t *testing.T, d *daemon, dn string) string {
	t.Helper()
	_, err := d.users.Create(t.Context(), auth.NewUser{Name: "agent" + dn, DisplayName: "Agent", Role: auth.RoleAgent, DNs: []string{dn}, Password: "a-good-password"})
	require.NoError(t, err)
	made, _, err := d.auth.Login(t.Context(), "agent"+dn, "a-good-password", "127.0.0.1")
	require.NoError(t, err)
	return made.Value
}

func TestABrowsersDNIsInServiceAtAsterisk(t *testing.T) {
	t.Parallel()
	cfg, _ := pbxSite(t, "dns: [{numbers: [5001-5003]}]\n")
	d := running(t, cfg)
	url := "ws://" + d.door.Addr().String() + api.WebSocketPath

	require.Equal(t, "SIP/2.0 403 Wrong Credentials for the DN", openWindow(t, url, nil).registerDigest("5001", "wrong-password"))
	require.Equal(t, "SIP/2.0 200 OK", openWindow(t, url, nil).registerDigest("5001", phonePassword(t, cfg, "5001")))
	requireInService(t, d, "5001", true)

	login := token(t, d, "5002")
	status, _ := openWindow(t, url, nil).register("5002", "Bearer "+login)
	require.Equal(t, "SIP/2.0 200 OK", status)
	requireInService(t, d, "5002", true)
	status, _ = openWindow(t, url, nil).register("5003", "Bearer "+login)
	require.Equal(t, "SIP/2.0 403 Wrong Credentials for the DN", status, "not the user's DN")

	page := http.Header{"Origin": {"http://" + d.door.Addr().String()}, "Cookie": {auth.CookieName + "=" + login}}
	status, _ = openWindow(t, url, page).register("5002", "")
	require.Equal(t, "SIP/2.0 200 OK", status, "the page's cookie")
	require.False(t, inService(d, "5003"))
}

func TestABrowserRegistersWithAsteriskItself(t *testing.T) {
	t.Parallel()
	cfg, pbx := pbxSite(t, "dns: [{numbers: [5001], owner: asterisk-webrtc}]\n")
	d := running(t, cfg)
	host := d.door.Addr().String()
	require.Equal(t, "SIP/2.0 200 OK", openWindow(t, "ws://"+host+asteriskWSPath, http.Header{"Origin": {"http://" + host}}).
		registerDigest("5001", phonePassword(t, cfg, "5001")))
	require.Contains(t, pbx.RequireCLI("pjsip show contacts"), "5001/sip:5001@")
}

func TestADNThatAsteriskForgotIsRegisteredAnew(t *testing.T) {
	t.Parallel()
	cfg, pbx := pbxSite(t, "dns: [{numbers: [5001-5002]}]\n")
	d := running(t, cfg)
	url := "ws://" + d.door.Addr().String() + api.WebSocketPath
	require.Equal(t, "SIP/2.0 200 OK", openWindow(t, url, nil).registerDigest("5001", phonePassword(t, cfg, "5001")))
	requireInService(t, d, "5001", true)

	pbx.RequireCLI("database deltree registrar")
	pbx.Restart()
	// That it was out of service in between is too short to be seen for sure.
	require.Eventually(t, func() bool {
		contacts, err := pbx.CLI(t.Context(), "pjsip show contacts")
		return err == nil && strings.Contains(contacts, "5001/sip:5001@")
	}, patience, patience/50, "5001 is registered anew")
	requireInService(t, d, "5001", true)
	require.False(t, inService(d, "5002"), "nobody is there")
	_, text := fetch(t, http.DefaultClient, "http://"+d.door.Addr().String()+"/metrics")
	require.Contains(t, text, "sidecar_gateway_registered_dns 1\n")
}
