package media_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/opus"
	"sidecar/media"
)

func TestCanTranscodeTellsTheTruth(t *testing.T) {
	t.Parallel()
	sound := media.DefaultCodecs()
	for _, a := range sound {
		for _, b := range sound {
			want := a == b || opus.Built || a != media.Opus && b != media.Opus
			require.Equal(t, want, media.CanTranscode(a, b), "%s and %s", a, b)
			err := media.CheckCodecs([]media.Format{{Codec: a}}, []media.Format{{Codec: b}})
			if want {
				require.NoError(t, err, "%s and %s", a, b)
			} else {
				require.ErrorIs(t, err, media.ErrNoTranscoder)
				require.ErrorContains(t, err, "built without libopus")
			}
		}
		require.False(t, media.CanTranscode(a, media.Event8k))
		require.False(t, media.CanTranscode(media.Unknown, a))
	}
	require.False(t, media.CanTranscode(media.Unknown, media.Unknown))
	require.False(t, media.CanTranscode(media.Event8k, media.Event8k), "a digit is no sound")
}
