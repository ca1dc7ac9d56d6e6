package main

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/config"
	"sidecar/gateway"
	"sidecar/media"
	"sidecar/sip"
)

// linesOf makes the lines of a configuration.
func linesOf(t *testing.T, text string) (*lines, *config.Secrets, error) {
	t.Helper()
	cfg, _, err := place(t, text).load()
	require.NoError(t, err)
	dns, err := cfg.ExpandDNs()
	require.NoError(t, err)
	secrets, err := config.OpenSecrets(cfg.DataDir)
	require.NoError(t, err)
	l, err := newLines(t.Context(), cfg, dns, secrets)
	return l, secrets, err
}

func addrs(texts ...string) []netip.Addr {
	list := make([]netip.Addr, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParseAddr(text)
	}
	return list
}

func TestEachDNIsRegisteredAtItsUpstream(t *testing.T) {
	t.Parallel()
	l, secrets, err := linesOf(t, `
network: {sip_listen: "192.0.2.10:5060", sidecar_address: 192.0.2.10}
trunks: [{name: gsip, kind: genesys, host: "192.0.2.81:5060", transport: tcp, match: [192.0.2.82], username: us, password: their-secret}]
dns: [{numbers: [5001], codecs: [opus, alaw], max_calls: 3, password: "the-phone-{dn}"}, {numbers: [5002], upstream: gsip}]
`)
	require.NoError(t, err)
	ours, err := secrets.Upstream(config.DN{Number: "5001"})
	require.NoError(t, err)
	up, ok := l.upstream("5001")
	require.True(t, ok)
	require.Equal(t, gateway.Upstream{
		Name: gateway.Asterisk, Registrar: "192.0.2.10:5060", Auth: &sip.Auth{User: "5001", Password: ours.Reveal()}, Sources: addrs("192.0.2.10"),
		Codecs: []media.Codec{media.Opus, media.PCMA}, CallLimit: 3,
	}, up)
	up, _ = l.upstream("5002")
	require.Equal(t, "gsip", up.Name)
	require.Equal(t, "192.0.2.81:5060", up.Registrar)
	require.Equal(t, "tcp", up.Transport)
	require.Equal(t, addrs("192.0.2.81", "192.0.2.82"), up.Sources)
	require.Equal(t, &sip.Auth{User: "us", Password: "their-secret"}, up.Auth)
	_, ok = l.upstream("5003")
	require.False(t, ok)

	password, ok := credentials{lines: l}.Password("5001")
	require.True(t, ok)
	require.Equal(t, "the-phone-5001", password, "what the phone shows is not what we show Asterisk")
	_, ok = credentials{lines: l}.Password("5003")
	require.False(t, ok)
}

func TestAnAsteriskThatListensEverywhereIsFound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rest, want string }{
		{"http://127.0.0.1:8089", "192.0.2.10:5060"}, // on this host: at the address that is ours too
		{"http://localhost:8089", "192.0.2.10:5060"},
		{"http://192.0.2.20:8089", "192.0.2.20:5060"},
	} {
		l, _, err := linesOf(t, `
network: {sip_listen: "0.0.0.0:5060", sidecar_address: 192.0.2.10, transports: [tcp]}
asterisk: [{id: pbx1, url: "`+c.rest+`"}]
dns: [{numbers: [5001]}]
`)
		require.NoError(t, err)
		up, _ := l.upstream("5001")
		require.Equal(t, c.want, up.Registrar, c.rest)
		require.Equal(t, "tcp", up.Transport)
	}
}

func TestATrunkWithANetworkCannotBeAnUpstream(t *testing.T) {
	t.Parallel()
	_, _, err := linesOf(t, `
trunks: [{name: gsip, kind: genesys, host: "127.0.0.1:5066", match: [192.0.2.0/24]}]
dns: [{numbers: [5001], upstream: gsip}]
`)
	require.ErrorIs(t, err, errNetworkCalls)
	require.ErrorContains(t, err, "trunk gsip: match 192.0.2.0/24")
}
