package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sidecar/internal/tools/load/browser"
)

// The targets by name.
const (
	sidecarName     = "sidecar"      // the daemon, with the stub PBX upstream
	gatewayName     = "gateway"      // package gateway alone, for profiles
	asteriskName    = "asterisk"     // webrtc=yes endpoints and Echo()
	asteriskRTPName = "asterisk-rtp" // webrtc=yes endpoints and a plain RTP peer, the stub PBX: the sidecar's work
	rtpengineName   = "rtpengine"    // no SIP: offer and answer by its control protocol
)

const (
	maxLegs  = 1000
	firstDN  = 20000
	echoDN   = "9000"
	bootTime = 30 * time.Second
)

func (o *options) starts() map[string]start {
	return map[string]start{
		sidecarName: o.startSidecar, gatewayName: o.startGateway,
		asteriskName: startAsteriskEcho, asteriskRTPName: startAsteriskRTP, rtpengineName: startRTPEngine,
	}
}

// The password of a DN at any target.
func passwordOf(dn string) string { return "load-test-" + dn }

// sipTarget is one with a SIP WebSocket.
type sipTarget struct {
	pid     int
	http    string // host:port
	metrics string
	close   func() error
}

func (t *sipTarget) PID() int        { return t.pid }
func (t *sipTarget) Metrics() string { return t.metrics }
func (t *sipTarget) Close() error    { return t.close() }

func (t *sipTarget) Join(ctx context.Context, leg int) (member, time.Duration, error) {
	dn := strconv.Itoa(firstDN + leg)
	phone, err := browser.Connect(ctx, browser.Line{URL: "ws://" + t.http + "/ws", Origin: "http://" + t.http, DN: dn, Password: passwordOf(dn)})
	if err != nil {
		return nil, 0, err
	}
	took, err := phone.Register(ctx)
	if err != nil {
		return nil, 0, errors.Join(err, phone.Close())
	}
	return sipMember{phone}, took, nil
}

type sipMember struct{ *browser.Phone }

func (m sipMember) Call(ctx context.Context, offer string) (string, time.Duration, error) {
	return m.Phone.Call(ctx, echoDN, offer)
}

// program is a target's process and its directory, both of which end with close.
type program struct {
	cmd  *exec.Cmd
	dir  string
	logs *os.File
	done chan struct{} // closed when the process has ended
}

// launch starts a program whose output goes into a file of its directory.
func launch(ctx context.Context, dir, path string, args ...string) (*program, error) {
	logs, err := os.Create(dir + "/log") //nolint:gosec // a directory that we made
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", path, err)
	}
	p := &program{cmd: exec.CommandContext(context.WithoutCancel(ctx), path, args...), dir: dir, logs: logs, done: make(chan struct{})} //nolint:gosec // the targets' programs
	p.cmd.Stdout, p.cmd.Stderr = logs, logs
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // a generator that crashed leaves nothing running
	if err = p.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", path, err), logs.Close())
	}
	go func() { // joined by close
		defer close(p.done)
		_ = p.cmd.Wait()
	}()
	return p, nil
}

// await asks until the program is ready, has ended or takes too long.
func (p *program) await(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, bootTime)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%w: %s", errEnded, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%w: %w: %s", errNotReady, err, p.tail())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

var (
	errEnded    = errors.New("the program ended by itself")
	errNotReady = errors.New("the program does not become ready")
)

// tail is the end of what the program wrote.
func (p *program) tail() string {
	data, err := os.ReadFile(p.logs.Name())
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-500):])
}

// close ends the process, in order if it can, and removes the directory.
func (p *program) close() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(bootTime)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	return errors.Join(p.logs.Close(), os.RemoveAll(p.dir))
}

func tempDir() (string, error) {
	dir, err := os.MkdirTemp("", "load-")
	if err != nil {
		return "", fmt.Errorf("directory of the target: %w", err)
	}
	return dir, nil
}

// freePorts are TCP ports of 127.0.0.1 that are free now, and free by UDP too.
func freePorts(ctx context.Context, n int) ([]int, error) {
	var ports []int
	var open []io.Closer
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	var config net.ListenConfig
	for range 100 {
		if len(ports) == n {
			return ports, nil
		}
		listener, err := config.Listen(ctx, "tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		open = append(open, listener)
		packets, err := config.ListenPacket(ctx, "udp4", listener.Addr().String())
		if err != nil {
			continue
		}
		open = append(open, packets)
		_, port, _ := strings.Cut(listener.Addr().String(), ":")
		number, err := strconv.Atoi(port)
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		ports = append(ports, number)
	}
	return nil, errNoPorts
}

var errNoPorts = errors.New("no ports are free on 127.0.0.1")

// answers reports whether a web server is there.
func answers(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return fmt.Errorf("ask %s: %w", url, err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return fmt.Errorf("ask %s: %w", url, err)
		}
		return res.Body.Close()
	}
}
