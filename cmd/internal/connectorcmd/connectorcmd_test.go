//go:build linux

package connectorcmd_test

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/cmd/internal/connectorcmd"
	"sidecar/cmd/internal/terminal"
	"sidecar/connector"
	"sidecar/internal/testkit/pty"
)

// start runs the connector at a terminal until its prompt, with an origin that it will refuse: so a password has been taken when
// the error is about the origin.
func start(t *testing.T) (*pty.Terminal, <-chan error) {
	t.Helper()
	p := pty.Open(t)
	cmd := connectorcmd.New()
	cmd.SetArgs([]string{"--user", "5001", "--sidecar", "https://sidecar.example.com", "--origin", "none", "--dir", t.TempDir()})
	cmd.SetIn(p.Program)
	cmd.SetOut(io.Discard)
	cmd.SetErr(p.Program)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	ended := make(chan error, 1)
	go func() { ended <- cmd.ExecuteContext(t.Context()) }()
	p.Sees("Password of 5001: ")
	return p, ended
}

func TestPasswordTyped(t *testing.T) {
	t.Parallel()
	p, ended := start(t)
	p.Type("the password\r")
	require.ErrorContains(t, <-ended, "--origin: ")
	require.True(t, p.Shows())
}

func TestPasswordNotTyped(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{"Ctrl-C": "half\x03", "nothing": "\r"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, ended := start(t)
			p.Type(key)
			err := <-ended
			require.ErrorIs(t, err, connector.ErrNoPassword)
			require.ErrorContains(t, err, "--password-file or "+connectorcmd.PasswordVariable)
			require.Equal(t, name == "Ctrl-C", errors.Is(err, terminal.ErrEnded))
			require.True(t, p.Shows())
		})
	}
}
