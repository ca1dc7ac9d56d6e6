//go:build !windows

package connectorcmd

import (
	"context"
	"os"
	"os/exec"
)

// hide keeps what is typed from the screen until show is called.
func hide(ctx context.Context, terminal *os.File) (show func(), err error) {
	if err = stty(ctx, terminal, "-echo"); err != nil {
		return nil, err
	}
	return func() { _ = stty(context.WithoutCancel(ctx), terminal, "echo") }, nil
}

func stty(ctx context.Context, terminal *os.File, flag string) error {
	c := exec.CommandContext(ctx, "stty", flag) // #nosec G204 -- one of two flags
	c.Stdin = terminal
	return c.Run()
}
