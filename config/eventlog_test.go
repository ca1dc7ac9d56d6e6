package config_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLoadRefusesEventLog(t *testing.T) {
	t.Parallel()
	const at = "sidecar.yaml:1: event_log."
	const own = "{node: a, node_id: 2, " // in one line
	const url = "write nats://host:port, or tls://host:port; what the server wants to be shown goes to event_log.token or credentials_file"
	testRefusals(t, []refusal{
		{"name", "event_log: {name: a.b}", at + `name: "a.b": a name has 1 to 64 letters, digits, _ and -`},
		{"url", own + "event_log: {servers: ['nats://10.0.0.5']}}", at + `servers[0]: "nats://10.0.0.5": ` + url},
		{"password in a url", own + "event_log: {servers: ['nats://u:secret@10.0.0.5:4222']}}", at + `servers[0]: "nats://u:xxxxx@10.0.0.5:4222": ` + url},
		{"replicas", own + "event_log: {servers: ['nats://10.0.0.5:4222'], replicas: 2}}", at + `replicas: "2": must be 1, 3 or 5, and more than 1 needs event_log.servers`},
		{"replicas of one", "event_log: {replicas: 3}", at + `replicas: "3": must be 1, 3 or 5, and more than 1 needs event_log.servers`},
		{"age", "event_log: {keep_for: 1m}", at + `keep_for: "1m0s": must be 2m0s or more: for so long, an event that comes twice must be known`},
		{"size", "event_log: {keep_mb: 0}", at + `keep_mb: "0": must be from 1 to 1073741824`},
		{"sync", "event_log: {sync: -1s}", at + `sync: "-1s": must be 0s (with every event) or more`},
		{"open to all", "event_log: {listen: '0.0.0.0:4222', token: 0123456789abcdef}", at + `listen: "0.0.0.0:4222": must be an address of this host alone, such as 127.0.0.1:4222`},
		{"no token", "event_log: {listen: '127.0.0.1:4222'}", at + `token: event_log.listen needs a token of at least 16 characters`},
		{"idle token", "event_log: {token: 0123456789abcdef}", at + `token: "********": does nothing by itself: write event_log.servers too, which want to be shown it, or event_log.listen, which asks for it`},
		{"idle credentials", "event_log: {credentials_file: /a.creds}", at + `credentials_file: "/a.creds": does nothing without event_log.servers: write them too, or leave it out`},
		{"idle CA", "event_log: {ca_file: /ca.pem}", at + `ca_file: "/ca.pem": does nothing without event_log.servers: write them too, or leave it out`},
		{"no credentials there", own + "event_log: {servers: ['nats://10.0.0.5:4222'], credentials_file: /nowhere/a.creds}}", at + `credentials_file: "/nowhere/a.creds": can't be read (no such file or directory): write the path of a file that is there`},
		{"no CA there", own + "event_log: {servers: ['nats://10.0.0.5:4222'], ca_file: /}}", at + `ca_file: "/": can't be read (is a directory): write the path of a file that is there`},
	})
}

func TestLoadReadsEventLog(t *testing.T) {
	t.Parallel()
	cfg, _, err := load(t, "node: n1\nnode_id: 1\nevent_log: {servers: ['nats://10.0.0.5:4222', 'tls://10.0.0.6:4222', 'nats://10.0.0.7:4222'], replicas: 3, sync: 0s, keep_for: 24h}\n")
	require.NoError(t, err)
	require.Equal(t, 3, cfg.EventLog.Replicas)
	require.Equal(t, 24*time.Hour, cfg.EventLog.KeepFor)
}

// Sidecars that share an event log can't all have the defaults.
func TestLoadWantsNamesWithServers(t *testing.T) {
	t.Parallel()
	const servers = "event_log: {servers: ['nats://10.0.0.5:4222']}\n"
	const rule = " must be written when event_log.servers are, another one for each sidecar that uses them, such as "
	_, _, err := load(t, servers)
	require.EqualError(t, err, "2 problems:\n  sidecar.yaml:1: node:"+rule+"node: n1 for the first\n  sidecar.yaml:1: node_id:"+rule+"node_id: 1 for the first")
	_, _, err = load(t, "node: n1\n"+servers)
	require.EqualError(t, err, "sidecar.yaml:2: node_id:"+rule+"node_id: 1 for the first")
	_, _, err = load(t, "node: n1\n"+servers, "SIDECAR_NODE_ID=1")
	require.NoError(t, err)
	_, _, err = load(t, "node: n1\nnode_id: 1\n", "SIDECAR_EVENT_LOG_SERVERS=nats://10.0.0.5:4222")
	require.NoError(t, err)
	_, _, err = load(t, "", "SIDECAR_EVENT_LOG_SERVERS=nats://10.0.0.5:4222", "SIDECAR_NODE=n2")
	require.EqualError(t, err, "SIDECAR_EVENT_LOG_SERVERS: node_id:"+rule+"node_id: 1 for the first")
}

func TestLoadReadsTheFilesOfTheEventLog(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "nats.creds")
	require.NoError(t, os.WriteFile(file, []byte("x"), 0o600))
	_, _, err := load(t, "node: n1\nnode_id: 1\nevent_log: {servers: ['nats://10.0.0.5:4222'], token: t, credentials_file: "+file+", ca_file: "+file+"}\n")
	require.NoError(t, err)
	_, _, err = load(t, "event_log: {listen: '127.0.0.1:4222', token: 0123456789abcdef}\n")
	require.NoError(t, err)
}
