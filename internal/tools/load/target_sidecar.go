package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"sidecar/internal/tools/load/pbx"
)

// sidecarConfig lets the daemon run without an Asterisk: its DNs are registered at a SIP Server, which is the stub. The
// port of the RTP pool must be free as a whole; it lies below the system's own ports.
const sidecarConfig = `data_dir: {{.Dir}}/var
http: {listen: "127.0.0.1:{{index .Ports 0}}"}
log: {level: warn}
asterisk: [{url: "http://127.0.0.1:{{index .Ports 1}}", reconnect_min: 10s, lost_after: 10m}]
network: {sip_listen: "127.0.0.1:{{index .Ports 2}}", sidecar_sip_port: {{index .Ports 3}}}
gateway: {ice: {listen: "127.0.0.1:{{index .Ports 4}}"}, rtp: {start: 26000, end: 28999}}
trunks: [{name: stub, kind: genesys, host: "{{.PBX}}", transport: udp}]
dns: [{numbers: ["{{.First}}-{{.Last}}"], owner: sidecar, upstream: stub, password: "load-test-{dn}"}]
`

// startSidecar runs the daemon with as many DNs as there will be legs.
func (o *options) startSidecar(ctx context.Context, p *pbx.PBX, legs int) (target, error) {
	dir, err := tempDir()
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(ctx, 5)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	file := filepath.Join(dir, "sidecar.yaml")
	data := map[string]any{"Dir": dir, "Ports": ports, "PBX": p.Addr(), "First": firstDN, "Last": firstDN + legs}
	if err = writeTemplate(file, sidecarConfig, data); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return serve(ctx, dir, ports[0], o.sidecar, "serve", "--config", file)
}

// startGateway runs the program of package target.
func (o *options) startGateway(ctx context.Context, p *pbx.PBX, _ int) (target, error) {
	dir, err := tempDir()
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(ctx, 1)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return serve(ctx, dir, ports[0], o.gateway, "--listen", fmt.Sprintf("127.0.0.1:%d", ports[0]), "--upstream", p.Addr())
}

// serve launches one of our own programs and waits for its web server.
func serve(ctx context.Context, dir string, port int, path string, args ...string) (target, error) {
	prog, err := launch(ctx, dir, path, args...)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	t := &sipTarget{pid: prog.cmd.Process.Pid, http: addr, metrics: "http://" + addr + "/metrics", close: prog.close}
	if err = prog.await(ctx, answers(t.metrics)); err != nil {
		return nil, errors.Join(err, prog.close())
	}
	return t, nil
}

func writeTemplate(path, text string, data any) error {
	parsed, err := template.New(filepath.Base(path)).Parse(text)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) //nolint:gosec // a directory that we made
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err = errors.Join(parsed.Execute(file, data), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
