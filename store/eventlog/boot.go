package eventlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// bootFile is there while the embedded server runs, and names the run of the kernel: what a process has written survives
// its own death, not the kernel's. If the kernel went down meanwhile, the end of the log may be missing, its numbers are
// used again, and cursors of before must not be taken for positions of after.
const bootFile = "running"

// bootID is Linux's: another one after every start of the kernel.
const bootID = "/proc/sys/kernel/random/boot_id"

type boot struct {
	path   string
	now    []byte
	broken bool // the end of the log may be missing
}

// openBoot says how the last run has ended. With every write forced to the disk it does not matter.
func openBoot(dir string, synced bool) (boot, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return boot{}, fmt.Errorf("event log: %w", err)
	}
	b := boot{path: filepath.Join(dir, bootFile)}
	var err error
	if b.now, err = os.ReadFile(bootID); err != nil {
		b.now = []byte("unknown") // no Linux: nothing is known of the kernel
	}
	before, err := os.ReadFile(b.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return boot{}, fmt.Errorf("event log: %w", err)
	}
	b.broken = err == nil && !synced && strings.TrimSpace(string(before)) != strings.TrimSpace(string(b.now))
	if b.broken {
		return b, nil // the file stays until the new epoch is made
	}
	return b, b.begun()
}

// begun says that the log is in use.
func (b *boot) begun() error {
	b.broken = false
	if err := os.WriteFile(b.path, b.now, 0o600); err != nil {
		return fmt.Errorf("event log: %w", err)
	}
	return nil
}

// closed says that nothing is missing.
func (b *boot) closed() error {
	if b.broken {
		return nil
	}
	if err := os.Remove(b.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("event log: %w", err)
	}
	return nil
}
