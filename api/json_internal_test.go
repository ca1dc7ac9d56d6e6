package api

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// Internal, since the decoder is reached from outside only through a whole request, which is too slow to fuzz.
func FuzzDecodeJSON(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `{"to": "5002"}`, `{"to": "5002", "TO": "5003"}`, `[{"a": 1}, {"a": 2}]`, `{"a": {"b": 1}, "b": 2}`,
		`{"a": }`, `"x"`, `1 2`, "{\"a\": \"\xff\"}", `{"a": [1, {"c": 1, "c": 2}]}`, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got any
		err := decodeJSON(data, &got)
		if err != nil {
			require.Contains(t, err.Error(), "invalid JSON")
			return
		}
		require.True(t, json.Valid(data), "nothing is taken that is not JSON")
		require.True(t, utf8.Valid(data))
		again, err := json.Marshal(got)
		require.NoError(t, err)
		var same any
		require.NoError(t, decodeJSON(again, &same), "what was taken can be taken again")
		require.Equal(t, got, same)
	})
}
