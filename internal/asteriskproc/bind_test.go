package asteriskproc_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/asteriskproc"
)

// Asterisk goes on without a port that somebody else has; whoever started it must learn of it, with the address.
func TestTakenAddressesAreNamed(t *testing.T) {
	t.Parallel()
	web, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	sip, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	require.NoError(t, err)
	host, port, err := net.SplitHostPort(web.Addr().String())
	require.NoError(t, err)
	conf := t.TempDir()
	for name, text := range map[string]string{
		"http.conf":  fmt.Sprintf("[general]\nenabled = yes\nbindaddr = %s\nbindport = %s\n", host, port),
		"pjsip.conf": fmt.Sprintf("[transport-udp]\ntype = transport\nprotocol = udp\nbind = %s\n", sip.LocalAddr()),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(conf, name), []byte(text), 0o600))
	}

	i, err := asteriskproc.Start(t.Context(), asteriskproc.Options{ConfDir: conf})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, i.Close()) })
	err = i.CheckBound(t.Context())
	require.ErrorIs(t, err, asteriskproc.ErrBind)
	require.ErrorContains(t, err, "can't listen on "+web.Addr().String()+" for its web server: Address already in use")
	require.ErrorContains(t, err, "can't listen on "+sip.LocalAddr().String()+" for SIP (transport-udp): Address already in use")

	require.NoError(t, web.Close())
	require.NoError(t, sip.Close())
	require.NoError(t, i.Restart(t.Context()))
	require.NoError(t, i.CheckBound(t.Context()), "what an earlier run logged doesn't count")
}
