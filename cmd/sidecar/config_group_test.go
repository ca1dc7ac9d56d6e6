package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A script must not take a typing error for success.
func TestMistypedSubcommandFails(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		want string
		args []string
	}{
		{"sidecar dn lst: no such subcommand; nearest: list", []string{"dn", "lst"}},
		{"sidecar config chekc: no such subcommand; nearest: check", []string{"config", "chekc"}},
		{"sidecar user dsable: no such subcommand; nearest: disable, enable", []string{"user", "dsable", "5001"}},
		{"sidecar config nonsense: no such subcommand; there are show, check", []string{"config", "nonsense"}},
	} {
		out, err := run(t, newRootCmd(), "", tc.args...)
		require.EqualError(t, err, tc.want)
		require.Empty(t, out, "no help that hides the error")
	}
	_, err := run(t, newRootCmd(), "", "generat")
	require.ErrorContains(t, err, "generate")
}

func TestGroupAloneShowsItsSubcommands(t *testing.T) {
	t.Parallel()
	out, err := run(t, newRootCmd(), "", "dn")
	require.NoError(t, err)
	require.Contains(t, out, "set-password")
}
