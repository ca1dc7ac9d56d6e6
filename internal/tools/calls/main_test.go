package main

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"--sidecar", "1", "--asterisk", "2", "--rate", "0.5", "--for", "20s"}, io.Discard)
	require.NoError(t, err)
	require.InDelta(t, 0.5, o.rate, 0)
	require.Equal(t, 20*time.Second, o.length)
	for _, args := range [][]string{
		{},
		{"--sidecar", "1"},
		{"--sidecar", "1", "--asterisk", "2", "--rate", "0"},
		{"--sidecar", "1", "--asterisk", "2", "--for", "10ms"},
		{"--sidecar", "1", "--asterisk", "2", "--dns", "1"},
		{"--sidecar", "1", "--asterisk", "2", "--answer", "-1"},
		{"--wrong"},
	} {
		_, err := parse(args, io.Discard)
		require.ErrorIs(t, err, errOption, "%v", args)
	}
}
