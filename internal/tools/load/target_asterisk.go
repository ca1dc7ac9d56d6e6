package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sidecar/internal/asteriskproc"
	"sidecar/internal/tools/load/pbx"
)

func startAsteriskEcho(ctx context.Context, p *pbx.PBX, legs int) (target, error) {
	return startAsterisk(ctx, p, legs, "Echo()")
}

func startAsteriskRTP(ctx context.Context, p *pbx.PBX, legs int) (target, error) {
	return startAsterisk(ctx, p, legs, "Dial(PJSIP/stub)")
}

// startAsterisk runs an Asterisk whose WebRTC endpoints call an application.
func startAsterisk(ctx context.Context, p *pbx.PBX, legs int, application string) (target, error) {
	dir, err := tempDir()
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(ctx, 2)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	dns := map[string]string{}
	for i := range legs {
		dn := fmt.Sprint(firstDN + i)
		dns[dn] = passwordOf(dn)
	}
	data := map[string]any{"Ports": ports, "PBX": p.Addr(), "DNs": dns, "Echo": echoDN, "Application": application}
	if err = asteriskConfig(dir, data); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	proc, err := asteriskproc.Start(ctx, asteriskproc.Options{ConfDir: dir})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	stop := func() error { return errors.Join(proc.Close(), os.RemoveAll(dir)) }
	t := &sipTarget{pid: proc.PID(), http: fmt.Sprintf("127.0.0.1:%d", ports[0]), close: stop}
	if err = proc.CheckBound(ctx); err != nil {
		return nil, errors.Join(err, stop())
	}
	return t, nil
}

// asteriskFiles load what a WebRTC call needs and nothing else, so that the memory is what Asterisk can't do without.
//
//go:embed asterisk/*.conf
var asteriskFiles embed.FS

func asteriskConfig(dir string, data any) error {
	entries, err := asteriskFiles.ReadDir("asterisk")
	if err != nil {
		return fmt.Errorf("configuration of Asterisk: %w", err)
	}
	for _, entry := range entries {
		text, err := asteriskFiles.ReadFile("asterisk/" + entry.Name())
		if err != nil {
			return fmt.Errorf("configuration of Asterisk: %w", err)
		}
		if err = writeTemplate(filepath.Join(dir, entry.Name()), string(text), data); err != nil {
			return err
		}
	}
	return nil
}
