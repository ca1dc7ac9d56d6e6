package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/config"
)

func TestLoadRefusesGateways(t *testing.T) {
	t.Parallel()
	const at = "sidecar.yaml:1: gateway."
	const listen = "write the address to listen on, not a name, with a port, such as 0.0.0.0:40000"
	testRefusals(t, []refusal{
		{"ice listen", "gateway: {ice: {listen: 'here:40000'}}", at + `ice.listen: "here:40000": ` + listen},
		{"truth", "gateway: {ice: {tcp: 'on'}}", at + `ice.tcp: "on": must be true or false`},
		{"nat", "gateway: {ice: {nat_1to1: [pbx]}}", at + `ice.nat_1to1[0]: "pbx": write the address under which gateway.ice.listen is seen from outside, such as 203.0.113.10`},
		{"nat of the other version", "gateway: {ice: {nat_1to1: ['2001:db8::1']}}", at + `ice.nat_1to1[0]: "2001:db8::1": is not of the IP version of gateway.ice.listen, 127.0.0.1:40000`},
		{"interface", "gateway: {ice: {interfaces: ['eth 0']}}", at + `ice.interfaces[0]: "eth 0": write the name of a network interface, such as eth0`},
		{"rtp", "gateway: {rtp: {start: 80, end: 31999}}", at + `rtp.start: "80": must be from 1024 to 65535`},
		{"rtp order", "gateway: {rtp: {start: 31000, end: 31000}}", at + `rtp: "31000-31000": start must be less than end: a call needs two ports`},
		{"rtp of Asterisk", "gateway: {rtp: {start: 20000, end: 21000}}", at + `rtp: "20000-21000": overlaps the range 10000-20000 of network.rtp: choose another one`},
		{"ice among rtp", "gateway: {ice: {listen: '127.0.0.1:31000'}}", at + `ice.listen: "31000": lies in the RTP range 30000-31999 of gateway.rtp: choose another one`},
		{"ws", "gateway: {listen_ws: '8088'}", at + `listen_ws: "8088": write host:port, such as 127.0.0.1:5060`},
		{"ws on a taken port", "gateway: {listen_ws: '127.0.0.1:8090'}", at + `listen_ws: "8090": is the port of http.listen too: choose another one`},
		{"take-over", "gateway: {take_over: both}", at + `take_over: "both": must be one of replace, refuse`},
		{"grace", "gateway: {grace: 0s}", at + `grace: "0s": a duration must be more than 0`},
		{"drain", "gateway: {drain_timeout: -1s}", at + `drain_timeout: "-1s": a duration must be more than 0`},
		{"no server URL", "gateway: {ice_servers: [{username: a}]}", at + `ice_servers[0].urls: at least one URL is needed, such as turn:turn.example.com:3478?transport=udp`},
		{"server URL", "gateway: {ice_servers: [{urls: ['http://a']}]}", at + `ice_servers[0].urls[0]: "http://a": write stun:HOST:PORT, turn:HOST:PORT or turns:HOST:PORT, with ?transport=tcp for TCP`},
		{"server without credential", "gateway: {ice_servers: [{urls: ['turn:a:3478'], username: me}]}", at + `ice_servers[0].credential: a TURN server needs username and credential, or the secret that it shares with us`},
		{"server with both", "gateway: {ice_servers: [{urls: ['turn:a:3478'], username: me, secret: s3cr3t}]}", at + `ice_servers[0].secret: "********": is there instead of username and credential: write one or the other`},
		{"turn", "gateway: {turn: {listen_udp: 'a:3478'}}", at + `turn.listen_udp: "a:3478": ` + listen},
		{"turn nowhere to be found", "gateway: {turn: {listen_tcp: '0.0.0.0:3478'}}", at + `turn.listen_tcp: "0.0.0.0:3478": pages can't be told this address: write one address of this host, or set gateway.turn.external_address`},
		{"turn realm", "gateway: {turn: {realm: 'a b'}}", at + `turn.realm: "a b": write a name such as sidecar or example.com`},
		{"turn address", "gateway: {turn: {external_address: 'a:1'}}", at + `turn.external_address: "a:1": write a public address or host name, without port`},
		{"turn ttl", "gateway: {turn: {ttl: 25h}}", at + `turn.ttl: "25h0m0s": must be from 1s to 24h`},
		{"https", "http: {tls: {listen: x}}", `sidecar.yaml:1: http.tls.listen: "x": write host:port, such as 127.0.0.1:5060`},
		{"certificate without key", "http: {tls: {cert_file: a}}", `sidecar.yaml:1: http.tls: cert_file and key_file go together: write both, or none for a certificate of our own`},
	})
}

func TestLoadRefusesUpstreams(t *testing.T) {
	t.Parallel()
	const trunks = "trunks: [{name: gsip, kind: genesys, host: '192.0.2.81:5060'}, {name: carrier, host: '192.0.2.1:5060'}]\ndial_rules: {default_trunk: carrier}\n"
	testRefusals(t, []refusal{
		{"unknown", "dns: [{numbers: [5001], upstream: nowhere}]", `sidecar.yaml:1: dns[0].upstream: "nowhere": must be asterisk or the name of a trunk of kind genesys; there are asterisk`},
		{"other kind", trunks + "dns: [{numbers: [5001], upstream: carrier}]", `sidecar.yaml:3: dns[0].upstream: "carrier": must be asterisk or the name of a trunk of kind genesys; there are asterisk, gsip`},
		{"phone", trunks + "dns: [{numbers: [5001], owner: phone, upstream: gsip}]", `sidecar.yaml:3: dns[0].upstream: "gsip": is for DNs with owner sidecar: the phone of this one registers by itself`},
		{"from loopback", trunks + "dns: [{numbers: [5001], upstream: gsip}]", `network.sidecar_address: "127.0.0.1": the upstream gsip at 192.0.2.81:5060 can't be reached from a loopback address: write an address of this host`},
	})
}

func TestNothingOfTheGatewayListensWithoutABrowsersDN(t *testing.T) {
	t.Parallel()
	_, _, err := load(t, "dns: [{numbers: [5001], owner: phone}]\ngateway: {rtp: {start: 10000, end: 10010}, listen_ws: '127.0.0.1:8090'}")
	require.NoError(t, err)
}

func TestLoadReadsTheGateway(t *testing.T) {
	t.Parallel()
	cfg, _, err := load(t, `
http: {tls: {listen: "0.0.0.0:8443"}}
network: {sidecar_address: 192.0.2.10}
trunks: [{name: gsip, kind: genesys, host: "192.0.2.81:5060"}]
dns: [{numbers: [5001, 5002], upstream: gsip, overrides: {5002: {upstream: asterisk}}}]
gateway:
  ice: {tcp: false, nat_1to1: [203.0.113.10]}
  ice_servers: [{urls: ["stun:stun.example.com"]}, {urls: ["turn:turn.example.com:3478?transport=udp"], secret: shared-with-it}]
`, "SIDECAR_GATEWAY_ICE_LITE=true", "SIDECAR_GATEWAY_TURN_LISTEN_UDP=192.0.2.10:3478", "SIDECAR_GATEWAY_ICE_SERVERS_1_URLS=turn:other.example.com:3478")
	require.NoError(t, err)
	require.Equal(t, config.ICE{Listen: "127.0.0.1:40000", Lite: true, NAT1To1: []string{"203.0.113.10"}, Interfaces: []string{}}, cfg.Gateway.ICE)
	require.Equal(t, []string{"turn:other.example.com:3478"}, cfg.Gateway.ICEServers[1].URLs)
	require.Equal(t, "shared-with-it", cfg.Gateway.ICEServers[1].Secret.Reveal())
	require.True(t, cfg.Gateway.TURN.Enabled())
	require.Equal(t, 10*time.Minute, cfg.Gateway.TURN.TTL)
	dns, err := cfg.ExpandDNs()
	require.NoError(t, err)
	trunk, ok := cfg.UpstreamTrunk(dns[0])
	require.True(t, ok)
	require.Equal(t, "gsip", trunk.Name)
	_, ok = cfg.UpstreamTrunk(dns[1])
	require.False(t, ok)

	text, err := cfg.YAML(nil)
	require.NoError(t, err)
	require.Contains(t, string(text), "lite: true\n", "a truth value is no text in quotes")
	require.NotContains(t, string(text), "shared-with-it")
}
