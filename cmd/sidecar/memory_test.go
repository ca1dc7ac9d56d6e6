package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMemoryIsGivenBackAfterABurst(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	var trim trimmer
	for i, step := range []struct {
		allocated uint64
		want      bool
	}{
		{40 * mb, false}, // starting
		{41 * mb, true},
		{48 * mb, false}, // little to gain
		{60 * mb, false}, // a burst
		{80 * mb, false},
		{83 * mb, true},
		{90 * mb, false},
		{97 * mb, false},
		{104 * mb, true}, // little by little
	} {
		require.Equal(t, step.want, trim.due(step.allocated), "step %d", i)
	}
}
