package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"sidecar/internal/tools/load/pbx"
	"sidecar/internal/tools/load/rtpengine"
)

// startRTPEngine runs the relay in user space, as it runs without its kernel module.
func startRTPEngine(ctx context.Context, p *pbx.PBX, _ int) (target, error) {
	path, err := exec.LookPath("rtpengine")
	if err != nil {
		return nil, fmt.Errorf("apt-get install rtpengine-daemon: %w", err)
	}
	dir, err := tempDir()
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(ctx, 1)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	control := fmt.Sprintf("127.0.0.1:%d", ports[0])
	prog, err := launch(ctx, dir, path, "--config-file=none", "--table=-1", "--interface=127.0.0.1", "--listen-ng="+control,
		"--port-min=20000", "--port-max=25999", "--foreground", "--log-stderr", "--log-level=4", "--no-fallback")
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	t := &relay{prog: prog, control: control, pbx: p}
	if err = prog.await(ctx, t.ping); err != nil {
		return nil, errors.Join(err, prog.close())
	}
	return t, nil
}

// relay is a target without SIP.
type relay struct {
	prog    *program
	control string
	pbx     *pbx.PBX
}

func (t *relay) PID() int        { return t.prog.cmd.Process.Pid }
func (t *relay) Metrics() string { return "" }
func (t *relay) Close() error    { return t.prog.close() }

func (t *relay) ping(ctx context.Context) error {
	c, err := rtpengine.Dial(ctx, t.control)
	if err != nil {
		return err
	}
	return errors.Join(c.Ping(), c.Close())
}

func (t *relay) Join(ctx context.Context, _ int) (member, time.Duration, error) {
	c, err := rtpengine.Dial(ctx, t.control)
	return &relayMember{relayed: c, pbx: t.pbx}, 0, err
}

type relayMember struct {
	relayed *rtpengine.Call
	pbx     *pbx.PBX
}

// Call is what a SIP server in front of the relay would do: offer to the echo, answer from the echo.
func (m *relayMember) Call(_ context.Context, offer string) (string, time.Duration, error) {
	begin := time.Now()
	if _, err := m.relayed.Offer(offer); err != nil {
		return "", 0, err
	}
	answer, err := m.relayed.Answer(m.pbx.Description())
	return answer, time.Since(begin), err
}

func (m *relayMember) Hangup(context.Context) error { return m.relayed.Delete() }
func (m *relayMember) Close() error                 { return m.relayed.Close() }
