package eventlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// handedFile holds the epoch and the highest number that was handed out of the embedded server's stream. A server that finds its
// files damaged leaves out what it can't read, at the end too, and would use those numbers again for other events.
const handedFile = "handed-out"

// handed is that file. It is written in place and not forced to the disk: it outlives the process, and what a crash of the kernel
// takes is boot's.
type handed struct {
	file *os.File

	mu sync.Mutex
	stand
}

// stand is how far it has come.
type stand struct {
	epoch  string
	seq    uint64
	broken bool // the file can't be read: nothing is known of the numbers
}

func openHanded(dir string) (*handed, error) {
	file, err := os.OpenFile(filepath.Join(dir, handedFile), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // of our own data directory
	if err != nil {
		return nil, fmt.Errorf("event log: %w", err)
	}
	n := &handed{file: file}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("event log: %w", err), file.Close())
	}
	if info.Size() > 0 { // it is not new
		_, err = fmt.Fscanf(file, "%s %d\n", &n.epoch, &n.seq)
		n.broken = err != nil
	}
	return n, nil
}

// now is how far it has come; nowhere without a file.
func (n *handed) now() stand {
	if n == nil {
		return stand{}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stand
}

// stands takes where the stream stands in its epoch.
func (n *handed) stands(epoch string, seq uint64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.epoch == epoch && seq <= n.seq && !n.broken {
		return nil
	}
	n.epoch, n.seq = epoch, seq
	return n.writeLocked()
}

// handsOut takes that events up to a number are about to be seen.
func (n *handed) handsOut(seq uint64) error {
	if n == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.epoch == "" || seq <= n.seq { // before the stream was opened its epoch is not known
		return nil
	}
	n.seq = seq
	return n.writeLocked()
}

func (n *handed) writeLocked() error {
	text := fmt.Appendf(nil, "%s %020d\n", n.epoch, n.seq)
	if _, err := n.file.WriteAt(text, 0); err != nil {
		return fmt.Errorf("event log: %w", err)
	}
	n.broken = false
	return nil
}

func (n *handed) close() error {
	if err := n.file.Close(); err != nil {
		return fmt.Errorf("event log: %w", err)
	}
	return nil
}
