package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"sidecar/internal/tools/load/proc"
)

// readyTime is what the daemon gets to be ready.
const readyTime = 30 * time.Second

// daemon is a sidecar that runs.
type daemon struct {
	cmd       *exec.Cmd
	addr      string
	passwords map[string]string
}

// startDaemon runs a sidecar with these DNs at desk phones, each reached from outside by 8 and its number.
func startDaemon(ctx context.Context, program, dir, asterisk string, dns []string) (*daemon, error) {
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "sidecar.yaml")
	var routes strings.Builder
	for _, dn := range dns {
		fmt.Fprintf(&routes, "  - {number: \"8%s\", to: \"dn:%s\"}\n", dn, dn)
	}
	text := fmt.Sprintf(`data_dir: '%s'
http: {listen: '%s'}
log: {level: warn}
asterisk: [{id: pbx1, url: '%s', config_dir: '%s'}]
trunks: [{name: customers, kind: peer, host: '127.0.0.2:5060'}]
dns: [{numbers: ["%s-%s"], owner: phone}]
routes:
%s`, filepath.Join(dir, "var"), addr, asterisk, filepath.Join(dir, "etc"), dns[0], dns[len(dns)-1], routes.String())
	if err = os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("latency: %w", err)
	}
	said, err := exec.CommandContext(ctx, program, "user", "bootstrap", "--config", config).CombinedOutput() //nolint:gosec // the program that the caller names
	if err != nil {
		return nil, fmt.Errorf("%w: user bootstrap: %w: %s", errServer, err, said)
	}
	d := &daemon{addr: addr, passwords: map[string]string{}}
	if err = d.read(filepath.Join(dir, "var", "credentials.txt")); err != nil {
		return nil, err
	}
	d.cmd = exec.CommandContext(ctx, program, "serve", "--config", config) //nolint:gosec // as above
	d.cmd.Stderr = os.Stderr
	d.cmd.Cancel = func() error { return d.cmd.Process.Signal(syscall.SIGTERM) }
	if err = d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the sidecar: %w", err)
	}
	if err = d.ready(ctx); err != nil {
		d.stop()
		return nil, err
	}
	return d, nil
}

// freeAddr finds a port that is free now.
func freeAddr(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("latency: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

func (d *daemon) read(credentials string) error {
	text, err := os.ReadFile(credentials) //nolint:gosec // a file of our own
	if err != nil {
		return fmt.Errorf("read the credentials: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) >= 2 && !strings.HasPrefix(line, "#") {
			d.passwords[fields[0]] = fields[1]
		}
	}
	return nil
}

func (d *daemon) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for {
		if d.do(ctx, http.MethodGet, "/readyz", nil, nil) == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%w: it was not ready after %s", errServer, readyTime)
		}
	}
}

func (d *daemon) login(ctx context.Context, user string) (token string, err error) {
	body, err := json.Marshal(map[string]string{"user": user, "password": d.passwords[user]})
	if err != nil {
		return "", fmt.Errorf("login: %w", err)
	}
	var login struct{ Token string }
	return login.Token, d.do(ctx, http.MethodPost, "/api/v1/login", body, &login)
}

func (d *daemon) do(ctx context.Context, method, path string, body []byte, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+d.addr+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", path, err)
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("%w: %s: %s: %s", errServer, path, res.Status, text)
	case into == nil:
		return nil
	}
	if err = json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// use is what the daemon has used.
type use struct {
	cpu        time.Duration
	memory     int // KiB
	goroutines int
}

func (d *daemon) usage(ctx context.Context) (u use, err error) {
	if u.cpu, err = proc.CPU(d.cmd.Process.Pid); err != nil {
		return u, fmt.Errorf("CPU: %w", err)
	}
	if u.memory, err = proc.RSS(d.cmd.Process.Pid); err != nil {
		return u, fmt.Errorf("memory: %w", err)
	}
	if u.goroutines, err = proc.Goroutines(ctx, "http://"+d.addr+"/metrics"); err != nil {
		return u, fmt.Errorf("metrics: %w", err)
	}
	return u, nil
}

func (d *daemon) stop() {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	_ = d.cmd.Wait()
}
