//go:build e2e

package main

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/testkit/asterisk"
)

func TestGenerateApplyToARunningAsterisk(t *testing.T) {
	t.Parallel()
	ports := asterisk.FreeAsteriskPorts(t)
	o := place(t, fmt.Sprintf(`
dns: [{numbers: ["5001-5003"], owner: phone}]
asterisk: [{id: pbx1, url: "http://127.0.0.1:%d"}]
network: {sip_listen: "127.0.0.1:%d", rtp: {start: %d, end: %d}}
`, ports.HTTP, ports.SIP, ports.RTPStart, ports.RTPEnd))
	dir := filepath.Join(t.TempDir(), "etc")
	_, err := run(t, newGenerateCmd(o), "", "--out", dir)
	require.NoError(t, err)
	i := asterisk.Start(t, asterisk.Options{ConfDir: dir})

	out, err := run(t, newGenerateCmd(o), "", "--out", dir, "--apply")
	require.NoError(t, err)
	require.Contains(t, out, "3 endpoints verified, reloaded: nothing")
	dn(t, o, "", "add", "6001", "--owner", "phone")
	out, err = run(t, newGenerateCmd(o), "", "--out", dir, "--apply")
	require.NoError(t, err)
	require.Contains(t, out, "4 endpoints verified, reloaded: pbx_config.so, res_pjsip.so")
	require.Contains(t, i.RequireCLI("pjsip show endpoint 6001"), "6001-auth")
	require.Empty(t, i.Warnings())
}
