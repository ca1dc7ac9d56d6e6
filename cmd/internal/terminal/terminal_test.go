//go:build linux

package terminal_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/cmd/internal/terminal"
	"sidecar/internal/testkit/pty"
)

type answer struct {
	lines []string
	err   error
}

// ask asks at p for two lines, and returns when the first prompt is shown.
func ask(ctx context.Context, t *testing.T, p *pty.Terminal) <-chan answer {
	t.Helper()
	answered := make(chan answer, 1)
	go func() {
		lines, err := terminal.Hidden(ctx, p.Program, p.Program, "first: ", "second: ")
		answered <- answer{lines, err}
	}()
	p.Sees("first: ")
	require.False(t, p.Shows())
	return answered
}

func TestHiddenIsNotShown(t *testing.T) {
	t.Parallel()
	p := pty.Open(t)
	before := p.Mode()
	require.True(t, p.Shows())
	answered := ask(t.Context(), t, p)
	p.Type("one word\r")
	p.Sees("second: ")
	p.Type("anither\x7f\x7f\x7f\x7f\x7fother€\r")
	require.Equal(t, answer{lines: []string{"one word", "another€"}}, <-answered)
	require.Equal(t, before, p.Mode())
	p.Type("shown")
	require.Equal(t, "first: \r\nsecond: \r\nshown", p.Sees("shown"))
}

func TestHiddenPasted(t *testing.T) {
	t.Parallel()
	p := pty.Open(t)
	answered := ask(t.Context(), t, p)
	p.Type("one\ntwo\n")
	require.Equal(t, answer{lines: []string{"one", "two"}}, <-answered)
}

func TestHiddenEnded(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{"Ctrl-C": "half a pass\x03", "Ctrl-C at the second": "one\r\x03", "Ctrl-D": "\x04"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := pty.Open(t)
			before := p.Mode()
			answered := ask(t.Context(), t, p)
			p.Type(key)
			require.Equal(t, answer{err: terminal.ErrEnded}, <-answered)
			require.Equal(t, before, p.Mode())
			p.Type("shown")
			require.NotContains(t, p.Sees("\r\nshown"), "half")
		})
	}
}

func TestHiddenCalledOff(t *testing.T) {
	t.Parallel()
	p := pty.Open(t)
	before := p.Mode()
	ctx, cancel := context.WithCancel(t.Context())
	answered := ask(ctx, t, p)
	cancel()
	p.Sees("press Enter to stop")
	require.Equal(t, before, p.Mode(), "whoever ends the program now has a terminal that shows")
	p.Type("\r")
	require.Equal(t, answer{err: context.Canceled}, <-answered)
	require.Equal(t, before, p.Mode())
}

func TestHiddenHungUp(t *testing.T) {
	t.Parallel()
	p := pty.Open(t)
	answered := ask(t.Context(), t, p)
	p.HangUp()
	require.Error(t, (<-answered).err)
}

func TestOf(t *testing.T) {
	t.Parallel()
	p := pty.Open(t)
	got, ok := terminal.Of(p.Program)
	require.True(t, ok)
	require.Same(t, p.Program, got)

	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	t.Cleanup(func() { _ = null.Close() })
	out, in, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = out.Close(), in.Close() })
	for _, other := range []io.Reader{null, out, &bytes.Buffer{}} {
		_, ok = terminal.Of(other)
		require.False(t, ok)
	}
}
