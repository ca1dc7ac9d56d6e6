package media_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/turn/v4"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"sidecar/media"
)

const turnSecret = "a secret of the test"

// turnServer is a server with the certificate that it shows.
type turnServer struct {
	*media.TURNServer
	certificate *x509.Certificate
}

// outer is what an address is known as outside.
func outer(addr netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("203.0.113.10"), addr.Port())
}

func newTURN(t *testing.T, ttl time.Duration, to ...netip.AddrPort) *turnServer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	cert.Leaf, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	anyPort := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}
	server, err := media.NewTURNServer(t.Context(), media.TURNOptions{
		UDP: anyPort, TCP: anyPort, TLS: anyPort, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}, RelayIP: loopback, RelayTo: to, Outside: []netip.AddrPort{outer(to[0])}, Realm: "sidecar", Secret: turnSecret, TTL: ttl, Logger: quiet(),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return &turnServer{server, cert.Leaf}
}

// allocate asks for a relayed address over one of the server's three kinds of sockets.
func allocate(t *testing.T, server *turnServer, kind string, credentials media.TURNCredentials) (net.PacketConn, *turn.Client, error) {
	t.Helper()
	to := server.Addrs(kind)[0].String()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	if kind != "udp" {
		require.NoError(t, conn.Close())
		stream, errDial := net.Dial("tcp", to)
		require.NoError(t, errDial)
		if kind == "tls" {
			roots := x509.NewCertPool()
			roots.AddCert(server.certificate)
			stream = tls.Client(stream, &tls.Config{ServerName: "127.0.0.1", RootCAs: roots})
		}
		conn = turn.NewSTUNConn(stream)
	}
	client, err := turn.NewClient(&turn.ClientConfig{
		TURNServerAddr: to, STUNServerAddr: to, Conn: conn,
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
	for _, kind := range []string{"udp", "tcp", "tls"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			ours, other := newStranger(t, "127.0.0.1"), newStranger(t, "127.0.0.1")
			server := newTURN(t, 0, ours.addr())
			credentials, err := server.Credentials("5001")
			require.NoError(t, err)
			require.Equal(t, media.DefaultTURNTTL, credentials.TTL)
			relayed, client, err := allocate(t, server, kind, credentials)
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
		})
	}
}

// Behind a 1:1 NAT the browser knows the media port by its outer address, which packets of ours may not come back from.
func TestTURNReachesOurMediaByItsOuterAddress(t *testing.T) {
	t.Parallel()
	ours := newStranger(t, "127.0.0.1")
	server := newTURN(t, 0, ours.addr())
	credentials, err := server.Credentials("5001")
	require.NoError(t, err)
	relayed, _, err := allocate(t, server, "udp", credentials)
	require.NoError(t, err)
	_, err = relayed.WriteTo([]byte("hello"), net.UDPAddrFromAddrPort(outer(ours.addr())))
	require.NoError(t, err)
	buffer := make([]byte, 100)
	require.NoError(t, ours.conn.SetReadDeadline(time.Now().Add(patience)))
	n, from, err := ours.conn.ReadFromUDPAddrPort(buffer)
	require.NoError(t, err)
	require.Equal(t, "hello", string(buffer[:n]))
	_, err = ours.conn.WriteToUDPAddrPort([]byte("back"), from)
	require.NoError(t, err)
	require.NoError(t, relayed.SetReadDeadline(time.Now().Add(patience)))
	n, answers, err := relayed.ReadFrom(buffer)
	require.NoError(t, err)
	require.Equal(t, "back", string(buffer[:n]))
	require.Equal(t, outer(ours.addr()).String(), answers.String())
}

func TestTURNRefusesWrongAndExpiredCredentials(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"udp", "tcp", "tls"} {
		server := newTURN(t, -time.Minute, netip.MustParseAddrPort("127.0.0.1:9"))
		expired, err := server.Credentials("5001")
		require.NoError(t, err)
		_, _, err = allocate(t, server, kind, expired)
		require.Error(t, err, "expired")
		good := newTURN(t, time.Minute, netip.MustParseAddrPort("127.0.0.1:9"))
		credentials, err := good.Credentials("5001")
		require.NoError(t, err)
		wrong := credentials
		wrong.Password = "guessed"
		_, _, err = allocate(t, good, kind, wrong)
		require.Error(t, err, "wrong password")
		wrong = credentials
		wrong.Username = strings.Replace(wrong.Username, "5001", "5002", 1)
		_, _, err = allocate(t, good, kind, wrong)
		require.Error(t, err, "another user's name")
		_, _, err = allocate(t, good, kind, credentials)
		require.NoError(t, err)
	}
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

// The credentials are those of draft-uberti-behave-turn-rest, which coturn and others check: the name is an end of time and
// a user, the password the HMAC-SHA1 of the name.
func TestTURNRESTCredentials(t *testing.T) {
	t.Parallel()
	before := time.Now()
	credentials, err := media.NewTURNCredentials(turnSecret, "5001", time.Hour)
	require.NoError(t, err)
	end, user, ok := strings.Cut(credentials.Username, ":")
	require.True(t, ok)
	require.Equal(t, "5001", user)
	seconds, err := strconv.ParseInt(end, 10, 64)
	require.NoError(t, err)
	require.WithinRange(t, time.Unix(seconds, 0), before.Add(time.Hour-2*time.Second), time.Now().Add(time.Hour))
	mac := hmac.New(sha1.New, []byte(turnSecret))
	mac.Write([]byte(credentials.Username))
	require.Equal(t, base64.StdEncoding.EncodeToString(mac.Sum(nil)), credentials.Password)
	require.Equal(t, time.Hour, credentials.TTL)
	credentials, err = media.NewTURNCredentials(turnSecret, "5001", 0)
	require.NoError(t, err)
	require.Equal(t, media.DefaultTURNTTL, credentials.TTL)
	_, err = media.NewTURNCredentials("", "5001", time.Hour)
	require.ErrorIs(t, err, media.ErrConfig)

	// Our own server takes them like any other that knows the secret, and nobody else's.
	server := newTURN(t, time.Minute, netip.MustParseAddrPort("127.0.0.1:9"))
	_, _, err = allocate(t, server, "udp", credentials)
	require.NoError(t, err)
	foreign, err := media.NewTURNCredentials("another secret of the test", "5001", time.Hour)
	require.NoError(t, err)
	_, _, err = allocate(t, server, "tls", foreign)
	require.Error(t, err)
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
