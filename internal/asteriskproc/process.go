package asteriskproc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is one run of Asterisk.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process is gone and waited for
}

// spawn starts cmd with its output appended to the file console. The process dies with this program, also when this
// program is killed: a test run that times out must not leave an Asterisk behind.
func spawn(cmd *exec.Cmd, console string) (*process, error) {
	out, err := os.OpenFile(console, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // our own state directory
	if err != nil {
		return nil, fmt.Errorf("open the console log of asterisk: %w", err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	// A group of its own keeps the terminal's Ctrl-C away: whoever started it decides the order of the end.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() { // joined by whoever waits for done: every end does
		defer close(p.done)
		// The kernel ties Pdeathsig to the thread that forked (golang/go#27505), so this one stays until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := errors.Join(cmd.Start(), out.Close())
		started <- err
		if cmd.Process != nil {
			_ = cmd.Wait() // how it ended is in ProcessState
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start asterisk: %w", err)
	}
	return p, nil
}

// end signals the process and returns when it is gone; one that does not go by itself is killed.
func (p *process) end(sig syscall.Signal, patience time.Duration) {
	_ = p.cmd.Process.Signal(sig) // it may be gone already
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.done:
		return
	case <-timer.C:
	}
	_ = p.cmd.Process.Kill()
	<-p.done
}

// state says how the process ended; it is valid after done.
func (p *process) state() string { return p.cmd.ProcessState.String() }
