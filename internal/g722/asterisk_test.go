package g722_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/g722"
	"sidecar/internal/testkit/asterisk"
)

// Another implementation must read what we write, and write what we read: Asterisk's, octet for octet.
func TestAgreesWithAsterisk(t *testing.T) {
	t.Parallel()
	instance := asterisk.Start(t, asterisk.Options{ConfDir: asterisk.MinimalConf(t, asterisk.Minimal{Ports: asterisk.FreeAsteriskPorts(t), ARIPassword: "not used here"})})
	dir := t.TempDir()
	convert := func(in string, data []byte, out string) []byte {
		from, to := filepath.Join(dir, in), filepath.Join(dir, out)
		require.NoError(t, os.WriteFile(from, data, 0o600))
		said := instance.RequireCLI("file convert " + from + " " + to)
		converted, err := os.ReadFile(to)
		require.NoError(t, err, said)
		return converted
	}
	// A sweep from 100 Hz upwards with changing loudness visits most of the tables.
	sweep := func(n int, rate float64) []int16 {
		samples := make([]int16, 0, n)
		for i := range n / 160 {
			samples = append(samples, sine(160, 100+float64(i)*rate/2.2/float64(n/160), rate, float64(200+i*37%30000))...)
		}
		return samples
	}

	wide, narrow := sweep(32000, 16000), sweep(16000, 8000)
	octets := g722.NewEncoder().Encode(nil, wide)
	require.Equal(t, octets, convert("wide.sln16", linear(wide), "wide.g722"), "encode 16 kHz")
	require.Equal(t, linear(g722.NewDecoder().Decode(nil, octets)), convert("back.g722", octets, "back.sln16"), "decode 16 kHz")
	require.Equal(t, g722.NewEncoder().EncodeNarrow(nil, narrow), convert("narrow.sln", linear(narrow), "narrow.g722"), "encode 8 kHz")
	require.Equal(t, linear(g722.NewDecoder().DecodeNarrow(nil, octets)), convert("lower.g722", octets, "lower.sln"), "decode 8 kHz")
}

func linear(samples []int16) []byte {
	var data []byte
	for _, s := range samples {
		data = binary.LittleEndian.AppendUint16(data, uint16(s))
	}
	return data
}
