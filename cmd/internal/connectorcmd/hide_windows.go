package connectorcmd

import (
	"context"
	"os"
	"syscall"
)

// echoInput is ENABLE_ECHO_INPUT of SetConsoleMode, which package syscall does not have.
const echoInput = 0x4

// hide keeps what is typed from the screen until show is called.
func hide(_ context.Context, terminal *os.File) (show func(), err error) {
	console := syscall.Handle(terminal.Fd())
	var mode uint32
	if err = syscall.GetConsoleMode(console, &mode); err != nil {
		return nil, err
	}
	set := syscall.NewLazyDLL("kernel32.dll").NewProc("SetConsoleMode")
	if err = set.Find(); err != nil {
		return nil, err
	}
	if ok, _, failed := set.Call(uintptr(console), uintptr(mode&^echoInput)); ok == 0 {
		return nil, failed
	}
	return func() { _, _, _ = set.Call(uintptr(console), uintptr(mode)) }, nil
}
