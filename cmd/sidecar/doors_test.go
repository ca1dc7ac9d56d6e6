package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"sidecar/api"
	"sidecar/auth"
	"sidecar/config"
	"sidecar/internal/servercert"
	"sidecar/internal/testkit/fakeari"
)

// at is where the door of a setting listens.
func (d *daemon) at(t *testing.T, name string) string {
	t.Helper()
	for _, door := range d.doors {
		if door.name == name {
			return door.listener.Addr().String()
		}
	}
	require.Fail(t, "no door "+name)
	return ""
}

func fetch(t *testing.T, client *http.Client, url string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := client.Do(req)
	require.NoError(t, err)
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode, string(text)
}

func TestThePageAndTheAPIByHTTPS(t *testing.T) {
	t.Parallel()
	cfg := site(t, fakeari.New(t), filepath.Join(t.TempDir(), "var"), "127.0.0.1:0")
	cfg.HTTP.TLS.Listen = "127.0.0.1:0"
	d := running(t, cfg)
	pem, err := os.ReadFile(filepath.Join(cfg.DataDir, servercert.CertFile))
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(pem))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	t.Cleanup(client.CloseIdleConnections)
	url := "https://" + d.at(t, "http.tls.listen")

	status, text := fetch(t, client, url+"/")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, "<html")
	status, _ = fetch(t, client, url+"/api/v1/me")
	require.Equal(t, http.StatusUnauthorized, status)
	status, text = fetch(t, client, url+"/nothing-here")
	require.Equal(t, http.StatusNotFound, status, "the page shadows nothing")
	require.Contains(t, text, "not_found")

	dialer := websocket.Dialer{Subprotocols: []string{"sip"}, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	ws, res, err := dialer.DialContext(t.Context(), "wss"+strings.TrimPrefix(url, "https")+api.WebSocketPath, http.Header{"Origin": {url}})
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.NoError(t, ws.Close())
}

func TestTheWebSocketsOwnPortHasNothingElse(t *testing.T) {
	t.Parallel()
	cfg := site(t, fakeari.New(t), filepath.Join(t.TempDir(), "var"), "127.0.0.1:0")
	cfg.Gateway.ListenWS = "127.0.0.1:0"
	d := running(t, cfg)
	host := d.at(t, "gateway.listen_ws")
	openWindow(t, "ws://"+host+api.WebSocketPath, nil)
	for _, path := range []string{"/", "/api/v1/me", "/cometd", "/metrics"} {
		status, _ := fetch(t, http.DefaultClient, "http://"+host+path)
		require.Equal(t, http.StatusNotFound, status, path)
	}
	status, _ := fetch(t, http.DefaultClient, "http://"+d.door.Addr().String()+"/metrics", "X-Long", strings.Repeat("x", 2*maxHeader))
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, status)
}

func TestWithoutABrowsersDNNothingOfTheGatewayListens(t *testing.T) {
	t.Parallel()
	cfg := site(t, fakeari.New(t), filepath.Join(t.TempDir(), "var"), "127.0.0.1:0")
	cfg.DNs[0].Owner = config.OwnerPhone
	d := running(t, cfg)
	require.Nil(t, d.gateway)
	require.Nil(t, d.media)
	address := net.JoinHostPort(cfg.Network.SidecarAddress, strconv.Itoa(cfg.Network.SidecarSIPPort))
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	require.NoError(t, err, "the SIP port is free")
	require.NoError(t, taken.Close())
	status, _ := fetch(t, http.DefaultClient, "http://"+d.door.Addr().String()+api.WebSocketPath)
	require.Equal(t, http.StatusNotFound, status)
	status, _ = fetch(t, http.DefaultClient, "http://"+d.door.Addr().String()+"/")
	require.Equal(t, http.StatusOK, status, "the page says what is wrong by itself")
}

func TestPagesGetICEServers(t *testing.T) {
	t.Parallel()
	cfg := site(t, fakeari.New(t), filepath.Join(t.TempDir(), "var"), "127.0.0.1:0")
	cfg.Gateway.TURN.ListenUDP, cfg.Gateway.TURN.ListenTLS = "127.0.0.1:0", "127.0.0.1:0"
	cfg.Gateway.ICE.NAT1To1 = []string{"203.0.113.10"}
	cfg.Gateway.ICEServers = []config.ICEServer{
		{URLs: []string{"stun:stun.example.com:3478"}},
		{URLs: []string{"turn:turn.example.com:3478"}, Username: "us", Credential: "static"},
		{URLs: []string{"turns:turn.example.com:5349"}, Secret: "shared-with-them"},
	}
	cfg.DNs[0].Codecs = []string{"g722", "alaw"}
	d := running(t, cfg)
	phone, err := d.newPhonePort()
	require.NoError(t, err)
	s, err := phone.settings(auth.Principal{UserID: 7, DNs: []string{"5001"}})
	require.NoError(t, err)
	require.Equal(t, []string{"G722", "PCMA"}, s.Codecs)
	require.Equal(t, cfg.Gateway.TURN.TTL, s.TTL)
	require.Len(t, s.ICEServers, 4)
	require.Equal(t, api.ICEServer{URLs: []string{"stun:stun.example.com:3478"}}, s.ICEServers[0])
	require.Equal(t, "static", s.ICEServers[1].Credential)
	require.Regexp(t, `^\d+:7$`, s.ICEServers[2].Username)
	require.NotContains(t, s.ICEServers[2].Credential, "shared-with-them")
	ours := s.ICEServers[3]
	require.Regexp(t, `^turn:127\.0\.0\.1:\d+\?transport=udp$`, ours.URLs[0])
	require.Regexp(t, `^turns:127\.0\.0\.1:\d+\?transport=tcp$`, ours.URLs[1])
	require.NotEqual(t, s.ICEServers[2].Credential, ours.Credential, "each server has a secret of its own")
	require.Contains(t, d.outsideAddrs()[0].String(), "203.0.113.10:")
}
