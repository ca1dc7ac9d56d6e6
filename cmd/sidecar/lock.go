package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// lockFile lies in the data directory. It stays there when the daemon ends: what counts is the lock on it.
const lockFile = "sidecar.lock"

// maxPIDText is more than the digits of any process id.
const maxPIDText = 32

var errSecondDaemon = errors.New("another sidecar is running")

// lockDataDir makes this process the only daemon on a data directory until the lock is closed. A second one would
// write over the journal of the first, and Asterisk would send it the first one's calls. The kernel lets go of the
// lock when the process dies, however it dies.
func lockDataDir(dir string) (io.Closer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // below the configured directory
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer func() { _ = file.Close() }()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w with data_dir %s (pid %s): stop it first, or give this one a data_dir of its own", errSecondDaemon, dir, holder(file))
		}
		return nil, fmt.Errorf("lock %s: %w", file.Name(), err)
	}
	if err := errors.Join(file.Truncate(0), writePID(file)); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", file.Name(), err), file.Close())
	}
	return file, nil
}

func writePID(file *os.File) error {
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// holder reads who has the lock. Between taking the lock and writing its name a daemon is unknown.
func holder(file *os.File) string {
	text, err := io.ReadAll(io.LimitReader(file, maxPIDText))
	pid := strings.TrimSpace(string(text))
	if err != nil || pid == "" {
		return "unknown"
	}
	return pid
}
