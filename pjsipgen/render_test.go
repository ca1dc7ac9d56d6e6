package pjsipgen_test

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/config"
	"sidecar/pjsipgen"
)

func TestEveryFileSaysThatItIsGeneratedAndFromWhat(t *testing.T) {
	t.Parallel()
	files, err := generate(t, config.Default())
	require.NoError(t, err)
	for name, f := range files {
		head, _, _ := strings.Cut(string(f.Data), "\n\n")
		require.Contains(t, head, "enerated", name)
		require.Contains(t, head, "by sidecar v0 from test.yaml", name)
	}
}

func TestFilesWithPasswordsAreForTheirOwnerOnly(t *testing.T) {
	t.Parallel()
	files, err := generate(t, config.Default())
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), files["pjsip.conf"].Mode)
	for name, f := range files {
		if strings.Contains(string(f.Data), "-secret-") {
			require.Equal(t, fs.FileMode(0o600), f.Mode, name)
		}
	}
}

func TestEndpointNamesKnowsEveryKindOfDN(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.DNs = []config.DNGroup{{Numbers: []string{"5001-5003"}, Overrides: map[string]config.DNSettings{
		"5002": {Owner: config.OwnerPhone}, "5003": {Owner: config.OwnerAsteriskWebRTC},
	}}}
	cfg.Trunks = []config.Trunk{{Name: "carrier", Kind: "peer", Host: "192.0.2.2:5060", Transport: "udp", Codecs: []string{"ulaw"}}}
	files, err := generate(t, cfg)
	require.NoError(t, err)
	require.Equal(t, []string{"5001", "5002", "5003", "carrier"}, files.EndpointNames())
}

func TestWidgetIsJSONWhateverTheSourceIsCalled(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	dns, err := cfg.ExpandDNs()
	require.NoError(t, err)
	m, err := pjsipgen.Build(pjsipgen.Input{Config: cfg, DNs: dns, Secrets: fixedSecrets{}, Source: `a"b\.yaml`})
	require.NoError(t, err)
	files, err := pjsipgen.Render(m)
	require.NoError(t, err)
	var widget map[string]any
	require.NoError(t, json.Unmarshal(files["widget.json"].Data, &widget))
	require.Equal(t, "webrtc-softphone", widget["id"])
	require.Equal(t, map[string]any{"sipServer": "ws://127.0.0.1:8090/ws", "gwsUrl": "http://127.0.0.1:8090", "autoConnect": true}, widget["settings"])
}
