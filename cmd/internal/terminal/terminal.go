// Package terminal asks somebody at a terminal for what the screen must not show. It owns the terminal while it asks, and leaves
// it as it was; where a password comes from when nobody is there is for the commands.
package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// ErrEnded means that Ctrl-C or Ctrl-D was typed.
var ErrEnded = errors.New("ended at the prompt")

// Of gives the terminal that a command reads from, if it reads from one.
func Of(in io.Reader) (*os.File, bool) {
	f, ok := in.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// Hidden writes each prompt to the screen and gives the line typed after it, which is not shown. It fails with ErrEnded, or with
// the context's error.
//
// The terminal is raw meanwhile: Ctrl-C is a character then, which ends the prompt at once. As a signal it could not, since a
// read from a terminal can't be called off. So a context that is done gives the terminal back and waits for Enter.
func Hidden(ctx context.Context, terminal *os.File, screen io.Writer, prompts ...string) ([]string, error) {
	fd := int(terminal.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, fmt.Errorf("hide what is typed: %w", err)
	}
	defer func() { _ = term.Restore(fd, before) }() // fails when the terminal is gone
	stop := context.AfterFunc(ctx, func() {
		if term.Restore(fd, before) == nil {
			_, _ = io.WriteString(screen, "\npress Enter to stop ")
		}
	})
	defer stop()
	// One reader for all prompts: who pastes two lines has typed the second one already.
	keys := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{terminal, screen}, "")
	lines := make([]string, 0, len(prompts))
	for _, prompt := range prompts {
		line, err := keys.ReadPassword(prompt)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		switch {
		case errors.Is(err, io.EOF):
			_, _ = io.WriteString(screen, "\r\n") // the next line on the screen is not the prompt's
			return nil, ErrEnded
		case err != nil:
			return nil, fmt.Errorf("read what is typed: %w", err)
		}
		lines = append(lines, line)
	}
	return lines, nil
}
