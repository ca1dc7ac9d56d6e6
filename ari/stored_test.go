package ari_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
	"sidecar/internal/testkit/fakeari"
)

func TestStoredFilesComeByHTTP(t *testing.T) {
	t.Parallel()
	sound := strings.Repeat("sound", 1<<18)
	carriers(t, func(t *testing.T, s *fakeari.Server, c *ari.Client) {
		s.On(http.MethodGet, "/recordings/stored/{recordingName}/file", func(r fakeari.Request) fakeari.Response {
			if !strings.Contains(r.Path, "call-in") {
				return fakeari.Response{Status: 404, Body: `{"message": "Recording not found"}`}
			}
			return fakeari.Response{Status: 200, Body: sound}
		})
		file, err := c.Recordings().OpenStoredFile(t.Context(), "call-in")
		require.NoError(t, err)
		got, err := io.ReadAll(file)
		require.NoError(t, err)
		require.NoError(t, file.Close())
		require.True(t, sound == string(got))

		_, err = c.Recordings().OpenStoredFile(t.Context(), "none")
		require.ErrorIs(t, err, ari.ErrNotFound)
		require.ErrorContains(t, err, "Recording not found")
		_, err = c.Recordings().OpenStoredFile(t.Context(), "")
		require.ErrorIs(t, err, ari.ErrInvalidID)
	})
}
