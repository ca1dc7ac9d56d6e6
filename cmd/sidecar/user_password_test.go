//go:build linux

package main

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/cmd/internal/terminal"
	"sidecar/internal/testkit/pty"
)

func TestPasswordTyped(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		first, second string
		want          error
	}{
		"twice the same": {"the password\r", "the password\r", nil},
		"not the same":   {"the password\r", "the passwort\r", errPasswordsVary},
		"nothing":        {"\r", "\r", errNoPassword},
		"Ctrl-C":         {"the password\r", "the pass\x03", terminal.ErrEnded},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, p := newUserCmdTest(t), pty.Open(t)
			cmd := newUserCmd(&options{environ: environ("SIDECAR_DATA_DIR=" + c.data)})
			cmd.SetArgs([]string{"add", "5001"})
			cmd.SetIn(p.Program)
			cmd.SetOut(io.Discard)
			cmd.SetErr(p.Program)
			cmd.SilenceUsage, cmd.SilenceErrors = true, true
			failed := make(chan error, 1)
			go func() { failed <- cmd.ExecuteContext(t.Context()) }()
			p.Sees("Password for 5001: ")
			p.Type(tc.first)
			p.Sees("The same again: ")
			p.Type(tc.second)
			require.ErrorIs(t, <-failed, tc.want)
			require.True(t, p.Shows())
			if tc.want == nil {
				require.NoError(t, c.login("5001", "the password"))
			}
		})
	}
}
