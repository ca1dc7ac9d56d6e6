//go:build e2e

package arispec_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/testkit/asterisk"
	"sidecar/internal/tools/arispec"
)

func TestInstalledAsteriskOffersTheInventory(t *testing.T) {
	t.Parallel()
	installed, err := arispec.FromRoot(t.Context(), asterisk.Root(t).Dir())
	require.NoError(t, err)
	require.NoError(t, committed(t).Verify(installed))
	if installed.Version == committed(t).Version {
		require.Equal(t, committed(t), installed)
	}
}
