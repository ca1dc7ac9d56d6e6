//go:build e2e

package e2e_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

// Pages of a desktop, and of somebody else.
const (
	desktopOrigin = "https://desktop.example.com"
	foreignOrigin = "https://evil.example.com"
)

// connectorPages are pages in a browser that ask a connector.
type connectorPages struct {
	t     *testing.T
	url   string
	enc   *json.Encoder
	lines *bufio.Scanner
}

// agentsConnector is a connector that logs in as an agent.
type agentsConnector struct {
	url, passwordFile string
	log               *logBuffer
}

func (s *system) startConnector(dn string) *agentsConnector {
	s.t.Helper()
	c := &agentsConnector{passwordFile: filepath.Join(s.dir, "connector-password"), log: &logBuffer{}}
	require.NoError(s.t, os.WriteFile(c.passwordFile, []byte(s.passwords[dn]+"\n"), 0o600))
	cmd := exec.Command(binary, "connector", "--listen", "127.0.0.1:0", "--dir", filepath.Join(s.dir, "connector"),
		"--sidecar", "http://"+s.http, "--origin", desktopOrigin, "--user", dn, "--password-file", c.passwordFile)
	cmd.Stderr = c.log
	require.NoError(s.t, cmd.Start())
	s.t.Cleanup(func() {
		require.NoError(s.t, cmd.Process.Signal(syscall.SIGTERM))
		require.NoError(s.t, cmd.Wait(), "%s", c.log)
		require.NotContains(s.t, c.log.String(), s.passwords[dn])
	})
	address := regexp.MustCompile(`address=(127\.0\.0\.1:\d+)`)
	s.eventually("the connector listens", func() bool { return address.MatchString(c.log.String()) })
	c.url = "https://" + address.FindStringSubmatch(c.log.String())[1]
	return c
}

func openConnectorPages(t *testing.T, url string) *connectorPages {
	t.Helper()
	cmd := exec.Command("node", "node/connector.mjs")
	log := &logBuffer{}
	cmd.Stderr = log
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start(), "Chromium is installed and scripts/web-packages.sh was run")
	t.Cleanup(func() {
		_ = stdin.Close()
		require.NoError(t, cmd.Wait(), "%s", log)
	})
	return &connectorPages{t: t, url: url, enc: json.NewEncoder(stdin), lines: bufio.NewScanner(stdout)}
}

// ask is a page's fetch; ok is whether the browser let the page see the answer.
func (p *connectorPages) ask(origin, method, path, body string) (answer string, ok bool) {
	p.t.Helper()
	return p.askAs(origin, true, method, path, body)
}

// askAs is the same; allowed: the user lets pages of the origin reach this machine.
func (p *connectorPages) askAs(origin string, allowed bool, method, path, body string) (answer string, ok bool) {
	p.t.Helper()
	request := map[string]any{"origin": origin, "method": method, "url": p.url + path, "allowed": allowed}
	if body != "" {
		request["body"] = body
	}
	require.NoError(p.t, p.enc.Encode(request))
	require.True(p.t, p.lines.Scan())
	var a struct {
		Status int
		Body   json.RawMessage
		Error  string
	}
	require.NoError(p.t, json.Unmarshal(p.lines.Bytes(), &a), "%s", p.lines.Text())
	return string(a.Body), a.Error == "" && a.Status == 200
}

func (p *connectorPages) says(method, path, body, want string) {
	p.t.Helper()
	got, ok := p.ask(desktopOrigin, method, path, body)
	require.True(p.t, ok, path)
	require.JSONEq(p.t, want, got, path)
}

// An agent desktop looks for a softphone on the PC, finds the connector, and sees the DN active exactly while its phone is
// registered.
func TestConnectorOnTheAgentsPC(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "")
	c := s.startConnector("5001")
	p := openConnectorPages(t, c.url)
	s.eventually("the sidecar is there", func() bool { return strings.Contains(c.log.String(), "sidecar_reached") })

	_, seen := p.askAs(desktopOrigin, false, "GET", "/GetDnSIP", "")
	require.False(t, seen, "Chrome wants the user's permission, or a policy")
	_, seen = p.ask(foreignOrigin, "POST", "/RegisterDn/", `{"users": ["5002"]}`)
	require.False(t, seen, "refused for pages of others")
	_, seen = p.ask(foreignOrigin, "GET", "/GetDnSIP", "")
	require.False(t, seen)

	p.says("GET", "/GetDnSIP", "", `{"get_DnSIPResult": ""}`)
	p.says("POST", "/SetOptions", `{"value": {"uri": "https://127.0.0.1:8000", "register-interval": 1500, "transport-protocol": "UDP"}}`, `{}`)
	p.says("POST", "/SetSIPEndpointParameters", `{"value": [{"Key": "a", "Value": "b"}]}`, `{}`)
	p.says("POST", "/RegisterDn/", `{"addresses": ["192.168.210.81:5060"], "users": ["5001"]}`, `{"RegisterDnResult": true}`)
	p.says("GET", "/GetIsEndpointActive", "", `{"get_IsEndpointActiveResult": false}`)

	agent := s.agentPhone("5001", phone.RingOnly)
	s.inService("5001")
	p.says("GET", "/GetIsEndpointActive", "", `{"get_IsEndpointActiveResult": true}`)
	p.says("GET", "/GetSIPEndpointParameters", "", `{"get_SIPEndpointParametersResult": [{"Key": "EndpointStatus", "Value": "EndpointStatus_Ready"},
		{"Key": "IsPingMandatory", "Value": "false"}, {"Key": "Status", "Value": "Initialized"}]}`)
	p.says("POST", "/SetPingPeriod", `{"value": 2000}`, `{}`)
	p.says("GET", "/Ping", "", `{"PingResult": []}`)

	require.NoError(t, agent.Unregister(soon(t)))
	s.eventually("5001 is out of service", func() bool { return !s.dnState("5001") })
	p.says("GET", "/GetIsEndpointActive", "", `{"get_IsEndpointActiveResult": false}`)

	// A DN that the token's user may not see is none.
	s.agentPhone("5002", phone.RingOnly)
	s.inService("5002")
	p.says("POST", "/RegisterDn/", `{"users": ["5002"]}`, `{"RegisterDnResult": true}`)
	p.says("GET", "/GetIsEndpointActive", "", `{"get_IsEndpointActiveResult": false}`)
	p.says("POST", "/UnregisterDn", "", `{"UnregisterDnResult": true}`)

	// The port is taken, by this or another softphone.
	out, err := s.try("connector", "--listen", strings.TrimPrefix(c.url, "https://"), "--dir", t.TempDir(), "--sidecar", "http://"+s.http,
		"--origin", desktopOrigin, "--user", "5001", "--password-file", c.passwordFile)
	require.Error(t, err)
	require.Contains(t, out, "is another softphone or connector running?")
	out, err = s.try("connector", "--listen", "0.0.0.0:0", "--sidecar", "http://"+s.http, "--origin", desktopOrigin)
	require.Error(t, err)
	require.Contains(t, out, "--listen: \"0.0.0.0:0\": the connector listens on this machine only")
}

// A PC is switched on before the sidecar is there, and stays on when that is restarted. The desktop is told how it is, and nobody has to
// do anything at the PC.
func TestConnectorOutlivesTheSidecar(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "")
	agent := s.agentPhone("5001", phone.RingOnly)
	s.inService("5001")
	s.stopSidecar()
	c := s.startConnector("5001")
	p := openConnectorPages(t, c.url)
	active := func() bool {
		answer, ok := p.ask(desktopOrigin, "GET", "/GetIsEndpointActive", "")
		require.True(t, ok, "the connector answers whatever the sidecar does")
		return answer == `{"get_IsEndpointActiveResult":true}`
	}
	p.says("POST", "/RegisterDn/", `{"users": ["5001"]}`, `{"RegisterDnResult": true}`)
	require.False(t, active())
	s.startSidecar()
	s.eventually("the phone is there", active)
	s.killSidecar()
	s.eventually("it can't be found out", func() bool { return !active() })
	s.startSidecar()
	s.eventually("the phone is there again", active)
	s.as("admin", http.MethodPatch, "/api/v1/users/5001", map[string]any{"disabled": true}).want(http.StatusOK)
	s.eventually("the agent may not any more", func() bool { return !active() })
	require.Contains(t, c.log.String(), "the sidecar does not take this user's name and password")
	require.NoError(t, agent.Close())
}
