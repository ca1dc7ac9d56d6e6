package connector_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sidecar/connector"
	"sidecar/internal/servercert"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const page = "https://desktop.example.com"

// phones are those that are registered; broken: nobody knows.
type phones struct {
	mu     sync.Mutex
	on     map[string]bool
	broken error
}

func (p *phones) InService(_ context.Context, dn string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.on[dn], p.broken
}

func (p *phones) set(dn string, on bool, broken error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.on[dn], p.broken = on, broken
}

// rig is a connector behind its own certificate, which the client trusts.
type rig struct {
	t      *testing.T
	phones *phones
	url    string
	http   *http.Client
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, phones: &phones{on: map[string]bool{}}}
	log := slog.New(slog.DiscardHandler)
	c, err := connector.New(connector.Options{Origins: []string{page}, Phones: r.phones, Log: log})
	require.NoError(t, err)
	dir := t.TempDir()
	certificate, err := servercert.SelfSigned(dir, []string{"127.0.0.1", "localhost", "::1"}, log)
	require.NoError(t, err)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r.url = "https://" + listener.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if ended := c.Serve(ctx, listener, certificate.Config()); ended != nil {
			t.Errorf("Serve: %v", ended)
		}
	})
	pem, err := os.ReadFile(filepath.Join(dir, servercert.CertFile))
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(pem))
	r.http = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	t.Cleanup(func() { r.http.CloseIdleConnections(); cancel(); wg.Wait() })
	return r
}

// send makes a request as the page of an origin; headers come as name and value, an empty value takes one away.
func (r *rig) send(method, path, body string, headers ...string) (int, http.Header, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	require.NoError(r.t, err)
	req.Header.Set("Origin", page)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
		}
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
	}
	res, err := r.http.Do(req)
	require.NoError(r.t, err)
	text, err := io.ReadAll(res.Body)
	require.NoError(r.t, err)
	require.NoError(r.t, res.Body.Close())
	return res.StatusCode, res.Header, string(text)
}

// says checks a request of the contract and its answer.
func (r *rig) says(method, path, body, want string) {
	r.t.Helper()
	status, header, text := r.send(method, path, body)
	require.Equal(r.t, http.StatusOK, status, "%s: %s", path, text)
	require.Equal(r.t, "application/json", header.Get("Content-Type"), path)
	require.Equal(r.t, page, header.Get("Access-Control-Allow-Origin"), path)
	require.JSONEq(r.t, want, text, path)
}

func parameters(status string) string {
	return `{"get_SIPEndpointParametersResult": [{"Key": "EndpointStatus", "Value": "` + status + `"},
		{"Key": "IsPingMandatory", "Value": "false"}, {"Key": "Status", "Value": "Initialized"}]}`
}

// The order of requests, and their bodies, are those of Workspace Web Edition 8.5.
func TestTheWholeSequence(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.says("GET", "/GetDnSIP", "", `{"get_DnSIPResult": ""}`)
	r.says("POST", "/SetOptions", `{"value": {"uri": "https://127.0.0.1:8000", "sip-server-address": "192.168.210.81:5060", "register-interval": 1500,
		"register-max-attempts": 10, "wait-user-max-attempts": 20, "ping-interval": 2000, "max-failed-ping": 10, "transport-protocol": "UDP",
		"headset-unplugged-set-not-ready": false, "policy.session.auto_answer": 0}}`, `{}`)
	r.says("POST", "/SetSIPEndpointParameters", `{"value": [{"Key": "policy.session.auto_answer", "Value": "0"}]}`, `{}`)
	r.says("GET", "/GetIsEndpointActive", "", `{"get_IsEndpointActiveResult": false}`)
	r.says("POST", "/RegisterDn/", `{"addresses": ["192.168.210.81:5060"], "users": ["5001"]}`, `{"RegisterDnResult": true}`)
	r.says("GET", "/GetDnSIP", "", `{"get_DnSIPResult": "5001"}`)
	r.says("GET", "/GetIsEndpointActive", "", `{"get_IsEndpointActiveResult": false}`)
	r.says("GET", "/GetSIPEndpointParameters", "", parameters("EndpointStatus_NotReady"))

	r.phones.set("5001", true, nil)
	r.says("GET", "/GetIsEndpointActive", "", `{"get_IsEndpointActiveResult": true}`)
	r.says("GET", "/GetSIPEndpointParameters", "", parameters("EndpointStatus_Ready"))
	r.says("POST", "/SetPingPeriod", `{"value": 2000}`, `{}`)
	r.says("GET", "/Ping", "", `{"PingResult": []}`)
	for _, mute := range []string{"MuteMicrophone", "UnmuteMicrophone", "MuteSpeaker", "SetMicrophoneVolume"} {
		r.says("POST", "/"+mute, `{"value": 50}`, `{"`+mute+`Result": true}`)
	}
	r.says("GET", "/GetMicrophoneVolume", "", `{"get_MicrophoneVolumeResult": 50}`)
	r.says("GET", "/GetSpeakerVolume", "", `{"get_SpeakerVolumeResult": 100}`)
	r.says("GET", "/GetSpeakerMuted", "", `{"get_SpeakerMutedResult": false}`)

	// The page goes away, the sidecar goes away, and comes back.
	r.phones.set("5001", false, nil)
	r.says("GET", "/GetIsEndpointActive", "", `{"get_IsEndpointActiveResult": false}`)
	r.phones.set("5001", true, io.ErrUnexpectedEOF)
	r.says("GET", "/GetIsEndpointActive", "", `{"get_IsEndpointActiveResult": false}`)
	r.phones.set("5001", true, nil)
	r.says("GET", "/GetIsEndpointActive", "", `{"get_IsEndpointActiveResult": true}`)
	r.says("POST", "/UnregisterDn", "", `{"UnregisterDnResult": true}`)
	r.says("GET", "/GetIsEndpointActive", "", `{"get_IsEndpointActiveResult": false}`)
	r.says("GET", "/GetDnSIP", "", `{"get_DnSIPResult": ""}`)

	// Of several DNs all must be there.
	r.says("POST", "/RegisterDn", `{"users": ["5001", "5002"]}`, `{"RegisterDnResult": true}`)
	r.says("GET", "/GetIsEndpointActive", "", `{"get_IsEndpointActiveResult": false}`)
	r.phones.set("5002", true, nil)
	r.says("GET", "/GetIsEndpointActive", "", `{"get_IsEndpointActiveResult": true}`)
}

func TestTheSecondVersion(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.phones.set("5001", true, nil)
	connections := func() string {
		status, _, text := r.send("GET", "/session", "")
		require.Equal(t, http.StatusOK, status)
		var s struct {
			Connectivities struct{ Connections json.RawMessage }
		}
		require.NoError(t, json.Unmarshal([]byte(text), &s))
		return string(s.Connectivities.Connections)
	}
	require.JSONEq(t, `[]`, connections())
	r.says("POST", "/register", `{"users": ["5001"]}`, `{"registerResult": true}`)
	require.JSONEq(t, `[{"user": "5001", "state": "REGISTERED"}]`, connections())
	r.phones.set("5001", false, nil)
	require.JSONEq(t, `[{"user": "5001", "state": "NONE"}]`, connections())
	r.says("POST", "/audio", `{"microphone": {"muted": true}}`, `{}`)
	r.says("DELETE", "/calls", "", `{}`)
	r.says("DELETE", "/session", "", `{"sessionResult": true}`)
	require.JSONEq(t, `[]`, connections())
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ask := []string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type", "Access-Control-Request-Private-Network", "true"}
	status, header, _ := r.send("OPTIONS", "/RegisterDn/", "", ask...)
	require.Equal(t, http.StatusNoContent, status)
	require.Equal(t, page, header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, header.Get("Access-Control-Allow-Methods"), "POST")
	require.Contains(t, header.Get("Access-Control-Allow-Headers"), "Content-Type")
	require.Equal(t, "true", header.Get("Access-Control-Allow-Private-Network"))
	require.Equal(t, "Origin", header.Get("Vary"))

	status, header, _ = r.send("OPTIONS", "/RegisterDn/", "", append(ask, "Origin", "https://evil.example.com")...)
	require.Equal(t, http.StatusForbidden, status)
	require.Empty(t, header.Get("Access-Control-Allow-Origin"))
	require.Empty(t, header.Get("Access-Control-Allow-Private-Network"))
}

func TestForeignPagesAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, origin := range []string{
		"https://evil.example.com", "http://desktop.example.com", "https://desktop.example.com:444", "https://desktop.example.com.evil.com", "null",
	} {
		for _, request := range [][2]string{{"GET", "/GetIsEndpointActive"}, {"POST", "/RegisterDn/"}, {"GET", "/Ping"}, {"DELETE", "/session"}} {
			status, header, text := r.send(request[0], request[1], `{"users": ["5001"]}`, "Origin", origin)
			require.Equal(t, http.StatusForbidden, status, origin)
			require.Empty(t, header.Get("Access-Control-Allow-Origin"))
			require.Contains(t, text, "origin is not allowed")
		}
	}
	status, _, _ := r.send("POST", "/RegisterDn/", `{"users": ["5001"]}`, "Origin", "")
	require.Equal(t, http.StatusForbidden, status, "who changes something says where it comes from")
	status, _, _ = r.send("GET", "/Ping", "", "Origin", "", "Sec-Fetch-Site", "cross-site")
	require.Equal(t, http.StatusForbidden, status)
	status, _, _ = r.send("GET", "/Ping", "", "Origin", "")
	require.Equal(t, http.StatusOK, status, "a browser's address line, for the certificate")
	for _, host := range []string{"evil.example.com:8000", "192.0.2.1:8000", "127.0.0.1.evil.example.com"} {
		status, _, _ = r.send("GET", "/Ping", "", "Host", host)
		require.Equal(t, http.StatusMisdirectedRequest, status, host)
	}
	status, _, _ = r.send("GET", "/Ping", "", "Host", "localhost:8000")
	require.Equal(t, http.StatusOK, status)
	r.says("GET", "/GetDnSIP", "", `{"get_DnSIPResult": ""}`)
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/RegisterDn/", ``, 400},
		{"POST", "/RegisterDn/", `{`, 400},
		{"POST", "/RegisterDn/", `[]`, 400},
		{"POST", "/RegisterDn/", `{"users": []}`, 400},
		{"POST", "/RegisterDn/", `{"users": "5001"}`, 400},
		{"POST", "/RegisterDn/", `{"users": ["../../users"]}`, 400},
		{"POST", "/RegisterDn/", `{"users": [".."]}`, 400},
		{"POST", "/RegisterDn/", `{"users": ["` + strings.Repeat("5", 33) + `"]}`, 400},
		{"POST", "/RegisterDn/", `{"users": [` + strings.Repeat(`"1",`, 10) + `"1"]}`, 400},
		{"POST", "/SetOptions", `{"value"`, 400},
		{"POST", "/SetOptions", `"` + strings.Repeat("x", 70_000) + `"`, 400},
		{"POST", "/UnregisterDn", `{`, 400},
		{"POST", "/SetMicrophoneVolume", `[`, 400},
		{"GET", "/", "", 404},
		{"GET", "/Dial", "", 404},
		{"POST", "/MakeCall", `{}`, 404},
		{"DELETE", "/MuteMicrophone", "", 404},
		{"PUT", "/RegisterDn", `{}`, 404},
		{"GET", "/Get" + strings.Repeat("Volume", 20), "", 404},
	} {
		status, _, text := r.send(c.method, c.path, c.body)
		require.Equal(t, c.status, status, "%s %s %.60s", c.method, c.path, c.body)
		require.Contains(t, text, `"error"`)
	}
	r.says("GET", "/GetDnSIP", "", `{"get_DnSIPResult": ""}`)
}

func TestOnlyThisMachine(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:8000", "[::]:8000", ":8000", "192.0.2.1:8000", "desktop.example.com:8000", "127.0.0.1", ""} {
		require.ErrorIs(t, connector.CheckListen(address), connector.ErrNotLoopback, address)
	}
	for _, address := range []string{"127.0.0.1:8000", "127.0.0.2:0", "[::1]:8000"} {
		require.NoError(t, connector.CheckListen(address), address)
	}
	c, err := connector.New(connector.Options{Origins: []string{page}, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	everywhere, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "0.0.0.0:0")
	require.NoError(t, err)
	require.ErrorIs(t, c.Serve(t.Context(), everywhere, nil), connector.ErrNotLoopback)
	_, err = everywhere.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestBadOrigins(t *testing.T) {
	t.Parallel()
	_, err := connector.New(connector.Options{})
	require.ErrorIs(t, err, connector.ErrNoOrigin)
	for _, origin := range []string{"*", "desktop.example.com", "https://desktop.example.com/", "ftp://desktop.example.com", "null", ""} {
		_, err = connector.New(connector.Options{Origins: []string{page, origin}})
		require.ErrorIs(t, err, connector.ErrOrigin, origin)
	}
}

func FuzzRequests(f *testing.F) {
	for _, seed := range [][2]string{
		{"/RegisterDn/", `{"users": ["5001"]}`},
		{"/SetOptions", `{"value": {}}`},
		{"/SetMicrophoneVolume", `{"value": 7}`},
		{"/register", `{"users": [".."]}`},
		{"/GetSpeakerMuted", ``},
		{"/session", `null`},
		{"//Mute/../x", `[[[`},
	} {
		f.Add("POST", seed[0], []byte(seed[1]))
		f.Add("GET", seed[0], []byte(seed[1]))
	}
	c, err := connector.New(connector.Options{
		Origins: []string{page}, Phones: &phones{on: map[string]bool{"5001": true}}, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, method, path string, body []byte) { fuzzRequest(t, c, method, path, body) })
}
