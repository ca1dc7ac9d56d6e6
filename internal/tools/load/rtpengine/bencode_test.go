package rtpengine_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/tools/load/rtpengine"
)

func TestBencode(t *testing.T) {
	t.Parallel()
	for wire, value := range map[string]any{
		"4:spam":                       "spam",
		"0:":                           "",
		"i-3e":                         -3,
		"l4:spami7ee":                  []any{"spam", 7},
		"d3:cow3:moo4:spaml1:a1:bee":   map[string]any{"cow": "moo", "spam": []any{"a", "b"}},
		"d1:ad1:bi0eee":                map[string]any{"a": map[string]any{"b": 0}},
		"d6:result4:pong7:warningi1ee": map[string]any{"result": "pong", "warning": 1},
	} {
		require.Equal(t, wire, string(rtpengine.Encode(value)))
		got, rest, err := rtpengine.Decode([]byte(wire + "x"))
		require.NoError(t, err, wire)
		require.Equal(t, value, got)
		require.Equal(t, "x", string(rest))
	}
	for _, wire := range []string{"", "5:spam", "-1:x", "ix", "ixe", "l4:spam", "di1e1:xe", "99999999999999999999:x", strings.Repeat("l", 1000)} {
		_, _, err := rtpengine.Decode([]byte(wire))
		require.Error(t, err, wire)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("d3:cow3:moo4:spaml1:a1:bee"))
	f.Add([]byte("li1ei-2ee"))
	f.Fuzz(func(t *testing.T, data []byte) {
		value, _, err := rtpengine.Decode(data)
		if err != nil {
			return
		}
		again, rest, err := rtpengine.Decode(rtpengine.Encode(value))
		require.NoError(t, err)
		require.Empty(t, rest)
		require.Equal(t, rtpengine.Encode(value), rtpengine.Encode(again))
	})
}
