package media_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/turn/v4"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"sidecar/media"
)

const turnSecret = "a secret of the test"

func newTURN(t *testing.T, ttl time.Duration, to ...netip.AddrPort) *media.TURNServer {
	t.Helper()
	anyPort := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}
	server, err := media.NewTURNServer(t.Context(), media.TURNOptions{
		UDP: anyPort, TCP: anyPort, RelayIP: loopback, RelayTo: to, Realm: "sidecar", Secret: turnSecret, TTL: ttl, Logger: quiet(),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return server
}

func allocate(t *testing.T, server *media.TURNServer, credentials media.TURNCredentials) (net.PacketConn, *turn.Client, error) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	client, err := turn.NewClient(&turn.ClientConfig{
		TURNServerAddr: server.Addrs("udp")[0].String(), STUNServerAddr: server.Addrs("udp")[0].String(), Conn: conn,
		Username: credentials.Username, Password: credentials.Password, LoggerFactory: &logging.DefaultLoggerFactory{},
	})
	require.NoError(t, err)
	require.NoError(t, client.Listen())
	t.Cleanup(func() { client.Close(); _ = conn.Close() })
	relayed, err := client.Allocate()
	if err == nil {
		t.Cleanup(func() { _ = relayed.Close() })
	}
	return relayed, client, err
}

func TestTURNRelaysToOurMediaOnly(t *testing.T) {
	t.Parallel()
	ours, other := newStranger(t, "127.0.0.1"), newStranger(t, "127.0.0.1")
	server := newTURN(t, 0, ours.addr())
	credentials, err := server.Credentials("5001")
	require.NoError(t, err)
	require.Equal(t, media.DefaultTURNTTL, credentials.TTL)
	relayed, client, err := allocate(t, server, credentials)
	require.NoError(t, err)
	require.Error(t, client.CreatePermission(&net.UDPAddr{IP: net.IPv4(127, 0, 0, 9), Port: 1}), "another host")
	_, err = relayed.WriteTo([]byte("to a port that is not ours"), net.UDPAddrFromAddrPort(other.addr()))
	require.NoError(t, err)
	eventually(t, "refused", func() bool { return server.Refused() == 1 })
	_, err = relayed.WriteTo([]byte("hello"), net.UDPAddrFromAddrPort(ours.addr()))
	require.NoError(t, err)
	buffer := make([]byte, 100)
	require.NoError(t, ours.conn.SetReadDeadline(time.Now().Add(patience)))
	n, from, err := ours.conn.ReadFromUDPAddrPort(buffer)
	require.NoError(t, err)
	require.Equal(t, "hello", string(buffer[:n]))
	_, err = other.conn.WriteToUDPAddrPort([]byte("from elsewhere"), from)
	require.NoError(t, err)
	eventually(t, "refused, too", func() bool { return server.Refused() == 2 })
}

func TestTURNRefusesWrongAndExpiredCredentials(t *testing.T) {
	t.Parallel()
	server := newTURN(t, -time.Minute, netip.MustParseAddrPort("127.0.0.1:9"))
	expired, err := server.Credentials("5001")
	require.NoError(t, err)
	_, _, err = allocate(t, server, expired)
	require.Error(t, err, "expired")
	good := newTURN(t, time.Minute, netip.MustParseAddrPort("127.0.0.1:9"))
	credentials, err := good.Credentials("5001")
	require.NoError(t, err)
	credentials.Password = "guessed"
	_, _, err = allocate(t, good, credentials)
	require.Error(t, err, "wrong password")
}

func TestTURNRefusesSettingsThatCannotWork(t *testing.T) {
	t.Parallel()
	addr := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}
	for name, opts := range map[string]media.TURNOptions{
		"no address":  {RelayIP: loopback, RelayTo: addr, Secret: turnSecret},
		"secret":      {UDP: addr, RelayIP: loopback, RelayTo: addr, Secret: "short"},
		"certificate": {TLS: addr, RelayIP: loopback, RelayTo: addr, Secret: turnSecret},
		"media":       {UDP: addr, RelayIP: loopback, Secret: turnSecret},
		"IP address":  {UDP: addr, RelayTo: addr, Secret: turnSecret},
	} {
		_, err := media.NewTURNServer(t.Context(), opts)
		require.ErrorIs(t, err, media.ErrConfig, name)
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), "short")
	}
}

// A browser that reaches nothing but the TURN server.
func TestCallThroughTURN(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			engine := newEngine(t, nil)
			server := newTURN(t, 0, engine.Addrs()...)
			credentials, err := server.Credentials("5001")
			require.NoError(t, err)
			leg, b := newLeg(t, engine), newBrowser(t, browserOptions{})
			config := b.pc.GetConfiguration()
			config.ICETransportPolicy = webrtc.ICETransportPolicyRelay
			config.ICEServers = []webrtc.ICEServer{{
				URLs: []string{"turn:" + server.Addrs(transport)[0].String() + "?transport=" + transport}, Username: credentials.Username, Credential: credentials.Password,
			}}
			require.NoError(t, b.pc.SetConfiguration(config))
			ours := listen(t, leg)
			offer, _ := b.call(patient(t), leg)
			require.Contains(t, string(offer), "typ relay")
			require.NotContains(t, string(offer), "typ host")
			talk(t, browserHz, b.write)
			requireTalk(t, b, ours)
		})
	}
}
