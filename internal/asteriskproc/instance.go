package asteriskproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	defaultStartTimeout = 60 * time.Second
	stopTimeout         = 10 * time.Second
	pollEvery           = 20 * time.Millisecond
)

// Options say what to run.
type Options struct {
	// ConfDir holds the .conf files. Asterisk sees them by links, so a file replaced there takes effect on reload.
	// An asterisk.conf in it is ignored: it would name somebody else's directories.
	ConfDir string
	// StateDir holds what Asterisk writes: logs, spool, database. Empty means a temporary one that Close removes.
	StateDir string
	// Root is the Asterisk to run; the zero value means the one of the cache directory.
	Root Root
	// StartTimeout bounds the wait for a booted Asterisk; zero means a minute.
	StartTimeout time.Duration
}

// Instance is one Asterisk with directories of its own. Its methods may be called from any goroutine; those that start and
// end the process exclude each other.
type Instance struct {
	root    Root
	lay     layout
	timeout time.Duration
	tempDir string // removed by Close, empty if the caller chose the state directory

	life     sync.Mutex // held while the process is started or ended
	logStart int64      // where the present run begins in the full log; under life

	mu   sync.Mutex // guards proc
	proc *process
}

// Start runs an Asterisk and returns when it has booted fully. ctx bounds the start, not the life of the process: end it
// with Close.
func Start(ctx context.Context, o Options) (*Instance, error) {
	root := o.Root
	if root == (Root{}) {
		var err error
		if root, err = FindRoot(); err != nil {
			return nil, err
		}
	}
	i := &Instance{root: root, timeout: o.StartTimeout}
	if i.timeout == 0 {
		i.timeout = defaultStartTimeout
	}
	state := o.StateDir
	if state == "" {
		var err error
		if state, err = os.MkdirTemp("", "asterisk-"); err != nil {
			return nil, fmt.Errorf("make a state directory: %w", err)
		}
		i.tempDir = state
	}
	lay, err := newLayout(o.ConfDir, state)
	if err != nil {
		return nil, errors.Join(err, i.removeTemp())
	}
	i.lay = lay
	if err := i.Restart(ctx); err != nil {
		return nil, errors.Join(err, i.Close())
	}
	return i, nil
}

// Restart ends the process if it still runs and starts it again with the same directories, so that its database and its log
// go on. It returns when Asterisk has booted fully. (What was put into the database within the second before a Kill is lost:
// Asterisk commits it late.)
func (i *Instance) Restart(ctx context.Context) error {
	i.life.Lock()
	defer i.life.Unlock()
	i.end(syscall.SIGTERM)
	if err := i.lay.fill(i.root); err != nil {
		return err
	}
	// A socket that a killed Asterisk left behind would be taken for the new one's.
	if err := os.Remove(i.lay.socket()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove a stale control socket: %w", err)
	}
	i.logStart = 0
	if info, err := os.Stat(i.lay.fullLog()); err == nil {
		i.logStart = info.Size()
	}
	// The process outlives the request that started it.
	cmd := i.root.command(context.WithoutCancel(ctx), "-f", "-n", "-C", i.lay.asteriskConf())
	p, err := spawn(cmd, i.lay.console())
	if err != nil {
		return err
	}
	i.setProc(p)
	if err := i.waitBooted(ctx, p); err != nil {
		i.end(syscall.SIGKILL)
		return fmt.Errorf("%w; its log ends with:\n%s", err, Tail(i.Log(), 20))
	}
	return nil
}

// Kill ends the process with SIGKILL, as a crash would, and returns when it is gone.
func (i *Instance) Kill() {
	i.life.Lock()
	defer i.life.Unlock()
	i.end(syscall.SIGKILL)
}

// Stop ends the process in order (calls are hung up) and returns when it is gone. One that doesn't end is killed.
func (i *Instance) Stop() {
	i.life.Lock()
	defer i.life.Unlock()
	i.end(syscall.SIGTERM)
}

// Close stops the process and removes the temporary directories.
func (i *Instance) Close() error {
	i.Stop()
	return i.removeTemp()
}

// Done is closed when the process that runs now has ended; a Restart begins a new one.
func (i *Instance) Done() <-chan struct{} { return i.current().done }

// PID is the process id of the Asterisk that runs now or ran last.
func (i *Instance) PID() int { return i.current().cmd.Process.Pid }

// StateDir is where Asterisk writes.
func (i *Instance) StateDir() string { return i.lay.state }

// CLI runs one command of the Asterisk command line and returns what it prints.
func (i *Instance) CLI(ctx context.Context, command string) (string, error) {
	out, err := i.root.command(ctx, "-C", i.lay.asteriskConf(), "-r", "-x", command).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("asterisk command %q: %w: %s", command, err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// CLICommand is the shell command that runs one Asterisk command in this instance: append it, quoted.
func (i *Instance) CLICommand() string {
	words := append([]string{i.root.loader}, i.root.args("-C", i.lay.asteriskConf(), "-r", "-x")...)
	for n, word := range words {
		if strings.ContainsAny(word, " \t'\"\\$&;()<>|*?[]#~`!{}") {
			words[n] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// waitBooted polls for the control socket and then asks Asterisk itself to say when it has booted.
func (i *Instance) waitBooted(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeoutCause(ctx, i.timeout, ErrNotReady)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if _, err := os.Stat(i.lay.socket()); err == nil {
			if _, err := i.CLI(ctx, "core waitfullybooted"); err == nil {
				return nil
			}
		}
		select {
		case <-p.done:
			return fmt.Errorf("%w while it started: %s", ErrExited, p.state())
		case <-ctx.Done():
			return fmt.Errorf("wait for asterisk: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// end is called with life held.
func (i *Instance) end(sig syscall.Signal) {
	if p := i.current(); p != nil {
		p.end(sig, stopTimeout)
	}
}

func (i *Instance) current() *process {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.proc
}

func (i *Instance) setProc(p *process) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.proc = p
}

func (i *Instance) removeTemp() error {
	var err error
	if i.lay.ownRun {
		err = os.RemoveAll(i.lay.run)
	}
	if i.tempDir == "" {
		return err
	}
	return errors.Join(err, os.RemoveAll(i.tempDir))
}
