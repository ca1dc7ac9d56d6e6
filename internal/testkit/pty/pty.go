//go:build linux

// Package pty gives tests a real terminal: a program's end, and the end of whoever sits there, who types and sees.
package pty

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
)

const patience = 10 * time.Second

// Terminal is a pseudo-terminal of the kernel (pty(7)).
type Terminal struct {
	Program *os.File // what a program has as its standard input

	t      testing.TB
	person *os.File
	seen   strings.Builder
}

// Open makes a terminal, which is closed when the test ends.
func Open(t testing.TB) *Terminal {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = person.Close() })
	p := &Terminal{t: t, person: person}
	var locked, number uint32
	p.control(syscall.TIOCSPTLCK, unsafe.Pointer(&locked))
	p.control(syscall.TIOCGPTN, unsafe.Pointer(&number))
	p.Program, err = os.OpenFile("/dev/pts/"+strconv.Itoa(int(number)), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Program.Close() })
	return p
}

// Type presses keys.
func (p *Terminal) Type(keys string) {
	p.t.Helper()
	_, err := p.person.WriteString(keys)
	require.NoError(p.t, err)
}

// Sees waits until the screen has shown text, and gives all that it has shown.
func (p *Terminal) Sees(text string) string {
	p.t.Helper()
	require.NoError(p.t, p.person.SetReadDeadline(time.Now().Add(patience)))
	for part := make([]byte, 256); !strings.Contains(p.seen.String(), text); {
		n, err := p.person.Read(part)
		p.seen.Write(part[:n])
		require.NoError(p.t, err, "the screen shows %q", p.seen.String())
	}
	return p.seen.String()
}

// HangUp ends the connection, as a closed window does.
func (p *Terminal) HangUp() {
	p.t.Helper()
	require.NoError(p.t, p.person.Close())
}

// Mode is how the terminal treats keys; with ECHO it shows them.
func (p *Terminal) Mode() syscall.Termios {
	p.t.Helper()
	var mode syscall.Termios
	p.control(syscall.TCGETS, unsafe.Pointer(&mode))
	return mode
}

// Shows reports whether keys are shown on the screen.
func (p *Terminal) Shows() bool { return p.Mode().Lflag&syscall.ECHO != 0 }

// control doesn't use Fd, after which reads know no deadline.
func (p *Terminal) control(request uintptr, arg unsafe.Pointer) {
	p.t.Helper()
	raw, err := p.person.SyscallConn()
	require.NoError(p.t, err)
	var failed syscall.Errno
	require.NoError(p.t, raw.Control(func(fd uintptr) {
		_, _, failed = syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(arg))
	}))
	require.Zero(p.t, failed)
}
