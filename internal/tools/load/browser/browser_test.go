package browser_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/tools/load/browser"
	"sidecar/internal/tools/load/meter"
)

func TestOfferNamesAnAddress(t *testing.T) {
	t.Parallel()
	const pion = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n" +
		"a=candidate:1 1 udp 2130706431 127.0.0.1 40123 typ host\r\na=candidate:1 2 udp 2130706431 127.0.0.1 40124 typ host\r\n"
	offer := browser.WithAddress(pion)
	require.Contains(t, offer, "m=audio 40123 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 127.0.0.1\r\n")
	require.Equal(t, "no candidates", browser.WithAddress("no candidates"))

	factory, err := browser.NewFactory()
	require.NoError(t, err)
	media, err := factory.NewMedia(meter.NewTraffic(1), 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, media.Close()) })
	offer, err = media.Offer(t.Context())
	require.NoError(t, err)
	require.Contains(t, offer, "c=IN IP4 127.0.0.1\r\n")
	require.NotContains(t, offer, "m=audio 9 ")
	require.Contains(t, offer, " 0\r\n", "PCMU")
}
