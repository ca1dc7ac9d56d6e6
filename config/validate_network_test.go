package config_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/config"
)

func TestLoadRefusesGeneralSettings(t *testing.T) {
	t.Parallel()
	testRefusals(t, []refusal{
		{"node", "node: a.b", `sidecar.yaml:1: node: "a.b": a name has 1 to 64 letters, digits, _ and -`},
		{"node id", "node_id: -1", `sidecar.yaml:1: node_id: "-1": must be from 0 to 255`},
		{"listen", "http: {listen: '8090'}", `sidecar.yaml:1: http.listen: "8090": write host:port, such as 127.0.0.1:5060`},
		{"listen port", "http: {listen: 'localhost:http'}", `sidecar.yaml:1: http.listen: "localhost:http": write host:port, such as 127.0.0.1:5060, with a port from 0 to 65535`},
		{"every origin", "http: {allowed_origins: ['*']}", `sidecar.yaml:1: http.allowed_origins[0]: "*": write one exact origin, such as https://desktop.example.com`},
		{"origin with a path", "http: {allowed_origins: ['https://a.example/']}", `sidecar.yaml:1: http.allowed_origins[0]: "https://a.example/": write one exact origin, such as https://desktop.example.com`},
		{"drain timeout", "http: {drain_timeout: 0s}", `sidecar.yaml:1: http.drain_timeout: "0s": a duration must be more than 0`},
		{"log level", "log: {level: verbose}", `sidecar.yaml:1: log.level: "verbose": must be one of debug, info, warn, error`},
		{"log format", "log: {format: xml}", `sidecar.yaml:1: log.format: "xml": must be one of text, json`},
		{"ring timeout", "calls: {ring_timeout: -1s}", `sidecar.yaml:1: calls.ring_timeout: "-1s": a duration must be more than 0`},
		{"dial timeout", "calls: {dial_timeout: 0s}", `sidecar.yaml:1: calls.dial_timeout: "0s": a duration must be more than 0`},
		{"music", "calls: {music_class: 'a]'}", `sidecar.yaml:1: calls.music_class: "a]": a name has 1 to 64 letters, digits, _ and -`},
		{"hold time", "cti: {hold_time: 100h}", `sidecar.yaml:1: cti.hold_time: "100h0m0s": must be from 1s to 10m0s`},
		{"session life", "cti: {session_life: 1s}", `sidecar.yaml:1: cti.session_life: "1s": must be from 10s to 1h0m0s`},
		{"queue", "cti: {queue_size: 99}", `sidecar.yaml:1: cti.queue_size: "99": must be from 100 to 1000000`},
		{"queue bytes", "cti: {queue_bytes: 1000}", `sidecar.yaml:1: cti.queue_bytes: "1000": must be from 65536 to 1073741824`},
		{"queue bytes in words", "cti: {queue_bytes: 4MB}", `sidecar.yaml:1: cti.queue_bytes: "4MB": not a whole number`},
		{"retain", "cti: {retain: 0}", `sidecar.yaml:1: cti.retain: "0": must be from 1 to 100000000`},
		{"token life", "auth: {token_life: 0s}", `sidecar.yaml:1: auth.token_life: "0s": a duration must be more than 0`},
	})
}

func TestValidateRefusesDataDir(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.DataDir = "a\nb"
	require.EqualError(t, cfg.Validate(), `data_dir: "a\nb": write the path of a file or directory`)
}

func TestLoadRefusesAsterisks(t *testing.T) {
	t.Parallel()
	const url = "write http://HOST:PORT or https://HOST:PORT"
	testRefusals(t, []refusal{
		{"none", "asterisk: []", "sidecar.yaml:1: asterisk: at least one Asterisk is needed"},
		{"id", "asterisk: [{id: 'a/b'}]", `sidecar.yaml:1: asterisk[0].id: "a/b": a name has 1 to 64 letters, digits, _ and -`},
		{"id twice", "asterisk: [{id: a, sip_address: '10.0.0.1:5060'}, {id: a, app: b, sip_address: '10.0.0.2:5060'}]", `sidecar.yaml:1: asterisk[1].id: "a": is already the id of asterisk[0]`},
		{"app twice", "asterisk: [{id: a, sip_address: '10.0.0.1:5060'}, {id: b, sip_address: '10.0.0.2:5060'}]", `sidecar.yaml:1: asterisk[1].app: "sidecar": asterisk[0] has the same url and app: the two would take each other's place`},
		{"url", "asterisk: [{url: 'ws://127.0.0.1:8089'}]", `sidecar.yaml:1: asterisk[0].url: "ws://127.0.0.1:8089": ` + url},
		{"url with a query", "asterisk: [{url: 'http://127.0.0.1:8089/?api_key=x'}]", `sidecar.yaml:1: asterisk[0].url: a URL holds no query: ` + url},
		{"url with a password", "asterisk: [{url: 'http://me:secret99@127.0.0.1:8089'}]", `sidecar.yaml:1: asterisk[0].url: a URL holds no user and password: use the settings user and password`},
		{"broken url", "asterisk: [{url: 'http://[::1'}]", `sidecar.yaml:1: asterisk[0].url: not a URL: write http://HOST:PORT`},
		{"app", "asterisk: [{app: 'a,b'}]", `sidecar.yaml:1: asterisk[0].app: "a,b": a name has 1 to 64 letters, digits, _ and -`},
		{"user", "asterisk: [{user: 'a]'}]", `sidecar.yaml:1: asterisk[0].user: "a]": a name has 1 to 64 letters, digits, _ and -`},
		{"password", "asterisk: [{password: 'a;bcdefgh'}]", `sidecar.yaml:1: asterisk[0].password: "********": a password has no quotes, semicolons, brackets, braces or backslashes; the only pattern is {dn}`},
		{"connect", "asterisk: [{connect: listen}]", `sidecar.yaml:1: asterisk[0].connect: "listen": must be one of dial, accept`},
		{"rest", "asterisk: [{rest: ws}]", `sidecar.yaml:1: asterisk[0].rest: "ws": must be one of http, socket`},
		{"request timeout", "asterisk: [{request_timeout: 0s}]", `sidecar.yaml:1: asterisk[0].request_timeout: "0s": a duration must be more than 0`},
		{"ping", "asterisk: [{ping_interval: 0s}]", `sidecar.yaml:1: asterisk[0].ping_interval: "0s": a duration must be more than 0`},
		{"reconnect", "asterisk: [{reconnect_max: 100ms}]", `sidecar.yaml:1: asterisk[0].reconnect_max: "100ms": must not be less than reconnect_min, 200ms`},
		{"lost after", "asterisk: [{lost_after: 0s}]", `sidecar.yaml:1: asterisk[0].lost_after: "0s": a duration must be more than 0`},
		{"sip listen", "asterisk: [{sip_listen: 'pbx:5060'}]", `sidecar.yaml:1: asterisk[0].sip_listen: "pbx:5060": write the address to bind, not a name, with a port, such as 0.0.0.0:5060`},
		{"sip listen twice", "asterisk: [{sip_listen: '127.0.0.1:8090'}]", `sidecar.yaml:1: asterisk[0].sip_listen: "8090": is the port of http.listen too: choose another one`},
		{"sip address", "asterisk: [{sip_address: '0.0.0.0:5060'}]", `sidecar.yaml:1: asterisk[0].sip_address: "0.0.0.0:5060": write an address, not a name, with a port, such as 192.168.0.11:5060`},
		{"config dir", "asterisk: [{config_dir: ''}]", `sidecar.yaml:1: asterisk[0].config_dir: write the path of a file or directory`},
	})
}

// Servers that call each other need to know where.
func TestLoadRefusesSeveralAsterisks(t *testing.T) {
	t.Parallel()
	const two = "asterisk: [{id: a, sip_address: '10.0.0.1:5060'}, {id: b, url: 'http://10.0.0.2:8089'%s}]"
	testRefusals(t, []refusal{
		{"no address", fmt.Sprintf(two, ""), "sidecar.yaml:1: asterisk[1].sip_address: with several Asterisks each needs the address and port where the others reach its SIP, such as 192.168.0.11:5060"},
		{"one address twice", fmt.Sprintf(two, ", sip_address: '10.0.0.1:5060'"), `sidecar.yaml:1: asterisk[1].sip_address: "10.0.0.1:5060": is already the address of asterisk[0]`},
		{"a name", fmt.Sprintf(two, ", sip_address: 'pbx2:5060'"), `sidecar.yaml:1: asterisk[1].sip_address: "pbx2:5060": write an address, not a name, with a port, such as 192.168.0.11:5060`},
		{"no udp", fmt.Sprintf(two, ", sip_address: '10.0.0.2:5060'") + "\nnetwork: {transports: [tcp]}", "sidecar.yaml:2: network.transports: several Asterisks call each other by udp: add it"},
	})
}

func TestSeveralAsterisks(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	first := cfg.Asterisk[0]
	second := first
	first.SIPAddress, second.SIPAddress = "10.0.0.1:5060", "10.0.0.2:5060"
	second.ID, second.URL, second.SIPListen = "pbx2", "http://10.0.0.2:8089", "10.0.0.2:5060"
	cfg.Asterisk = []config.Asterisk{first, second}
	require.NoError(t, cfg.Validate())
	require.Equal(t, cfg.Network.SIPListen, cfg.SIPListenOf(first))
	require.Equal(t, "10.0.0.2:5060", cfg.SIPListenOf(second))
}

func TestLoadRefusesNetworks(t *testing.T) {
	t.Parallel()
	const bind = "write the address to bind, not a name, with a port, such as 0.0.0.0:5060"
	testRefusals(t, []refusal{
		{"listen on a name", "network: {sip_listen: 'pbx:5060'}", `sidecar.yaml:1: network.sip_listen: "pbx:5060": ` + bind},
		{"transport", "network: {transports: [tls]}", `sidecar.yaml:1: network.transports[0]: "tls": must be one of udp, tcp`},
		{"transport twice", "network: {transports: [udp, udp]}", `sidecar.yaml:1: network.transports[1]: "udp": is in the list already`},
		{"no transport", "network: {transports: []}", `sidecar.yaml:1: network.transports: at least one transport is needed: udp, tcp`},
		{"tls listen", "network: {tls: {listen: ':5061', cert_file: a, key_file: b}}", `sidecar.yaml:1: network.tls.listen: ":5061": ` + bind},
		{"tls certificate", "network: {tls: {listen: '127.0.0.1:5061', key_file: b}}", `sidecar.yaml:1: network.tls.cert_file: write the path of a file or directory`},
		{"tls key", "network: {tls: {listen: '127.0.0.1:5061', cert_file: a}}", `sidecar.yaml:1: network.tls.key_file: write the path of a file or directory`},
		{"external address", "network: {external_address: '192.0.2.1:5060'}", `sidecar.yaml:1: network.external_address: "192.0.2.1:5060": write a public address or host name, without port`},
		{"local net", "network: {local_nets: [10.0.0.0]}", `sidecar.yaml:1: network.local_nets[0]: "10.0.0.0": write a network such as 192.168.0.0/16`},
		{"our address", "network: {sidecar_address: localhost}", `sidecar.yaml:1: network.sidecar_address: "localhost": write an address, not a name, such as 127.0.0.1`},
		{"our port", "network: {sidecar_sip_port: 0}", `sidecar.yaml:1: network.sidecar_sip_port: "0": must be from 1 to 65535`},
		{"rtp backwards", "network: {rtp: {start: 20000, end: 10000}}", `sidecar.yaml:1: network.rtp: "20000-10000": start must be less than end: a call needs two ports`},
		{"rtp start", "network: {rtp: {start: 80}}", `sidecar.yaml:1: network.rtp.start: "80": must be from 1024 to 65535`},
		{"rtp end", "network: {rtp: {end: 65536}}", `sidecar.yaml:1: network.rtp.end: "65536": must be from 1024 to 65535`},
		{"rtp over sip", "network: {rtp: {start: 5060}}", "2 problems:\n" +
			`  sidecar.yaml:1: network.sip_listen: "5060": lies in the RTP range 5060-20000 of network.rtp: choose another one` + "\n" +
			`  sidecar.yaml:1: network.sidecar_sip_port: "5070": lies in the RTP range 5060-20000 of network.rtp: choose another one`},
		{"both sip ports", "network: {sidecar_sip_port: 5060}", `sidecar.yaml:1: network.sidecar_sip_port: "5060": is the port of network.sip_listen too: choose another one`},
		{"both web servers", "http: {listen: '0.0.0.0:8089'}", `asterisk[0].url: "8089": is the port of http.listen too: choose another one`},
	})
}

func TestValidateAcceptsPortsOfDifferentHosts(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Network.SidecarAddress, cfg.Network.SidecarSIPPort = "192.168.210.54", 5060
	cfg.Network.SIPListen = "192.168.210.55:5060"
	cfg.HTTP.Listen = "127.0.0.2:8089"
	require.NoError(t, cfg.Validate())
}
