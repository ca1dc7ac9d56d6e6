package cti_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/cti"
)

func TestCursorText(t *testing.T) {
	t.Parallel()
	c, err := cti.ParseCursor("k7:10233")
	require.NoError(t, err)
	require.Equal(t, cti.Cursor{Epoch: "k7", Seq: 10233}, c)
	require.Equal(t, "k7:10233", c.String())
	require.Empty(t, cti.Cursor{}.String())
	for _, bad := range badCursors() {
		_, err := cti.ParseCursor(bad)
		require.ErrorIs(t, err, cti.ErrBadCursor, bad)
	}
}

func badCursors() []string {
	return []string{
		"", ":", "k7", "k7:", ":1", "k7:-1", "k7:+1", "k7:01", "k7: 1", "k7:1:2", "k7:18446744073709551616",
		"0123456789012345678901234567890123456789012345678901234567890123456789:1",
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add("k7:10233")
	for _, bad := range badCursors() {
		f.Add(bad)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := cti.ParseCursor(text)
		if err != nil {
			require.ErrorIs(t, err, cti.ErrBadCursor)
			require.Zero(t, c)
			return
		}
		require.Equal(t, text, c.String())
		var back cti.Cursor
		require.NoError(t, back.UnmarshalText([]byte(text)))
		require.Equal(t, c, back)
	})
}
