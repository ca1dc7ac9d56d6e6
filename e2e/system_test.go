//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/config"
	"sidecar/internal/testkit/asterisk"
	"sidecar/internal/testkit/said"
)

// patience bounds every wait: long enough for a busy machine, short enough to see a hang.
const (
	patience = 30 * time.Second
	startup  = 4 * patience          // of a program: much work, and all others that start at the same time have as much
	tick     = 20 * time.Millisecond // of polls at other processes, which can not notify us
)

const binaryVariable = "E2E_BINARY"

var (
	binary  string    // the sidecar under test, built once with the race detector, and with opus
	windows *chromium // of all tests
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sidecar-e2e")
	if err != nil {
		panic(err)
	}
	// A test that runs itself again in other namespaces brings the binary along.
	if binary = os.Getenv(binaryVariable); binary == "" {
		binary = filepath.Join(dir, "sidecar")
		build := exec.Command("go", "build", "-race", "-tags", "opus,nolibopusfile", "-o", binary, "sidecar/cmd/sidecar")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			panic(fmt.Errorf("build the sidecar (libopus-dev is installed by scripts/deps.sh): %w", err))
		}
	}
	windows = &chromium{tone: filepath.Join(dir, "microphone.wav")}
	code := m.Run()
	windows.close()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// system is a deployment of one test: an Asterisk with the configuration that the sidecar generated, and the sidecar.
type system struct {
	t         *testing.T
	dir       string
	conf      string // sidecar.yaml
	ports     asterisk.Ports
	customer  int // port of the trunk's peer on 127.0.0.2
	http      string
	gateway   gatewayPorts
	pbx       *asterisk.Instance
	env       []string          // of every subcommand
	passwords map[string]string // by user
	tokens    map[string]string

	mu  *sync.Mutex
	cmd *exec.Cmd
	log *logBuffer
}

// gatewayPorts are those of the browsers' side.
type gatewayPorts struct {
	ice, sip, turn int
	rtp            int // the first of a range
}

// logBuffer keeps a process's output, also while it runs.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// newSystem writes the configuration and generates Asterisk's, but starts nothing. Extra is YAML added to the file; it
// may bring its own dns and routes. Env is for every subcommand.
func newSystem(t *testing.T, extra string, env ...string) *system {
	t.Helper()
	ports := asterisk.FreeAsteriskPorts(t)
	free := asterisk.PortRange(t, 50)
	s := &system{
		t: t, dir: t.TempDir(), ports: ports, customer: free, http: fmt.Sprintf("127.0.0.1:%d", free+1),
		gateway: gatewayPorts{ice: free + 2, sip: free + 3, turn: free + 4, rtp: free + 6},
		tokens:  map[string]string{}, log: &logBuffer{}, mu: &sync.Mutex{}, env: env,
	}
	s.conf = filepath.Join(s.dir, "sidecar.yaml")
	text := fmt.Sprintf(`
data_dir: %[1]s/var
http: {listen: %[2]q}
log: {level: debug}
asterisk: [{id: pbx1, url: "http://127.0.0.1:%[3]d", config_dir: %[1]s/etc, lost_after: 5s, reconnect_max: 1s}]
network: {sip_listen: "127.0.0.1:%[4]d", rtp: {start: %[5]d, end: %[6]d}, sidecar_sip_port: %[8]d}
gateway: {ice: {listen: "127.0.0.1:%[7]d"}, rtp: {start: %[9]d, end: %[10]d}}
%[11]s
`, s.dir, s.http, ports.HTTP, ports.SIP, ports.RTPStart, ports.RTPEnd, s.gateway.ice, s.gateway.sip, s.gateway.rtp, free+49, extra)
	if !strings.Contains(extra, "trunks:") {
		text += fmt.Sprintf("trunks: [{name: customers, kind: peer, host: \"127.0.0.2:%d\"}]\n", s.customer)
	}
	if !strings.Contains(extra, "dns:") {
		text += "dns: [{numbers: [5001-5005], owner: phone}]\nroutes: [{number: \"8000\", to: \"dn:5001\"}]\n"
	}
	require.NoError(t, os.WriteFile(s.conf, []byte(text), 0o600))
	s.run("generate", "--out", filepath.Join(s.dir, "etc"))
	return s
}

// newRunning is a system that is ready for calls.
func newRunning(t *testing.T, extra string) *system {
	t.Helper()
	s := newSystem(t, extra)
	s.startAsterisk()
	s.startSidecar()
	s.waitReady()
	s.readPasswords()
	return s
}

// in is the system seen from a part of the test.
func (s *system) in(t *testing.T) *system {
	t.Helper()
	inner := *s
	inner.t = t
	return &inner
}

// run is a subcommand that must succeed.
func (s *system) run(args ...string) string {
	s.t.Helper()
	out, err := s.try(args...)
	require.NoError(s.t, err, "sidecar %s: %s", strings.Join(args, " "), out)
	return out
}

func (s *system) try(args ...string) (string, error) {
	// A dozen users are a dozen password hashes and file syncs: most of the patience of a wait, on a host that stutters.
	ctx, cancel := context.WithTimeout(context.Background(), startup)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append(args, "--config", s.conf)...)
	cmd.Env = append(os.Environ(), s.env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (s *system) startAsterisk() {
	s.t.Helper()
	s.pbx = asterisk.Start(s.t, asterisk.Options{ConfDir: filepath.Join(s.dir, "etc")})
}

// startSidecar starts the daemon, with more environment; the test's end stops it and wants a clean exit.
func (s *system) startSidecar(env ...string) {
	s.t.Helper()
	cmd := exec.Command(binary, "serve", "--config", s.conf)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	cmd.Env = append(append(os.Environ(), s.env...), env...)
	require.NoError(s.t, cmd.Start())
	s.mu.Lock()
	s.cmd = cmd
	s.mu.Unlock()
	s.t.Cleanup(func() {
		s.mu.Lock()
		current := s.cmd == cmd
		s.mu.Unlock()
		if current {
			s.stopSidecar()
		}
		if s.t.Failed() {
			said.Keep(s.t, "sidecar", s.log.String())
		}
	})
}

// stopSidecar ends the daemon as ops does.
func (s *system) stopSidecar() {
	s.t.Helper()
	cmd := s.taken()
	require.NoError(s.t, cmd.Process.Signal(syscall.SIGTERM))
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		require.NoError(s.t, err, "the daemon's exit")
	case <-time.After(patience):
		_ = cmd.Process.Signal(syscall.SIGQUIT) // the log then says where it hangs
		require.NoError(s.t, <-ended, "the daemon did not stop")
	}
}

// killSidecar ends the daemon without a chance to say anything.
func (s *system) killSidecar() {
	s.t.Helper()
	cmd := s.taken()
	require.NoError(s.t, cmd.Process.Kill())
	require.Error(s.t, cmd.Wait(), "it was killed")
}

func (s *system) taken() *exec.Cmd {
	s.mu.Lock()
	defer s.mu.Unlock()
	cmd := s.cmd
	s.cmd = nil
	require.NotNil(s.t, cmd, "the daemon runs")
	return cmd
}

// eventually polls a condition of another process, which can't notify us.
func (s *system) eventually(what string, ok func() bool) {
	s.t.Helper()
	eventually(s.t, what, ok)
}

// eventually polls in the test's own goroutine, so that a condition may itself require things.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	within(t, patience, what, ok)
}

func within(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	deadline := time.After(limit)
	for !ok() {
		select {
		case <-ticker.C:
		case <-deadline:
			require.FailNow(t, "it did not happen: "+what)
		}
	}
}

func (s *system) readyStatus() int {
	resp, err := http.Get("http://" + s.http + "/readyz")
	if err != nil {
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode
}

func (s *system) waitReady() {
	s.t.Helper()
	within(s.t, startup, "the sidecar is ready", func() bool { return s.readyStatus() == http.StatusOK })
}

// readPasswords makes the first users and reads their passwords from the file that ops reads them from.
func (s *system) readPasswords() {
	s.t.Helper()
	s.run("user", "bootstrap")
	text, err := os.ReadFile(filepath.Join(s.dir, "var", "credentials.txt"))
	require.NoError(s.t, err)
	s.passwords = map[string]string{}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) >= 2 && !strings.HasPrefix(fields[0], "#") {
			s.passwords[fields[0]] = fields[1]
		}
	}
	require.Contains(s.t, s.passwords, "5001")
}

// phonePassword is what the DN's phone registers with.
func (s *system) phonePassword(dn string) string {
	s.t.Helper()
	secrets, err := config.OpenSecrets(filepath.Join(s.dir, "var"))
	require.NoError(s.t, err)
	password, err := secrets.Phone(config.DN{Number: dn, DNSettings: config.DNSettings{Password: "random"}})
	require.NoError(s.t, err)
	return password.Reveal()
}

// requireNoLeftovers checks that Asterisk holds nothing any more.
func (s *system) requireNoLeftovers() {
	s.t.Helper()
	s.eventually("no channel is left in Asterisk", func() bool {
		return strings.Contains(s.pbx.RequireCLI("core show channels count"), "0 active channels")
	})
	s.eventually("no bridge is left in Asterisk", func() bool {
		return len(strings.Split(strings.TrimSpace(s.pbx.RequireCLI("bridge show all")), "\n")) == 1
	})
}
