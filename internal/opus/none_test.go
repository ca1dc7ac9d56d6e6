//go:build !opus || !cgo

package opus_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/opus"
)

func TestWithoutTheLibraryNothingCanBeMade(t *testing.T) {
	t.Parallel()
	require.False(t, opus.Built)
	_, err := opus.NewEncoder(8000)
	require.ErrorIs(t, err, opus.ErrNotBuilt)
	_, err = opus.NewDecoder(8000)
	require.ErrorIs(t, err, opus.ErrNotBuilt)
}
